"""Pickled BrowserGym episodes: the same as their JSONL, and a pickle is only ever data."""

from __future__ import annotations

import builtins
import copyreg
import gzip
import json
import operator
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest

from etl.inputs import pickles
from etl.inputs.pickles import Instance, loads, plain
from schemas.errors import RecordError
from tests.sources.conftest import StepTimestamps
from tests.sources.test_browsergym import folder_of, read, read_lines, reasons, record


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_folder_gives_what_the_jsonl_gives(
    tmp_path: Path, dump: Callable[..., bytes], protocol: int
) -> None:
    """The same records in pickles of protocol 2 to 5 give an equal workflow, in order."""
    records = [record(number, reward=0.25) for number in range(12)] + [record(12, None, reward=1)]
    [expected], _ = read_lines(tmp_path, *(json.dumps(fields).encode() for fields in records))
    path = folder_of(tmp_path, *(dump(fields, protocol) for fields in records))
    (path / "summary_info.json").write_text("{}")
    (path / "goal_object.pkl.gz").write_bytes(b"never opened")
    [workflow], tally = read(path)
    assert replace(workflow, origin="") == replace(expected, origin="")
    others = {"/goal_object.pkl.gz": "not_a_step", "/summary_info.json": "not_a_step"}
    assert reasons(tally) == {"/step_12.pkl.gz": "end_state", **others}


def test_unknown_keys_are_kept_and_counted(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """Keys that BrowserGym does not write are kept in meta and counted.

    Those of a record without action are in the workflow's. Keys that it writes and nobody reads are
    left out. A value of a foreign class is counted as not kept.
    """
    besides = {
        "obs__axtree_txt": "x" * 9_000,
        "obs__screenshot": [0] * 9_000,
        "agent_info": {"think": "no"},
    }
    records = [
        record(0, obs__latency=0.5, obs__tags={"a": [1]}, **besides), record(1, judge="x" * 5_000),
        record(2, None, verdict="good", obs__latency=1),
    ]  # fmt: skip
    [workflow], tally = read_lines(tmp_path, *(json.dumps(fields).encode() for fields in records))
    assert [json.loads(step.meta or "{}") for step in workflow.steps] == [
        {"obs.latency": 0.5, "obs.tags": {"a": [1]}},
        {},
    ]
    assert json.loads(workflow.meta) == {"verdict": "good", "obs.latency": 1}
    assert tally.odd == {
        ("unknown_key", "obs.latency"): 2, ("unknown_key", "obs.tags"): 1,
        ("unknown_key", "verdict"): 1,
        ("unkept_value", "judge"): 1,
    }  # fmt: skip
    pickled = [
        record(0, obs__latency=np.float64(0.5), obs__clock=StepTimestamps(), **besides),
        record(1, None),
    ]  # fmt: skip
    [workflow], tally = read(folder_of(tmp_path, *map(dump, pickled)))
    assert workflow.steps[0].meta == '{"obs.latency":0.5}'
    assert tally.odd == {("unknown_key", "obs.latency"): 1, ("unkept_value", "obs.clock"): 1}


def test_the_goal_file_is_the_last_resort(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """Without a user message, goal_object.pkl.gz gives the objective and is not dropped."""
    path = folder_of(
        tmp_path,
        dump(record(0, obs__chat_messages=[])),
        dump(record(1, None, obs__chat_messages=())),
    )
    (path / "goal_object.pkl.gz").write_bytes(
        gzip.compress(pickle.dumps([{"type": "text", "text": "Buy tea"}]))
    )
    [workflow], tally = read(path)
    assert workflow.objective == "Buy tea"
    assert reasons(tally) == {"/step_1.pkl.gz": "end_state"}
    (path / "goal_object.pkl.gz").write_bytes(b"cposix\nsystem\n.")
    [workflow], tally = read(path)
    assert workflow.objective == ""
    assert reasons(tally) == {
        "/step_1.pkl.gz": "end_state",
        "/goal_object.pkl.gz": "hostile_pickle",
    }


def test_a_broken_pickle_ends_the_episode(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """As in a JSONL; the bytes kept are the file's."""
    good = [dump(record(number)) for number in range(3)]
    path = folder_of(tmp_path, good[0], good[1][:-40], good[2])
    [workflow], tally = read(path)
    assert len(workflow.steps) == 1
    assert reasons(tally) == {
        "/step_1.pkl.gz": "broken_pickle",
        "/step_2.pkl.gz": "after_broken_record",
    }
    assert tally.quarantined[0].raw == (path / "step_1.pkl.gz").read_bytes()


def test_a_missing_step_file_ends_the_episode(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """A file that is not there is a hole too."""
    path = folder_of(tmp_path, *(dump(record(number)) for number in range(4)))
    (path / "step_1.pkl.gz").unlink()
    [workflow], tally = read(path)
    assert len(workflow.steps) == 1
    assert reasons(tally) == {
        "/step_2.pkl.gz": "step_out_of_order",
        "/step_3.pkl.gz": "after_broken_record",
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pickle.dumps({"step": 0}), "wrong_type"),
        (pickle.dumps({("a", 1): 0}), "wrong_type"),
        (pickle.dumps([]).replace(b"]", b"a"), "broken_pickle"),
        (b"", "broken_pickle"),
        (b"not a pickle", "broken_pickle"),
    ],
)
def test_other_pickles_are_no_steps(tmp_path: Path, data: bytes, reason: str) -> None:
    """A pickle that is no StepInfo, or none at all, is quarantined with its own reason."""
    workflows, tally = read(folder_of(tmp_path, data))
    assert not workflows
    assert tally.quarantined[0].reason == reason


def test_a_truncated_gzip_is_named(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """A compressed stream without its end is not mistaken for a broken pickle."""
    path = folder_of(tmp_path, dump(record(0)))
    (path / "step_0.pkl.gz").write_bytes((path / "step_0.pkl.gz").read_bytes()[:-20])
    assert read(path)[1].quarantined[0].reason == "truncated_gzip"


@pytest.mark.parametrize("limit", ["MAX_PICKLE_BYTES", "MAX_OPCODES"])
def test_a_gzip_bomb_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Decompressing stops at a bound, and so does reading opcodes."""
    monkeypatch.setattr(pickles, limit, 100_000)
    path = folder_of(tmp_path, b"(" * 1_000_000)
    assert read(path)[1].quarantined[0].reason == "pickle_too_large"


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.made = (function, arguments) if state is None else (function, arguments, state)

    def __call__(self) -> None:
        """Never called; pickle writes only what is callable."""

    def __reduce__(self) -> tuple[Any, ...]:
        return self.made


def gadgets(sentinel: Path) -> dict[str, tuple[Any, str]]:
    """Objects whose unpickling would run something, each with the reported name.

    Most would create ``sentinel``. The name is empty if the callable could be of any framework: it
    is read, and is not a step.
    """
    command = f"touch {sentinel}"
    script = f"open({str(sentinel)!r}, 'w')"
    nested = np.empty(2, dtype=object)
    nested[:] = [1, Call(os.system, command)]
    system = f"{os.system.__module__}.system"
    return {
        "os.system": (Call(os.system, command), system),
        "eval": (Call(builtins.eval, script), "builtins.eval"),
        "exec": (Call(builtins.exec, script), "builtins.exec"),
        "open": (Call(open, str(sentinel), "w"), f"{open.__module__}.open"),
        "getattr": (Call(getattr, Call, "mro"), ""),
        "nested reduce": ([{"obs": (1, Call(Call(operator.attrgetter, "x"), "y"))}], ""),
        "partial": (Call(partial(os.system, command)), system),
        "state": (Call(set, [1], state={"x": Call(os.system, command)}), system),
        "object array": (nested, system),
        "numpy loader": (Call(np.load, str(sentinel)), ""),
        "numpy memmap": (Call(np.memmap, str(sentinel), "uint8", "w+", 0, (1,)), ""),
        "numpy fromfile": (Call(np.fromfile, str(sentinel)), ""),
        "numpy dtype": (Call(np.dtype, Call(os.system, command)), system),
        "numpy vectorize": (Call(np.vectorize, os.system), system),
        "copyreg": (Call(copyreg._reconstructor, Call, object, None), ""),  # type: ignore[attr-defined]
    }


NO_STEP = "the pickle is no StepInfo"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", gadgets(Path("x")))
def test_no_gadget_runs(tmp_path: Path, name: str, protocol: int) -> None:
    """Nothing is executed, and the record is quarantined, with the name of a dangerous callable."""
    sentinel = tmp_path / "sentinel"
    gadget, wanted = gadgets(sentinel)[name]
    _, tally = read(folder_of(tmp_path, pickle.dumps(gadget, protocol)))
    first = tally.quarantined[0]
    assert (first.reason, first.detail) == (
        ("hostile_pickle", wanted) if wanted else ("wrong_type", NO_STEP)
    )
    assert not sentinel.exists()


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"cos\nsystem\n.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"\x8c\x02os\x8c\x0bpath.exists\x93.", "os.path.exists"),
        (b"cimportlib.util\nfind_spec\n.", "importlib.util.find_spec"),
        (b"c__builtin__\nexecfile\n.", "builtins.execfile"),
        (b"Pid\n.", "PERSID"),
        (b"N\x51.", "BINPERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"\x97.", "NEXT_BUFFER"),
    ],
)
def test_nothing_outside_the_file_is_reached(data: bytes, detail: str) -> None:
    """Dangerous names, persistent ids, extension codes and buffers are refused by name."""
    with pytest.raises(RecordError, match="hostile_pickle") as caught:
        loads(data)
    assert detail in caught.value.detail


def test_a_name_is_only_a_name() -> None:
    """Calling, building and changing a named class makes inert records; no class is imported."""
    value = loads(b"cnumpy\nndarray\n(I9999999999\ntR}S'shape'\nI1\nsb.")
    assert (value.name, value.args, value.state) == ("numpy.ndarray", (9999999999,), {"shape": 1})
    assert loads(b"cetl.inputs.pickles\nload\n.").name == "etl.inputs.pickles.load"
    assert loads(b"cno.such.module\nThing\n.").name == "no.such.module.Thing"
    called = loads(b"cfunctools\npartial\n(tR(I1\ntR.")
    assert (called.name, called.args) == ("functools.partial()", (1,))
    for data in (b"I1\n)R.", b"cbuiltins\nset\nI1\nR.", b")}b.", b"Na.", b"N(S'a'\nI1\nu."):
        with pytest.raises(RecordError, match="broken_pickle"):
            loads(data)


def test_deep_and_shared_structures_cost_no_stack() -> None:
    """A million nested tuples are read; items whose key could hash for ever are left out."""
    assert isinstance(loads(b"N" + b"\x85" * 1_000_000 + b"."), tuple)
    doubled = b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(100))
    assert loads(b"}S'a'\nI1\ns" + doubled + b"Ns.") == {"a": 1}


class Colour(Enum):
    RED = 1


class Discussion(dict[Any, Any]):
    """Chat as an agent records it: items, attributes, and members of an enum as keys."""

    def __init__(self) -> None:
        super().__init__({"role": "user", Colour.RED: 1, ("a", 1): 2})
        self.seen = {Colour.RED: [Decimal(1), PurePosixPath("x")], ("b", 2): print}


@pytest.mark.parametrize("protocol", range(2, 6))
def test_foreign_classes_stay_unread(
    tmp_path: Path, dump: Callable[..., bytes], protocol: int
) -> None:
    """Objects of any package cost nothing; the step itself may be of any module's StepInfo."""
    records = [
        record(0, agent_info=Discussion()),
        record(1, None, agent_info={Colour.RED: Discussion()}),
    ]
    data = [dump(fields, protocol) for fields in records]
    assert all(b"Discussion" in each for each in data)
    moved = [
        each.replace(b"browsergym.experiments.loop", b"agentlab22.experiments.loop")
        for each in data
    ]
    for name, files in (("old", data), ("new", moved)):
        (tmp_path / name).mkdir()
        [workflow], tally = read(folder_of(tmp_path / name, *files))
        assert reasons(tally) == {"/step_1.pkl.gz": "end_state"}
        assert len(workflow.steps) == 1


def test_fields_in_slots() -> None:
    """The attributes of a class with slots are its fields like any other's."""
    made = Instance("x.StepInfo", (), (None, {"step": 1}))
    assert made.fields == {"step": 1}
    assert Instance("x.StepInfo", (), ({"obs": 2}, {"step": 1})).fields == {"obs": 2, "step": 1}
    assert Instance("x.StepInfo", (), {"step": 1}).fields == {"step": 1}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        np.array([3]),
        np.array([1, -2], ">i4"),
        np.array([1.5]),
        np.float64(0.5),
        np.float16(2),
        np.bool_(True),
        np.uint8(7),
    ],
)
def test_small_numbers_of_numpy_are_decoded(value: Any, protocol: int) -> None:
    """Without numpy: arrays become lists, scalars numbers, whatever protocol and byte order."""
    assert plain(loads(pickle.dumps(value, protocol))) == value.tolist()


def test_other_arrays_stay_inert() -> None:
    """Arrays that are large, malformed, multidimensional or of objects or texts stay undecoded."""
    for value in (
        np.zeros(5000),
        np.array([None]),
        np.array(["a"]),
        np.zeros((2, 2)),
        np.datetime64("2020"),
    ):
        assert isinstance(plain(loads(pickle.dumps(value))), Instance)
    assert isinstance(plain(Instance("numpy.core.multiarray.scalar", (1,))), Instance)
    dtype = Instance("numpy.dtype", ("i8",))
    assert isinstance(plain(Instance("numpy.core.multiarray.scalar", (dtype, b"123"))), Instance)
    assert plain(Instance("numpy.core.multiarray.scalar", (dtype, struct.pack("<q", 5)))) == 5


def test_values_are_read_as_python_reads_them() -> None:
    """Every plain value, by every protocol that can write it; keys become texts and sets lists."""
    value: dict[str, Any] = {
        "a": [1, 2.5, True, None, "é" * 300, b"b" * 300, (1, 2, 3, 4), -7, 10**30, [[]], {"z": ()}],
        "n": {1: "i"},
    }
    for protocol in range(3, 6):
        assert loads(pickle.dumps(value, protocol)) == value | {"n": {"1": "i"}}
    assert sorted(loads(pickle.dumps({1, 2}, 4))) == [1, 2]
