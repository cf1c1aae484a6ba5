"""browser-use's actions, ``{name: parameters}``, of all its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.recorded_actions import action
from schemas.workflow import Action

_VALUES: Final[Mapping[str, tuple[str, str]]] = {
    "click": ("click", ""),
    "click_element": ("click", ""),
    "click_element_by_index": ("click", ""),
    "input": ("type", "text"),
    "input_text": ("type", "text"),
    "text_input": ("type", "text"),
    "navigate": ("navigate", "url"),
    "go_to_url": ("navigate", "url"),
    "open_tab": ("new_tab", "url"),
    "search": ("search", "query"),
    "search_google": ("search", "query text"),
    "go_back": ("go_back", ""),
    "switch": ("focus_tab", "tab_id"),
    "switch_tab": ("focus_tab", "page_id tab_id"),
    "close": ("close_tab", "tab_id"),
    "close_tab": ("close_tab", "page_id tab_id"),
    "send_keys": ("send_keys", "keys"),
    "upload_file": ("upload", "path"),
    "select_dropdown": ("select", "text"),
    "select_dropdown_option": ("select", "text"),
    "dropdown_options": ("observe", ""),
    "get_dropdown_options": ("observe", ""),
    "scroll_to_text": ("scroll_to", "text"),
    "find_text": ("scroll_to", "text"),
    "search_page": ("observe", "pattern"),
    "find_elements": ("observe", "selector"),
    "extract": ("observe", "query"),
    "extract_content": ("observe", "goal"),
    "extract_page_content": ("observe", ""),
    "screenshot": ("observe", ""),
    "evaluate": ("script", "code"),
    "done": ("stop", "text"),
    "ask_user": ("message", "text"),
    "send_user_text": ("message", "text"),
    "talk_to_user": ("message", "text"),
    "nothing": ("wait", ""),
}
"""browser-use's name -> our word, and the parameters of which the first that is there is the value.

A name that is not here stays as it is; those that concern an agent's files mean nothing on a page.
"""


def read_call(name: str, parameters: Mapping[str, Any], *, on_element: bool) -> Action:
    """The action that a call means."""
    word, keys = _VALUES.get(name, (name, ""))
    value = next((_written(parameters[key]) for key in keys.split() if _given(parameters, key)), "")
    if name == "scroll":
        value = "down" if parameters.get("down", True) is True else "up"
    elif name in ("scroll_down", "scroll_up"):
        value = _written(parameters.get("amount"))
    elif name == "wait":
        seconds = parameters.get("seconds")
        value = f"{1000 * seconds:g}" if isinstance(seconds, int | float) else ""
    elif word == "type" and parameters.get("text") == "":
        word = "clear"
    clicks = parameters.get("num_clicks")
    return action(
        word,
        value,
        on_element=on_element,
        clicks=clicks if isinstance(clicks, int) and not isinstance(clicks, bool) else 1,
    )


def _given(parameters: Mapping[str, Any], key: str) -> bool:
    return parameters.get(key) is not None


def _written(value: Any) -> str:
    """A parameter as text; empty for one that is no text or number."""
    return str(value) if isinstance(value, str | int | float) else ""
