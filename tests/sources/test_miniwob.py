"""MiniWoB++ demos: raw events become steps, no state is lost, unreadable demos are quarantined."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.inputs.records import InputHead, InputShard
from etl.sources.miniwob.demos import MiniWob, merge
from etl.tally import Tally
from schemas.workflow import Locator, Workflow

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
