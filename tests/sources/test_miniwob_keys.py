"""MiniWoB++ demos: what is typed, and keys that do something else."""

from __future__ import annotations

from pathlib import Path

from tests.sources.test_miniwob import (
    AREA,
    BODY,
    BUTTON,
    INNER,
    PASSWORD,
    TEXT,
    Demo,
    reasons,
    steps,
)


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
