"""An action in words: its description in answers and history, or why it cannot be an answer.

A description says all that changes what is done: the value, the mouse button where the kind does
not name it, the keys that are held, where a drag ends, how far and which way a scroll goes::

    Type "two\\nlines" in "Notes"           Select "a", "b" in "Colours"
    Click "Save" while holding Shift       Drag "Card" by 30,-5 to node 12 "Done"
    Double click "x" with the middle button

Values and labels are JSON strings, so that typed text is exact: a line break is ``\\n``, a quote
``\\"``, a backslash ``\\\\``. Where the recording has a description of its own, that comes first,
and what it leaves out follows after a colon: ``Fill in the order: "two mugs"``. A description says
a value if it ends with it or has it in quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from etl.pages import axtree
from etl.pages.axtree import Tree
from etl.pages.labels import label_of
from etl.pages.page import Page
from etl.pages.prune import Pruner
from etl.pages.reading import read
from schemas.actions import BUTTONS, KINDS, MODIFIERS, each, nearest
from schemas.reasons import Reason
from schemas.workflow import Action, Step
from tokenization.prompt import one_line

if TYPE_CHECKING:  # an agent has none
    from schemas.draft import StepDraft

BEFORE_LABEL: Final = {
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

KEYS: Final = ("press", "key_down", "key_up", "scroll")
"""Kinds whose value a recording's description may hold as a word without quotes."""
SEVERAL: Final = ("select", "deselect", "upload")
"""Kinds whose value may be several values."""
IN_NUMBERS: Final = (
    *("wait", "resize", "close_tab", "focus_tab", "focus_frame", "mouse_move", "mouse_down"),
    *("mouse_up", "mouse_click", "mouse_double_click", "mouse_drag"),
)
"""Kinds whose value stands without quotes if it is numbers."""
_NUMBERS: Final = re.compile(r"-?\d[-\d., x]*")
_PAIR: Final = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*[, ]\s*(-?\d+(?:\.\d+)?)\s*")
_WAY: Final = re.compile(
    r"\s*(up|down|left|right)(?:[\s,:]+(\d+(?:\.\d+)?)\s*(?:px|pixels)?)?\s*", re.IGNORECASE
)


Seen = Page | Tree
"""What is observed in a step: a page, or one as text."""


def seen(step_draft: StepDraft) -> Seen:
    """What is observed in a step."""
    if step_draft.observed == "axtree":
        return axtree.read(step_draft.step.axtree)
    return read(step_draft.page)


def described(
    step_draft: StepDraft,
    page: Seen | None,
    pruner: Pruner | None = None,
    label: str | None = None,
    number: Callable[[int], int] | None = None,
) -> str:
    """One line for an action: the recording's description, or else verb, value, target's label.

    page: what the step's is; None if no label is to be looked up. pruner: as for `label_of`.
    label: the target's, where it is known. number: of an element, where it is not its node id.
    """
    end = ""
    if step_draft.destination >= 0 and page is not None:
        at = step_draft.destination
        there = _in_quotes(name_of(page, at, pruner))
        node = page.id(at) if isinstance(page, Tree) else (number or page.node)(at)
        end = f"to node {node}{f' {there}' if there else ''}"
    action = step_draft.step.action
    if action.description:
        label = ""
    elif label is None:
        label = name_of(page, step_draft.element, pruner)
    return phrased(action, _in_quotes(label), end)


def phrased(action: Action, label: str = "", end: str = "") -> str:
    """An action in words.

    label: of its element, in quotes; empty: it has none. end: where a drag ends, in words.
    """
    value, rest = _value(action), _rest(action, end)
    if action.description:
        recorded = one_line(action.description).strip()
        if value and not _says(recorded, action):
            rest = [value, *rest]
        return f"{recorded}: {' '.join(rest)}" if rest else recorded
    verb = (
        KINDS[action.kind].verb
        if action.kind in KINDS
        else action.kind.replace("_", " ").capitalize()
    )
    if action.kind in BEFORE_LABEL:
        between = BEFORE_LABEL[action.kind] if value and label else ""
        words = [verb, value, between, label, *rest]
    elif action.kind in ("scroll", "drag") or not label:
        words = [verb, label, value, *rest]
    else:
        words = [verb, f"{label}:" if value else label, value, *rest]
    return " ".join(word for word in words if word)


def flaw(step: Step) -> tuple[Reason | Literal[""], str]:
    """Why an action cannot be an answer, apart from its element: (reason, detail).

    Both are empty if it can.
    """
    action = step.action
    kind = KINDS.get(action.kind)
    if kind is None:
        near = nearest(action.kind)
        hint = f"the nearest is {near}" if near else "none is near"
        return "unknown_action", f"{quoted(action.kind[:100])} is no kind of action; {hint}"
    if not kind.action:
        return "unreadable_action", kind.meaning
    if action.button and action.button not in BUTTONS:
        return (
            "unknown_action",
            f"{quoted(action.button[:100])} is none of the buttons {', '.join(BUTTONS)}",
        )
    held = [key for key in action.modifiers if key not in MODIFIERS.values()]
    if held:
        names = ", ".join(dict.fromkeys(MODIFIERS.values()))
        return "unknown_action", f"{quoted(held[0][:100])} is none of the held keys {names}"
    words = action.value or action.description
    if kind.value == "needed" and not words:
        return "incomplete_action", f"a {kind.name} without a value: {kind.says}"
    if kind.name == "drag" and not words and not step.destination:
        return "incomplete_action", "a drag without destination and distance"
    return "", ""


def unknown_actions(steps: Mapping[str, int], most: int = 100) -> list[dict[str, Any]]:
    """The actions that `flaw` found on no list, the most frequent first.

    Each has ``word``, ``nearest`` (the nearest known kind; empty if there is none), ``steps`` and
    ``detail``.

    steps: the number of steps by the detail that `flaw` gave. most: the most that are listed.
    """
    listed = []
    for detail, count in sorted(steps.items(), key=lambda item: (-item[1], item[0]))[:most]:
        word = json.JSONDecoder().raw_decode(detail)[0]
        near = nearest(word) if " is no kind" in detail else ""
        listed.append({"word": word, "nearest": near, "steps": count, "detail": detail})
    return listed


def as_lines(unknown: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each row of `unknown_actions`."""
    return [f"{row['steps']:,} x {row['detail']}" for row in unknown]


def quoted(text: str) -> str:
    """A text in quotes, as a JSON string."""
    return json.dumps(text, ensure_ascii=False)


def _value(action: Action) -> str:
    """An action's value as a description says it; empty if it has none."""
    if not action.value:
        return ""
    if action.kind == "scroll" and (way := _way(action.value)):
        return way
    if action.kind == "drag" and (moved := _PAIR.fullmatch(action.value)):
        return f"by {moved[1]},{moved[2]}"
    if action.kind in SEVERAL:
        return ", ".join(map(quoted, each(action.value)))
    if action.kind in IN_NUMBERS and _NUMBERS.fullmatch(action.value):
        return action.value
    return quoted(action.value)


def _way(value: str) -> str:
    """Direction and pixels of a scroll in words; empty for a value of another form."""
    if way := _WAY.fullmatch(value):
        return way[1].lower() + (f" by {way[2]} pixels" if way[2] else "")
    if pair := _PAIR.fullmatch(value):
        ways = []
        for amount, names in ((pair[1], ("right", "left")), (pair[2], ("down", "up"))):
            if float(amount):
                ways.append(f"{names[float(amount) < 0]} by {amount.removeprefix('-')} pixels")
        return " and ".join(ways) or "by 0 pixels"
    return ""


def _says(recorded: str, action: Action) -> bool:
    """Whether a recording's description holds the action's value, set apart from other words."""
    value = action.value
    if action.kind == "drag" or value != one_line(value) or value != value.strip():
        return False
    if action.kind == "scroll":
        value = _way(value) or value
    if action.kind in KEYS and len(value) > 1:
        word = re.escape(value.casefold())
        if re.search(rf"(?<![\w+]){word}(?![\w+])", recorded.casefold()):
            return True
    if recorded.endswith((f" {value}", f" {value}.")):
        return True
    for text in each(value):
        forms = (quoted(text), f"“{text}”", f"'{text}'", f"`{text}`")
        if not any(form in recorded for form in forms):
            return False
    return True


def _rest(action: Action, end: str) -> list[str]:
    """What neither kind nor value says: where a drag ends, the button, the keys that are held."""
    words = [end] if end else []
    if action.button and action.button != "left":
        words.append(f"with the {action.button} button")
    if action.modifiers:
        words.append(f"while holding {'+'.join(action.modifiers)}")
    return words


def name_of(page: Seen | None, element: int, pruner: Pruner | None = None) -> str:
    """An element's label; empty without a page, an element or a label.

    pruner: as for `label_of`.
    """
    if page is None or element < 0:
        return ""
    return page.label(element) if isinstance(page, Tree) else label_of(page, element, pruner)


def _in_quotes(label: str) -> str:
    return quoted(label) if label else ""
