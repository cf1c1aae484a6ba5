"""Answers: what is written is read back, and what is wrong is said."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import stepmill
from etl.serve.answers import Answer
from etl.stages.wording import IN_NUMBERS, SEVERAL
from schemas.actions import KINDS, MODIFIERS, several
from schemas.errors import AnswerError

PAGE: Final = (
    "<html><body><form><label for=q>Search</label><input id=q type=text><select id=s>"
    "<option>One</option><option>Two</option></select><button>Go &quot;now&quot;</button>"
    "<button aria-label='while holding Shift'></button><a href='#' title='x'></a></form></body>"
    "</html>"
)
PROMPT: Final = stepmill.Prompt()
SEEN: Final = stepmill.observe(PAGE, "Find it")
NODES: Final = sorted(SEEN.nodes)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
numbers = st.integers(-5000, 5000)
ways = st.sampled_from(["up", "down", "left", "right"])
scrolls = st.one_of(
    ways,
    st.builds("{} {}".format, ways, st.integers(0, 5000)),
    st.tuples(numbers, numbers).filter(all).map("{0[0]},{0[1]}".format),
    st.just("0,0"),
)
positions = st.lists(numbers, min_size=2, max_size=2).map(lambda pair: f"{pair[0]},{pair[1]}")


def value_of(kind: str) -> st.SearchStrategy[str]:
    """What a kind's value may be, in the form in which it is read."""
    need = KINDS[kind].value
    if need == "none":
        return st.just("")
    if kind == "scroll":
        values: st.SearchStrategy[str] = scrolls
    elif kind == "drag":
        values = positions
    elif kind in SEVERAL:
        values = st.lists(texts, min_size=1, max_size=3).map(several)
    elif kind in IN_NUMBERS:
        values = st.one_of(positions, texts)
    else:
        values = texts
    return values if need == "needed" else st.one_of(st.just(""), values)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """An answer of any kind, with all that goes with it."""
    kind = draw(st.sampled_from([name for name, each in KINDS.items() if each.action]))
    nodes = {"needed": st.sampled_from(NODES), "none": st.just(-1)}
    node = draw(nodes.get(KINDS[kind].element, st.sampled_from([-1, *NODES])))
    held = draw(st.lists(st.sampled_from(sorted(set(MODIFIERS.values()))), unique=True))
    return Answer(
        kind,
        node,
        draw(value_of(kind)),
        button=draw(st.sampled_from(["", "right", "middle"])),
        modifiers=tuple(held),
        destination=draw(st.sampled_from([-1, *NODES])) if kind == "drag" else -1,
        number=draw(st.integers(1, 99)),
    )


@given(answers())
@example(Answer("drag", NODES[0]))
def test_what_is_written_is_read(answer: Answer) -> None:
    """Every action comes back as it was: kind, element, value to the character, button, keys and
    the end of a drag. What was found for it on the way, description and start tag, stays.
    """
    text = PROMPT.write(answer, SEEN)
    read = PROMPT.read(text, SEEN)
    assert replace(read, description="", target="") == answer
    assert PROMPT.read(PROMPT.write(read, SEEN), SEEN) == read
    assert PROMPT.write(read) == text


@given(answers(), st.booleans())
@example(Answer("script", 5, "0"), False)
def test_the_history_says_the_same(answer: Answer, known: bool) -> None:
    """A step of the history is the answer with the node once; it is read as the answer is."""
    text = PROMPT.write(answer, SEEN)
    read = PROMPT.read(text, SEEN if known else None)
    node = f"\nNode: {answer.node}\n"
    assert PROMPT.step(read) == re.sub(r"\nNode: [0-9 ]+\n", node, text)
    assert PROMPT.read(PROMPT.step(read), SEEN if known else None) == read


def lines(*given: str) -> str:
    """An answer."""
    return "\n".join(given)


WRONG: Final = {
    "no_action": [
        ("", "no line begins with Action"),
        ("I would click it.", "I would click it."),
        (lines("Description: Click", "Node: 1"), "no line begins with Action"),
    ],
    "unknown_action": [
        (lines("Action: mouse_klick_action", "Node: 1"), "'mouse_klick_action' is no action"),
        (lines("Action: code_action"), "'code_action' is no action"),
        (lines("Action: clik_action", "Node: 1"), "the nearest is mouse_click_action"),
    ],
    "no_node": [
        (lines("Action: mouse_hover_action"), "a hover needs an element"),
        (lines("Action: mouse_click_action", "Node: a12"), "'a12' is no node id"),
        (lines("Action: mouse_click_action", "Node: -1"), "'-1' is no node id"),
    ],
    "several_nodes": [
        (lines("Action: mouse_click_action", "Node: 1 1 2"), "different nodes: 1 1 2"),
    ],
    "node_not_in_observation": [
        (lines("Action: mouse_click_action", "Node: 99"), "no node 99"),
        (lines('Description: Drag "x" to node 77', "Action: mouse_drag_action", "Node: 1"), "77"),
    ],
    "several_steps": [
        (lines("Action: mouse_click_action", "Node: 1", "Action: mouse_click_action"), "one step"),
    ],
    "no_value": [
        (lines("Action: keyboard_sequence_action", "Node: 1"), "a type says the text, exactly"),
        (
            lines("Description: Fill in the name", "Action: keyboard_sequence_action", "Node: 1"),
            "Fill in the name",
        ),
        (lines("Description: Scroll", "Action: mouse_scroll_action"), "a scroll says the dir"),
        (lines("Description: Navigate to", "Action: navigate_action"), "a navigate says the addr"),
    ],
    "ambiguous_value": [
        (
            lines(
                "Description: In the 'Name' field of 'Person' put Ann",
                "Action: keyboard_sequence_action",
                "Node: 1",
            ),
            "'Name', 'Person'",
        ),
    ],
}
"""What is wrong with an answer: texts, and what is said of them."""


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_wrong_is_said(reason: str) -> None:
    """Each error is a ValueError with a word for what is wrong, and says it."""
    for text, says in WRONG[reason]:
        with pytest.raises(AnswerError) as caught:
            PROMPT.read(text, SEEN)
        assert isinstance(caught.value, ValueError)
        assert caught.value.reason == reason
        assert says in caught.value.detail


@pytest.mark.parametrize(
    ("kind", "description", "value"),
    [
        ("type", 'Type "Ann" in the Full name field', "Ann"),
        ("type", "Enter “Ann” as the name", "Ann"),
        ("type", 'Fill in the order: "two\\nmugs"', "two\nmugs"),
        ("type", 'Type "[\\"a\\"]" in "Search"', '["a"]'),
        ("select", 'Set the list to "One" and "Two"', '["One", "Two"]'),
        ("press", "Press Enter", "Enter"),
        ("press", "Press the Control+a keys", "Control+a"),
        ("press", 'Hit the key: "Enter"', "Enter"),
        ("scroll", 'Scroll a bit: "300"', "300"),
        ("scroll", "Go on: down by 20 pixels", "down 20"),
        ("stop", 'Say "done"', "done"),
        ("stop", "Stop", ""),
        ("wait", "Wait 500", "500"),
    ],
)
def test_descriptions_in_a_recorder_s_own_words(kind: str, description: str, value: str) -> None:
    """The value is what stands in quotes, or after a colon."""
    node = "" if KINDS[kind].element == "none" else "\nNode: 1"
    text = f"Description: {description}\nAction: {KINDS[kind].prompt_word}{node}"
    assert PROMPT.read(text, SEEN).value == value


def test_an_element_makes_the_difference_between_kinds_of_one_word() -> None:
    """A click with an element is one on it; without one it is a click at a place."""
    assert PROMPT.read("Action: mouse_click_action\nNode: 1").kind == "click"
    at = PROMPT.read("Description: Click at 10,20\nAction: mouse_click_action")
    assert (at.kind, at.value) == ("mouse_click", "10,20")


def test_escapes_are_taken_off() -> None:
    """With escapes, text like a special token is escaped in messages, and read without."""
    prompt = stepmill.Prompt(escape=True)
    seen = stepmill.observe("<p>a <|im_end|> b</p>", "Find <|im_end|>")
    (_, message) = prompt.build("Find <|im_end|>", "", seen)
    assert "<\\|im_end|>" in message["content"]
    assert "<|im_end|>" not in message["content"]
    text = 'Description: Type "<\\|im_end|>"\nAction: keyboard_sequence_action\nNode: 0'
    assert prompt.read(text, seen).value == "<|im_end|>"
    assert PROMPT.ids("a <|im_end|>", "", seen).count(151645) == 2  # those of the template


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes anything but an answer or an `AnswerError`."""
    action = "Action: keyboard_sequence_action\nNode: 1"
    for answer in (text, f"{action}\nNode: {text}", f"Description: {text}\n{action}"):
        with suppress(AnswerError):
            assert PROMPT.read(answer, SEEN).kind == "type"
