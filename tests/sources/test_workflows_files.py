"""Files of our interchange format: lines, lists, compression and Parquet, recognised by content."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.inputs.records import InputHead
from etl.sources.workflows import Workflows
from etl.tally import Tally, as_record
from schemas.actions import named
from schemas.workflow import LOCATOR_KINDS, Action, Locator, Step, Workflow
from schemas.workflow_table import WORKFLOW_SCHEMA
from tests.sources.test_workflows import EXAMPLE, READ, changed, line, read, write


def problems(tally: Tally) -> list[tuple[str, str]]:
    return [(entry.id, entry.reason) for entry in tally.quarantined]


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
    action=st.builds(
        Action,
        st.text(min_size=1, max_size=4).filter(lambda kind: not named(kind, "", on_element=False)),
        TEXT,
        TEXT,
    ),
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
