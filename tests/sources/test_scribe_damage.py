"""ScribeAgent's rows where something is broken, cut off or of another format."""

from __future__ import annotations

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

from etl.inputs.records import InputHead
from etl.sources.scribe import Scribe
from etl.tally import Tally
from tests.sources.test_scribe import as_csv, as_lines, raw_row, read, row, step_ids


def problems(tally: Tally) -> list[tuple[str, str]]:
    return [(entry.id, entry.reason) for entry in tally.quarantined]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=100,
)
@given(data=st.data())
def test_no_damage_raises(tmp_path: Path, data: st.DataObject) -> None:
    """However bytes are changed, every row is read or quarantined once and no exception escapes."""
    rows = [row("a", "1"), row("b", "1"), row("a", "2")]
    damaged = bytearray(
        data.draw(st.sampled_from([as_csv(rows), as_lines(rows), orjson.dumps(rows)]))
    )
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=5)
    ):
        damaged[place] = byte
    workflows, tally = read(tmp_path / "x", bytes(damaged))
    entered = [entry.id for entry in tally.entries if not entry.reason]
    assert len(entered) == len(set(entered))
    assert len(entered) == sum(len(workflow.steps) for workflow in workflows) + len(
        tally.quarantined
    )


def test_blank_lines_and_repeated_headers(tmp_path: Path) -> None:
    """Blank lines and the headers of joined files are no rows."""
    data = as_csv([row("a", "1")]) + b"\n\r\n" + as_csv([row("a", "2")])
    workflows, tally = read(tmp_path / "x", data)
    assert step_ids(workflows) == {"a": ["a-1", "a-2"]}
    assert [entry.id for entry in tally.entries] == ["x#row=1", "x#row=2"]


@pytest.mark.parametrize("data", [b"", b"\n", as_csv([row()]).partition(b"\n")[0]])
def test_nothing_but_a_header(tmp_path: Path, data: bytes) -> None:
    """An empty file and a header without rows have no workflows and are no error."""
    workflows, tally = read(tmp_path / "x", data)
    assert (workflows, tally.entries) == ([], [])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'x,"unclosed" quote,,,,,,,,\n', "broken_csv"),
        (b"other,too,few\n", "broken_csv"),
        (b"other,o,mouse_click_action,d,u,#s,9,<p>,id,True,one too many\n", "broken_csv"),
        (b"other,o,mouse_click_action,d,u,#s,9,\xff,id,True\n", "invalid_utf8"),
        (b",o,mouse_click_action,d,u,#s,9,<p>,id,True\n", "missing_field"),
        (b"other,o,,d,u,#s,9,<p>,id,True\n", "missing_field"),
    ],
)
def test_broken_rows(tmp_path: Path, broken: bytes, reason: str) -> None:
    """A row that cannot be read is quarantined with its bytes; the rows around it are read."""
    rows = as_csv([row("a", "1"), row("a", "2"), row("b", "1")])
    start = rows.index(b"\nb,") + 1
    workflows, tally = read(tmp_path / "x", rows[:start] + broken + rows[start:])
    assert step_ids(workflows) == {"a": ["a-1", "a-2"], "b": ["b-1"]}
    assert problems(tally) == [("x#row=3", reason)]
    assert tally.quarantined[0].raw == broken
    assert [entry.id for entry in tally.entries if not entry.reason] == [
        f"x#row={n}" for n in (1, 2, 3, 4)
    ]


def test_json_rows_of_wrong_type(tmp_path: Path) -> None:
    """In JSON a field of another type is refused by name."""
    rows: list[Any] = [row("a"), {**row("b"), "dom": ["x"]}, {**row("c"), "workflow_id": None}]
    workflows, tally = read(tmp_path / "x", as_lines(rows))
    assert step_ids(workflows) == {"a": ["a-1"]}
    assert [(entry.id, entry.reason, entry.detail) for entry in tally.quarantined] == [
        ("x#line=2", "wrong_type", "dom: a list, expected a string"),
        ("x#line=3", "missing_field", "workflow_id or document_metadata_id: missing or empty"),
    ]


def test_a_broken_row_ends_its_workflow(tmp_path: Path) -> None:
    """Rows behind a workflow's unreadable row are quarantined too: their history would silently
    lack a step.
    """
    rows = [row("a", "1"), row("b", "1"), row("a", "2"), row("a", "3"), row("b", "2")]
    data = as_csv(rows).replace(b"#b2,9", b"#b2\xff,9", 1)
    workflows, tally = read(tmp_path / "x", data)
    assert step_ids(workflows) == {"a": ["a-1"], "b": ["b-1", "b-2"]}
    assert problems(tally) == [("x#row=3", "invalid_utf8"), ("x#row=4", "after_broken_row")]
    assert tally.quarantined[1].detail == "x#row=3 of this workflow cannot be read"
    assert tally.quarantined[1].raw.startswith(b"a,Buy")


def test_a_row_of_unknown_workflow(tmp_path: Path) -> None:
    """A row that does not tell its workflow belongs to the one that surrounds it, and to none
    between two.
    """
    lines = [orjson.dumps(row(*key)) for key in (("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"))]
    within, between = ([*lines[:at], b"{oops}", *lines[at:]] for at in (1, 2))
    workflows, tally = read(tmp_path / "x", b"\n".join(within))
    assert step_ids(workflows) == {"a": ["a-1"], "b": ["b-1", "b-2"]}
    assert problems(tally) == [("x#line=2", "broken_json"), ("x#line=3", "after_broken_row")]
    workflows, tally = read(tmp_path / "x", b"\n".join(between))
    assert step_ids(workflows) == {"a": ["a-1", "a-2"], "b": ["b-1", "b-2"]}
    assert problems(tally) == [("x#line=3", "broken_json")]


def test_a_workflow_whose_first_row_is_broken(tmp_path: Path) -> None:
    """Nothing is left of a workflow whose first row cannot be read,
    and every row is accounted for.
    """
    data = as_csv([row("a", "1"), row("a", "2"), row("b", "1")]).replace(b"#b1,9", b"#\xff,9", 1)
    workflows, tally = read(tmp_path / "x", data)
    assert step_ids(workflows) == {"b": ["b-1"]}
    assert problems(tally) == [("x#row=1", "invalid_utf8"), ("x#row=2", "after_broken_row")]


def test_a_cut_keeps_the_rows_before_it(tmp_path: Path) -> None:
    """Where the input is cut off, the incomplete row is
    quarantined and every complete row is kept.
    """
    data = as_csv([row("a", "1"), row("b", "1"), row("b", "2")])
    cut = data[: data.rindex(b"href") + 2]
    workflows, tally = read(tmp_path / "x", cut)
    assert step_ids(workflows) == {"a": ["a-1"], "b": ["b-1"]}
    assert problems(tally) == [("x#row=3", "truncated_csv")]
    assert cut.endswith(tally.quarantined[0].raw)
    assert tally.quarantined[0].raw.startswith(b"b,Buy")


@pytest.mark.parametrize(
    ("pack", "reason"),
    [
        (gzip.compress, "truncated_gzip"),
        (lambda data: zstandard.ZstdCompressor().compress(data), "truncated_zstd"),
    ],
    ids=["gzip", "zstd"],
)
def test_cut_compression_keeps_the_rows_before_it(tmp_path: Path, pack: Any, reason: str) -> None:
    """The same holds for a compressed stream, whose reason is its own."""
    rows = [row(f"w{n // 10}", f"{n}", dom=f"<p>{n**12}\n{n**11}</p>") for n in range(3000)]
    packed = pack(as_csv(rows))
    workflows, tally = read(tmp_path / "x", packed[: len(packed) // 2])
    count = sum(len(workflow.steps) for workflow in workflows)
    assert 500 < count < 2900
    assert [step.step_id for workflow in workflows for step in workflow.steps] == [
        one["action_id"] for one in rows[:count]
    ]
    assert problems(tally) == [(f"x#row={count + 1}", reason)]
    assert as_csv([rows[count]]).partition(b"\n")[2].startswith(tally.quarantined[0].raw)


def test_a_file_in_another_format(tmp_path: Path) -> None:
    """Rows without the needed columns are refused one by one; nothing raises."""
    workflows, tally = read(tmp_path / "x", b"a,b\n1,2\n3,4\n")
    assert workflows == []
    assert [reason for _, reason in problems(tally)] == ["missing_field", "missing_field"]
    workflows, tally = read(tmp_path / "x", b'"never closed\n' * 3)
    assert workflows == []
    assert tally.quarantined


def test_recognition_from_content(tmp_path: Path) -> None:
    """Both sets of columns are recognised as CSV, JSON lines and Parquet, in any order."""
    path = tmp_path / "x"
    page = "<p>}{</p>\n" * 9000
    for one in (row(dom=page), raw_row("w", "1", action_dom=page)):
        turned = {key: one[key] for key in reversed(one)}
        first = {"dom" if "dom" in one else "action_dom": page, **one}
        for record in (one, turned, first):
            for data in (
                as_csv([record]),
                b"\xef\xbb\xbf" + as_csv([record], "\r\n"),
                as_lines([record]),
            ):
                path.write_bytes(data)
                assert Scribe().recognise(InputHead.of(path))
        pq.write_table(pa.Table.from_pylist([one]), path)
        assert Scribe().recognise(InputHead.of(path))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"workflow_id,objective\n",
        b'{"workflow_id": "a", "objective": "b", "steps": [{"html": "' + b"x" * 70_000,
        b'{"url": "' + b"x" * 70_000,
        b'{"dom": "x", "action": 1}',
        b'"' * 1000,
    ],
)
def test_other_content_is_not_recognised(tmp_path: Path, data: bytes) -> None:
    """Other tables and formats are not taken for ScribeAgent's."""
    (tmp_path / "x").write_bytes(data)
    assert not Scribe().recognise(InputHead.of(tmp_path / "x"))


def test_nothing_real_is_mistaken_for_it(shared: Path) -> None:
    """No recorded file of the other formats is recognised as ScribeAgent's."""
    files = [path for path in sorted((shared / "data").rglob("*.*")) if path.is_file()]
    assert files
    assert [path.name for path in files if Scribe().recognise(InputHead.of(path))] == []
