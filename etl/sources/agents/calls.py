"""Calls of tools as actions, by the names that agents' tools give to functions and arguments.

They are those of BrowserGym and WebArena (``click(bid)``), Playwright's MCP server
(``browser_click(element, ref)``), browser-use (``input(index, text)``) and of exports of our own.
The function's name says the kind, by the words of `schemas.actions`; a word on no list stays as it
is. An argument is the element, a locator, part of the value or a way to act. Any other is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from schemas.actions import KINDS, named, several
from schemas.recorded_actions import action
from schemas.workflow import LOCATOR_KINDS, Action, Locator

_IDS: Final = ("ref", "bid", "element_id", "node_id", "startRef", "from_bid")
_IDS_OF_ELEMENTS: Final = ("index", "id", "mark")
"""Ids only where the kind has an element; else a tab, say."""
_ENDS: Final = ("endRef", "to_bid")
_PATHS: Final = {
    "xpath": "xpath", "x_path": "xpath", "css": "css", "selector": "css", "css_selector": "css",
    "cssSelector": "css",
}  # fmt: skip
_VALUES: Final = (
    *("text", "value", "values", "option", "options", "key", "keys", "key_comb", "key_combination"),
    *("url", "query", "keywords", "answer", "message", "content", "reason", "paths", "path"),
    *("file", "files", "function", "code", "script", "time", "seconds", "wait_ms", "promptText"),
    *("delta_x", "delta_y", "x", "y", "width", "height", "textGone", "index", "id"),
)
"""Arguments that make the value, in this order."""
_ENTER: Final = ("submit", "press_enter_after", "press_enter")
_SAID: Final = ("element", "startElement", "endElement", "slowly", "clear")
"""What says no more than the rest: names of elements for people, and how text is put in."""
_YES: Final = (True, 1, "1", "true", "True")
_TABS: Final = {"list": "observe", "new": "new_tab", "close": "close_tab", "select": "focus_tab"}
_FIELDS: Final = {
    "textbox": "type", "combobox": "select", "slider": "type", "radio": "check",
    "checkbox": "set_checked",
}  # fmt: skip
_XY: Final = re.compile(r"(?:browser_)?(mouse_\w+)_xy")
_QUOTED: Final = re.compile(r'\s*"(?:[^"\\]|\\.)*"\s*', re.DOTALL)


class Done(NamedTuple):
    """What a call did."""

    action: Action
    target: tuple[Locator, ...] = ()
    destination: tuple[Locator, ...] = ()
    # arguments that are none of these, by name
    rest: Mapping[str, Any] = {}


def done(function: str, arguments: Mapping[str, Any]) -> Iterator[Done]:
    """What a call did: one action, or several for a form and for a text that is sent.

    Arguments that are texts in JSON's quotes count without them, as ADP has them.
    """
    given = {name: _bare(value) for name, value in arguments.items() if value is not None}
    fields = given.get("fields")
    if function.endswith("fill_form") and isinstance(fields, list):
        for field in fields:
            yield _field(field) if isinstance(field, dict) else _unread(function, field)
        return
    word = _word(function, given)
    sent = [name for name in _ENTER if name in given and given.pop(name) in _YES]
    one = _one(word, given)
    yield one
    if sent:
        yield Done(action("press", "Enter", on_element=bool(one.target)), one.target)


def _bare(value: Any) -> Any:
    """A value without JSON's quotes."""
    if isinstance(value, str) and _QUOTED.fullmatch(value):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _word(function: str, given: dict[str, Any]) -> str:
    """The word for the kind; takes out the arguments that say it."""
    if function.endswith("tabs") and given.get("action") in _TABS:
        return _TABS[given.pop("action")]
    if function.endswith("handle_dialog") and "accept" in given:
        return "accept_dialog" if given.pop("accept") in _YES else "dismiss_dialog"
    return hit[1] if (hit := _XY.fullmatch(function)) else function


def _unread(function: str, field: Any) -> Done:
    return Done(Action(function, json.dumps(field)))


def _field(field: dict[str, Any]) -> Done:
    """A field of a form that is filled in at once."""
    given = {name: _bare(value) for name, value in field.items() if value is not None}
    said = {name: given.pop(name) for name in ("name", "type") if name in given}
    return _one(_FIELDS.get(str(said.get("type")), "change"), given)


def _one(word: str, given: dict[str, Any]) -> Done:
    """The action of a call whose word is known. given: its arguments, which are taken out."""
    meant = named(word)
    kind = KINDS.get(meant.kind if meant else "")
    on_element = kind is None or kind.element != "none"
    target = [*_own(given, "target"), *_ids(given, _IDS)]
    if on_element:
        target += _ids(given, _IDS_OF_ELEMENTS)
    target += [
        Locator(kind, given.pop(name))  # type: ignore[arg-type]
        for name, kind in _PATHS.items()
        if isinstance(given.get(name), str)
    ]
    destination = [*_own(given, "destination"), *_ids(given, _ENDS)]
    for name in _SAID:
        given.pop(name, None)
    clicks = 2 if given.pop("doubleClick", None) in _YES else 1
    button = given.pop("button", "")
    held = given.pop("modifiers", [])
    value = _value(given)
    if word == "set_checked" and not value:
        value = "true"
    made = action(
        word,
        value,
        on_element=bool(target),
        button=button if isinstance(button, str) else str(button),
        modifiers=[key for key in ([held] if isinstance(held, str) else held) if _is_text(key)]
        if isinstance(held, str | list)
        else [],
        clicks=clicks,
    )
    return Done(made, tuple(target), tuple(destination), dict(sorted(given.items())))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _own(given: dict[str, Any], name: str) -> list[Locator]:
    """Locators in our own form; as a plain text, the id of an element."""
    value = given.get(name)
    if isinstance(value, str) and value:
        given.pop(name)
        return _of_id(value)
    if not isinstance(value, list):
        return []
    found = [
        Locator(each["kind"], str(each.get("value", "")), str(each.get("name", "")))
        for each in value
        if isinstance(each, dict) and each.get("kind") in LOCATOR_KINDS
    ]
    if len(found) == len(value):
        given.pop(name)
    return found


def _ids(given: dict[str, Any], names: tuple[str, ...]) -> list[Locator]:
    """The element that an id names, in a text or in a page with BrowserGym's ids."""
    found: list[Locator] = []
    for name in names:
        value = given.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            found += _of_id(str(given.pop(name)))
    return found


def _of_id(id: str) -> list[Locator]:
    return [Locator("ref", id), Locator("attribute", id, "bid")]


def _value(given: dict[str, Any]) -> str:
    """The value that arguments make, which are taken out; a scroll has direction and amount."""
    parts: list[str] = []
    if _is_text(given.get("direction")):
        parts.append(given.pop("direction"))
        parts += [str(given.pop(name)) for name in ("amount", "pixels") if name in given]
    for name in _VALUES:
        value = given.get(name)
        if isinstance(value, list) and value and all(map(_is_text, value)):
            parts.append(several(given.pop(name)))
        elif isinstance(value, bool):
            parts.append(str(given.pop(name)).lower())
        elif isinstance(value, str | int | float):
            parts.append(str(given.pop(name)))
    return " ".join(parts)
