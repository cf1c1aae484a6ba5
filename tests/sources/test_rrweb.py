"""rrweb: what persons do becomes steps, what the page does is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from etl.pages.reading import read as read_page
from etl.tally import Tally
from schemas.workflow import Step, Workflow
from tests.support.rrweb import (
    BLUR,
    CANCEL,
    CLICK,
    DOUBLE,
    DOWN,
    FOCUS,
    FORM,
    LIFT,
    MENU,
    TOUCH,
    UP,
    Recording,
    drops,
    element,
    read,
    text,
)

Steps = Callable[[Recording], tuple[list[tuple[str, str, str]], list[tuple[str, str]]]]


def shown(step: Step) -> str:
    """The target as ``tag#name`` of the element that the page has in its place."""
    if not step.target:
        return ""
    page = read_page(step.html)
    (locator,) = step.target
    assert locator.kind == "node"
    token = page.tokens[page.position(page.elements - 1 - int(locator.value))]
    attributes = token.attributes()
    return f"{token.tag}#{attributes.get('name', attributes.get('id', ''))}".rstrip("#")


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    """The steps of a recording as (kind, value, target), and what was dropped but for focus."""

    def of(recording: Recording) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
        workflows, tally = read(recording.json(), tmp_path)
        made = [
            (step.action.kind, step.action.value, shown(step))
            for workflow in workflows
            for step in workflow.steps
        ]
        return made, [drop for drop in drops(tally) if drop[1] != "unknown_event"]

    return of


def one(recording: Recording, folder: Path) -> tuple[Workflow, Tally]:
    (workflow,), tally = read(recording.json(), folder)
    return workflow, tally


def test_a_click_is_a_step_on_the_page_as_the_button_went_down(tmp_path: Path) -> None:
    """What changes between press and click is not in its page; what comes later is in the next."""
    recording = Recording().mouse(18, DOWN)
    recording.change(attributes=[{"id": 18, "attributes": {"class": "pressed"}}])
    recording.mouse(18, UP, CLICK)
    recording.change(adds=[{"parentId": 3, "nextId": None, "node": element(40, "p")}])
    workflow, tally = one(recording.click(19), tmp_path)
    first, second = workflow.steps
    assert (first.action.kind, first.url, shown(first)) == ("click", "https://shop.test/", "button")
    assert (first.step_id, second.step_id) == ("2", "7")
    again, _ = one(Recording().click(18).click(18), tmp_path)
    assert again.steps[0].page is again.steps[1].page
    assert "pressed" not in first.html
    assert "<p>" not in first.html.replace("<p>long</p>", "")
    assert 'class="pressed"' in second.html
    assert second.html.endswith("<p></p></body></html>")
    assert (workflow.workflow_id, workflow.objective, workflow.source) == ("session", "", "rrweb")
    assert drops(tally) == [("8", "unknown_event")]


def test_typing_is_one_step_a_field_with_its_last_text(steps: Steps) -> None:
    """All keys in a field are one step, until something else is done."""
    recording = Recording().click(10).write(10, "mug").click(17).write(17, "a\nb").click(18)
    assert steps(recording)[0] == [
        ("click", "", "input#q"),
        ("type", "mug", "input#q"),
        ("click", "", "textarea#note"),
        ("type", "a\nb", "textarea#note"),
        ("click", "", "button"),
    ]


def test_the_page_holds_what_was_entered_before_and_not_what_is_entered(tmp_path: Path) -> None:
    """A step of typing has the page before its first key; later pages have the text."""
    recording = Recording().click(10).write(10, 'a "mug"').click(11).enter(11, checked=True)
    recording.click(12).enter(12, "r").click(17).write(17, "x<y").click(18)
    workflow, _ = one(recording, tmp_path)
    typed, check, select, _, note, last = workflow.steps[1:]
    assert 'name="q">' in typed.html
    assert 'value="a &quot;mug&quot;"' in check.html
    assert "checked" not in check.html
    assert 'name="new" checked="">' in select.html
    assert "selected" not in select.html
    assert '<option value="r" selected="">' in note.html
    assert 'name="note"></textarea>' in note.html
    assert 'name="note">x&lt;y</textarea>' in last.html


def test_emptied_fields_and_typing_that_changes_nothing(steps: Steps) -> None:
    """Leaving a field empty is `clear`; leaving it as it was is no step."""
    recording = Recording().click(26).enter(26, "An").enter(26, "").click(10).enter(10, "x")
    recording.enter(10, "").click(18)
    made, dropped = steps(recording)
    assert made == [
        ("click", "", "input#name"),
        ("clear", "", "input#name"),
        ("click", "", "input#q"),
        ("click", "", "button"),
    ]
    assert dropped == [("12", "typing_without_effect"), ("13", "typing_without_effect")]


def test_a_field_that_is_emptied_at_once_after_typing(steps: Steps) -> None:
    """The page did that, as many do after Enter; what was typed is a step."""
    recording = Recording().click(10).write(10, "mug").enter(10, "").write(10, "cup").click(18)
    made, dropped = steps(recording)
    assert made == [
        ("click", "", "input#q"),
        ("type", "mug", "input#q"),
        ("type", "cup", "input#q"),
        ("click", "", "button"),
    ]
    assert dropped == [("9", "done_by_page")]


def test_typing_in_place(tmp_path: Path) -> None:
    """What changes in an element that is edited in place, and has the focus, was typed there."""
    editor = element(50, "div", text(51, "Dear"), contenteditable="true", id="letter")
    recording = Recording(element(40, "p", text(41, "0 letters")), editor)
    recording.change(texts=[{"id": 51, "value": "Dear "}]).click(50)
    recording.change(texts=[{"id": 51, "value": "Dear A"}])
    recording.change(texts=[{"id": 41, "value": "6 letters"}])
    line = [{"parentId": 50, "nextId": None, "node": element(52, "div")},
            {"parentId": 52, "nextId": None, "node": text(53, "Hello\xa0you")}]  # fmt: skip
    recording.change(adds=line).mouse(50, BLUR).change(texts=[{"id": 51, "value": "Sent"}])
    workflow, tally = one(recording, tmp_path)
    _, typed = workflow.steps
    assert (typed.action.kind, typed.action.value) == ("type", "Dear A\nHello you")
    assert shown(typed) == "div#letter"
    assert ">Dear </div>" in typed.html
    read_ids = [entry.id for entry in tally.entries if not entry.reason]
    assert {"session.json#event=7", "session.json#event=9"} < set(read_ids)
    assert "session.json#event=8" not in read_ids


def test_boxes_lists_and_files(steps: Steps) -> None:
    """A click that ticks a box is `check`; lists give the option's text; files their name."""
    recording = Recording().click(11).enter(11, checked=True).click(11).enter(11)
    recording.click(12).enter(12, "r").click(27).enter(27, "C:\\fakepath\\mug.png")
    recording.click(32).enter(32, "l", checked=True).enter(31, "s")
    made, dropped = steps(recording)
    assert made == [
        ("check", "", "input#new"),
        ("uncheck", "", "input#new"),
        ("select", "Red mugs", "select#colour"),
        ("upload", "mug.png", "input#photo"),
        ("check", "", "input#size"),
    ]
    assert dropped == [("27", "done_by_page")]


def test_a_list_that_is_open_before_or_clicked_after(steps: Steps) -> None:
    """The clicks around a choice are part of it, whichever comes first."""
    recording = Recording().mouse(12, DOWN, FOCUS).enter(12, "r").mouse(12, UP, CLICK)
    recording.mouse(18, DOWN, UP, CLICK).mouse(12, FOCUS).enter(12, "0").mouse(15, CLICK)
    assert steps(recording)[0] == [
        ("select", "Red mugs", "select#colour"),
        ("click", "", "button"),
        ("select", "Any", "select#colour"),
    ]


def test_a_slider_is_filled_in_by_the_mouse(steps: Steps) -> None:
    """The press that moves it is part of it, however far it goes."""
    recording = Recording(element(10, "input", type="range", name="price", value="50"))
    recording.mouse(10, DOWN, FOCUS).enter(10, "60").enter(10, "70").mouse(10, UP, CLICK, x=90)
    assert steps(recording) == ([("type", "70", "input#price")], [])


def test_labels_click_their_fields(steps: Steps) -> None:
    """A click on a label and the one that it makes on its field are one step."""
    recording = Recording().mouse(21, DOWN, UP, CLICK).mouse(23, CLICK).enter(23, checked=True)
    recording.mouse(24, DOWN, UP, CLICK).mouse(26, CLICK, FOCUS).write(26, "Bo")
    assert steps(recording)[0] == [
        ("check", "", "input#agree"),
        ("click", "", "label"),
        ("type", "Bo", "input#name"),
    ]


def test_double_clicks_menus_and_drags(steps: Steps) -> None:
    """Two clicks and a dblclick are one step; menus and drags are steps of their kinds."""
    recording = Recording().click(18).click(18).mouse(18, DOUBLE)
    recording.mouse(19, DOWN, UP, MENU)
    recording.mouse(29, DOWN).mouse(18, UP, x=65, y=-15)
    recording.mouse(29, DOWN).mouse(29, UP, CLICK, x=9, y=9)
    assert steps(recording)[0] == [
        ("double_click", "", "button"),
        ("right_click", "", "span"),
        ("drag", "60,-20", "p"),
        ("click", "", "p"),
    ]


def test_a_drag_has_a_destination(tmp_path: Path) -> None:
    """The element on which it ends is named, if neither holds the other."""
    recording = Recording().mouse(29, DOWN).mouse(18, UP, x=65)
    (step,) = one(recording, tmp_path)[0].steps
    (target,), (end,) = step.target, step.destination
    page = read_page(step.html)
    tags = [
        page.tokens[page.position(page.elements - 1 - int(at.value))].tag for at in (target, end)
    ]
    assert tags == ["p", "button"]


def test_fingers(steps: Steps) -> None:
    """A tap is a click with and without a click event, a swipe is none, a long press has a menu."""
    recording = Recording().mouse(18, TOUCH, LIFT).mouse(18, CLICK, pointerType=2)
    recording.mouse(19, TOUCH, LIFT)
    recording.mouse(29, TOUCH).add(3, {"source": 6, "positions": [{"id": 29, "x": 0, "y": 9}]})
    recording.mouse(29, CANCEL, LIFT)
    recording.mouse(10, TOUCH, MENU, LIFT)
    recording.mouse(11, TOUCH, LIFT, DOWN, UP, CLICK).enter(11, checked=True)
    made, dropped = steps(recording)
    assert made == [
        ("click", "", "button"),
        ("click", "", "span"),
        ("long_press", "", "input#q"),
        ("check", "", "input#new"),
    ]
    assert dropped == [("7", "press_without_click"), ("10", "press_without_click")]


def test_what_the_page_does_is_no_step(steps: Steps) -> None:
    """Values without focus, clicks at once after another, and inner scrolls without the pointer."""
    recording = Recording().click(18)
    recording.time -= 95
    recording.mouse(27, CLICK)
    recording.enter(10, "set").enter(12, "r").enter(11, checked=True).scroll(28, 40)
    recording.click(10).enter(17, "set").enter(10, "m", userTriggered=False)
    made, dropped = steps(recording)
    assert made == [("click", "", "button"), ("click", "", "input#q")]
    assert dropped == [(str(n), "done_by_page") for n in (6, 7, 8, 9, 10, 15, 16)]


def test_what_the_page_sets_is_in_the_page(tmp_path: Path) -> None:
    """A value that no person entered shows in later pages all the same."""
    workflow, _ = one(Recording().click(18).enter(10, "set").click(18), tmp_path)
    assert 'value="set"' in workflow.steps[1].html


def test_rrweb_tells_who_changed_a_field_if_asked_to(steps: Steps) -> None:
    """`userTriggered` decides, whatever has the focus."""
    recording = Recording().click(18).enter(10, "a", userTriggered=True)
    recording.enter(11, checked=True, userTriggered=True)
    assert steps(recording)[0] == [
        ("click", "", "button"),
        ("type", "a", "input#q"),
        ("check", "", "input#new"),
    ]


def test_a_field_that_had_the_focus_before_the_recording(steps: Steps) -> None:
    """While nobody knows what has the focus, typing is typing."""
    assert steps(Recording().write(10, "mug"))[0] == [("type", "mug", "input#q")]


def test_masked_text_is_not_known(tmp_path: Path) -> None:
    """The value of a step of asterisks is empty, and the page keeps them."""
    workflow, _ = one(Recording().click(10).write(10, "***").click(18), tmp_path)
    typed, last = workflow.steps[1:]
    assert (typed.action.kind, typed.action.value) == ("type", "")
    assert orjson.loads(typed.meta)["masked"] == "***"
    assert 'value="***"' in last.html


def test_scrolls_in_succession_are_one_step(steps: Steps) -> None:
    """Its value is how far the view went; one that ends where it began is no step."""
    recording = Recording().scroll(1, 100).scroll(1, 300).click(18).scroll(1, 200).click(18)
    recording.scroll(1, 250).scroll(1, 200)
    recording.mouse(29, DOWN, UP, CLICK).scroll(28, 0, 30).scroll(28, 0, 40)
    made, dropped = steps(recording)
    assert made == [
        ("scroll", "down 300", ""),
        ("click", "", "button"),
        ("scroll", "up 100", ""),
        ("click", "", "button"),
        ("click", "", "p"),
        ("scroll", "right 40", "div"),
    ]
    assert dropped == [("13", "scroll_without_effect"), ("14", "scroll_without_effect")]


def test_another_document_long_after_any_action_was_navigated_to(tmp_path: Path) -> None:
    """What was done explains a page that follows within 5 s; so does an address that changes."""
    recording = Recording().click(18).add(0, {}).load(href="https://shop.test/found")
    recording.click(18)
    recording.time += 6000
    recording.add(0, {}).load(href="https://other.test/").click(18)
    recording.time += 6000
    recording.load(href="https://other.test/#part").click(18)
    workflow, _ = one(recording, tmp_path)
    assert [(s.action.kind, s.action.value, s.url) for s in workflow.steps] == [
        ("click", "", "https://shop.test/"),
        ("click", "", "https://shop.test/found"),
        ("navigate", "https://other.test/", "https://shop.test/found"),
        ("click", "", "https://other.test/"),
        ("click", "", "https://other.test/#part"),
    ]


def test_other_tools_tell_of_addresses_that_change(tmp_path: Path) -> None:
    """PostHog's and Sentry's events do, whose times may be in seconds."""
    recording = Recording().click(18)
    recording.add(5, {"tag": "$pageview", "payload": {"href": "https://shop.test/a"}}).click(18)
    push = {"op": "navigation.push", "description": "/b?c=1", "startTimestamp": 1_764_000_000.5}
    recording.add(5, {"tag": "performanceSpan", "payload": push}, timestamp=1_764_000_000.5)
    recording.click(18).add(5, {"tag": "$pageview", "payload": None}).click(18)
    workflow, _ = one(recording, tmp_path)
    addresses = ["https://shop.test/", "https://shop.test/a", *["https://shop.test/b?c=1"] * 2]
    assert [step.url for step in workflow.steps] == addresses


def test_a_target_that_the_page_lacks_is_not_guessed(tmp_path: Path) -> None:
    """A click on an unknown node is a step without target."""
    workflow, _ = one(Recording().click(999).click(-1), tmp_path)
    assert [(step.action.kind, step.target) for step in workflow.steps] == [("click", ())] * 2
    assert all(step.html for step in workflow.steps)


def test_windows_are_put_together_by_time(tmp_path: Path) -> None:
    """Each has its own page, with the same ids; steps of all follow each other in time."""
    one_window, other = (
        Recording(),
        Recording(element(10, "a", text(11, "x")), href="https://b.test/"),
    )
    one_window.click(18).time += 1000
    one_window.click(19)
    other.time += 800
    other.click(10)
    events = [
        {**event, "windowId": name}
        for name, each in (("w1", one_window), ("w2", other))
        for event in each.events
    ]
    (workflow,), tally = read(orjson.dumps({"snapshots": events}), tmp_path)
    assert [(step.url, shown(step)) for step in workflow.steps] == [
        ("https://shop.test/", "button"),
        ("https://b.test/", "a"),
        ("https://shop.test/", "span"),
    ]
    assert [orjson.loads(step.meta)["window"] for step in workflow.steps] == ["w1", "w2", "w1"]
    assert not tally.odd


def test_sessions_are_workflows(tmp_path: Path) -> None:
    """Events that name several sessions give a workflow each."""
    events = [
        {**event, "session_id": name}
        for name in ("s1", "s2")
        for event in Recording().click(18).events
    ]
    workflows, tally = read(b"\n".join(map(orjson.dumps, events)), tmp_path, "export.jsonl")
    assert [workflow.workflow_id for workflow in workflows] == ["export/s1", "export/s2"]
    ids = [entry.id for entry in tally.entries if not entry.reason]
    assert len(ids) == len(set(ids)) == 10


def test_late_events_find_their_place(tmp_path: Path) -> None:
    """Events are taken in the order of time, whatever the order in the file."""
    recording = Recording().click(10).write(10, "mug").click(18)
    straight, _ = one(recording, tmp_path)
    last = recording.events.pop()
    recording.events = [*recording.events[:3], last, *recording.events[3:]]
    mended, tally = one(recording, tmp_path)
    assert [(s.action, s.html, s.target) for s in mended.steps] == [
        (s.action, s.html, s.target) for s in straight.steps
    ]
    assert all(not step.gap for step in mended.steps)
    assert "step_out_of_order" not in {reason for _, reason in drops(tally)}


def test_an_action_that_comes_much_too_late_is_a_gap(tmp_path: Path) -> None:
    """It is dropped, and the history of later steps is known to be incomplete."""
    recording = Recording().click(18)
    late = recording.click(19).events[-4:]
    del recording.events[-4:]
    moves: Any = {"source": 1, "positions": [{"id": 18, "x": 1, "y": 1, "timeOffset": 0}]}
    for _ in range(600):
        recording.add(3, moves)
    recording.events += late
    recording.time += 1000
    for _ in range(600):
        recording.add(3, moves)
    recording.click(10)
    workflow, tally = one(recording, tmp_path)
    assert [bool(step.gap) for step in workflow.steps] == [False, True]
    assert [reason for _, reason in drops(tally)].count("step_out_of_order") == 4


def test_without_times_the_order_is_that_of_the_file(tmp_path: Path) -> None:
    """Recordings whose times were taken away are read as they are."""
    recording = Recording().click(10).write(10, "mug").click(18)
    events = [{key: event[key] for key in ("type", "data")} for event in recording.events]
    (workflow,), _ = read(orjson.dumps(events), tmp_path)
    assert [step.action.kind for step in workflow.steps] == ["click", "type", "click"]


def test_recordings_without_snapshot_or_action_are_dropped(tmp_path: Path) -> None:
    """Each with its own reason, and all their records."""
    recording = Recording().click(18)
    workflows, tally = read(orjson.dumps([recording.events[0], *recording.events[2:]]), tmp_path)
    assert workflows == []
    assert drops(tally)[0][1] == "no_snapshot"
    assert {reason for _, reason in drops(tally)[1:]} == {"workflow_dropped", "unknown_event"}
    workflows, tally = read(Recording().mouse(10, FOCUS, BLUR).json(), tmp_path)
    assert workflows == []
    assert [reason for _, reason in drops(tally)] == [
        "workflow_without_steps", "unknown_event", "unknown_event",
    ]  # fmt: skip


def test_all_events_are_counted_and_unknown_keys_kept(tmp_path: Path) -> None:
    """The workflow's meta has the number of events of each kind; unknown keys are noted."""
    recording = Recording().click(18).add(6, {"plugin": "x", "payload": 1}, distinct="d")
    recording.add(3, {"source": 14, "ranges": []}).mouse(18, CLICK, pressure=0.5)
    recording.change(removes=[{"parentId": 3, "id": 777}])
    workflow, tally = one(recording, tmp_path)
    meta = orjson.loads(workflow.meta)
    assert meta["events"] == {
        "full_snapshot": 1, "meta": 1, "mouse": 5, "mutation": 1, "plugin": 1, "selection": 1,
    }  # fmt: skip
    assert meta["distinct"] == "d"
    assert orjson.loads(workflow.steps[1].meta)["data.pressure"] == 0.5
    assert tally.odd == {
        ("unknown_key", "distinct"): 1,
        ("unknown_key", "data.pressure"): 1,
        ("unplaced_value", "data.id"): 1,
    }


def test_each_record_is_entered_once(tmp_path: Path) -> None:
    """The recording, and each event of mouse, fields and views; drops are of those alone."""
    recording = Recording(*FORM).click(10).write(10, "mug").enter(17, "x").scroll(1, 5).click(11)
    _, tally = one(recording, tmp_path)
    ids = [entry.id for entry in tally.entries if not entry.reason]
    assert len(ids) == len(set(ids)) == 1 + 4 + 3 + 1 + 1 + 4
    dropped = [entry.id for entry in tally.entries if entry.reason]
    assert len(dropped) == len(set(dropped))
    assert set(dropped) < set(ids)
