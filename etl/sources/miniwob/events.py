"""MiniWoB++'s raw browser events, grouped into acts of a person.

Events come twice, on the way down the page (timing 1) and on the way up (timing 3, missing if the
page stopped the event). Both are one `Event`. `group` collects events into `Act`s:

- mouse: mousedown, mouseup, click, dblclick. A click without a mousedown belongs to the click
  before it (a label clicks its check box), or to the Enter or Space before it. Scroll events while
  the button is down belong to the mouse (the scroll bar was dragged).
- key: keydown, keypress, keyup of one key. The keyup is found by its code, since the focus may have
  moved meanwhile. Scroll events within 0.5 s after a key belong to it.
- scroll: all other scroll events, in one run on one element.

Mouse and keys overlap (a finger is still on C when the mouse goes down), so acts are in the order
of their first events.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from etl.sources.miniwob.dom import Node, key_of
from schemas.recorded_actions import held_keys

SCROLL_ECHO_MS: Final = 500
ENTER, TAB, ESCAPE, SPACE = 13, 9, 27, 32
ERASING: Final = (8, 46)
IME: Final = 229  # the code of any key while an input method composes
COMBINING: Final = {17: "Control", 18: "Alt", 91: "Meta", 93: "Meta", 224: "Meta"}
SHIFT: Final = 16
MODIFIERS: Final = {SHIFT: "Shift", 20: "CapsLock", 144: "NumLock"} | COMBINING
NAMED: Final = {8: "Backspace", 9: "Tab", 13: "Enter", 27: "Escape", 32: "Space", 33: "PageUp",
34: "PageDown"} | {
    35: "End", 36: "Home", 37: "ArrowLeft", 38: "ArrowUp", 39: "ArrowRight", 40: "ArrowDown",
    45: "Insert", 46: "Delete"
}  # fmt: skip
_DIGITS_LETTERS: Final = {code: chr(code).lower() for code in (*range(48, 58), *range(65, 91))}
_NUMBER_PAD: Final = dict(zip(range(96, 112), "0123456789*+,-./", strict=True))
_MARKS: Final = dict(zip((*range(186, 193), *range(219, 223)), ";=,-./`[\\]'", strict=True))
PRINTING: Final = _DIGITS_LETTERS | _NUMBER_PAD | _MARKS | {SPACE: " "}

Kind: TypeAlias = Literal["mouse", "key", "scroll"]


@dataclass(slots=True)
class Event:
    """One browser event."""

    # mousedown, keyup, ...
    type: str
    # indexes of its one or two states
    states: list[int]
    # milliseconds
    time: float
    # as recorded
    action: dict[str, Any]
    # in the DOM of its first state; None if it is not in the tree
    target: Node | None

    @property
    def code(self) -> int:
        """The key's code; 0 for the mouse."""
        return int(self.action.get("keyCode") or 0)


@dataclass(slots=True)
class Act:
    """The events of one act of a person."""

    kind: Kind
    events: list[Event]
    # codes of the modifier keys that were down as it began
    held: tuple[int, ...] = ()
    # the key was down before, and repeats
    repeated: bool = False

    @property
    def first(self) -> int:
        """The index of its first state."""
        return self.events[0].states[0]

    @property
    def states(self) -> list[int]:
        """The indexes of all its states."""
        return [state for event in self.events for state in event.states]

    @property
    def target(self) -> Node | None:
        """The element on which its first event was fired."""
        return self.events[0].target

    @property
    def code(self) -> int:
        """The code of the key that was pressed."""
        return self.events[0].code

    def has(self, name: str) -> bool:
        """Whether one of its events is of this type."""
        return any(event.type == name for event in self.events)

    def get(self, name: str) -> Event | None:
        """Its first event of this type; None if there is none."""
        return next((event for event in self.events if event.type == name), None)


@dataclass(slots=True)
class Grouper:
    """The state of `group` midway."""

    acts: list[Act] = field(default_factory=list)
    # keyups whose keydown was not seen
    lone: list[Event] = field(default_factory=list)
    # the last act of the mouse
    mouse: Act | None = None
    # code -> the act of a key that is down
    down: dict[int, Act] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Take the next event."""
        getattr(self, f"_{event.type}")(event)

    def _start(self, kind: Kind, event: Event) -> Act:
        self.acts.append(Act(kind, [event], tuple(code for code in self.down if code in MODIFIERS)))
        return self.acts[-1]

    def _mousedown(self, event: Event) -> None:
        self.mouse = self._start("mouse", event)

    def _mouseup(self, event: Event) -> None:
        if self.mouse is not None and not self.mouse.has("mouseup") and not self.mouse.has("click"):
            self.mouse.events.append(event)
        else:
            self.mouse = self._start("mouse", event)

    def _click(self, event: Event) -> None:
        last = self.acts[-1] if self.acts else None
        if last is not None and last.kind == "key" and last.code in (ENTER, SPACE):
            last.events.append(event)
        elif self.mouse is not None and (last is self.mouse or not self.mouse.has("click")):
            self.mouse.events.append(event)
        else:
            self.mouse = self._start("mouse", event)

    def _dblclick(self, event: Event) -> None:
        if self.mouse is not None:
            self.mouse.events.append(event)
        else:
            self.mouse = self._start("mouse", event)

    def _scroll(self, event: Event) -> None:
        last = self.acts[-1] if self.acts else None
        if self.mouse is not None and not self.mouse.has("mouseup") and not self.mouse.has("click"):
            self.mouse.events.append(event)
        elif last is not None and (
            (last.kind == "key" and event.time - last.events[-1].time <= SCROLL_ECHO_MS)
            or (last.kind == "scroll" and key_of(last.target) == key_of(event.target))
        ):
            last.events.append(event)
        else:
            self._start("scroll", event)

    def _keydown(self, event: Event) -> None:
        repeated = event.code in self.down
        act = self._start("key", event)
        act.repeated = repeated
        self.down[event.code] = act

    def _keypress(self, event: Event) -> None:
        if event.action.get("charCode", 0) >= SPACE and event.action.get("charCode") != 127:
            # The key wrote a character, so a shortcut key that is still down has lost its keyup.
            for code in COMBINING:
                self.down.pop(code, None)
        last = next((act for act in reversed(self.acts) if act.kind == "key"), None)
        if last is not None and self.down.get(last.code) is last:
            last.events.append(event)
        else:
            self._start("key", event)

    def _keyup(self, event: Event) -> None:
        act = self.down.pop(event.code, None)
        if act is None:
            self.lone.append(event)
        else:
            act.events.append(event)


def group(events: Iterable[Event]) -> tuple[list[Act], list[Act]]:
    """The acts in order, and an act for each keyup whose keydown was not seen."""
    grouper = Grouper()
    for event in events:
        grouper.add(event)
    return grouper.acts, [Act("key", [event]) for event in grouper.lone]


def character(act: Act) -> str:
    """The character that was typed, by the keypress event; empty if there is none."""
    event = act.get("keypress")
    code = event.action.get("charCode") if event is not None else None
    return chr(code) if isinstance(code, int) and SPACE <= code < 0xD800 and code != 127 else ""


def prints(act: Act) -> bool:
    """Whether the key writes a character where it is pressed."""
    return act.code in PRINTING or bool(character(act))


def is_shortcut(act: Act) -> bool:
    """Whether the key was pressed with Control, Alt or Meta and wrote nothing."""
    return not character(act) and any(code in COMBINING for code in act.held)


def held_names(act: Act) -> tuple[str, ...]:
    """The DOM names of the keys held in a click or drag, without CapsLock and NumLock."""
    names = dict.fromkeys(
        MODIFIERS[code] for code in sorted(act.held) if code in COMBINING or code == SHIFT
    )
    return held_keys([*names])


def key_name(act: Act) -> str:
    """``Control+c``, ``Shift+Tab``, ``a``; empty for a key without a name (Fn, media keys)."""
    printed = character(act) if act.code not in NAMED else ""
    function_key = f"F{act.code - 111}" if 112 <= act.code <= 123 else ""
    name = printed or NAMED.get(act.code) or PRINTING.get(act.code) or function_key
    held: list[str] = []
    if not printed:
        held = [MODIFIERS[code] for code in sorted(act.held) if code in COMBINING or code == SHIFT]
    return "+".join((*dict.fromkeys(held), name)) if name else ""
