"""The closed list of action kinds: words of other tools, however written, and unknown ones."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.actions import BUTTONS, IMPLIED, KINDS, MODIFIERS, named, nearest

WORDS = [(word, kind.name) for kind in KINDS.values() for word in kind.words]


def test_a_word_has_one_meaning() -> None:
    """No word is on the list of two kinds, but for the reference's word for clicks."""
    meanings = {*WORDS, *((word, "implied") for word in IMPLIED)}
    keys = {(re.sub("[^a-z]", "", word), kind) for word, kind in meanings}
    twice = [key for key, count in Counter(key for key, _ in keys).items() if count > 1]
    assert twice == ["mouseclickaction"]
    assert named("mouse_click_action") == ("click", "")


@given(
    st.sampled_from(WORDS),
    st.sampled_from(["lower", "upper", "title", "camel"]),
    st.sampled_from(" -_."),
)
def test_case_and_joints_do_not_matter(word: tuple[str, str], case: str, joint: str) -> None:
    """Every word is known in any case and however its parts are joined."""
    recorded, kind = word
    parts = recorded.split("_")
    if case == "camel":
        written = parts[0] + "".join(part.title() for part in parts[1:])
    else:
        written = joint.join(getattr(part, case)() for part in parts)
    found = named(f" {written} ")
    assert found is not None
    assert found.kind == kind or recorded == "mouse_click_action"


@pytest.mark.parametrize(
    ("word", "value", "expected"),
    [
        ("Fill", "Boston", ("type", "Boston")),
        ("dblclick", "", ("double_click", "")),
        ("CLICK", "", ("click", "")),
        ("tap", "", ("click", "")),
        ("ENTER", "", ("press", "Enter")),
        ("enter", "Boston", ("type", "Boston")),
        ("page.keyboard.press", "Tab", ("press", "Tab")),
        ("browser_press_key", "Tab", ("press", "Tab")),
        ("ActionTypes.SELECT_OPTION", "a", ("select", "a")),
        ("scroll_down", "", ("scroll", "down")),
        ("scroll_down", "300", ("scroll", "down 300")),
        ("sendKeys", "Enter", ("press", "Enter")),
        ("mouse.click", "3,4", ("mouse_click", "3,4")),
        ("setChecked", "False", ("uncheck", "")),
        ("setChecked", "true", ("check", "")),
        ("keyboard_combination_action", "Control+a", ("press", "Control+a")),
    ],
)
def test_words_of_other_tools(word: str, value: str, expected: tuple[str, str]) -> None:
    """What a recorder's word and value say, where no element is known."""
    assert named(word, value) == expected


def test_words_whose_meaning_an_element_decides() -> None:
    """With an element known, a click at a place is a click, and keys sent to a field are typed."""
    assert named("mouse_click", on_element=True) == ("click", "")
    assert named("mouse_move", on_element=True) == ("hover", "")
    assert named("send_keys", "abc", on_element=True) == ("type", "abc")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("klick", "click"),
        ("typ", "type"),
        ("scrool", "scroll"),
        ("", ""),
        ("%&", ""),
        ("pinch", ""),
    ],
)
def test_the_nearest_kind(word: str, kind: str) -> None:
    """A word on no list is no kind; the nearest is named where one is near."""
    assert named(word) is None
    assert nearest(word) == kind


def test_what_the_list_refers_to_is_on_it() -> None:
    """Kinds in other tables are kinds; held keys have DOM names; a kind with a value says which."""
    assert {kind for kind, _ in IMPLIED.values()} | set(BUTTONS.values()) <= set(KINDS)
    assert set(MODIFIERS.values()) == {"Control", "ControlOrMeta", "Shift", "Alt", "Meta"}
    for kind in KINDS.values():
        assert bool(kind.says) == (kind.value != "none") or not kind.action
        assert kind.verb
        assert kind.meaning
