"""Mind2Web: tasks with actions, rows of one action, kinds, targets and descriptions."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from etl.inputs.records import InputHead, InputShard
from etl.sources.mind2web import Mind2Web
from etl.tally import Tally
from schemas.workflow import Action, Locator, Step, Workflow


def candidate(node: str, **more: bool) -> dict[str, Any]:
    attributes = orjson.dumps(
        {"backend_node_id": node, "data_pw_testid_buckeye_candidate": "1"}
    ).decode()
    return {"tag": "a", "attributes": attributes, "backend_node_id": node, **more}


def action(uid: str, op: str = "CLICK", value: str = "", **more: Any) -> dict[str, Any]:
    return {
        "action_uid": uid,
        "raw_html": f"<a>{uid}</a>",
        "cleaned_html": "<b></b>",
        "operation": {
            "op": "CLICK" if op in {"HOVER", "ENTER"} else op,
            "original_op": op,
            "value": value,
        },
        "pos_candidates": [candidate("7", is_original_target=True, is_top_level_target=True)],
        "neg_candidates": [candidate("8")],
        **more,
    }


def task(actions: Any, **more: Any) -> dict[str, Any]:
    return {
        "website": "shop",
        "domain": "Shopping",
        "subdomain": "General",
        "annotation_id": "t1",
        "confirmed_task": "Buy a mug",
        "action_reprs": [f"[button]  {n} -> CLICK" for n in range(len(actions or []))],
        "actions": actions,
        **more,
    }


def read(path: Path) -> tuple[list[Workflow], Tally]:
    tally = Tally()
    shard = InputShard(path.name, str(path), "mind2web", path.stat().st_size, "")
    return list(Mind2Web().read(shard, tally)), tally


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read_one(path: Path, record: dict[str, Any]) -> Workflow:
    workflows, tally = read(write(path, orjson.dumps(record)))
    assert not tally.quarantined
    return workflows[0]


def refusal(path: Path, record: Any) -> tuple[str, str]:
    """Why the record is quarantined; the intact one behind it must come out."""
    workflows, tally = read(write(path, orjson.dumps([record, task([action("a")])])))
    assert [workflow.origin for workflow in workflows] == [f"{path.name}#item=1"]
    (entry,) = tally.quarantined
    assert (entry.id, entry.raw) == (f"{path.name}#item=0", orjson.dumps(record))
    return entry.reason, entry.detail


def test_a_task_becomes_a_workflow(tmp_path: Path) -> None:
    """A task gives ids, objective, website and topic; the page is raw_html, and there is no URL."""
    workflow = read_one(tmp_path / "x.json", task([action("u1")]))
    assert workflow == Workflow(
        "t1",
        "Buy a mug",
        (Step("u1", "", "<a>u1</a>", Action("click", "", 'Click the button "0"'), (node("7"),)),),
        website="shop",
        topic="Shopping",
        source="mind2web",
        origin="x.json#line=1",
    )


def node(value: str) -> Locator:
    return Locator("attribute", value, "backend_node_id")


@pytest.mark.parametrize("raw", [None, "", ...])
def test_cleaned_html_stands_in(tmp_path: Path, raw: Any) -> None:
    """cleaned_html is the page if raw_html is missing, null or empty; without both it is empty."""
    one = action("u", raw_html=raw)
    if raw is ...:
        del one["raw_html"]
    assert read_one(tmp_path / "x", task([one])).steps[0].html == "<b></b>"
    del one["cleaned_html"]
    assert read_one(tmp_path / "x", task([one])).steps[0].html == ""


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("CLICK", "", Action("click")),
        ("TYPE", "Boston", Action("type", "Boston")),
        ("SELECT", "5 00 PM", Action("select", "5 00 PM")),
        ("HOVER", "", Action("hover")),
        ("ENTER", "", Action("press", "Enter")),
        ("Drag", "3", Action("drag", "3")),
    ],
)
def test_kinds_of_action(tmp_path: Path, op: str, value: str, expected: Action) -> None:
    """original_op decides before op, which calls HOVER and ENTER clicks.

    The value is the operation's.
    """
    assert (
        read_one(tmp_path / "x", task([action("u", op, value)], action_reprs=[])).steps[0].action
        == expected
    )
    without = action("u", operation={"op": "SELECT", "value": None})
    assert read_one(tmp_path / "x", task([without], action_reprs=[])).steps[0].action == Action(
        "select"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "[searchbox]  Find a location -> TYPE: Boston",
            'Type "Boston" in the searchbox "Find a location"',
        ),
        ("[combobox]  Time -> SELECT: 5:00 PM", 'Select "5:00 PM" in the combobox "Time"'),
        ("[svg]   -> CLICK", "Click the svg"),
        ("[button]  a -> b\n c -> CLICK", 'Click the button "a -> b c"'),
        ("[textbox]  To -> TYPE: x -> y", 'Type "x -> y" in the textbox "To"'),
        ("[link]  More {x} -> HOVER", 'Hover over the link "More {x}"'),
        ("[]  -> ENTER", "Press Enter on the element"),
        (" Scroll down ", "Scroll down"),
        (None, ""),
    ],
)
def test_descriptions_are_sentences(tmp_path: Path, line: Any, sentence: str) -> None:
    """The annotators' line becomes a sentence; one of another shape stays as it is."""
    assert (
        read_one(tmp_path / "x", task([action("u")], action_reprs=[line]))
        .steps[0]
        .action.description
        == sentence
    )


@pytest.mark.parametrize("reprs", [None, [], ["[a] b -> CLICK"], "[a]"])
def test_lines_that_do_not_match_the_actions(tmp_path: Path, reprs: Any) -> None:
    """If there are more or fewer lines than actions, all descriptions are empty."""
    workflow = read_one(tmp_path / "x", task([action("u"), action("v")], action_reprs=reprs))
    assert [step.action.description for step in workflow.steps] == ["", ""]


def test_the_target_lists_the_best_candidate_first(tmp_path: Path) -> None:
    """The element that was hit comes first, then the top-level one, then the others, each once."""
    candidates = [
        candidate("1", is_original_target=False, is_top_level_target=False),
        candidate("2", is_original_target=False, is_top_level_target=True),
        candidate("3", is_original_target=True, is_top_level_target=False),
        candidate("4"),
        candidate("1"),
    ]
    workflow = read_one(tmp_path / "x", task([action("u", pos_candidates=candidates)]))
    assert workflow.steps[0].target == (node("3"), node("2"), node("1"), node("4"))
    assert read_one(tmp_path / "x", task([action("u", pos_candidates=[])])).steps[0].target == ()


def test_json_strings_are_read_like_objects(tmp_path: Path) -> None:
    """Operation, candidates and their attributes may be strings of JSON.

    The node's id may be in the attributes.
    """
    one = action("u", "TYPE", "x")
    packed = one | {
        "operation": orjson.dumps(one["operation"]).decode(),
        "pos_candidates": [orjson.dumps(item).decode() for item in one["pos_candidates"]],
    }
    inside = one | {"pos_candidates": [{"tag": "a", "attributes": {"backend_node_id": 7}}]}
    within = one | {"pos_candidates": [{"tag": "a", "attributes": '{"backend_node_id": "7"}'}]}
    expected = read_one(tmp_path / "x", task([one]))
    for other in (packed, inside, within):
        assert read_one(tmp_path / "x", task([other])) == expected


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [
        (task(None), "workflow_without_steps", "actions: missing"),
        (task([]), "workflow_without_steps", "actions: empty"),
        (task({}, action_reprs=[]), "wrong_type", "actions: an object, expected a list"),
        (task([7]), "wrong_type", "actions[0]: a number, expected an object"),
        (task([action("a")], annotation_id=None), "missing_field", "annotation_id: missing"),
        (
            task([action("a")], confirmed_task=3),
            "wrong_type",
            "confirmed_task: a number, expected a string",
        ),
        (
            task([action("a"), action("b", operation=None)]),
            "missing_field",
            "actions[1].operation: missing",
        ),
        (task([action("a", operation={})]), "missing_field", "actions[0].operation.op: missing"),
        (
            task([action("a", raw_html=3)]),
            "wrong_type",
            "actions[0].raw_html: a number, expected a string",
        ),
        (
            task([action("a", pos_candidates="x")]),
            "wrong_type",
            "actions[0].pos_candidates: a string, expected a list",
        ),
        (
            task([action("a", pos_candidates=[{"tag": "a"}])]),
            "missing_field",
            "actions[0].pos_candidates[0].backend_node_id: missing",
        ),
        ([1], "wrong_type", "a list, expected an object"),
    ],
)
def test_broken_tasks(tmp_path: Path, record: Any, reason: str, detail: str) -> None:
    """A task that cannot be read is quarantined with its bytes, a reason and a path."""
    assert refusal(tmp_path / "x.json", record) == (reason, detail)


def test_broken_json_inside_a_string(tmp_path: Path) -> None:
    """A string that should hold JSON and does not names its place."""
    reason, detail = refusal(tmp_path / "x", task([action("a", pos_candidates=["{oops}"])]))
    assert reason == "broken_json"
    assert detail.startswith("actions[0].pos_candidates[0]: ")


def test_the_same_tasks_in_every_container(tmp_path: Path) -> None:
    """A list, JSON lines, compressed or not, and Parquet of the same tasks read equal."""
    tasks = [task([action("a", "TYPE", "x"), action("b")], annotation_id=f"t{n}") for n in range(3)]
    lines = b"".join(orjson.dumps(record) + b"\n" for record in tasks)
    write(tmp_path / "list", orjson.dumps(tasks, option=orjson.OPT_INDENT_2))
    write(tmp_path / "lines", lines)
    write(tmp_path / "gz", gzip.compress(lines))
    write(tmp_path / "zst", zstandard.ZstdCompressor().compress(lines))
    pq.write_table(pa.Table.from_pylist(tasks), tmp_path / "parquet")
    expected = [replace(workflow, origin="") for workflow in read(tmp_path / "list")[0]]
    assert [workflow.workflow_id for workflow in expected] == ["t0", "t1", "t2"]
    for name in ("lines", "gz", "zst", "parquet"):
        workflows, tally = read(tmp_path / name)
        assert [replace(workflow, origin="") for workflow in workflows] == expected
        assert [entry.parent for entry in tally.entries] == [workflow.uid for workflow in workflows]


def flat_rows() -> list[dict[str, Any]]:
    """Two tasks of two actions, one row an action, their rows mixed and out of order."""
    reprs = ["[a]  one -> CLICK", "[b]  two -> TYPE: x"]
    rows = []
    for task_id, index in (("t1", 1), ("t2", 0), ("t1", 0), ("t2", 1)):
        one = action(f"{task_id}-{index}", "TYPE" if index else "CLICK", "x" if index else "")
        one["operation"] = orjson.dumps(one["operation"]).decode()
        for key in ("pos_candidates", "neg_candidates"):
            one[key] = [orjson.dumps(item).decode() for item in one[key]]
        row = task(
            [], annotation_id=task_id, action_reprs=reprs, target_action_index=str(index), **one
        )
        del row["actions"]
        rows.append(row)
    return rows


def test_rows_of_one_action(tmp_path: Path) -> None:
    """Rows of one action, as in Multimodal-Mind2Web's Parquet, make tasks ordered by index."""
    rows = flat_rows()
    pq.write_table(
        pa.Table.from_pylist([row | {"screenshot": b"\xff"} for row in rows]), tmp_path / "parquet"
    )
    write(tmp_path / "lines", b"".join(orjson.dumps(row) + b"\n" for row in rows))
    for name in ("parquet", "lines"):
        workflows, tally = read(tmp_path / name)
        assert [workflow.workflow_id for workflow in workflows] == ["t1", "t2"]
        first = workflows[0]
        assert [step.step_id for step in first.steps] == ["t1-0", "t1-1"]
        assert [step.action for step in first.steps] == [
            Action("click", "", 'Click the a "one"'),
            Action("type", "x", 'Type "x" in the b "two"'),
        ]
        assert first.steps[0].target == (node("7"),)
        assert [entry.parent for entry in tally.entries] == [
            f"mind2web:{row['annotation_id']}" for row in rows
        ]
        assert not tally.quarantined


def test_repeated_rows_of_an_action(tmp_path: Path) -> None:
    """Of rows with one action_uid the first is the step; the others are entered and add none."""
    rows = flat_rows()
    write(tmp_path / "x", b"".join(orjson.dumps(row) + b"\n" for row in [*rows, rows[0], rows[3]]))
    workflows, tally = read(tmp_path / "x")
    assert [[step.step_id for step in workflow.steps] for workflow in workflows] == [
        ["t1-0", "t1-1"],
        ["t2-0", "t2-1"],
    ]
    assert len(tally.entries) == 6


def test_recognition_from_content(tmp_path: Path) -> None:
    """Tasks and rows are recognised in any order of keys, even if the first exceeds the head."""
    big = action("u", raw_html="<p>}{</p>" * 9000)
    turned = {key: big[key] for key in ("raw_html", "action_uid")}
    flat = flat_rows()[0] | {"raw_html": big["raw_html"]}
    records = [
        task([action("u")]),
        task([big]),
        {"actions": [turned]},
        {"website": "x", "actions": [big]},
        flat,
        {"raw_html": flat["raw_html"], **flat},
        {"website": "x", "confirmed_task": "y", "action_reprs": []},
    ]
    for record in records:
        for option in (0, orjson.OPT_INDENT_2):
            assert Mind2Web().recognise(
                InputHead.of(write(tmp_path / "x", orjson.dumps([record], option=option)))
            )
        assert Mind2Web().recognise(InputHead.of(write(tmp_path / "x", orjson.dumps(record))))
    pq.write_table(pa.Table.from_pylist(flat_rows()), tmp_path / "x")
    assert Mind2Web().recognise(InputHead.of(tmp_path / "x"))


def test_other_content_is_not_recognised(tmp_path: Path) -> None:
    """One shared name is not enough where the whole record is seen."""
    for data in (
        b"",
        b"[]",
        b'[{"website": "x", "task": "y", "actions": [["CLICK"]]}]',
        b'{"confirmed_task": "x"}',
    ):
        assert not Mind2Web().recognise(InputHead.of(write(tmp_path / "x", data)))


def test_the_real_task(shared: Path) -> None:
    """The real task gives 11 steps, and the page of each holds its target's node id once."""
    path = shared / "data" / "mind2web" / "exploretock_7bda9645.json.zst"
    assert Mind2Web().recognise(InputHead.of(path))
    (workflow,), tally = read(path)
    assert len(workflow.steps) == 11
    assert len(tally.entries) == 1
    assert workflow.objective.startswith("Check for pickup restaurant available in Boston")
    assert (workflow.website, workflow.topic) == ("exploretock", "Travel")
    for step in workflow.steps:
        (locator,) = step.target
        assert locator.name == "backend_node_id"
        assert len(re.findall(f'backend_node_id="{locator.value}"', step.html)) == 1
    assert [step.action.kind for step in workflow.steps].count("click") == 7
    assert workflow.steps[2].action == Action(
        "type", "Boston", 'Type "Boston" in the searchbox "Find a location"'
    )


def test_real_objectives_without_actions(shared: Path) -> None:
    """805 objectives without actions are recognised, and each is quarantined."""
    path = shared / "data" / "mind2web" / "objectives_processed.0-804.json.zst"
    assert Mind2Web().recognise(InputHead.of(path))
    workflows, tally = read(path)
    assert workflows == []
    assert [entry.reason for entry in tally.quarantined] == ["workflow_without_steps"] * 805
    assert len({entry.id for entry in tally.quarantined}) == 805


def test_nothing_else_real_is_mistaken_for_it(shared: Path) -> None:
    """Of all recorded files only the two are recognised as Mind2Web."""
    files = [path for path in sorted((shared / "data").rglob("*.*")) if path.is_file()]
    names = [path.name for path in files if Mind2Web().recognise(InputHead.of(path))]
    assert names == ["exploretock_7bda9645.json.zst", "objectives_processed.0-804.json.zst"]
