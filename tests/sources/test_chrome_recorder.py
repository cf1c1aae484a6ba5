"""Chrome's Recorder: events become steps with the address at which each was taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.workflow import Step
from tests.support.pageless import check_ledger, given, read, reasons

SHOP = "https://shop.example/"


def steps(folder: Path, *events: dict[str, Any], title: str = "Buy a mug") -> tuple[Step, ...]:
    """The steps of these events."""
    (workflow,), tally = given(folder, "buy.json", {"title": title, "steps": [*events]})
    check_ledger(tally)
    return workflow.steps


def navigate(url: str = SHOP) -> dict[str, Any]:
    return {"type": "navigate", "url": url, "assertedEvents": [{"type": "navigation", "url": url}]}


def on(kind: str, *selectors: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "target": "main", "selectors": [*selectors], **more}


def test_a_recording_is_a_workflow(tmp_path: Path) -> None:
    """Its title is the objective, its file names it; settings and checks make no step."""
    events = [
        {"type": "setViewport", "width": 800},
        navigate(),
        on("waitForElement", ["#buy"]),
        on("click", ["#buy"], offsetX=1.5, offsetY=2),
    ]
    (workflow,), tally = given(tmp_path, "buy.json", {"title": "Buy a mug", "steps": events})
    assert (workflow.uid, workflow.objective) == ("chrome_recorder:buy", "Buy a mug")
    assert [(step.action.kind, step.action.value, step.url) for step in workflow.steps] == [
        ("navigate", SHOP, ""),
        ("click", "", SHOP),
    ]
    assert not any(step.page for step in workflow.steps)
    assert json.loads(workflow.steps[1].meta) == {"offsetX": 1.5, "offsetY": 2}
    assert reasons(tally) == {"unknown_event": 1, "assertion": 1}


def test_the_address_is_where_the_recorder_saw_the_browser_go(tmp_path: Path) -> None:
    """A navigation that followed an action is the address from the next step on."""
    there = {"assertedEvents": [{"type": "navigation", "url": f"{SHOP}mugs"}]}
    made = steps(
        tmp_path, navigate(), on("click", ["#a"], **there), on("click", ["#b"]), on("hover", ["#c"])
    )
    assert [step.url for step in made] == ["", SHOP, f"{SHOP}mugs", f"{SHOP}mugs"]
    popup = on("click", ["#d"]) | {"target": "https://pay.example/"}
    assert steps(tmp_path, navigate(), popup)[1].url == "https://pay.example/"


def test_all_selectors_are_kept_in_their_order(tmp_path: Path) -> None:
    """XPaths are locators of their kind, all others are kept as they are written."""
    (step,) = steps(
        tmp_path,
        on("click", ["aria/Buy"], "#buy", ["xpath///*[@id='buy']"], ["text/Buy"], ["a", "b"], []),
    )
    assert [(each.kind, each.value) for each in step.target] == [
        ("css", "aria/Buy"),
        ("css", "#buy"),
        ("xpath", "//*[@id='buy']"),
        ("css", "text/Buy"),
        ("css", "a >>> b"),
    ]
    (framed,) = steps(tmp_path, on("click", ["#buy"], frame=[0]))
    assert framed.target == ()
    assert json.loads(framed.meta)["frame"] == [0]


@pytest.mark.parametrize(
    ("event", "kind", "value"),
    [
        (on("doubleClick", ["#a"]), "double_click", ""),
        (on("click", ["#a"], button="secondary"), "right_click", ""),
        (on("click", ["#a"], button="primary", duration=80), "click", ""),
        (on("click", ["#a"], duration=900), "long_press", ""),
        (on("change", ["#a"], value="two"), "change", "two"),
        (on("hover", ["#a"]), "hover", ""),
        (on("scroll", ["#a"], x=0, y=300.5), "scroll", "0,300.5"),
        ({"type": "scroll", "y": 40}, "scroll", "0,40"),
        ({"type": "close"}, "close_tab", ""),
        ({"type": "customStep", "name": "x", "parameters": {"a": 1}}, "customStep", ""),
        ({"type": "fly"}, "fly", ""),
    ],
)
def test_kinds(tmp_path: Path, event: dict[str, Any], kind: str, value: str) -> None:
    """Each type of event is a kind of action; what is not known keeps its word."""
    (step,) = steps(tmp_path, {"type": "setViewport"}, event)
    assert (step.action.kind, step.action.value) == (kind, value)


def test_keys_and_scrolling_are_told_by_what_came_before(tmp_path: Path) -> None:
    """Down and up are one press, modifiers are held, a scroll is the way from the last place."""
    made = steps(
        tmp_path,
        {"type": "keyDown", "key": "Shift"},
        {"type": "keyDown", "key": "a"},
        {"type": "keyUp", "key": "a"},
        on("click", ["#a"]),
        {"type": "keyUp", "key": "Shift"},
        {"type": "scroll", "x": 0, "y": 300},
        {"type": "scroll", "x": 0, "y": 100},
    )
    assert [(step.action.kind, step.action.value, step.action.modifiers) for step in made] == [
        ("press", "Shift+a", ()),
        ("click", "", ("Shift",)),
        ("scroll", "0,300", ()),
        ("scroll", "0,-200", ()),
    ]
    alone = [{"type": kind, "key": key} for kind, key in
             (("keyDown", "Alt"), ("keyUp", "Alt"), ("keyUp", "x"), ("keyDown", "y"))]  # fmt: skip
    _, tally = given(tmp_path, "keys.json", {"title": "", "steps": alone})
    assert reasons(tally) == {"modifier_alone": 2, "keyup_alone": 1}


def test_a_title_of_the_recorder_is_no_objective(tmp_path: Path) -> None:
    """A title that is a date says nothing of what is to be done, and is kept beside."""
    title = "Recording 10/4/2022 at 4:20:30 PM"
    (workflow,), _ = given(tmp_path, "r.json", {"title": title, "steps": [navigate()]})
    assert workflow.objective == ""
    assert json.loads(workflow.meta) == {"title": title}


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([], "workflow_without_steps"),
        ([{"type": "setViewport"}], "workflow_without_steps"),
        ([{"type": "click"}, 3], "wrong_type"),
        ([{"type": "click"}, {"kind": "x"}], "missing_field"),
        ([{"type": "click", "selectors": 3}], "wrong_type"),
        ([{"type": "click", "selectors": [[3]]}], "wrong_type"),
        ([{"type": "scroll", "x": "far"}], "wrong_type"),
    ],
)
def test_what_cannot_be_read_is_quarantined(tmp_path: Path, steps: list[Any], reason: str) -> None:
    """A recording with a wrong step is kept whole in quarantine, with the reason."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"title": "x", "steps": [{"type": "click"}]},
                                {"title": "x", "steps": steps}]))  # fmt: skip
    form, workflows, tally = read(path)
    assert (form, [flow.workflow_id for flow in workflows]) == ("chrome_recorder", ["a"])
    assert [bad.reason for bad in tally.quarantined] == [reason]
    check_ledger(tally)


def test_unknown_keys_are_kept_and_counted(tmp_path: Path) -> None:
    """A key that the Recorder does not write is kept in meta."""
    event = on("click", ["#a"], mood="good")
    (workflow,), tally = given(tmp_path, "a.json", {"title": "x", "steps": [event], "author": "B"})
    assert json.loads(workflow.steps[0].meta) == {"mood": "good"}
    assert json.loads(workflow.meta) == {"author": "B"}
    assert set(tally.odd) == {("unknown_key", "steps[].mood"), ("unknown_key", "author")}


def test_real_recordings(shared: Path) -> None:
    """Each of the five real ones is read whole."""
    found = {path.name: read(path) for path in (shared / "data" / "chrome_recorder").iterdir()}
    assert {form for form, _, _ in found.values()} == {"chrome_recorder"}
    assert sum(len(flow.steps) for _, flows, _ in found.values() for flow in flows) == 26
    assert not any(tally.quarantined or tally.odd for _, _, tally in found.values())
    known = found["webpagetest_simple-recording-new-format.json"][1][0]
    assert [bool(step.url) for step in known.steps] == [False, True, True, True, True, True]
