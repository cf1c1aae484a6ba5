"""BrowserGym's actions: text with one call, bare or fenced as ```` ```click('a405')``` ````."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any, Final, NamedTuple

from schemas.actions import KINDS, several
from schemas.recorded_actions import action
from schemas.workflow import Action, Locator

CALLS: Final = {
    "click": ("click", "bid button= modifiers="),
    "dblclick": ("double_click", "bid button= modifiers="),
    "hover": ("hover", "bid"),
    "fill": ("type", "bid value enable_autocomplete_menu="),
    "check": ("check", "bid"),
    "uncheck": ("uncheck", "bid"),
    "select_option": ("select", "bid options"),
    "press": ("press", "bid key_comb"),
    "focus": ("focus", "bid"),
    "clear": ("clear", "bid"),
    "drag_and_drop": ("drag", "from_bid to_bid"),
    "upload_file": ("upload", "bid file"),
    "scroll": ("scroll", "delta_x delta_y"),
    "mouse_move": ("mouse_move", "x y"),
    "mouse_up": ("mouse_up", "x y button="),
    "mouse_down": ("mouse_down", "x y button="),
    "mouse_click": ("mouse_click", "x y button="),
    "mouse_dblclick": ("mouse_double_click", "x y button="),
    "mouse_drag_and_drop": ("mouse_drag", "from_x from_y to_x to_y"),
    "mouse_upload_file": ("mouse_upload", "x y file"),
    "keyboard_press": ("press", "key"),
    "keyboard_up": ("key_up", "key"),
    "keyboard_down": ("key_down", "key"),
    "keyboard_type": ("type", "text"),
    "keyboard_insert_text": ("type", "text"),
    "goto": ("navigate", "url"),
    "go_back": ("go_back", ""),
    "go_forward": ("go_forward", ""),
    "new_tab": ("new_tab", ""),
    "tab_close": ("close_tab", ""),
    "tab_focus": ("focus_tab", "index"),
    "send_msg_to_user": ("message", "text"),
    "report_infeasible": ("report_infeasible", "reason"),
    "noop": ("wait", "wait_ms?"),
}
"""BrowserGym's call -> our kind, and the call's parameters. Those with ``?`` or ``=`` are optional.

- ``bid`` or ``from_bid`` is the target, ``to_bid`` the element on which a drag ends. A call with
  none of them concerns the page.
- ``button=`` and ``modifiers=`` are the action's own.
- Other parameters with ``=`` tell BrowserGym how to act. They are checked, and not part of the
  action.
- The rest makes the value: numbers joined by a space, several options or files joined by
  `schemas.actions.several`.
"""

CODE: Final = "code"
"""Kind of an action that is Python, but not one call of `CALLS` with literal arguments.

Its value is its text.
"""

UNPARSED: Final = "unparsed"
"""Kind of an action without a readable call. Its value is its text."""

MAX_CALL_CHARS: Final = 1_000_000
_FENCE: Final = re.compile(r"```(?:[A-Za-z]*\n)?(.*?)```", re.DOTALL)


class Parsed(NamedTuple):
    """An action and its elements."""

    action: Action
    # locators of its target; none if it concerns the page
    target: tuple[Locator, ...] = ()
    # locators of the element on which a drag ends
    destination: tuple[Locator, ...] = ()


def parse_action(text: str) -> Parsed:
    """The action that a text calls for.

    It never guesses. Several calls, and arguments that are wrong or not literals, make an action of
    kind `CODE`; a text without a readable call one of kind `UNPARSED`. A single call that is not
    BrowserGym's keeps its name as its kind, which then is an unknown one.
    """
    fences = _FENCE.findall(text)
    code = ("\n".join(fences) or text).strip()
    if len(code) > MAX_CALL_CHARS:
        return Parsed(Action(UNPARSED, code))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash in a typed text
            tree = ast.parse(code)
        if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
            return Parsed(Action(UNPARSED, code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Parsed(Action(UNPARSED, code))
    call = (
        tree.body[0].value if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr) else None
    )
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return Parsed(Action(CODE, code))
    name = call.func.id
    if name not in CALLS:
        return Parsed(Action(CODE if name in KINDS else name, code))
    try:
        return _parsed(*CALLS[name], call)
    except (ValueError, TypeError, LookupError, RecursionError):
        return Parsed(Action(CODE, code))


def _parsed(kind: str, parameters: str, call: ast.Call) -> Parsed:
    """The action of a call. Raises ValueError, TypeError or LookupError for a wrong call."""
    given = _literals(call, [parameter.rstrip("?=") for parameter in parameters.split()])
    elements: dict[str, tuple[Locator, ...]] = {}
    values = []
    for parameter in parameters.split():
        name = parameter.rstrip("?=")
        if name not in given and parameter != name:
            continue
        literal = given[name]
        if name in ("bid", "from_bid", "to_bid"):
            if not isinstance(literal, str):
                raise TypeError("BrowserGym takes bids as text only")
            elements[name] = (Locator("attribute", literal, "bid"),)
        elif not parameter.endswith("="):
            values.append(_written(literal))
    value = " ".join(values)
    target = elements.get("bid", elements.get("from_bid", ()))
    button, held = given.get("button", "left"), given.get("modifiers", [])
    if kind == "type" and target and not value:
        kind = "clear"  # Playwright's fill with an empty text does that
    made = action(
        kind, value, on_element=bool(target), button=_written(button), modifiers=_held(held)
    )
    parsed = Parsed(made, target, elements.get("to_bid", ()))
    for text in (value, *(one.value for one in (*parsed.target, *parsed.destination))):
        text.encode()  # raises ValueError for a lone surrogate, which an escape may have made
    return parsed


def _literals(call: ast.Call, names: list[str]) -> dict[str, Any]:
    """The arguments by their names. Raises TypeError or ValueError if they are wrong."""
    given = dict(zip(names, call.args, strict=False))
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in names}
    complete = len(given) + len(named) == len(call.args) + len(call.keywords)
    if not complete or given.keys() & named.keys():
        raise TypeError("unknown or repeated arguments")
    return {str(name): ast.literal_eval(node) for name, node in (given | named).items()}


def _held(literal: Any) -> list[str]:
    """The held keys of a call. Raises TypeError for other values."""
    keys = [literal] if isinstance(literal, str) else literal
    if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
        raise TypeError(literal)
    return list(keys)


def _written(literal: Any) -> str:
    """An argument as text. Raises TypeError for a value that no call takes."""
    if isinstance(literal, list | tuple) and all(isinstance(item, str) for item in literal):
        return several(list(literal)) if literal else "[]"
    if not isinstance(literal, str | int | float):
        raise TypeError(literal)
    return str(literal)
