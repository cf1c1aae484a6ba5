"""InSTA's actions: ``{"action_key": ..., "action_kwargs": {...}, "target_element_id": ...}``."""

from __future__ import annotations

from typing import Any, Final

from etl.inputs.columns import Fields, text, type_name, whole
from schemas.errors import RecordError
from schemas.recorded_actions import action
from schemas.workflow import Action, Locator

NODE: Final = "backend_node_id"
"""The attribute by which InSTA names the elements of its pages."""

_CALLS: Final = {
    "click": ("click", ""),
    "hover": ("hover", ""),
    "scroll": ("scroll", "delta_x delta_y"),
    "fill": ("type", "value"),
    "select_option": ("select", "label"),
    "set_checked": ("set_checked", "checked"),
    "go_back": ("go_back", ""),
    "go_forward": ("go_forward", ""),
    "goto": ("navigate", "url"),
    "stop": ("stop", "answer"),
}
"""InSTA's name -> our word, and the arguments that make the value. Other names stay as they are."""


def read_call(call: Fields) -> tuple[Action, tuple[Locator, ...]]:
    """The action, and the locators of its element.

    Raises: `RecordError` "missing_field" or "wrong_type".
    """
    name = text(call, "action_key", required=True)
    given: Any = call.get("action_kwargs")
    if given is not None and not isinstance(given, dict):
        raise RecordError("wrong_type", f"action_kwargs: {type_name(given)}, expected an object")
    arguments: Fields = given or {}
    node = call.get("target_element_id")
    target = () if node is None else (Locator("attribute", _written(whole(node) or node), NODE),)
    word, keys = _CALLS.get(name, (name, ""))
    value = ",".join(_written(arguments.get(key)) for key in keys.split())
    if name == "click" and not target and {"x", "y"} <= arguments.keys():
        word, value = "mouse_click", ",".join(_written(arguments[key]) for key in "xy")
    elif name == "fill" and value == "" and target:
        word = "clear"
    return action(word, value, on_element=bool(target)), target


def _written(value: Any) -> str:
    """An argument as text; empty for one that is no text, number or truth."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
