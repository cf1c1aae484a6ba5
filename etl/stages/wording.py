"""An action in words: the description in answers and history, and why an action cannot be an
answer.

A description says everything that changes what is done: the value, the mouse's button where the
kind does not name it, keys that are held, where a drag ends, how far and which way is scrolled::

    Type "two\\nlines" in "Notes"           Select "a", "b" in "Colours"
    Click "Save" while holding Shift       Drag "Card" by 30,-5 to node 12 "Done"
    Double click "x" with the middle button

Values and labels are JSON strings, so what was typed is exact: a line break is ``\\n``, a quote
``\\"``, a backslash ``\\\\``. Where the recording has words of its own they come first, and what
they do not say follows behind a colon: ``Fill in the order: "two mugs"``. They say a value if they
end with it or have it in quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from etl import pages
from etl.pages.labels import label_of
from etl.pages.prune import Pruner
from schemas.actions import BUTTONS, KINDS, MODIFIERS, each, nearest
from schemas.reasons import Reason
from schemas.trail import Mark
from schemas.workflow import Action, Step
from tokenization.prompt import one_line

_BEFORE_LABEL: Final = {
    "type": "in",
    "select": "in",
    "deselect": "in",
    "change": "in",
    "press": "in",
    "key_down": "in",
    "key_up": "in",
    "paste": "in",
    "upload": "to",
}
"""Kinds whose value stands before the label, and the word between the two."""

_KEYS: Final = ("press", "key_down", "key_up", "scroll")  # said by a word without quotes
_SEVERAL: Final = ("select", "deselect", "upload")
_IN_NUMBERS: Final = (
    *("wait", "resize", "close_tab", "focus_tab", "focus_frame", "mouse_move", "mouse_down"),
    *("mouse_up", "mouse_click", "mouse_double_click", "mouse_drag"),
)
_NUMBERS: Final = re.compile(r"-?\d[-\d., x]*")
_PAIR: Final = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*[, ]\s*(-?\d+(?:\.\d+)?)\s*")
_WAY: Final = re.compile(
    r"\s*(up|down|left|right)(?:[\s,:]+(\d+(?:\.\d+)?)\s*(?:px|pixels)?)?\s*", re.IGNORECASE
)


def described(mark: Mark, page: pages.Page | None, pruner: Pruner | None = None) -> str:
    """One line in words for an action: the recording's, else verb, value, and the target's label.

    page: of the step; None where its labels are not to be had. pruner: as for `label_of`.
    """
    action = mark.step.action
    value, rest = _value(action), _rest(mark, page, pruner)
    if action.description:
        said = one_line(action.description).strip()
        missing = [value] if value and not _says(said, action) else []
        return f"{said}: {' '.join([*missing, *rest])}" if missing or rest else said
    label = _quoted_label(page, mark.element, pruner)
    verb = (
        KINDS[action.kind].verb
        if action.kind in KINDS
        else action.kind.replace("_", " ").capitalize()
    )
    if action.kind in _BEFORE_LABEL:
        between = _BEFORE_LABEL[action.kind] if value and label else ""
        words = [verb, value, between, label, *rest]
    elif action.kind in ("scroll", "drag") or not label:
        words = [verb, label, value, *rest]
    else:
        words = [verb, f"{label}:" if value else label, value, *rest]
    return " ".join(word for word in words if word)


def flaw(step: Step) -> tuple[Reason | Literal[""], str]:
    """Why an action cannot be an answer, whatever its element: (reason, detail);
    empty if it can.
    """
    action = step.action
    kind = KINDS.get(action.kind)
    if kind is None:
        near = nearest(action.kind)
        hint = f"the nearest is {near}" if near else "none is near"
        return "unknown_action", f"{_quoted(action.kind[:100])} is no kind of action; {hint}"
    if not kind.action:
        return "unreadable_action", kind.meaning
    if action.button and action.button not in BUTTONS:
        return (
            "unknown_action",
            f"{_quoted(action.button[:100])} is none of the buttons {', '.join(BUTTONS)}",
        )
    held = [key for key in action.modifiers if key not in MODIFIERS.values()]
    if held:
        names = ", ".join(dict.fromkeys(MODIFIERS.values()))
        return "unknown_action", f"{_quoted(held[0][:100])} is none of the held keys {names}"
    said = action.value or action.description
    if kind.value == "needed" and not said:
        return "incomplete_action", f"a {kind.name} without a value: {kind.says}"
    if kind.name == "drag" and not said and not step.destination:
        return "incomplete_action", "a drag without destination and distance"
    return "", ""


def unknown_actions(steps: Mapping[str, int], most: int = 100) -> list[dict[str, Any]]:
    """What `flaw` says of actions on no list, the most frequent first: ``word``, ``nearest``,
    ``steps``, ``detail``.

    steps: how often each was said. most: so many are listed.
    """
    listed = []
    for detail, count in sorted(steps.items(), key=lambda item: (-item[1], item[0]))[:most]:
        word = json.JSONDecoder().raw_decode(detail)[0]
        near = nearest(word) if " is no kind" in detail else ""
        listed.append({"word": word, "nearest": near, "steps": count, "detail": detail})
    return listed


def as_lines(unknown: Sequence[Mapping[str, Any]]) -> list[str]:
    """`unknown_actions` for people, a line each."""
    return [f"{row['steps']:,} x {row['detail']}" for row in unknown]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _value(action: Action) -> str:
    """The value as it stands in a description; empty if there is none."""
    if not action.value:
        return ""
    if action.kind == "scroll" and (way := _way(action.value)):
        return way
    if action.kind == "drag" and (moved := _PAIR.fullmatch(action.value)):
        return f"by {moved[1]},{moved[2]}"
    if action.kind in _SEVERAL:
        return ", ".join(map(_quoted, each(action.value)))
    if action.kind in _IN_NUMBERS and _NUMBERS.fullmatch(action.value):
        return action.value
    return _quoted(action.value)


def _way(value: str) -> str:
    """Direction and pixels of a scroll in words; empty for a value of another form."""
    if found := _WAY.fullmatch(value):
        return found[1].lower() + (f" by {found[2]} pixels" if found[2] else "")
    if found := _PAIR.fullmatch(value):
        ways = []
        for amount, names in ((found[1], ("right", "left")), (found[2], ("down", "up"))):
            if float(amount):
                ways.append(f"{names[float(amount) < 0]} by {amount.removeprefix('-')} pixels")
        return " and ".join(ways) or "by 0 pixels"
    return ""


def _says(said: str, action: Action) -> bool:
    """Whether a recording's words have the value, so that it can be told from what is around it."""
    value = action.value
    if action.kind == "drag" or value != one_line(value) or value != value.strip():
        return False
    if action.kind == "scroll":
        value = _way(value) or value
    bare = said.casefold() if action.kind in _KEYS else said
    wanted = value.casefold() if action.kind in _KEYS else value
    if (
        action.kind in _KEYS
        and len(value) > 1
        and re.search(rf"(?<![\w+]){re.escape(wanted)}(?![\w+])", bare)
    ):
        return True
    quotes = [(_quoted(text), f"“{text}”", f"'{text}'", f"`{text}`") for text in each(value)]
    return said.endswith((f" {value}", f" {value}.")) or all(
        any(form in said for form in forms) for forms in quotes
    )


def _rest(mark: Mark, page: pages.Page | None, pruner: Pruner | None) -> list[str]:
    """What neither kind nor value says: where a drag ends, the button, keys that are held."""
    action, words = mark.step.action, []
    if mark.destination >= 0 and page is not None:
        label = _quoted_label(page, mark.destination, pruner)
        words.append(f"to node {page.node(mark.destination)}{f' {label}' if label else ''}")
    if action.button and action.button != "left":
        words.append(f"with the {action.button} button")
    if action.modifiers:
        words.append(f"while holding {'+'.join(action.modifiers)}")
    return words


def _quoted_label(page: pages.Page | None, element: int, pruner: Pruner | None) -> str:
    """What an element is called, in quotes; empty if it has no name, or there is none."""
    label = "" if page is None or element < 0 else label_of(page, element, pruner)
    return _quoted(label) if label else ""
