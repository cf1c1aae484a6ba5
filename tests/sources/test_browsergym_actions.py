"""BrowserGym's actions: calls as written in Python become kinds, targets and values."""

from __future__ import annotations

import pytest

from etl.sources.browsergym.calls import CALLS, parse_action
from schemas.workflow import Action, Locator


@pytest.mark.parametrize(
    ("text", "kind", "bid", "value"),
    [
        ("click('a405')", "click", "a405", ""),
        ("I click on `x`.\n\n```click('a405')```", "click", "a405", ""),
        ("Python:\n```python\nclick(bid='a405')\n```\nDone.", "click", "a405", ""),
        ("click('a', 'left', [])", "click", "a", ""),
        ("click('a', button='right', modifiers=['Shift'])", "right_click", "a", ""),
        ("dblclick('a')", "double_click", "a", ""),
        ("hover('a')", "hover", "a", ""),
        ("fill('237', 'a \\'b\\'\\nc', True)", "type", "237", "a 'b'\nc"),
        ("fill('237', 'é', False)", "type", "237", "é"),
        ("check('55')", "check", "55", ""),
        ("select_option('a48', 'blue')", "select", "a48", "blue"),
        ("select_option('c48', ['red', 'é'])", "select", "c48", '["red", "é"]'),
        ("press('88', 'Control+a')", "press", "88", "Control+a"),
        ("focus('b455')", "focus", "b455", ""),
        ("clear('996')", "clear", "996", ""),
        ("drag_and_drop('56', '498')", "drag", "56", ""),
        ("upload_file('572', 'a.pdf')", "upload", "572", "a.pdf"),
        ("scroll(-50.2, -100.5)", "scroll", None, "-50.2 -100.5"),
        ("mouse_click(887.2, 68, 'right')", "mouse_click", None, "887.2 68"),
        ("keyboard_press('PageDown')", "press", None, "PageDown"),
        ("keyboard_type('Hello')", "type", None, "Hello"),
        ("goto('https://a.example')", "navigate", None, "https://a.example"),
        ("go_back()", "go_back", None, ""),
        ("tab_focus(2)", "focus_tab", None, "2"),
        ('send_msg_to_user("It is $5.")', "message", None, "It is $5."),
        ("report_infeasible('No such page')", "report_infeasible", None, "No such page"),
        ("noop()", "wait", None, ""),
        ("noop(2000)", "wait", None, "2000"),
    ],
)
def test_a_call_is_read(text: str, kind: str, bid: str | None, value: str) -> None:
    """A call gives our kind, the bid as target and the rest as value.

    Spelt-out defaults add nothing.
    """
    action, target, _ = parse_action(text)
    assert (action.kind, action.value, action.description) == (kind, value, "")
    assert target == (() if bid is None else (Locator("attribute", bid, "bid"),))


def test_every_call_is_read_by_its_parameters() -> None:
    """The whole table, each call written with the parameters it must have."""
    for name, (kind, parameters) in CALLS.items():
        needed = [parameter for parameter in parameters.split() if parameter.isidentifier()]
        arguments = ", ".join(f"{parameter}={parameter!r}" for parameter in needed)
        action, target, destination = parse_action(f"{name}({arguments})")
        bids = [parameter for parameter in needed if parameter in ("bid", "from_bid", "to_bid")]
        assert action.kind == kind
        assert action.value.split() == [parameter for parameter in needed if parameter not in bids]
        assert [locator.value for locator in (*target, *destination)] == bids


@pytest.mark.parametrize(
    "code",
    [
        "click('a')\nclick('b')",
        "click('a'); click('b')",
        "page.click('a')",
        "click(bid)",
        "click('a' + str(1))",
        "click()",
        "click(12)",
        "click('a', 'left', [], 4)",
        "click('a', bid='b')",
        "click('a', where=1)",
        "click(*['a'])",
        "click(**{'bid': 'a'})",
        "fill('a', None)",
        "tab_focus({})",
        "click('\\ud800')",
        "x = click('a')",
        "click(" + "[" * 90 + "]" * 90 + ")",
        "__import__('os').system('true')",
    ],
)
def test_anything_but_one_known_call_is_code(code: str) -> None:
    """Several calls, unknown calls and wrong arguments have no target, and keep their code."""
    action, target, _ = parse_action(f"Now:\n```{code}```")
    assert (action.kind, action.value, target) == ("code", code, ())


@pytest.mark.parametrize(
    ("text", "button", "held"),
    [
        ("click('a', 'middle')", "", ()),
        ("click('a', modifiers=['Shift', 'Control'])", "", ("Control", "Shift")),
        ("dblclick('a', 'right', ['Alt'])", "right", ("Alt",)),
        ("mouse_click(1, 2, 'right')", "right", ()),
        ("mouse_down(1, 2)", "", ()),
        ("click('a', 'fourth', ['Hyper'])", "fourth", ("Hyper",)),
    ],
)
def test_buttons_and_held_keys(text: str, button: str, held: tuple[str, ...]) -> None:
    """Buttons and modifiers are the action's own, held keys in one order; unknown ones stay."""
    action = parse_action(text).action
    assert (action.button, action.modifiers) == (button, held)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("teleport('a')", "teleport"), ("klick(x + 1)", "klick"), ("type('a')", "code")],
)
def test_an_unknown_call_keeps_its_name(text: str, kind: str) -> None:
    """A call that BrowserGym lacks is an unknown kind, even if it is a word of ours."""
    assert parse_action(text) == (Action(kind, text), (), ())


def test_a_drag_has_both_ends_and_an_empty_fill_clears() -> None:
    """Where a drag ends is located like its target; filling in nothing empties the field."""
    assert parse_action("drag_and_drop('56', '498')").destination == (
        Locator("attribute", "498", "bid"),
    )
    assert parse_action("fill('a', '')").action == Action("clear")


def test_two_fences_are_several_calls() -> None:
    """Which of two calls was meant is not guessed."""
    action, target, _ = parse_action("```click('a')``` or rather ```click('b')```")
    assert (action.kind, action.value, target) == ("code", "click('a')\nclick('b')", ())


@pytest.mark.parametrize(
    "text", ["", "I am done.", "done", "click('a'", "(" * 500_000, "-" * 900_000 + "1", "click\0()"]
)
def test_a_text_without_a_call_is_unparsed(text: str) -> None:
    """Prose, cut calls and texts made to break the parser stay text."""
    action, target, _ = parse_action(text)
    assert (action.kind, action.value, target) == ("unparsed", text, ())


def test_an_overlong_call_is_unparsed() -> None:
    """A call of more than a million characters is not handed to the parser."""
    assert parse_action(f"fill('a', '{'x' * 1_000_000}')")[0].kind == "unparsed"
