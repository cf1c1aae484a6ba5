"""MiniWoB++ demos: raw events become steps, no state is lost, unreadable demos are quarantined."""

from __future__ import annotations

import functools
import gzip
import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.inputs.records import InputHead, InputShard
from etl.inputs.streams import chunks
from etl.sources.miniwob.demos import MiniWob, merge
from etl.sources.miniwob.dom import read_page
from etl.tally import Tally
from schemas.workflow import Locator, Step, Workflow

BODY, TEXT, PASSWORD, BUTTON, AREA, SELECT, RED, BLUE, BOX, INNER, LABEL, CHECK = range(1, 13)
NAMES = (
    "BODY INPUT_text INPUT_password BUTTON TEXTAREA SELECT OPTION OPTION DIV SPAN LABEL "
    "INPUT_checkbox"
)
TAGS = dict(enumerate(NAMES.split(), 1))
CODES = {
    "Enter": 13,
    "Tab": 9,
    "Backspace": 8,
    "Control": 17,
    "Shift": 16,
    "ArrowLeft": 37,
    "ArrowDown": 40,
    " ": 32,
}


class Demo:
    """Plays a person and a recorder: each action appends the states that a recorder writes."""

    def __init__(self) -> None:
        self.values: dict[int, Any] = {TEXT: "", PASSWORD: "", AREA: "", CHECK: False}
        self.top = 100
        self.states: list[dict[str, Any]] = [{"time": 0, "action": None, "dom": self.dom(0)}]

    def dom(self, target: int) -> dict[str, Any]:
        """The page now, with the recorder's mark on the target."""
        nodes = {
            ref: {"tag": tag, "ref": ref, "id": "", "classes": "", "children": []}
            for ref, tag in TAGS.items()
        }
        for ref, value in self.values.items():
            nodes[ref]["value"] = value
        for ref, text in (
            (BUTTON, "Go"),
            (RED, "red "),
            (BLUE, "blue"),
            (LABEL, "agree"),
            (INNER, "inner"),
        ):
            nodes[ref]["text"] = text
        nodes[INNER]["top"] = self.top
        nodes[SELECT]["children"] = [nodes[RED], nodes[BLUE]]
        nodes[BOX]["children"] = [nodes[INNER]]
        if target:
            nodes[target]["recordingTarget"] = True
        nodes[BODY]["children"] = [
            nodes[ref] for ref in (TEXT, PASSWORD, BUTTON, AREA, SELECT, BOX, LABEL, CHECK)
        ]
        return nodes[BODY]

    def fire(
        self, kind: str, target: int, timings: tuple[int, ...] = (1, 3), **action: Any
    ) -> Demo:
        time = len(self.states) * 10
        for timing in timings:
            event = {"type": kind, "timing": timing, **action}
            self.states.append({"time": time, "action": event, "dom": self.dom(target)})
        return self

    def mouse(self, types: str, target: int, x: int = 5, y: int = 5) -> Demo:
        for kind in types.split():
            self.fire(kind, target, x=x, y=y)
        return self

    def click(self, target: int) -> Demo:
        return self.mouse("mousedown mouseup click", target)

    def down(self, key: str, target: int, text: str | None = None) -> Demo:
        """Press a key; ``text`` is what the field holds once it has acted."""
        self.fire("keydown", target, keyCode=CODES.get(key) or ord(key.upper()), charCode=0)
        if len(key) == 1 and text is not None:
            self.fire("keypress", target, keyCode=ord(key), charCode=ord(key))
        if text is not None:
            self.values[target] = text
        return self

    def up(self, key: str, target: int) -> Demo:
        return self.fire("keyup", target, keyCode=CODES.get(key) or ord(key.upper()), charCode=0)

    def key(self, key: str, target: int, text: str | None = None) -> Demo:
        return self.down(key, target, text).up(key, target)

    def write(self, text: str, target: int) -> Demo:
        for letter in text:
            self.key(letter, target, self.values[target] + letter)
        return self

    def json(self, **changes: Any) -> bytes:
        demo = {
            "taskName": "t",
            "utterance": "do it",
            "reward": 0.5,
            "rawReward": 1,
            "states": self.states,
        } | changes
        return json.dumps(
            {name: value for name, value in demo.items() if value is not ...}
        ).encode()


def read(path: Path, raw: bytes, name: str = "f/t_1.json") -> tuple[Workflow | None, Tally]:
    (path / "t_1.json").write_bytes(raw)
    tally = Tally()
    workflows = list(
        MiniWob().read(InputShard(name, str(path / "t_1.json"), "miniwob", len(raw), ""), tally)
    )
    assert len(workflows) <= 1
    return (workflows[0] if workflows else None), tally


def steps(path: Path, demo: Demo) -> list[tuple[str, str, str]]:
    """(kind, value, ref) of each step."""
    workflow, _ = read(path, demo.json())
    assert workflow is not None
    return [
        (s.action.kind, s.action.value, s.target[0].value if s.target else "")
        for s in workflow.steps
    ]


def reasons(path: Path, demo: Demo) -> Counter[str]:
    return Counter(entry.reason for entry in read(path, demo.json())[1].entries if entry.reason)


def test_mousedown_mouseup_click_is_one_click(tmp_path: Path) -> None:
    """Six states of a click make one step, which observes the first and finds its target by ref."""
    workflow, tally = read(tmp_path, Demo().click(BUTTON).json())
    assert workflow is not None
    (step,) = workflow.steps
    assert (step.step_id, step.action.kind, step.action.value, step.url) == ("1", "click", "", "")
    assert step.target == (Locator("attribute", "4", "ref"),)
    assert '<button ref="4">Go</button>' in step.html
    assert [entry.id for entry in tally.entries if entry.reason] == ["f/t_1.json#state=0"]
    assert (workflow.uid, workflow.objective, workflow.website) == ("miniwob:t/t_1", "do it", "t")


@pytest.mark.parametrize("types", ["mousedown", "mousedown mouseup", "mousedown click", "click"])
def test_click_needs_no_click_event(tmp_path: Path, types: str) -> None:
    """A click is one even if the demo ends or the page changes before its last events."""
    assert steps(tmp_path, Demo().mouse(types, BUTTON)) == [("click", "", "4")]


def test_click_without_its_way_up(tmp_path: Path) -> None:
    """A page that stops an event leaves only its first state; two such clicks stay two."""
    demo = Demo()
    for target in (BUTTON, CHECK):
        for kind in ("mousedown", "mouseup", "click"):
            demo.fire(kind, target, (1,), x=1, y=1)
    assert steps(tmp_path, demo) == [("click", "", "4"), ("click", "", "12")]


def test_label_echo(tmp_path: Path) -> None:
    """The click that a label passes on to its check box is no step of its own."""
    assert steps(tmp_path, Demo().click(LABEL).mouse("click", CHECK).click(BUTTON)) == [
        ("click", "", "11"),
        ("click", "", "4"),
    ]


def test_page_that_moves_under_the_pointer(tmp_path: Path) -> None:
    """A mouseup on another element at the same place is a click on the first."""
    assert steps(tmp_path, Demo().mouse("mousedown", TEXT).mouse("mouseup", BOX)) == [
        ("click", "", "2")
    ]


def test_drag(tmp_path: Path) -> None:
    """A mouseup elsewhere is a drag; its value is how far the pointer went."""
    assert steps(tmp_path, Demo().mouse("mousedown", TEXT, 5, 5).mouse("mouseup", BOX, 45, 2)) == [
        ("drag", "40,-3", "2")
    ]


def test_where_a_drag_ends(tmp_path: Path) -> None:
    """It is the element of the mouseup, unless that is the dragged one, within it or around it."""
    for start, end, expected in (
        (TEXT, BOX, [str(BOX)]),
        (INNER, BOX, []),
        (BOX, INNER, []),
        (TEXT, TEXT, []),
    ):
        drag = Demo().mouse("mousedown", start, 5, 5).mouse("mouseup", end, 45, 2)
        workflow, _ = read(tmp_path, drag.json())
        assert workflow is not None
        assert [locator.value for locator in workflow.steps[0].destination] == expected


def test_keys_held_in_a_click(tmp_path: Path) -> None:
    """A click while Shift is down is a Shift-click; one after it has come up is none."""
    demo = Demo().down("Shift", BODY).click(BUTTON).up("Shift", BODY).click(CHECK)
    workflow, _ = read(tmp_path, demo.json())
    assert workflow is not None
    assert [step.action.modifiers for step in workflow.steps] == [("Shift",), ()]


def test_double_click(tmp_path: Path) -> None:
    """A double click includes both clicks and observes the page before; a third is its own step."""
    demo = Demo().click(TEXT).click(BUTTON).click(BUTTON).mouse("dblclick", BUTTON).click(BUTTON)
    assert steps(tmp_path, demo) == [
        ("click", "", "2"),
        ("double_click", "", "4"),
        ("click", "", "4"),
    ]
    workflow, _ = read(tmp_path, demo.json())
    assert workflow is not None
    assert [step.step_id for step in workflow.steps] == ["1", "7", "21"]


def test_click_outside_the_dom(tmp_path: Path) -> None:
    """A click on an element outside of the recorded tree has no target; its value is the place."""
    assert steps(tmp_path, Demo().mouse("mousedown mouseup click", 0, 7, 9)) == [
        ("click", "7,9", "")
    ]


def test_typing_with_backspace(tmp_path: Path) -> None:
    """Typing is one step whose value is what the field holds afterwards, not the keys."""
    demo = (
        Demo()
        .click(TEXT)
        .write("cax", TEXT)
        .key("Backspace", TEXT, "ca")
        .write("t", TEXT)
        .click(BUTTON)
    )
    assert steps(tmp_path, demo) == [("click", "", "2"), ("type", "cat", "2"), ("click", "", "4")]


def test_last_typing(tmp_path: Path) -> None:
    """With nothing after it, typing ends with what the last state holds."""
    assert steps(tmp_path, Demo().write("ok", AREA)) == [("type", "ok", "5")]


def test_typing_interrupted_by_a_click(tmp_path: Path) -> None:
    """A click between keys in one field ends the run; each value is the field's whole content."""
    demo = Demo().write("ab", TEXT).click(TEXT).write("cd", TEXT)
    assert steps(tmp_path, demo) == [("type", "ab", "2"), ("click", "", "2"), ("type", "abcd", "2")]


def test_finger_still_on_the_key(tmp_path: Path) -> None:
    """A keyup that comes after the focus or the mouse has moved on belongs to its keydown."""
    demo = (
        Demo()
        .write("a", TEXT)
        .down("b", TEXT, "ab")
        .down("Tab", TEXT)
        .up("b", PASSWORD)
        .up("Tab", PASSWORD)
    )
    assert steps(tmp_path, demo) == [("type", "ab", "2"), ("press", "Tab", "2")]
    demo = (
        Demo()
        .down("b", TEXT, "b")
        .mouse("mousedown", BUTTON)
        .up("b", TEXT)
        .mouse("mouseup click", BUTTON)
    )
    assert steps(tmp_path, demo) == [("type", "b", "2"), ("click", "", "4")]
    assert reasons(tmp_path, demo) == {"no_action": 1}


def test_tab_between_fields(tmp_path: Path) -> None:
    """Tab is a press on the field that it leaves, between two typings."""
    demo = (
        Demo()
        .write("me", TEXT)
        .down("Tab", TEXT)
        .up("Tab", PASSWORD)
        .write("pw", PASSWORD)
        .key("Enter", PASSWORD)
    )
    assert steps(tmp_path, demo) == [
        ("type", "me", "2"),
        ("press", "Tab", "2"),
        ("type", "pw", "3"),
        ("press", "Enter", "3"),
    ]


def test_enter(tmp_path: Path) -> None:
    """Enter ends typing in a line, but is text in a text area.

    The click that it causes on a button belongs to it.
    """
    assert steps(tmp_path, Demo().write("a", TEXT).key("Enter", TEXT).write("b", TEXT)) == [
        ("type", "a", "2"),
        ("press", "Enter", "2"),
        ("type", "ab", "2"),
    ]
    demo = Demo().write("a", AREA).key("Enter", AREA, "a\n").write("b", AREA)
    assert steps(tmp_path, demo) == [("type", "a\nb", "5")]
    assert steps(tmp_path, Demo().key(" ", BUTTON).mouse("click", BUTTON)) == [
        ("press", "Space", "4")
    ]


def test_shortcuts(tmp_path: Path) -> None:
    """Pasting is typing and copying a press; select-all before typing belongs to the typing.

    A key that writes a character is not a shortcut.
    """
    demo = Demo().down("Control", BODY).key("c", BODY).up("Control", BODY).click(TEXT)
    demo.down("Control", TEXT).key("v", TEXT).up("Control", TEXT)
    demo.values[TEXT] = ""
    assert steps(tmp_path, demo)[:2] == [("press", "Control+c", "1"), ("click", "", "2")]
    paste = Demo().down("Control", TEXT).down("v", TEXT)
    paste.values[TEXT] = "pasted"
    assert steps(tmp_path, paste.up("v", TEXT).up("Control", TEXT)) == [("type", "pasted", "2")]
    over = (
        Demo()
        .write("old", TEXT)
        .click(TEXT)
        .down("Control", TEXT)
        .key("a", TEXT)
        .up("Control", TEXT)
    )
    assert steps(tmp_path, over.key("n", TEXT, "n").click(BUTTON)) == [
        ("type", "old", "2"),
        ("click", "", "2"),
        ("type", "n", "2"),
        ("click", "", "4"),
    ]


def test_lost_keyup_of_a_modifier(tmp_path: Path) -> None:
    """A Control whose keyup was lost (the window changed) makes no shortcut of later typing."""
    demo = Demo().down("Control", BODY).click(TEXT).write("a", TEXT).key("Tab", TEXT)
    assert steps(tmp_path, demo) == [("click", "", "2"), ("type", "a", "2"), ("press", "Tab", "2")]
    assert reasons(tmp_path, demo) == {"no_action": 1, "modifier_alone": 2}


def test_caret_keys(tmp_path: Path) -> None:
    """Arrows between typing belong to it, arrows after it are presses; a held key is one press."""
    demo = Demo().write("ac", TEXT).key("ArrowLeft", TEXT).key("b", TEXT, "abc")
    demo.down("ArrowDown", TEXT).down("ArrowDown", TEXT).key("ArrowDown", TEXT)
    assert steps(tmp_path, demo) == [("type", "abc", "2"), ("press", "ArrowDown", "2")]


def test_autocompletion(tmp_path: Path) -> None:
    """A suggestion taken by mouse is a click; one taken with arrow keys is the field's value."""
    demo = Demo().write("Ch", TEXT).mouse("mousedown mouseup", INNER)
    demo.fire("click", INNER, (1,), x=5, y=5)
    demo.values[TEXT] = "China"
    demo.fire("click", INNER, (3,), x=5, y=5).click(BUTTON)
    assert steps(tmp_path, demo) == [("type", "Ch", "2"), ("click", "", "10"), ("click", "", "4")]
    arrows = (
        Demo()
        .write("Ch", TEXT)
        .key("ArrowDown", TEXT, "Chad")
        .key("ArrowDown", TEXT, "China")
        .key("Enter", TEXT)
    )
    assert steps(tmp_path, arrows) == [("type", "China", "2"), ("press", "Enter", "2")]


def test_field_that_goes_away(tmp_path: Path) -> None:
    """If the page removes the field at the last key, typing has the last value seen."""
    demo = Demo().write("ab", TEXT)
    demo.fire("keyup", BODY, (1,), keyCode=65, charCode=0)
    demo.states[-1]["dom"]["children"] = []
    assert steps(tmp_path, demo) == [("type", "ab", "2")]


def test_tab_that_completes(tmp_path: Path) -> None:
    """Tab is a press even when it takes a suggestion into the field that it leaves."""
    demo = Demo().write("Ch", TEXT).down("Tab", TEXT, "China").up("Tab", PASSWORD)
    assert steps(tmp_path, demo) == [("type", "Ch", "2"), ("press", "Tab", "2")]


def test_deleted_text(tmp_path: Path) -> None:
    """Emptying a field clears it; keys that change nothing are dropped."""
    demo = Demo()
    demo.values[TEXT] = "x"
    demo.states[0]["dom"] = demo.dom(0)
    demo.key("Backspace", TEXT, "").click(BUTTON).key("Backspace", TEXT, "").click(BUTTON)
    assert steps(tmp_path, demo) == [("clear", "", "2"), ("click", "", "4"), ("click", "", "4")]
    assert reasons(tmp_path, demo) == {"no_action": 1, "typing_without_effect": 4}


def test_keys_outside_fields(tmp_path: Path) -> None:
    """A character without focus, a lone Shift and a keyup without its keydown are dropped."""
    demo = Demo().up("b", BODY).key("s", BODY).key("Shift", BODY).click(BUTTON)
    assert steps(tmp_path, demo) == [("click", "", "4")]
    assert reasons(tmp_path, demo) == {
        "no_action": 1,
        "keyup_alone": 2,
        "key_outside_field": 4,
        "modifier_alone": 4,
    }


def test_select(tmp_path: Path) -> None:
    """A click on an option selects it in its list.

    Of a list that the system drew only the click that opened it is known.
    """
    assert steps(tmp_path, Demo().click(SELECT).click(BLUE)) == [
        ("click", "", "6"),
        ("select", "blue", "6"),
    ]
    demo = Demo().click(SELECT).mouse("mouseup click", SELECT, -20, -90).click(BUTTON)
    assert steps(tmp_path, demo) == [("click", "", "6"), ("click", "", "4")]
    assert reasons(tmp_path, demo) == {"no_action": 1, "choice_not_recorded": 4}
    known = Demo()
    known.values[SELECT] = "red"
    known.click(SELECT).mouse("mouseup click", SELECT)
    known.values[SELECT] = "blue"
    assert steps(tmp_path, known.click(BUTTON)) == [
        ("click", "", "6"),
        ("select", "blue", "6"),
        ("click", "", "4"),
    ]


def test_scroll(tmp_path: Path) -> None:
    """A run of scroll events is one step with its direction; one that moves nothing is dropped."""
    demo = Demo().fire("scroll", BOX, (1,))
    for top in (80, 60):
        demo.top = top
        demo.fire("scroll", BOX, (1,))
    assert steps(tmp_path, demo) == [("scroll", "down 40", "9")]
    assert reasons(tmp_path, Demo().fire("scroll", BOX, (1,)).click(TEXT)) == {
        "no_action": 1,
        "scroll_without_effect": 1,
    }


def test_scroll_bar_and_scroll_by_key(tmp_path: Path) -> None:
    """Dragging the scroll bar is a scroll; scrolling by an arrow key belongs to the press."""
    demo = Demo().mouse("mousedown", BOX)
    demo.top = 120
    demo.fire("scroll", BOX, (1,)).mouse("mouseup", BOX)
    demo.down("ArrowDown", BODY)
    demo.top = 90
    demo.fire("scroll", BOX, (1,)).up("ArrowDown", BODY)
    assert steps(tmp_path, demo) == [("scroll", "up 20", "9"), ("press", "ArrowDown", "1")]


def test_unknown_keys_are_kept_and_counted(tmp_path: Path) -> None:
    """Unknown keys are in meta of the step with their state, else of the workflow.

    All are counted by their path.
    """
    demo = Demo().click(BUTTON)
    demo.states[0]["session"] = "s1"
    demo.states[1]["focus"] = True
    demo.states[2]["action"]["pressure"] = 0.5
    demo.states[3]["focus"] = False
    workflow, tally = read(tmp_path, demo.json(worker="A1", fields={"n": 1}))
    assert workflow is not None
    (step,) = workflow.steps
    assert json.loads(workflow.meta) == {"worker": "A1", "states[0].session": "s1"}
    assert json.loads(step.meta) == {
        "states[1].focus": True, "states[2].action.pressure": 0.5, "states[3].focus": False
    }  # fmt: skip
    assert tally.odd == {
        ("unknown_key", "worker"): 1, ("unknown_key", "states[].session"): 1, ("unknown_key",
        "states[].focus"): 2,
        ("unknown_key", "states[].action.pressure"): 1,
    }  # fmt: skip


def test_markup() -> None:
    """The page is markup as documented, without geometry, colours or a mark on the target."""
    node = {
        "tag": "INPUT_radio",
        "ref": 2,
        "id": 'a"b',
        "classes": "x y",
        "value": True,
        "tampered": True,
        "children": [],
    }
    area = {"tag": "TEXTAREA", "ref": 3, "value": "1<2", "text": "", "children": []}
    svg = {
        "tag": "circle",
        "ref": 4,
        "classes": {},
        "text": "",
        "left": 4,
        "bgColor": "red",
        "children": [],
    }
    text = {"tag": "t", "ref": -1, "text": "a & b"}
    field = {
        "tag": "INPUT_text",
        "ref": 2,
        "value": "",
        "focused": True,
        "recordingTarget": True,
        "children": [],
    }
    body = {"tag": "BODY", "ref": 1, "children": [node, text, area, svg, field]}
    page = read_page(body, "dom")
    assert page.render() == (
        '<body ref="1"><input id="a&quot;b" class="x y" type="radio" checked ref="2">a &amp; b'
        '<textarea ref="3">1&lt;2</textarea><circle ref="4"></circle><input type="text" value="" '
        'ref="2-2"></body>'
    )
    assert page.target is not None
    assert page.locator(page.target) == Locator("attribute", "2-2", "ref")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["Rn carved", "soon."], "Rn carved soon."),
        (["one", "", "two", "three"], "one two three"),
        (["kept ", "as", " it is"], "kept as it is"),
        (["a", "<SPAN>", "b", "c"], 'a<span ref="9"></span>b c'),
        (["", ""], ""),
    ],
)
def test_texts_do_not_run_together(parts: list[str], expected: str) -> None:
    """Texts in succession, which the recorder trims, are words apart; tags part them already."""
    children = [
        {"tag": "SPAN", "ref": 9, "children": []}
        if text == "<SPAN>"
        else {"tag": "t", "ref": -1, "text": text}
        for text in parts
    ]
    body = {"tag": "BODY", "ref": 1, "children": children}
    assert read_page(body, "dom").render() == f'<body ref="1">{expected}</body>'


def test_states_out_of_order_or_without_beginning(tmp_path: Path) -> None:
    """A demo without its beginning or order is quarantined: its history would be false."""
    demo = Demo().click(BUTTON).click(RED)
    path = tmp_path / "demo.json"
    for states, reason in (
        (demo.states[1:], "history_incomplete"),
        ([demo.states[0], *demo.states[7:], *demo.states[1:7]], "step_out_of_order"),
    ):
        path.write_text(
            json.dumps({"taskName": "t", "utterance": "u", "states": states, "rawReward": 1})
        )
        tally = Tally()
        assert not list(MiniWob().read(InputShard("demo.json", str(path), "miniwob", 0, ""), tally))
        assert [record.reason for record in tally.quarantined] == [reason]


def test_deep_page() -> None:
    """A page nested deeper than Python's stack is read and rendered."""
    top: dict[str, Any] = {"tag": "DIV", "ref": 0, "children": []}
    for ref in range(1, 50_000):
        top = {"tag": "DIV", "ref": ref, "children": [top]}
    assert read_page(top, "dom").render().count("<div ") == 50_000


def _broken(demo: bytes) -> dict[str, tuple[bytes, str]]:
    packed = zstandard.compress(demo)
    return {
        "cut": (demo[:-9], "truncated_json"),
        "empty": (b"", "broken_json"),
        "too deep": (b"[" * 5000 + b"]" * 5000, "broken_json"),
        "latin-1": (demo.replace(b"do it", b"do \xe9t"), "invalid_utf8"),
        "list": (b"[" + demo + b"]", "wrong_type"),
        "cut zstd": (packed[:-5], "truncated_zstd"),
        "cut gzip": (gzip.compress(demo)[:-12], "truncated_gzip"),
        "no states": (Demo().json(states=...), "missing_field"),
        "states null": (Demo().json(states=None), "wrong_type"),
        "no utterance": (Demo().click(TEXT).json(utterance=...), "missing_field"),
        "utterance": (Demo().click(TEXT).json(utterance=3), "wrong_type"),
        "reward": (Demo().click(TEXT).json(rawReward="1"), "wrong_type"),
        "task": (Demo().click(TEXT).json(taskName=[]), "wrong_type"),
        "state": (Demo().json(states=[4]), "wrong_type"),
        "no dom": (Demo().json(states=[{"time": 0, "action": None}]), "missing_field"),
        "no ref": (
            Demo().json(states=[{"time": 0, "action": None, "dom": {"tag": "A"}}]),
            "missing_field",
        ),
        "node": (demo.replace(b'"children": []', b'"children": [3]', 1), "wrong_type"),
        "children": (demo.replace(b'"children": []', b'"children": {}', 1), "wrong_type"),
        "tag": (demo.replace(b'"BUTTON"', b'"a b"', 1), "wrong_type"),
        "text": (demo.replace(b'"Go"', b"7", 1), "wrong_type"),
        "action": (demo.replace(b'"type": "click"', b'"type": null', 1), "wrong_type"),
        "no type": (demo.replace(b'"type": "click", ', b"", 1), "missing_field"),
        "x": (demo.replace(b'"x": 5', b'"x": "5"', 1), "wrong_type"),
        "time": (demo.replace(b'"time": 0', b'"time": true', 1), "wrong_type"),
        "no steps": (Demo().json(states=[]), "workflow_without_steps"),
        "start only": (Demo().json(), "workflow_without_steps"),
    }


@pytest.mark.parametrize("case", sorted(_broken(b"")))
def test_unreadable_demo_is_quarantined(tmp_path: Path, case: str) -> None:
    """A demo that cannot be read is one quarantined record; none of its states is entered."""
    raw, reason = _broken(Demo().click(BUTTON).json())[case]
    workflow, tally = read(tmp_path, raw)
    assert workflow is None
    assert [(entry.id, entry.reason) for entry in tally.entries] == [
        ("f/t_1.json", ""),
        ("f/t_1.json", reason),
    ]
    (kept,) = tally.quarantined
    assert kept.detail
    if not reason.startswith("truncated"):
        assert kept.raw == raw


@pytest.mark.parametrize(("changes", "name", "workflow_id", "reward"), [
    ({}, "any/where/t_1.json.gz", "t/t_1", 1.0),
    ({"rawReward": ...}, "t_1.json", "t/t_1", 0.5),
    ({"rawReward": ..., "reward": ...}, "t_1.json", "t/t_1", None),
    ({"taskName": ...}, "x/click-tab_39AB_d2.json.zst", "click-tab/click-tab_39AB_d2", 1.0),
    ({"taskName": ...}, "mine.json", "folder/mine", 1.0),
])  # fmt: skip
def test_identity_and_reward(
    tmp_path: Path, changes: dict[str, Any], name: str, workflow_id: str, reward: float | None
) -> None:
    """The id is task and file name, under any root; the reward is not discounted by time."""
    folder = tmp_path / "folder"
    folder.mkdir()
    workflow, _ = read(folder, Demo().click(BUTTON).json(**changes), name)
    assert workflow is not None
    assert (workflow.workflow_id, workflow.reward) == (workflow_id, reward)


def test_recognise(tmp_path: Path) -> None:
    """A demo is known by its top-level keys, in any order and cut anywhere; other JSON is not."""
    demo = json.loads(Demo().click(BUTTON).json())
    long = demo | {"states": demo["states"] * 50}
    nested = {"steps": [demo], "text": '"utterance": "states": "rawReward":'}
    cases = {
        json.dumps(demo): True,
        "\ufeff" + json.dumps(dict(reversed(demo.items()))): True,
        json.dumps({"states": long.pop("states"), **long}): True,
        json.dumps(nested): False,
        json.dumps([demo]): False,
        json.dumps({"states": ["x" * 100_000], "utterance": "u"}): False,
        json.dumps({"utterance": "u", "steps": []}): False,
        "": False,
        "<html>": False,
    }
    for text, expected in cases.items():
        path = tmp_path / "some.file"
        path.write_text(text, encoding="utf-8")
        assert MiniWob().recognise(InputHead.of(path)) is expected, text[:60]


EVENTS = st.tuples(
    st.sampled_from("mousedown mouseup click dblclick keydown keypress keyup scroll".split()),
    st.integers(0, 12),
    st.sampled_from([(1,), (1, 3), (3,), (2,)]),
    st.sampled_from([0, 8, 9, 13, 16, 17, 27, 32, 40, 65, 97, 229, 255]),
    st.sampled_from([None, "", "a", "ab"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_every_state_is_in_a_step_or_dropped(
    events: list[tuple[str, int, tuple[int, ...], int, str | None]],
) -> None:
    """For any events in any order, each state is in one step or dropped with one reason."""
    demo = Demo()
    for kind, target, timings, code, text in events:
        if text is not None:
            demo.values[TEXT] = text
        demo.top -= code % 3
        demo.fire(kind, target, timings, keyCode=code, charCode=code, x=code, y=target)
    merger = merge(demo.states)
    consumed = [state for draft in merger.drafts for state in draft.states]
    assert sorted([*consumed, *merger.dropped]) == list(range(len(demo.states)))
    for draft in merger.drafts:
        assert draft.first == min(draft.states) or draft.kind == "double_click"
        if draft.target is not None:
            assert (
                f'ref="{merger.pages[draft.first].locator(draft.target).value}"'
                in merger.pages[draft.first].render()
            )


class Refs(HTMLParser):
    """Start tags by their ref."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(dict(attrs)["ref"] or "", []).append(tag)


@functools.cache
def recorded(folder: Path) -> list[tuple[dict[str, Any], Workflow | None, Tally]]:
    """Each recorded demo: as JSON, and as read."""
    out = []
    for path in sorted(folder.rglob("*.json*")):
        tally = Tally()
        shard = InputShard(path.relative_to(folder).as_posix(), str(path), "miniwob", 0, "")
        workflow = next(MiniWob().read(shard, tally), None)
        demo = json.loads(b"".join(chunks(path)))
        for state in demo["states"]:
            state["flat"] = flat(state.pop("dom"))
        out.append((demo, workflow, tally))
    return out


def flat(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that matter to these tests, in order, without their children."""
    names = ("tag", "ref", "value", "text", "recordingTarget", "focused")
    below = [one for child in node.get("children", ()) for one in flat(child)]
    return [{name: node[name] for name in names if name in node}, *below]


def test_recorded_demos_all_read(shared: Path) -> None:
    """All 917 published demos with states give a workflow; the one without is quarantined."""
    demos = recorded(shared / "data/miniwob_demos")
    assert len(demos) == 918
    for demo, workflow, tally in demos:
        assert (workflow is not None) == bool(demo["states"])
        assert (
            [one.reason for one in tally.quarantined] == []
            if demo["states"]
            else ["workflow_without_steps"]
        )
        if workflow is not None:
            assert workflow.reward == demo["rawReward"]
    assert all(
        MiniWob().recognise(InputHead.of(p))
        for p in (shared / "data/miniwob_demos").rglob("*.json*")
    )


def test_recorded_ids(shared: Path) -> None:
    """One id is one content: the 10 ids that come twice are 10 files published twice."""
    contents: dict[str, list[tuple[Step, ...]]] = {}
    for _, workflow, _ in recorded(shared / "data/miniwob_demos"):
        if workflow is not None:
            contents.setdefault(workflow.workflow_id, []).append(workflow.steps)
    twice = [steps for steps in contents.values() if len(steps) > 1]
    assert len(twice) == 10
    assert all(one == steps[0] for steps in twice for one in steps)


def test_recorded_events_are_conserved(shared: Path) -> None:
    """Each of the 30,749 states is entered once and dropped at most once.

    Those that are not dropped are in steps.
    """
    total = dropped = 0
    for demo, workflow, tally in recorded(shared / "data/miniwob_demos"):
        if workflow is None:
            continue
        ids = [f"{workflow.origin}#state={i}" for i in range(len(demo["states"]))]
        assert [entry.id for entry in tally.entries if not entry.reason] == ids
        gone = [entry.id for entry in tally.entries if entry.reason]
        assert len(set(gone)) == len(gone)
        assert set(gone) <= set(ids)
        assert not {f"{workflow.origin}#state={step.step_id}" for step in workflow.steps} & set(
            gone
        )
        for entry in tally.entries:
            action = demo["states"][int(entry.id.rpartition("=")[2])]["action"]
            assert (entry.reason == "no_action") == (action is None and entry.reason != "")
        total += len(ids)
        dropped += len(gone)
    assert (total, dropped) == (30_749, 1_268)


def test_recorded_typing_is_what_the_field_held(shared: Path) -> None:
    """Each type step's value is the field's in the raw DOM before the next step, or at the end."""
    checked = 0
    for demo, workflow, _ in recorded(shared / "data/miniwob_demos"):
        if workflow is None:
            continue
        steps = workflow.steps
        after = [int(step.step_id) for step in steps[1:]] + [len(demo["states"]) - 1]
        for step, end in zip(steps, after, strict=True):
            if step.action.kind == "type":
                start = demo["states"][int(step.step_id)]["flat"]
                (target,) = (node for node in start if node.get("focused"))
                field = (target["ref"], target["tag"])
                held = [
                    n["value"] for n in demo["states"][end]["flat"] if (n["ref"], n["tag"]) == field
                ]
                assert held == [step.action.value]
                assert target["value"] != step.action.value
                checked += 1
    assert checked == 353


def test_recorded_targets_are_found(shared: Path) -> None:
    """Each target's ref is in its page exactly once, on the element that the recorder marked."""
    without = 0
    for demo, workflow, _ in recorded(shared / "data/miniwob_demos"):
        for step in workflow.steps if workflow is not None else ():
            marked = [
                node
                for node in demo["states"][int(step.step_id)]["flat"]
                if node.get("recordingTarget")
            ]
            if not step.target:
                assert not marked
                without += 1
                continue
            (tag,) = Refs(step.html).found[step.target[0].value]
            raw = "SELECT" if step.action.kind == "select" else marked[0]["tag"]
            assert tag == raw.lower().partition("_")[0]
            assert (
                step.target[0].value.partition("-")[0] == str(marked[0]["ref"])
                or step.action.kind == "select"
            )
    assert without == 48
