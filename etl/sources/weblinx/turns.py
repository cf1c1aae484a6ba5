"""The action that a turn of a browser stands for."""

from __future__ import annotations

from typing import Any, Final

from etl.inputs.columns import Fields, text, type_name
from schemas.errors import RecordError
from schemas.recorded_actions import action
from schemas.workflow import Action, Locator

UID: Final = "data-webtasks-id"
"""The attribute by which the recorder names every element of its pages."""

_KINDS: Final = {
    "textinput": ("type", "text"),
    "change": ("change", "value"),
    "copy": ("copy", "selected"),
    "paste": ("paste", "pasted"),
    "tabcreate": ("new_tab", ""),
    "tabremove": ("close_tab", ""),
    "tabswitch": ("focus_tab", ""),
    "load": ("navigate", ""),
}
"""WebLINX's word -> ours, and the argument that holds the value. Other words are ours too."""

_HELD: Final = {"altKey": "Alt", "ctrlKey": "Control", "metaKey": "Meta", "shiftKey": "Shift"}
_BY_ITSELF: Final = frozenset(("link", "form_submit", "auto_subframe", "manual_subframe"))
"""Chrome's transition types of pages that an element of the page before opened."""
_BUTTONS: Final = ("checkbox", "radio")


class ByItself(Exception):
    """A turn that is no action of the navigator's: what an action before it brought about."""


def read_action(act: Fields, path: str) -> tuple[Action, tuple[Locator, ...]]:
    """The action, and the locators of its element.

    Raises: `RecordError` "missing_field" or "wrong_type"; `ByItself`.
    """
    intent = text(act, "intent", path, required=True)
    arguments = inner(act, "arguments", path)
    within = f"{path}arguments."
    given = inner(arguments, "properties", within)
    element = inner(arguments, "element", within)
    target = _target(element, f"{within}element.")
    word, key = _KINDS.get(intent.lower().replace("_", ""), (intent, ""))
    value = text(arguments, key, within) if key else ""
    if word == "navigate":
        word, value = _load(given, arguments, within)
    elif word == "focus_tab":
        value = str(given.get("tabId", ""))
    elif word == "change" and _is_button(element):
        word, value = "click", ""
    elif intent.lower() == "scroll":
        value = ",".join(_number(arguments, each, within) for each in ("scrollX", "scrollY"))
    button = given.get("button", "") if word == "click" else ""
    held = [name for each, name in _HELD.items() if given.get(each) is True]
    made = action(
        word,
        value,
        on_element=bool(target),
        button=str(button),
        modifiers=held if word == "click" else (),
    )
    return made, target


def inner(fields: Fields, key: str, path: str) -> Fields:
    """An object in a field; an empty one if it is absent or null.

    Raises: `RecordError` "wrong_type".
    """
    value: Any = fields.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordError("wrong_type", f"{path}{key}: {type_name(value)}, expected an object")
    return value


def _target(element: Fields, path: str) -> tuple[Locator, ...]:
    uid = text(inner(element, "attributes", path), UID, f"{path}attributes.")
    xpath = text(element, "xpath", path)
    found = (Locator("attribute", uid, UID), Locator("xpath", xpath))
    return tuple(locator for locator in found if locator.value)


def _is_button(element: Fields) -> bool:
    """Whether it is a checkbox or radio button, which changes when it is clicked."""
    kind = (element.get("attributes") or {}).get("type")
    return str(element.get("tagName")).lower() == "input" and kind in _BUTTONS


def _load(given: Fields, arguments: Fields, path: str) -> tuple[str, str]:
    kind = given.get("transitionType")
    if kind in _BY_ITSELF:
        raise ByItself(f"a page that loaded by itself: {kind}")
    url = text(given, "url", f"{path}properties.") or text(arguments, "url", path)
    url = url or text(inner(arguments, "metadata", path), "url", f"{path}metadata.")
    return ("reload", "") if kind == "reload" else ("navigate", url)


def _number(fields: Fields, key: str, path: str) -> str:
    value = fields.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError("wrong_type", f"{path}{key}: {type_name(value)}, expected a number")
    return f"{value:g}" if abs(value) < 1e6 else str(value)
