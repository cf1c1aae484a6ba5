"""An action in words, and actions that cannot be an answer.

Every way from a recorded word to the completion.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.stages.filter import Filter
from etl.stages.locate import Locate
from etl.stages.prune import Prune
from etl.stages.unroll import Unroll
from etl.stages.wording import flaw
from etl.tally import Tally
from schemas.actions import KINDS, each, several
from schemas.recorded_actions import action as recorded
from schemas.samples import Sample
from schemas.workflow import Action, Locator, Step
from tests.support.strategies import draft, rules
from tokenization.prompt import Prompt

PAGE = (
    "<html><body><button id='a'>Save \"all\"</button><select id='s' name='Size'></select>"
    "<div id='list'><p>x</p></div><p id='end' aria-label='Done'>y</p><b></b></body></html>"
)


def css(selector: str) -> tuple[Locator, ...]:
    return (Locator("css", selector),)


def samples(*steps: Step) -> tuple[list[Sample], Tally]:
    """The stages' output for some steps, page actions included."""
    tally = Tally()
    rows: Any = iter((draft(*steps, objective="Save all of the orders"),))
    stages = (Filter(), Locate(train_without_element=True), Prune(**vars(rules())), Unroll())
    for stage in stages:
        rows = stage(rows, tally.at(stage.name))
    return list(rows), tally


def answer(made: Action, target: str = "#a", destination: str = "") -> str:
    """The completion of a step; empty if it is not trained on."""
    step = Step("0", "https://shop.example/", PAGE, made, css(target) if target else ())
    if destination:
        step = Step("0", step.url, PAGE, made, step.target, destination=css(destination))
    found, _ = samples(step)
    return Prompt().completion(found[0]) if found else ""


def said(made: Action, target: str = "#a", destination: str = "") -> str:
    """The description in the completion."""
    return answer(made, target, destination).split("\n")[1].removeprefix("Description: ")


@pytest.mark.parametrize(
    ("made", "target", "description"),
    [
        (Action("click"), "#a", r'Click "Save \"all\""'),
        (Action("click", modifiers=("Control", "Shift")), "#end",
        'Click "Done" while holding Control+Shift'),
        (Action("middle_click"), "#end", 'Middle click "Done"'),
        (Action("triple_click"), "#end", 'Triple click "Done"'),
        (Action("double_click", button="right"), "#end",
        'Double click "Done" with the right button'),
        (Action("type", 'two\n"lines"\\'), "#end", r'Type "two\n\"lines\"\\" in "Done"'),
        (Action("type", "x", "Fill in the order"), "#end", 'Fill in the order: "x"'),
        (Action("type", "a", "Enter a value"), "#end", 'Enter a value: "a"'),
        (Action("type", "two mugs", "Type “two mugs” here"), "#end", "Type “two mugs” here"),
        (Action("type", "a\nb", "Type a b"), "#end", r'Type a b: "a\nb"'),
        (Action("select", '["L", "XL"]'), "#s", 'Select "L", "XL" in "Size"'),
        (Action("press", "Enter", "Press Enter on the box"), "#end", "Press Enter on the box"),
        (Action("press", "Control+a"), "#end", 'Press "Control+a" in "Done"'),
        (Action("upload", "cv.pdf"), "#end", 'Upload "cv.pdf" to "Done"'),
        (Action("upload", '["a.png", "b c.png"]'), "#end", 'Upload "a.png", "b c.png" to "Done"'),
        (Action("scroll", "down 120"), "#list", 'Scroll "x" down by 120 pixels'),
        (Action("scroll", "-50.2 0"), "", "Scroll left by 50.2 pixels"),
        (Action("scroll", "0,200", "Scroll down"), "", "Scroll down: down by 200 pixels"),
        (Action("scroll", "down", "Scroll down the list"), "", "Scroll down the list"),
        (Action("navigate", "https://a.example/"), "", 'Navigate to "https://a.example/"'),
        (Action("focus_tab", "2"), "", "Switch to the tab 2"),
        (Action("mouse_click", "10 20", button="right"), "",
        "Click at 10 20 with the right button"),
        (Action("wait"), "", "Wait"),
        (Action("hover", "kept"), "#end", 'Hover over "Done": "kept"'),
    ],
)  # fmt: skip
def test_what_changes_an_action_is_in_its_answer(
    made: Action, target: str, description: str
) -> None:
    """Values, buttons, held keys and distances are in the description, values as JSON."""
    assert said(made, target) == description


def test_a_drag_says_where_it_ends() -> None:
    """A drag ends by a distance, at an element by node and name, or both; held keys come last."""
    node = 1  # only the b comes after it
    assert said(Action("drag", "30,-5")).endswith(" by 30,-5")
    assert said(Action("drag"), destination="#end").endswith(f' to node {node} "Done"')
    both = Action("drag", "30,-5", "Move it", modifiers=("Alt",))
    assert (
        said(both, destination="#end")
        == f'Move it: by 30,-5 to node {node} "Done" while holding Alt'
    )


@pytest.mark.parametrize(
    ("destination", "reason", "detail"),
    [
        ("#nowhere", "target_absent", "where the drag ends: css '#nowhere' matches none"),
        ("p", "target_ambiguous", "where the drag ends: css 'p' matches 2 elements"),
        ("b", "target_pruned", "where the drag ends: the rules remove <b"),
    ],
)
def test_a_drag_to_what_is_not_there(destination: str, reason: str, detail: str) -> None:
    """An element that an answer names must be in the page that the model sees."""
    step = Step("0", "", PAGE, Action("drag"), css("#a"), destination=css(destination))
    found, tally = samples(step)
    dropped = next(entry for entry in tally.entries if entry.reason and entry.unit == "step")
    assert (found, dropped.reason) == ([], reason)
    assert dropped.detail.startswith(detail)


@given(st.text(), st.sampled_from(["", "Fill in", "Say \"x\" 'y'"]))
def test_typed_text_can_be_read_back(text: str, description: str) -> None:
    """Any typed value can be read back from the answer alone, as its JSON string."""
    made = Action("type", text or "x", description)
    line = said(made, "#end").removesuffix(' in "Done"')
    wanted = json.dumps(made.value, ensure_ascii=False)
    assert wanted in line or f"'{made.value}'" in line
    assert "\n" not in line
    assert json.loads(wanted) == made.value


@given(st.lists(st.text(), min_size=1))
def test_several_values_can_be_read_back(values: list[str]) -> None:
    """Any texts fit into one value; one text is itself unless it looks like such a list."""
    assert each(several(values)) == values
    assert several(["plain"]) == "plain"
    assert several(['["a"]']) == json.dumps(['["a"]'])


@pytest.mark.parametrize(
    ("made", "reason", "detail"),
    [
        (Action("klick"), "unknown_action", '"klick" is no kind of action; the nearest is click'),
        (Action("%&", "x"), "unknown_action", '"%&" is no kind of action; none is near'),
        (Action("click", button="fourth"), "unknown_action", '"fourth" is none of the buttons'),
        (
            Action("click", modifiers=("Hyper",)),
            "unknown_action",
            '"Hyper" is none of the held keys',
        ),
        (Action("type"), "incomplete_action", "a type without a value: the text, exactly"),
        (Action("scroll"), "incomplete_action", "a scroll without a value"),
        (Action("drag"), "incomplete_action", "a drag without destination and distance"),
        (Action("code", "a(); b()"), "unreadable_action", "a program"),
    ],
)
def test_what_cannot_be_an_answer(made: Action, reason: str, detail: str) -> None:
    """Such an action is not trained on with any element, and stays in the history."""
    steps = (
        Step("0", "https://shop.example/", PAGE, made, css("#nowhere")),
        Step("1", "https://shop.example/", PAGE, Action("click"), css("#a")),
    )
    found, tally = samples(*steps)
    dropped = [entry for entry in tally.entries if entry.unit == "step" and entry.reason]
    assert [(entry.stage, entry.reason) for entry in dropped] == [("filter", reason)]
    assert dropped[0].detail.startswith(detail)
    assert [sample.step for sample in found] == [2]
    assert len(found[0].history) == 1


def test_every_kind_has_an_answer() -> None:
    """A kind with all that it needs has no flaw, and no two kinds have the same words."""
    lines = {}
    for kind in KINDS.values():
        if kind.action:
            made = Action(kind.name, "" if kind.value == "none" else "10,20")
            assert flaw(Step("0", "", PAGE, made)) == ("", "")
            if kind.name != "change":
                lines[kind.name] = answer(made, "" if kind.element == "none" else "#end")
    assert all(lines.values())
    assert len(set(lines.values())) == len(lines)


def test_a_change_is_what_its_element_makes_it() -> None:
    """A changed value is a choice in a list, and typed in any other field."""
    assert said(Action("change", "L"), "#s") == 'Select "L" in "Size"'
    assert said(Action("change", "L"), "#end") == 'Type "L" in "Done"'


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (recorded("fill", "x", on_element=True), Action("type", "x")),
        (recorded("Ctrl+Click", on_element=True), Action("click", modifiers=("Control",))),
        (recorded("click", on_element=True, button="2"), Action("right_click")),
        (recorded("click", on_element=True, button="Auxiliary"), Action("middle_click")),
        (recorded("click", on_element=True, clicks=2), Action("double_click")),
        (recorded("click", on_element=True, clicks=2, button="right"), Action("double_click",
        button="right")),
        (recorded("click", on_element=True, clicks=5), Action("5 clicks")),
        (recorded("right_click", on_element=True, button="right"), Action("right_click")),
        (recorded("press", "a", on_element=False, modifiers=["cmd", "Shift"]), Action("press",
        "Shift+Meta+a")),
        (recorded("wave at", "x", on_element=True), Action("wave at", "x")),
    ],
)  # fmt: skip
def test_recorded_words_become_ours(made: Action, expected: Action) -> None:
    """Buttons, numbers of clicks and held keys of several recorders become one kind."""
    assert made == expected
