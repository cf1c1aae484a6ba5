"""Our interchange format: what is read, what is refused and where the message points."""

from __future__ import annotations

import copy
import dataclasses
import gzip
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.inputs.records import InputHead, InputShard
from etl.inputs.source import Source
from etl.sources.workflows import Workflows
from etl.tally import Tally, as_record
from schemas.workflow import LOCATOR_KINDS, Action, Locator, Step, Workflow
from schemas.workflow_table import WORKFLOW_SCHEMA

EXAMPLE: dict[str, Any] = {
    "workflow_id": "a1",
    "objective": "Order two mugs",
    "website": "shop.example",
    "topic": "",
    "reward": 1.0,
    "steps": [
        {
            "step_id": "0",
            "url": "https://shop.example/",
            "html": "<html>...</html>",
            "action": {"kind": "click", "value": "", "description": "Click Add to cart"},
            "target": [
                {"kind": "css", "value": "#add"},
                {"kind": "attribute", "name": "data-id", "value": "42"},
            ],
            "error": "",
        }
    ],
}
READ = Workflow(
    "a1",
    "Order two mugs",
    (
        Step(
            "0",
            "https://shop.example/",
            "<html>...</html>",
            Action("click", "", "Click Add to cart"),
            (Locator("css", "#add"), Locator("attribute", "42", "data-id")),
        ),
    ),
    website="shop.example",
    reward=1.0,
)


def read(path: Path, source: Source | None = None) -> tuple[list[Workflow], Tally]:
    tally = Tally()
    shard = InputShard(path.name, str(path), "workflows", path.stat().st_size, "")
    return list((source or Workflows()).read(shard, tally)), tally


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def line(value: Any) -> bytes:
    return orjson.dumps(value) + b"\n"


def problems(tally: Tally) -> list[tuple[str, str]]:
    return [(entry.id, entry.reason) for entry in tally.quarantined]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The example with one value set; `...` removes it."""
    record = copy.deepcopy(EXAMPLE)
    *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
    place: Any = record
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return record


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    """The record in the format's docstring becomes the workflow it describes, entered under its
    line.
    """
    workflows, tally = read(write(tmp_path / "x.jsonl", line(EXAMPLE)))
    assert workflows == [dataclasses.replace(READ, origin="x.jsonl#line=1")]
    assert [(e.unit, e.id, e.parent, e.reason) for e in tally.entries] == [
        ("record", "x.jsonl#line=1", "workflows:a1", "")
    ]


def test_only_the_required_fields_are_needed(tmp_path: Path) -> None:
    """Everything but ids, objective, steps, page and kind of action may be absent or null; steps
    are numbered.
    """
    bare: Any = {
        "workflow_id": "a",
        "objective": "",
        "steps": [{"html": "", "action": {"kind": "scroll"}}] * 2,
    }
    null: Any = {**bare, "website": None, "topic": None, "reward": None}
    null["steps"] = [
        {
            **step,
            "step_id": None,
            "url": None,
            "target": None,
            "error": None,
            "action": {"kind": "scroll", "value": None},
        }
        for step in bare["steps"]
    ]
    workflows, tally = read(write(tmp_path / "x", line(bare) + line(null)))
    assert not tally.quarantined
    for workflow in workflows:
        assert workflow.reward is None
        assert workflow.steps == (
            Step("0", "", "", Action("scroll")),
            Step("1", "", "", Action("scroll")),
        )


@pytest.mark.parametrize(
    ("path", "value", "reason", "detail"),
    [
        ("workflow_id", ..., "missing_field", "workflow_id: missing"),
        ("workflow_id", "", "missing_field", "workflow_id: empty"),
        ("workflow_id", True, "wrong_type", "workflow_id: a boolean, expected a string"),
        (
            "workflow_id",
            0.5,
            "wrong_type",
            "workflow_id: 0.5 is no exact whole number; write ids as strings",
        ),
        (
            "workflow_id",
            1e22,
            "wrong_type",
            "workflow_id: 1e+22 is no exact whole number; write ids as strings",
        ),
        (
            "steps.0.number",
            "first",
            "wrong_type",
            "steps[0].number: 'first', expected a whole number from 0",
        ),
        ("objective", None, "missing_field", "objective: missing"),
        ("objective", [], "wrong_type", "objective: a list, expected a string"),
        ("reward", "1", "wrong_type", "reward: a string, expected a number"),
        ("reward", True, "wrong_type", "reward: a boolean, expected a number"),
        ("steps", ..., "missing_field", "steps: missing"),
        ("steps", [], "workflow_without_steps", "steps: empty"),
        ("steps", {}, "wrong_type", "steps: an object, expected a list"),
        ("steps.0", "x", "wrong_type", "steps[0]: a string, expected an object"),
        ("steps.0.html", ..., "missing_field", "steps[0].html: missing"),
        ("steps.0.html", 5, "wrong_type", "steps[0].html: a number, expected a string"),
        ("steps.0.action", ..., "missing_field", "steps[0].action: missing"),
        ("steps.0.action", "click", "wrong_type", "steps[0].action: a string, expected an object"),
        ("steps.0.action.kind", "", "missing_field", "steps[0].action.kind: empty"),
        (
            "steps.0.action.value",
            {},
            "wrong_type",
            "steps[0].action.value: an object, expected a string",
        ),
        ("steps.0.target", {}, "wrong_type", "steps[0].target: an object, expected a list"),
        (
            "steps.0.target.1",
            "#a",
            "wrong_type",
            "steps[0].target[1]: a string, expected an object",
        ),
        ("steps.0.target.1.name", ..., "missing_field", "steps[0].target[1].name: missing"),
        ("steps.0.target.0.value", ..., "missing_field", "steps[0].target[0].value: missing"),
        (
            "steps.0.target.0.kind",
            "csss",
            "unknown_locator",
            'steps[0].target[0].kind: "csss" is none of css, xpath, attribute, node, markup',
        ),
    ],
)
def test_refusals_carry_the_path(
    tmp_path: Path, path: str, value: Any, reason: str, detail: str
) -> None:
    """A record that breaks a rule is quarantined alone, with its bytes, a reason and the path of
    the value.
    """
    broken = line(changed(path, value))
    workflows, tally = read(write(tmp_path / "x.jsonl", line(EXAMPLE) + broken + line(EXAMPLE)))
    assert len(workflows) == 2
    (entry,) = tally.quarantined
    assert (entry.id, entry.reason, entry.detail, entry.raw) == (
        "x.jsonl#line=2",
        reason,
        detail,
        broken.rstrip(),
    )


@pytest.mark.parametrize(
    ("path", "value", "meta", "where"),
    [
        ("timestamp", 17, {"timestamp": 17}, "timestamp"),
        ("goal", {"a": [1, None]}, {"goal": {"a": [1, None]}}, "goal"),
        ("steps.0.timestamp", 1.5, {"timestamp": 1.5}, "steps[].timestamp"),
        ("steps.0.targets", [], {"targets": []}, "steps[].targets"),
        ("steps.0.action.vaule", "x", {"action.vaule": "x"}, "steps[].action.vaule"),
        ("steps.0.target.1.score", True, {"target[1].score": True}, "steps[].target[].score"),
        ("meta", "not JSON", {"meta": "not JSON"}, "meta"),
    ],
)
def test_unknown_keys_are_kept_and_counted(
    tmp_path: Path, path: str, value: Any, meta: Any, where: str
) -> None:
    """A key that the format does not have costs nothing: it is in meta of the workflow or step, and
    counted.
    """
    (workflow,), tally = read(write(tmp_path / "x.jsonl", line(changed(path, value))))
    assert not tally.quarantined
    found = workflow.steps[0].meta if path.startswith("steps") else workflow.meta
    assert orjson.loads(found) == meta
    assert tally.odd == {("unknown_key", where): 1}
    assert workflow == dataclasses.replace(READ, origin="x.jsonl#line=1")


def test_meta_is_read(tmp_path: Path) -> None:
    """What a record calls meta is kept, an object or one as JSON; null is nothing; none of it is
    counted.
    """
    for meta in ({"annotator": "r17"}, '{"annotator": "r17"}'):
        record = changed("meta", meta)
        record["steps"][0]["meta"] = meta
        (workflow,), tally = read(write(tmp_path / "x", line(record)))
        assert workflow.meta == workflow.steps[0].meta == '{"annotator":"r17"}'
        assert not tally.odd
    (workflow,), _ = read(write(tmp_path / "x", line(changed("meta", None) | {"note": None})))
    assert workflow.meta == ""


def test_what_meta_does_not_keep(tmp_path: Path) -> None:
    """Large values and bytes are left out, and counted; a thousand different keys are told apart,
    no more.
    """
    record = changed("screenshot", "x" * 5000) | {"small": 1}
    (workflow,), tally = read(write(tmp_path / "x", line(record)))
    assert workflow.meta == '{"small":1}'
    assert tally.odd == {("unknown_key", "small"): 1, ("unkept_value", "screenshot"): 1}
    record = EXAMPLE | {f"key {number}": number for number in range(2500)}
    (workflow,), tally = read(write(tmp_path / "x", line(record)))
    assert len(workflow.meta) < 70_000
    assert len(tally.odd) <= 1002
    assert sum(tally.odd.values()) == 2500
    table = pa.Table.from_pylist([EXAMPLE], WORKFLOW_SCHEMA)
    table = table.append_column("image", pa.array([b"PNG"])).append_column(
        "__index_level_0__", pa.array([5])
    )
    pq.write_table(table, tmp_path / "x")
    (workflow,), tally = read(tmp_path / "x")
    assert workflow.meta == ""
    assert tally.odd == {("unkept_value", "image"): 1}


@pytest.mark.parametrize(
    ("path", "value"), [("workflow_id", 7), ("workflow_id", 7.0), ("steps.0.step_id", 7)]
)
def test_numbers_as_ids(tmp_path: Path, path: str, value: Any) -> None:
    """A whole number where an id is meant is that id as text."""
    (workflow,), tally = read(write(tmp_path / "x", line(changed(path, value))))
    assert not tally.quarantined
    assert "7" in (workflow.workflow_id, workflow.steps[0].step_id)


def test_numbers_in_locators(tmp_path: Path) -> None:
    """A node id or an attribute's value may be a number."""
    (workflow,), _ = read(write(tmp_path / "x", line(changed("steps.0.target.1.value", 42))))
    assert workflow.steps[0].target[1].value == "42"


@pytest.mark.parametrize("reward", ["NaN", "Infinity", "-Infinity", "null"])
def test_a_reward_that_is_no_number_is_unknown(tmp_path: Path, reward: str) -> None:
    """NaN and the infinities, as Python writes them, are unknown;
    the word in a text stays a word.
    """
    raw = (
        line(changed("reward", 0.125))
        .replace(b"0.125", reward.encode())
        .replace(b"two mugs", b"NaN mugs")
    )
    (workflow,), tally = read(write(tmp_path / "x", raw))
    assert (workflow.reward, workflow.objective) == (None, "Order NaN mugs")
    assert tally.odd == ({("no_number", ""): 1} if reward[-1] in "Ny" else {})
    table = pa.Table.from_pylist([changed("reward", float("nan"))], WORKFLOW_SCHEMA)
    pq.write_table(table, tmp_path / "x")
    assert read(tmp_path / "x")[0][0].reward is None


def test_numbered_steps(tmp_path: Path) -> None:
    """Steps with numbers come in their order, and say where one is missing; without, they come as
    they are.
    """
    record = {
        **EXAMPLE,
        "steps": [
            EXAMPLE["steps"][0] | {"number": number, "step_id": None} for number in (4, 1, 2)
        ],
    }
    (workflow,), _ = read(write(tmp_path / "x", line(record)))
    assert [(step.step_id, step.number, step.gap) for step in workflow.steps] == [
        ("1", 1, ""),
        ("2", 2, ""),
        ("4", 4, "step 3 is missing"),
    ]


def test_byte_order_marks_in_joined_files(tmp_path: Path) -> None:
    """A byte order mark before any line costs nothing, in parts of a file too."""
    lines = [b"\xef\xbb\xbf" + line(changed("workflow_id", f"w{number}")) for number in range(4)]
    workflows, tally = read(write(tmp_path / "x.jsonl", b"".join(lines)))
    assert [workflow.workflow_id for workflow in workflows] == ["w0", "w1", "w2", "w3"]
    assert not tally.quarantined


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{oops}", "broken_json"),
        (b'{"workflow_id": "\\ud800"}', "missing_field"),
        (b'{"workflow_id": "a", NaN: 1}', "broken_json"),
        (b"[" * 5000, "broken_json"),
        (b'{"workflow_id": "a', "truncated_json"),
        (b'{"workflow_id": "\xff"}', "invalid_utf8"),
        (b"[1]", "wrong_type"),
        (b"null", "wrong_type"),
    ],
)
def test_lines_that_are_no_json_objects(tmp_path: Path, raw: bytes, reason: str) -> None:
    """A line that is no JSON object costs itself alone; blank lines are no records."""
    workflows, tally = read(
        write(tmp_path / "x", line(EXAMPLE) + b"\r\n" + raw + b"\r\n" + line(EXAMPLE))
    )
    assert [workflow.origin for workflow in workflows] == ["x#line=1", "x#line=4"]
    assert problems(tally) == [("x#line=3", reason)]
    assert tally.quarantined[0].raw == raw


def test_a_list_and_a_printed_object_are_read_too(tmp_path: Path) -> None:
    """A JSON list, one object over several lines and a file with a byte order mark hold the same
    workflows.
    """
    pretty = orjson.dumps(EXAMPLE, option=orjson.OPT_INDENT_2)
    for data, count in (
        (orjson.dumps([EXAMPLE, EXAMPLE]), 2),
        (pretty, 1),
        (b"[" + pretty + b"]", 1),
        (line(EXAMPLE).strip(), 1),
    ):
        for bom in (b"", b"\xef\xbb\xbf"):
            workflows, tally = read(write(tmp_path / "x", bom + data))
            assert [dataclasses.replace(workflow, origin="") for workflow in workflows] == [
                READ
            ] * count
            assert not tally.quarantined


def test_a_list_that_is_cut_off(tmp_path: Path) -> None:
    """Complete elements before the cut are read; the incomplete one is quarantined with what there
    is of it.
    """
    workflows, tally = read(write(tmp_path / "x.json", orjson.dumps([EXAMPLE, EXAMPLE])[:-30]))
    assert len(workflows) == 1
    assert problems(tally) == [("x.json#item=1", "truncated_json")]
    assert tally.quarantined[0].raw == orjson.dumps(EXAMPLE)[:-29]
    workflows, tally = read(write(tmp_path / "x.json", orjson.dumps([EXAMPLE])[:-1]))
    assert (len(workflows), problems(tally)) == (1, [("x.json#item=1", "truncated_json")])


def test_cut_compression(tmp_path: Path) -> None:
    """A cut stream gives all complete lines and one quarantined record that says why."""
    lines = [line(changed("workflow_id", f"{n} {n**9}")) for n in range(5000)]
    data = gzip.compress(b"".join(lines))
    workflows, tally = read(write(tmp_path / "x", data[: len(data) // 2]))
    assert 1000 < len(workflows) < 4000
    assert problems(tally) == [(f"x#line={len(workflows) + 1}", "truncated_gzip")]
    assert lines[len(workflows)].startswith(tally.quarantined[0].raw)
    # only the checksum is missing: every record is there, and still the cut is entered
    workflows, tally = read(write(tmp_path / "x", gzip.compress(line(EXAMPLE).strip())[:-8]))
    assert (len(workflows), problems(tally)) == (1, [("x#line=2", "truncated_gzip")])


TEXT = st.text(max_size=8)
LOCATORS = st.builds(
    lambda kind, value, name: Locator(kind, value, name if kind == "attribute" else ""),
    st.sampled_from(LOCATOR_KINDS),
    TEXT,
    st.text(min_size=1, max_size=4),
)
STEPS = st.builds(
    Step,
    step_id=st.text(min_size=1, max_size=4),
    url=TEXT,
    html=TEXT,
    action=st.builds(Action, st.text(min_size=1, max_size=4), TEXT, TEXT),
    target=st.lists(LOCATORS, max_size=2).map(tuple),
    error=TEXT,
)
WORKFLOWS = st.builds(
    Workflow,
    workflow_id=st.text(min_size=1, max_size=6),
    objective=TEXT,
    steps=st.lists(STEPS, min_size=1, max_size=3).map(tuple),
    website=TEXT,
    topic=TEXT,
    reward=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(workflows=st.lists(WORKFLOWS, min_size=1, max_size=3))
def test_round_trip(tmp_path: Path, workflows: list[Workflow]) -> None:
    """The same workflows written as JSON lines, gzip, zstandard and Parquet read equal, and equal
    what was written.
    """
    records = [as_record(workflow) for workflow in workflows]
    plain = b"".join(line(record) for record in records)
    write(tmp_path / "plain", plain)
    write(tmp_path / "gzip", gzip.compress(plain))
    write(tmp_path / "zstd", zstandard.ZstdCompressor().compress(plain))
    pq.write_table(pa.Table.from_pylist(records, WORKFLOW_SCHEMA), tmp_path / "parquet")
    for name in ("plain", "gzip", "zstd", "parquet"):
        got, tally = read(tmp_path / name)
        assert not tally.quarantined
        assert [dataclasses.replace(workflow, origin="") for workflow in got] == workflows


def test_parquet_rows_are_checked_one_by_one(tmp_path: Path) -> None:
    """A broken row of Parquet is quarantined as JSON with its row number; rows before and behind it
    are read.
    """
    records = [EXAMPLE, changed("steps.0.target.0.kind", "csss"), EXAMPLE]
    pq.write_table(pa.Table.from_pylist(records, WORKFLOW_SCHEMA), tmp_path / "x.parquet")
    workflows, tally = read(tmp_path / "x.parquet")
    assert [workflow.origin for workflow in workflows] == ["x.parquet#row=1", "x.parquet#row=3"]
    assert problems(tally) == [("x.parquet#row=2", "unknown_locator")]
    assert orjson.loads(tally.quarantined[0].raw)["steps"][0]["target"][0]["kind"] == "csss"


def test_parquet_with_broken_text_and_broken_parquet(tmp_path: Path) -> None:
    """A row whose text is no UTF-8, and a file that is cut off, are quarantined; no exception
    escapes.
    """
    bad = pa.array([b"fine", b"\xff\xfe"]).view(pa.string())
    table = pa.Table.from_pylist([EXAMPLE, EXAMPLE], WORKFLOW_SCHEMA).set_column(
        1, "objective", bad
    )
    pq.write_table(table, tmp_path / "x")
    workflows, tally = read(tmp_path / "x")
    assert [workflow.objective for workflow in workflows] == ["fine"]
    assert problems(tally) == [("x#row=2", "invalid_utf8")]
    assert b"\xff\xfe" in tally.quarantined[0].raw
    workflows, tally = read(write(tmp_path / "y", (tmp_path / "x").read_bytes()[:-20]))
    assert (workflows, problems(tally)) == ([], [("y#row=1", "broken_parquet")])
    assert str(tmp_path) not in tally.quarantined[0].detail


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(data=st.data())
def test_no_damage_raises(tmp_path: Path, data: st.DataObject) -> None:
    """However a file of JSON lines or Parquet is damaged or cut, nothing raises and no record is
    entered twice.
    """
    pq.write_table(pa.Table.from_pylist([EXAMPLE] * 2, WORKFLOW_SCHEMA), tmp_path / "whole")
    damaged = bytearray(
        data.draw(st.sampled_from([line(EXAMPLE) * 2, (tmp_path / "whole").read_bytes()]))
    )
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(4, len(damaged) - 1), st.integers(0, 255)), max_size=4)
    ):
        damaged[place] = byte
    path = write(tmp_path / "x", bytes(damaged[: data.draw(st.integers(4, len(damaged)))]))
    Workflows().recognise(InputHead.of(path))
    workflows, tally = read(path)
    entered = [entry.id for entry in tally.entries if not entry.reason]
    assert len(entered) == len(set(entered)) == len(workflows) + len(tally.quarantined)


def recognised(path: Path, data: bytes) -> bool:
    return Workflows().recognise(InputHead.of(write(path, data)))


def test_recognition_from_content(tmp_path: Path) -> None:
    """The required fields are recognised in any order, also where the first record is larger than
    the head.
    """
    path = tmp_path / "x"
    big = changed("steps.0.html", '<p class="}{">' * 9000)
    turned = {key: big[key] for key in reversed(big)}
    turned["steps"] = [{key: big["steps"][0][key] for key in ("html", "action", "url")}]
    for record in (EXAMPLE, big, turned):
        assert recognised(path, line(record))
        assert recognised(path, gzip.compress(orjson.dumps([record], option=orjson.OPT_INDENT_2)))
        assert recognised(path, b"{oops}\n" + line(record)) or record is not EXAMPLE
    pq.write_table(pa.Table.from_pylist([EXAMPLE], WORKFLOW_SCHEMA), path)
    assert Workflows().recognise(InputHead.of(path))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b"workflow_id,objective,steps\n",
        b'{"steps": [{"type": "click"}], "title": "x"}',
        b'{"workflow_id": "a", "Objective": "b", "dom": "' + b"x" * 70_000,
        b'{"text": "\\"workflow_id\\": \\"objective\\": \\"steps\\":"}',
    ],
)
def test_other_content_is_not_recognised(tmp_path: Path, data: bytes) -> None:
    """Other formats, and texts that only speak of the field names, are not taken for workflows."""
    assert not recognised(tmp_path / "x", data)


def test_nothing_real_is_mistaken_for_it(shared: Path) -> None:
    """No file of the recorded formats is recognised as the interchange format."""
    files = [path for path in sorted((shared / "data").rglob("*.*")) if path.is_file()]
    assert files
    assert [path.name for path in files if Workflows().recognise(InputHead.of(path))] == []
