"""A recorded action in our words: its kind, after button, clicks and held keys are considered.

An unknown kind, button or key stays as it was recorded. The filter reports it, and the step is not
trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.actions import BUTTONS, MODIFIERS, named
from schemas.workflow import Action

_CLICKS: Final = {1: "click", 2: "double_click", 3: "triple_click"}
_BUTTONS: Final = {
    **{name: name for name in BUTTONS},
    "0": "left",
    "1": "middle",
    "2": "right",  # the DOM's numbers
    "primary": "left",
    "auxiliary": "middle",
    "secondary": "right",
    "main": "left",
}
_ORDER: Final = tuple(dict.fromkeys(MODIFIERS.values()))


def action(
    word: str,
    value: str = "",
    description: str = "",
    *,
    on_element: bool,
    button: str = "",
    modifiers: Sequence[str] = (),
    clicks: int = 1,
) -> Action:
    """The action that a recorder meant.

    word: the recorded kind, possibly with held keys before it: ``Ctrl+click``.
    on_element: whether the action has an element, which changes the meaning of a few words.
    modifiers: keys held.
    clicks: how many at once.
    """
    *before, last = word.split("+")
    if before and all(part.strip().casefold() in MODIFIERS for part in before):
        word, modifiers = last, (*before, *modifiers)
    kind, value = named(word, value, on_element=on_element) or (word, value)
    button = _BUTTONS.get(button.strip().casefold(), button)
    held = held_keys(modifiers) if modifiers else ()
    if kind == "click" and clicks != 1:
        kind = _CLICKS.get(clicks, f"{clicks} clicks")
    elif kind == "click":
        kind = BUTTONS.get(button, kind)
    if button == "left" or BUTTONS.get(button) == kind:
        button = ""
    if kind == "press" and held and value:
        value, held = "+".join((*held, value)), ()
    return Action(kind, value, description, button, held)


def held_keys(words: Sequence[str]) -> tuple[str, ...]:
    """The DOM names of held keys, each once, in a fixed order; unknown ones last, as they are."""
    parts = (part.strip() for word in words for part in word.split("+"))
    keys = dict.fromkeys(MODIFIERS.get(part.casefold(), part) for part in parts if part)
    modifiers = [key for key in _ORDER if key in keys]
    others = [key for key in keys if key not in _ORDER]
    return (*modifiers, *others)
