"""Trajectories of agents: calls, results and pages, in ADP and ATIF."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from etl.inputs import find
from etl.sources import SOURCES
from etl.sources.agents.calls import done
from etl.sources.agents.results import result
from etl.sources.agents.trail import objective
from etl.stages.enter import enter
from etl.stages.filter import Filter
from etl.stages.locate import Locate
from etl.tally import Tally
from schemas.workflow import Locator, Workflow

TREE = "RootWebArea 'Shop'\n\t[12] button 'Buy'\n"
SNAPSHOT = '- generic [ref=e1]:\n  - button "Buy" [ref=e12]'
MCP = (
    "### Page state\n- Page URL: https://shop.example/\n- Page Snapshot:\n"
    f"```yaml\n{SNAPSHOT}\n```\n"
)
HTML = '<html><body><button bid="12">Buy</button></body></html>'


def read(path: Path, *records: Any) -> tuple[list[Workflow], Tally, str]:
    """The workflows of a file of records, its ledger and its format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    tally = Tally()
    return list(SOURCES[shard.format].read(shard, tally)), tally, shard.format


def web(html: str | None = None, axtree: str | None = None, url: str | None = None) -> Any:
    return {"class_": "web_observation", "html": html, "axtree": axtree, "url": url}


def call(function: str, **kwargs: Any) -> Any:
    return {"class_": "api_action", "function": function, "kwargs": kwargs}


def said(text: str, source: str = "user") -> Any:
    return {"class_": "text_observation", "content": text, "source": source}


def adp(*content: Any, id: str = "t1", **more: Any) -> Any:
    return {"id": id, "content": list(content), "details": {}, **more}


@pytest.mark.parametrize(
    ("function", "arguments", "kind", "value", "locator"),
    [
        ("click", {"bid": '"12"'}, "click", "", Locator("ref", "12")),
        ("click", {"xpath": "//a"}, "click", "", Locator("xpath", "//a")),
        ("fill", {"bid": "3", "value": "x y"}, "type", "x y", Locator("ref", "3")),
        ("fill", {"bid": "3", "value": ""}, "type", "", Locator("ref", "3")),
        ("select_option", {"bid": "3", "options": ["a", "b"]}, "select", '["a", "b"]', None),
        ("scroll", {"delta_x": 0, "delta_y": -200}, "scroll", "0 -200", None),
        ("scroll", {"direction": "down", "amount": 300}, "scroll", "down 300", None),
        ("goto", {"url": "https://a.example"}, "navigate", "https://a.example", None),
        ("browser_click", {"element": "Buy", "ref": "e2"}, "click", "", Locator("ref", "e2")),
        ("browser_click", {"ref": "e2", "doubleClick": True}, "double_click", "", None),
        ("browser_click", {"ref": "e2", "button": "right"}, "right_click", "", None),
        ("browser_press_key", {"key": "Enter"}, "press", "Enter", None),
        ("browser_tabs", {"action": "select", "index": 1}, "focus_tab", "1", None),
        ("browser_tabs", {"action": "list"}, "observe", "", None),
        ("browser_handle_dialog", {"accept": False}, "dismiss_dialog", "", None),
        ("browser_mouse_click_xy", {"x": 3, "y": 4}, "mouse_click", "3 4", None),
        ("browser_snapshot", {}, "observe", "", None),
        ("input", {"index": 7, "text": "x"}, "type", "x", Locator("ref", "7")),
        ("tab_focus", {"index": 2}, "focus_tab", "2", None),
        ("stop", {"answer": "42"}, "stop", "42", None),
        ("frobnicate", {"bid": "3"}, "frobnicate", "", Locator("ref", "3")),
    ],
)
def test_calls(
    function: str, arguments: dict[str, Any], kind: str, value: str, locator: Locator | None
) -> None:
    """A call's name says the kind, and its arguments the element and the value."""
    (one,) = done(function, arguments)
    assert (one.action.kind, one.action.value) == (kind, value)
    assert not one.rest
    if locator is not None:
        assert one.target[0] == locator


def test_a_text_that_is_sent_is_typed_and_entered() -> None:
    """`submit` and `press_enter_after` make a second action: Enter, in the same field."""
    typed, sent = done("browser_type", {"ref": "e2", "text": "x", "submit": True})
    assert (typed.action.value, sent.action.kind, sent.action.value) == ("x", "press", "Enter")
    assert sent.target == typed.target
    assert len(list(done("type", {"bid": "1", "text": "x", "press_enter_after": "0"}))) == 1


def test_a_form_is_filled_field_by_field() -> None:
    """Each field is an action, by its type."""
    fields = [
        {"name": "Name", "type": "textbox", "ref": "e1", "value": "Ann"},
        {"name": "News", "type": "checkbox", "ref": "e2", "value": "false"},
        {"name": "Size", "type": "combobox", "ref": "e3", "value": "L"},
    ]
    kinds = [
        (one.action.kind, one.action.value) for one in done("browser_fill_form", {"fields": fields})
    ]
    assert kinds == [("type", "Ann"), ("uncheck", ""), ("select", "L")]


def test_a_drag_ends_on_an_element() -> None:
    """The element on which it ends is the destination."""
    (one,) = done("browser_drag", {"startRef": "e1", "endRef": "e2", "startElement": "a"})
    assert (one.target[0], one.destination[0]) == (Locator("ref", "e1"), Locator("ref", "e2"))


def test_unknown_arguments_are_left_for_the_meta() -> None:
    """What is neither element, value nor way to act is not lost."""
    (one,) = done("click", {"bid": "1", "speed": "fast"})
    assert one.rest == {"speed": "fast"}


@pytest.mark.parametrize(
    ("text", "axtree", "url", "error"),
    [
        (MCP, SNAPSHOT, "https://shop.example/", ""),
        (SNAPSHOT, SNAPSHOT, "", ""),
        (TREE, TREE, "", ""),
        ("Error: no such element", "", "", "Error: no such element"),
        ("### Error\nnot visible", "", "", "Error\nnot visible"),
        (MCP.replace("button", "<changed> button"), "", "https://shop.example/", ""),
        (MCP.replace("[ref=e1]", "[ref=e1] [unchanged]"), "", "https://shop.example/", ""),
        ("I looked at the page.", "", "", ""),
        ("- one\n- two things in a list", "", "", ""),
    ],
)
def test_results_of_tools(text: str, axtree: str, url: str, error: str) -> None:
    """Aria snapshots and trees are pages, errors are errors, and any other text is neither."""
    found = result(text)
    assert (found.html, found.axtree, found.url, found.error) == ("", axtree, url, error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Buy two mugs", "Buy two mugs"),
        ("Do the next step.\n\nObjective: Buy two mugs\nPrevious: none", "Buy two mugs"),
        ("You are given the following objective: Buy two mugs\nExamine it.", "Buy two mugs"),
        ("Based on it, complete the following task:\nTask: Buy mugs\nPrevious", "Buy mugs"),
    ],
)
def test_objectives_are_what_a_message_labels_so(text: str, says: str) -> None:
    """Without a label, it is the whole message."""
    assert objective(text) == says


def test_a_page_serves_one_action(tmp_path: Path) -> None:
    """An action that follows another one without a page between has none; looking changes none."""
    record = adp(
        said("Buy a mug"),
        web(HTML, url="https://shop.example/"),
        call("browser_snapshot"),
        call("click", bid="12"),
        call("click", bid="13"),
        said(MCP, "environment"),
        call("browser_click", ref="e12"),
        said("Error: covered", "environment"),
    )
    (workflow,), tally, format = read(tmp_path / "t.jsonl", record)
    assert (format, workflow.objective, tally.quarantined) == ("adp", "Buy a mug", [])
    pages = [(step.html, step.axtree, step.url) for step in workflow.steps]
    assert pages == [
        (HTML, "", "https://shop.example/"),
        (HTML, "", "https://shop.example/"),
        ("", "", "https://shop.example/"),
        ("", SNAPSHOT, "https://shop.example/"),
    ]
    assert [step.error for step in workflow.steps] == ["", "", "", "Error: covered"]
    assert json.loads(workflow.steps[1].meta)["call"] == {
        "arguments": {"bid": "12"},
        "function": "click",
    }


def test_a_tree_in_the_place_of_markup(tmp_path: Path) -> None:
    """A text without tags in `html` is a tree."""
    (workflow,), _, _ = read(tmp_path / "t.jsonl", adp(web(TREE), call("click", element_id="12")))
    assert (workflow.steps[0].html, workflow.steps[0].axtree) == ("", TREE)


def test_rewards_thoughts_and_ids(tmp_path: Path) -> None:
    """Rewards are summed, thoughts kept, and numbers as ids give way to folder, file and line."""
    act = call("click", bid="12") | {"description": "I see Buy", "reward": 0.5}
    record = adp(web(HTML), act, web(HTML) | {"reward": 0.25}, id="7", details={"source": "x"})
    (workflow,), _, _ = read(tmp_path / "shop" / "a.std.jsonl", record)
    assert (workflow.workflow_id, workflow.reward) == ("shop/a/1", 0.75)
    assert json.loads(workflow.steps[0].meta)["thought"] == "I see Buy"
    assert json.loads(workflow.meta) == {"id": "7", "source": "x"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (adp(web(HTML)), "workflow_without_steps"),
        (adp({"class_": "mind_reading"}), "wrong_type"),
        (adp(call("click"), web(HTML), "x"), "wrong_type"),
        (adp(call("click") | {"kwargs": [1]}), "wrong_type"),
        (adp(call("")), "missing_field"),
        (adp(call("click"), details=[1]), "wrong_type"),
        (adp(call("click"), details={"stepmill": {"steps": [{}]}}), "wrong_type"),
        (adp(call("click"), details={"stepmill": {}}), "wrong_type"),
    ],
)
def test_broken_trajectories_are_quarantined(tmp_path: Path, record: Any, reason: str) -> None:
    """Each has its reason and its bytes, and the next one is read."""
    good = adp(web(HTML), call("click", bid="12"), id="good")
    workflows, tally, _ = read(tmp_path / "t.jsonl", good, record, good | {"id": "next"})
    assert [workflow.workflow_id for workflow in workflows] == ["good", "next"]
    (bad,) = tally.quarantined
    assert bad.reason == reason
    assert json.loads(bad.raw) == record


def atif(*steps: Any, **more: Any) -> Any:
    return {
        "schema_version": "ATIF-v1.8",
        "agent": {"name": "a", "version": "1"},
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, 1)],
        **more,
    }


def agent(*calls: tuple[str, str, dict[str, Any]], results: Any = (), message: str = "") -> Any:
    made = [
        {"tool_call_id": id, "function_name": name, "arguments": arguments}
        for id, name, arguments in calls
    ]
    return {
        "source": "agent",
        "message": message,
        "tool_calls": made,
        "observation": {"results": list(results)},
    }


def test_results_belong_to_their_calls(tmp_path: Path) -> None:
    """A result goes to the call it names, whatever its place; without one to that in its place."""
    record = atif(
        {"source": "user", "message": [{"type": "text", "text": "Buy a mug"}]},
        agent(
            ("a", "browser_navigate", {"url": "https://shop.example/"}),
            ("b", "browser_click", {"ref": "e12"}),
            results=[
                {"source_call_id": "b", "content": "Error: gone"},
                {"source_call_id": "a", "content": [{"type": "text", "text": MCP}]},
            ],
            message="I open the shop",
        ),
        agent(("c", "browser_snapshot", {}), results=[{"content": MCP}]),
        {"source": "agent", "message": "Done."},
        session_id="s1",
        extra={"reward": 1},
    )
    (workflow,), tally, format = read(tmp_path / "t.jsonl", record)
    assert (format, tally.quarantined, workflow.workflow_id) == ("atif", [], "s1")
    assert (workflow.objective, workflow.reward) == ("Buy a mug", 1.0)
    steps = [(step.step_id, step.action.kind, bool(step.axtree)) for step in workflow.steps]
    assert steps == [
        ("2.1", "navigate", False),
        ("2.2", "click", True),
        ("3", "observe", False),
        ("4", "message", True),
    ]
    assert workflow.steps[1].error == "Error: gone"
    assert json.loads(workflow.steps[0].meta)["thought"] == "I open the shop"


def test_subagents_and_copied_steps(tmp_path: Path) -> None:
    """A subagent's trajectory is a workflow; copied steps are left out and counted."""
    click = agent(("a", "click", {"bid": "1"}))
    inner = atif(click, trajectory_id="inner")
    record = atif(click | {"is_copied_context": True}, click, trajectory_id="outer")
    workflows, tally, _ = read(tmp_path / "t.jsonl", record | {"subagent_trajectories": [inner]})
    assert [(each.workflow_id, len(each.steps)) for each in workflows] == [
        ("outer", 1),
        ("inner", 1),
    ]
    assert tally.odd == {("unkept_value", "steps.is_copied_context"): 1}


def test_real_trajectories_resolve(shared: Path) -> None:
    """Of the real trajectories all are read, and all but two targets of their pages are found."""
    found = Counter[str]()
    for shard in find.shards(find.find([str(shared / "data" / "adp")], SOURCES, lenient=True)):
        if shard.format != "adp":
            continue
        tally, seen = Tally(), dict[str, str]()
        for workflow in SOURCES["adp"].read(shard, tally):
            rows = Filter(observations=("html", "axtree"))(
                iter([enter(workflow, Tally(), seen)]), Tally()
            )
            for draft in Locate()(rows, Tally()):
                found.update(
                    step.reason for step in draft.steps if step.step.target and step.step.characters
                )
        assert not tally.quarantined
    assert found == {"": 95, "target_absent": 2}


@pytest.mark.parametrize("kind", ["adp", "atif"])
def test_damaged_trajectories_cost_only_themselves(tmp_path: Path, kind: str) -> None:
    """Whatever a seeded change of bytes makes of a record, it is read or quarantined, and the
    records around it are read.
    """
    good: Any = {
        "adp": adp(said("Buy"), web(HTML, TREE), call("click", bid="12"), said(MCP, "environment")),
        "atif": atif({"source": "user", "message": "Buy"}, agent(("a", "click", {"ref": "1"}))),
    }[kind]
    name = "id" if kind == "adp" else "trajectory_id"
    chance = random.Random(kind)
    lines = [json.dumps(good | {name: "first"}).encode()]
    for number in range(500):
        raw = bytearray(json.dumps(good | {name: f"w{number}"}).encode())
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(raw))] = chance.choice(b'"{}[]:,\\0x\xff\n ')
        lines += bytes(raw).split(b"\n")
    lines.append(json.dumps(good | {name: "last"}).encode())
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (shard,) = find.shards(find.find([str(tmp_path / "t.jsonl")], SOURCES))
    tally = Tally()
    workflows = list(SOURCES[kind].read(shard, tally))
    assert shard.format == kind
    assert [workflows[0].workflow_id, workflows[-1].workflow_id] == ["first", "last"]
    records = [entry for entry in tally.entries if entry.unit == "record" and not entry.reason]
    assert len(records) == sum(bool(line.strip()) for line in lines)
    assert len(tally.quarantined) + len(workflows) == len(records)
