"""ScribeAgent's rows: columns, kinds, values, order, rows that cannot be read."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.inputs.csv_rows import fields, rows
from etl.inputs.records import InputHead, InputShard
from etl.sources.scribe import Scribe
from etl.tally import Tally
from schemas.workflow import Action, Locator, Step, Workflow

FILTERED = [
    "workflow_id",
    "Objective",
    "action_kind",
    "action_description",
    "url",
    "cssselector",
    "step_count",
    "dom",
]
FILTERED += ["action_id", "screenshot_exists"]
RAW = [
    "document_metadata_id",
    "document_metadata_name",
    "action_kind",
    "action_description",
    "action_url",
]
RAW += ["action_target_selector", "action_step_number", "action_dom", "action_id"]

CLICK = "mouse_click_action"


def row(workflow: str = "w", step: str = "1", **more: str) -> dict[str, str]:
    """A row after the reference pipeline's filter."""
    return {
        "workflow_id": workflow,
        "Objective": "Buy a mug",
        "action_kind": CLICK,
        "action_description": f'Click "{step}"',
        "url": "https://shop.example/",
        "cssselector": f"#b{step}",
        "step_count": "9",
        "dom": f'<html>\n<a href="x,y">{step}</a>\r\n</html>',
        "action_id": f"{workflow}-{step}",
        "screenshot_exists": "True",
        **more,
    }


def raw_row(workflow: str, number: str, **more: str) -> dict[str, str]:
    """A row before it."""
    one = row(workflow, number)
    same = ["workflow_id", "Objective", "action_kind", "action_description", "url", "cssselector"]
    values = [one[name] for name in same] + [number, one["dom"], one["action_id"]]
    return {**dict(zip(RAW, values, strict=True)), **more}


def as_csv(rows: list[dict[str, str]], end: str = "\n") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_lines(rows: list[dict[str, str]]) -> bytes:
    return b"".join(orjson.dumps(one) + b"\n" for one in rows)


def read(path: Path, data: bytes | None = None) -> tuple[list[Workflow], Tally]:
    if data is not None:
        path.write_bytes(data)
    tally = Tally()
    return list(
        Scribe().read(InputShard(path.name, str(path), "scribe", path.stat().st_size, ""), tally)
    ), tally


def step_ids(workflows: list[Workflow]) -> dict[str, list[str]]:
    return {
        workflow.workflow_id: [step.step_id for step in workflow.steps] for workflow in workflows
    }


@pytest.mark.parametrize("make", [row, raw_row])
def test_both_sets_of_columns(tmp_path: Path, make: Any) -> None:
    """Rows before and after the reference pipeline's filter give the same workflow."""
    workflows, tally = read(tmp_path / "x.csv", as_csv([make("w", "1"), make("w", "2")]))
    first = Step(
        "w-1",
        "https://shop.example/",
        '<html>\n<a href="x,y">1</a>\r\n</html>',
        Action("click", "", 'Click "1"'),
        (Locator("css", "#b1"),),
    )
    second = replace(
        first,
        step_id="w-2",
        html=first.html.replace(">1<", ">2<"),
        action=Action("click", "", 'Click "2"'),
        target=(Locator("css", "#b2"),),
    )
    if make is raw_row:  # these are numbered
        first, second = replace(first, number=1), replace(second, number=2)
    assert workflows == [
        Workflow("w", "Buy a mug", (first, second), source="scribe", origin="x.csv#row=1")
    ]
    assert [(entry.unit, entry.id, entry.parent, entry.reason) for entry in tally.entries] == [
        ("record", "x.csv#row=1", "scribe:w", ""),
        ("record", "x.csv#row=2", "scribe:w", ""),
    ]


def test_the_minimal_columns(tmp_path: Path) -> None:
    """The columns of FORMATS.md are enough, in any order; a missing id of a step is its place."""
    names = [
        "dom",
        "workflow_id",
        "Objective",
        "action_kind",
        "action_description",
        "url",
        "cssselector",
    ]
    rows = [{name: row("w", str(n))[name] for name in names} for n in range(2)]
    assert step_ids(read(tmp_path / "x", as_csv(rows))[0]) == {"w": ["0", "1"]}


@pytest.mark.parametrize(
    ("recorded", "kind"),
    [
        ("mouse_click_action", "click"),
        ("keyboard_sequence_action", "type"),
        ("keyboard_combination_action", "press"),
        ("section", "section"),
        ("stack", "stack"),
        ("instruction", "instruction"),
        ("Navigate To-Page", "navigate_to_page"),
        ("dragAndDrop", "drag"),
    ],
)
def test_kinds(tmp_path: Path, recorded: str, kind: str) -> None:
    """The reference's three actions become ours; other words are kept in snake_case."""
    (workflow,), _ = read(tmp_path / "x", as_csv([row(action_kind=recorded)]))
    assert workflow.steps[0].action.kind == kind


@pytest.mark.parametrize(
    ("description", "value"),
    [
        ('Type "Boston"', "Boston"),
        ('Click "City" and type "Boston" in "Where"', "Boston"),
        ("Enter the text “Boston” here", "Boston"),
        ('"City" is now "Boston"', "City"),
        ('Type "two\nlines"', "two\nlines"),
        ("Type your name", ""),
        ("", ""),
    ],
)
def test_the_value_is_what_the_description_quotes(
    tmp_path: Path, description: str, value: str
) -> None:
    """A typed value is the first quoted text after the verb, else the first; others have none."""
    rows = [
        row(action_kind=kind, action_description=description)
        for kind in ("keyboard_sequence_action", CLICK)
    ]
    (workflow,), _ = read(tmp_path / "x", as_csv(rows))
    assert [step.action.value for step in workflow.steps] == [value, ""]


def test_what_a_filter_drops_is_passed_on(tmp_path: Path) -> None:
    """Empty objectives, descriptions, pages and selectors, and duplicates, come out unchanged."""
    empty = row(Objective="", action_description="", dom="", cssselector=" ")
    (workflow,), tally = read(tmp_path / "x", as_csv([empty, row(), row()]))
    assert workflow.steps[0] == Step("w-1", "https://shop.example/", "", Action("click"))
    assert workflow.steps[1] == workflow.steps[2]
    assert workflow.objective == "Buy a mug"  # the first that there is
    assert not tally.quarantined


def test_rows_of_a_workflow_need_not_be_together(tmp_path: Path) -> None:
    """Mixed rows give whole workflows in row order, each at its last row."""
    order = [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", "2"), ("a", "3")]
    for data in (as_csv([row(*key) for key in order]), as_lines([row(*key) for key in order])):
        workflows, _ = read(tmp_path / "x", data)
        assert list(step_ids(workflows).items()) == [
            ("c", ["c-1"]),
            ("b", ["b-1", "b-2"]),
            ("a", ["a-1", "a-2", "a-3"]),
        ]


def test_step_numbers_order_steps(tmp_path: Path) -> None:
    """action_step_number orders rows if all have one; equal ones keep the order of rows."""
    rows = [raw_row("w", number) for number in ("10", "2", "1", "2")]
    assert step_ids(read(tmp_path / "x", as_csv(rows))[0]) == {"w": ["w-1", "w-2", "w-2", "w-10"]}
    rows[1]["action_step_number"] = ""
    assert step_ids(read(tmp_path / "x", as_csv(rows))[0]) == {"w": ["w-10", "w-2", "w-1", "w-2"]}


def gaps(path: Path, numbers: list[Any], pack: Any = as_csv) -> list[tuple[int, str]]:
    """The number and gap of each step of rows with these numbers."""
    rows = [
        {**raw_row("w", str(at)), "action_step_number": number} for at, number in enumerate(numbers)
    ]
    (workflow,), _ = read(path / "x", pack(rows))
    return [(step.number, step.gap) for step in workflow.steps]


@pytest.mark.parametrize(
    "forms", [("1", "2", "3"), ("1.0", "2.0", "3.0"), ("1e0", " 2 ", "3.000e+00"), (1, 2.0, 3)]
)
def test_step_numbers_in_any_form(tmp_path: Path, forms: tuple[Any, ...]) -> None:
    """1, 1.0, 1e0 and numbers of JSON and Parquet are one number."""
    numbers = [forms[at] for at in (2, 0, 1)]
    expected = [(1, ""), (2, ""), (3, "")]
    assert gaps(tmp_path, numbers) == expected
    assert gaps(tmp_path, numbers, as_lines) == expected
    table = pa.Table.from_pylist(
        [{**raw_row("w", "1"), "action_step_number": float(n)} for n in numbers]
    )
    pq.write_table(table, tmp_path / "parquet")
    (workflow,), _ = read(tmp_path / "parquet")
    assert [step.number for step in workflow.steps] == [1, 2, 3]


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ("3 1 2", ["", "", ""]),
        ("0 1 2", ["", "", ""]),
        ("1 2 2 3", ["", "", "", ""]),
        ("1 2 4 5", ["", "", "step 3 is missing", "step 3 is missing"]),
        ("1 5 9", ["", "steps 2 to 4 are missing", "steps 2 to 4 are missing"]),
        ("4 5", ["steps 1 to 3 are missing"] * 2),
        ("1 - 3", ["", "", ""]),
        ("- 2", ["", ""]),
        ("1 - 5 -", ["", *["step 5 stands in place 3, and others have no number"] * 3]),
        ("- 9", ["step 9 stands in place 2, and others have no number"] * 2),
        ("1.5 x 1e", ["", "", ""]),
        ("- -", ["", ""]),
    ],
)
def test_holes_in_step_numbers(tmp_path: Path, numbers: str, found: list[str]) -> None:
    """Steps after a gap carry it: a missing beginning, a missing step, or an order in doubt."""
    assert [gap for _, gap in gaps(tmp_path, numbers.replace("-", "").split(" "))] == found


def test_steps_are_shown_by_their_numbers(tmp_path: Path) -> None:
    """Numbers from 1 stay as recorded, those from 0 are raised by one.

    Copies of a row are equal steps.
    """
    assert [number for number, _ in gaps(tmp_path, ["2", "1", "4"])] == [1, 2, 4]
    assert [number for number, _ in gaps(tmp_path, ["2", "0", "1"])] == [1, 2, 3]
    rows = [{**raw_row("w", "1"), "action_id": ""}] * 2
    (workflow,), _ = read(tmp_path / "x", as_csv(rows))
    assert workflow.steps[0] == workflow.steps[1]
    assert workflow.steps[0].step_id == "1"


def test_other_columns_are_kept_and_counted(tmp_path: Path) -> None:
    """What is in columns that the format does not have is in the step's meta; but not the numbers
    pandas gives rows.
    """
    rows = [{**row(), "seconds": "2.5", "": "0", "Unnamed: 0": "7", "note": ""}]
    for data in (as_csv(rows), as_lines(rows)):
        (workflow,), tally = read(tmp_path / "x", data)
        meta = {"screenshot_exists": "True", "seconds": "2.5", "step_count": "9"}
        assert orjson.loads(workflow.steps[0].meta) == meta
        assert tally.odd == {("unknown_key", "seconds"): 1}
    table = pa.Table.from_pylist(
        [{**row(), "seconds": 2.5, "screenshot": b"PNG", "__index_level_0__": 0}]
    )
    pq.write_table(table, tmp_path / "x")
    (workflow,), tally = read(tmp_path / "x")
    assert orjson.loads(workflow.steps[0].meta)["seconds"] == 2.5
    assert tally.odd == {("unknown_key", "seconds"): 1, ("unkept_value", "screenshot"): 1}


@pytest.mark.parametrize("last", ["screenshot_exists", "dom"])
def test_rows_that_end_with_cr(tmp_path: Path, last: str) -> None:
    """Rows that end with CR alone, as old spreadsheets write them, are rows, line breaks in fields
    kept.
    """
    rows = [row("a", "1"), row("a", "2", dom='x\r\ny\r"z"'), row("b", "1", dom="1\n2")]
    rows = [{**{key: one[key] for key in one if key != last}, last: one[last]} for one in rows]
    plain = [replace(workflow, origin="") for workflow in read(tmp_path / "x", as_csv(rows))[0]]
    data = as_csv(rows, "\r")
    joined = data + data[: data.index(b"\r") + 1]  # a second header
    for written in (data, b"\xef\xbb\xbf" + data, joined, gzip.compress(data)):
        workflows, tally = read(tmp_path / "y", written)
        assert [replace(workflow, origin="") for workflow in workflows] == plain
        assert not tally.quarantined
    assert Scribe().recognise(InputHead.of(tmp_path / "y"))


def test_names_of_columns_in_any_case(tmp_path: Path) -> None:
    """A header in other case, or with spaces around its names, names the same columns."""
    plain = as_csv([row(), row(step="2")])
    header, _, rest = plain.partition(b"\n")
    expected = read(tmp_path / "x", plain)[0]
    for changed in (header.upper(), header.replace(b",", b", "), header.lower()):
        workflows, tally = read(tmp_path / "x", changed + b"\n" + rest)
        assert workflows == expected
        assert not tally.odd


def test_the_same_rows_in_every_container(tmp_path: Path) -> None:
    """CSV with LF or CRLF, with a byte order mark, compressed, JSON lines, a JSON list and Parquet
    read equal.
    """
    rows = [row("a", "1"), row("b", "1"), row("a", "2", dom="\0 \u2028 é\r 🙂")]
    plain = as_csv(rows)
    expected = [replace(workflow, origin="") for workflow in read(tmp_path / "x", plain)[0]]
    assert step_ids(expected) == {"b": ["b-1"], "a": ["a-1", "a-2"]}
    assert expected[1].steps[1].html == "\0 \u2028 é\r 🙂"
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "parquet")
    zstd = zstandard.ZstdCompressor().compress(plain)
    others = [
        as_csv(rows, "\r\n"),
        b"\xef\xbb\xbf" + plain,
        gzip.compress(plain),
        zstd,
        as_lines(rows),
    ]
    for data in (*others, orjson.dumps(rows), (tmp_path / "parquet").read_bytes()):
        workflows, tally = read(tmp_path / "y", data)
        assert [replace(workflow, origin="") for workflow in workflows] == expected
        assert not tally.quarantined


def test_numbers_as_ids_in_parquet(tmp_path: Path) -> None:
    """Ids and step numbers that a Parquet or JSON writer stored as numbers are read as text."""
    rows: list[Any] = [
        {**raw_row("7", "1"), "document_metadata_id": 7, "action_step_number": n} for n in (2, 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x")
    (workflow,), _ = read(tmp_path / "x")
    assert workflow.workflow_id == "7"
    assert workflow.origin == "x#row=2"


def test_a_field_of_ten_megabytes(tmp_path: Path) -> None:
    """Fields far over the csv module's default limit are read, whatever the limit was set to
    before.
    """
    page = '<p class="a, b">\n</p>' * 500_000
    before = csv.field_size_limit(1000)
    try:
        (workflow,), tally = read(tmp_path / "x", as_csv([row(dom=page)]))
    finally:
        csv.field_size_limit(before)
    assert workflow.steps[0].html == page
    assert not tally.quarantined


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)
@given(pages=st.lists(st.text(st.sampled_from('",\r\n\0 aé🙂')), min_size=1, max_size=4))
def test_any_text_survives_csv(tmp_path: Path, pages: list[str]) -> None:
    """Quotes, commas, line breaks and NUL characters come through unchanged."""
    (workflow,), tally = read(tmp_path / "x", as_csv([row(dom=page) for page in pages]))
    assert [step.html for step in workflow.steps] == pages
    assert not tally.quarantined


@given(text=st.text(st.sampled_from('a",\n'), max_size=30), sizes=st.lists(st.integers(1, 5)))
def test_rows_agree_with_the_csv_module(text: str, sizes: list[int]) -> None:
    """Whatever the csv module reads without complaint is split alike, wherever the chunks end."""
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return
    data = text.encode()
    ends = list(itertools.accumulate(sizes))
    pieces = [
        data[start:end] for start, end in itertools.pairwise([0, *ends, len(data) + sum(sizes)])
    ]
    found = list(rows(piece for piece in pieces if piece))
    assert b"".join(raw for raw, _ in found) == data
    assert [problem for _, problem in found] == [None] * len(found)
    assert [fields(raw) for raw, _ in found if raw != b"\n"] == expected


def test_memory_holds_the_open_workflows_only(tmp_path: Path) -> None:
    """Reading 40 MB in workflows of 0.4 MB takes a few megabytes."""
    page = '<p class="a">text</p>\n' * 4000
    path = tmp_path / "x"
    path.write_bytes(as_csv([row(f"w{n // 4}", str(n), dom=page) for n in range(400)]))
    tracemalloc.start()
    try:
        count = sum(1 for _ in Scribe().read(InputShard("x", str(path), "scribe", 0, ""), Tally()))
        assert (count, tracemalloc.get_traced_memory()[1] < 8_000_000) == (100, True)
    finally:
        tracemalloc.stop()
