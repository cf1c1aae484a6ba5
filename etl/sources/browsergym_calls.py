"""BrowserGym's actions: free text with one fenced call, ```` ```click('a405')``` ````, or a bare call."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any, Final

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
"""BrowserGym's calls: our kind, and their parameters.

``bid`` or ``from_bid`` is the target; a call without one concerns the page. The others make the value, joined by a
space (a list as JSON). ``?`` may be left out; ``=`` may be left out, and appears in the value as ``name=value``
unless it is one of `_DEFAULTS`."""

CODE: Final = "code"  # kind of an action that is Python, but not one call of CALLS with literal arguments
UNPARSED: Final = "unparsed"  # kind of an action in which no call can be read; the value of both is their text
_DEFAULTS: Final[tuple[Any, ...]] = ("left", [], False)
MAX_CALL_CHARS: Final = 1_000_000
_FENCE: Final = re.compile(r"```(?:[A-Za-z]*\n)?(.*?)```", re.DOTALL)


def parse_action(text: str) -> tuple[Action, tuple[Locator, ...]]:
    """The action and its target's locators, none for the page itself.

    Never guesses: several fences or calls, an unknown call, and arguments that are wrong or no literals
    make an action of kind `CODE`; a text without a readable call one of kind `UNPARSED`.
    """
    fences = _FENCE.findall(text)
    code = ("\n".join(fences) or text).strip()
    if len(code) > MAX_CALL_CHARS:
        return Action(UNPARSED, code), ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash in a typed text is not our affair
            tree = ast.parse(code)
        if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
            return Action(UNPARSED, code), ()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Action(UNPARSED, code), ()
    call = tree.body[0].value if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in CALLS:
        return Action(CODE, code), ()
    kind, parameters = CALLS[call.func.id]
    try:
        bid, value = _arguments(call, parameters.split())
    except (ValueError, TypeError, LookupError, RecursionError):
        return Action(CODE, code), ()
    return Action(kind, value), () if bid is None else (Locator("attribute", bid, "bid"),)


def _arguments(call: ast.Call, parameters: list[str]) -> tuple[str | None, str]:
    """The bid, if the call has one, and the value. Raises ValueError, TypeError or LookupError for a wrong call."""
    names = [parameter.rstrip("?=") for parameter in parameters]
    given = dict(zip(names, call.args, strict=False))
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in names}
    if len(given) + len(named) != len(call.args) + len(call.keywords) or given.keys() & named.keys():
        raise TypeError("unknown or repeated arguments")
    literals = {name: ast.literal_eval(node) for name, node in (given | named).items()}
    bid: str | None = None
    values = []
    for parameter, name in zip(parameters, names, strict=True):
        if name not in literals and parameter != name:
            continue
        literal = literals[name]
        if name in ("bid", "from_bid"):
            if not isinstance(literal, str):
                raise TypeError("BrowserGym takes bids as text only")
            bid = literal
        elif not parameter.endswith("="):
            values.append(_written(literal))
        elif literal not in _DEFAULTS:
            values.append(f"{name}={_written(literal)}")
    value = " ".join(values)
    (value + (bid or "")).encode()  # an escape in the call may have made a lone surrogate: a ValueError
    return bid, value


def _written(literal: Any) -> str:
    """Raises TypeError for what no call takes."""
    if isinstance(literal, list) and all(isinstance(item, str) for item in literal):
        return json.dumps(literal, ensure_ascii=False)
    if not isinstance(literal, str | int | float):
        raise TypeError(literal)
    return str(literal)
