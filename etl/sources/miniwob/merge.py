"""From a MiniWoB++ demo's raw browser events to steps.

`Merger` makes steps of each act (`etl.sources.miniwob.events`) or run of key acts, or drops it with
a reason:

- ``click``: also without a click event (the page changed under the pointer, or the demo ended at
  once), and if mouseup hits another element at the same place. Its value is empty, or ``x,y`` if
  the target is not in the DOM.
- ``double_click``: includes the click before it on the same element.
- ``drag``: the pointer moved more than 3 px, or 20 px if a click event followed. Its value is
  ``dx,dy``. It has a destination if it ends on an element that neither is the dragged one, nor lies
  in it, nor holds it.
- ``select``: a click on an <option>. Its target is the <select>, its value the option's text. Also
  a click on a <select> whose recorded value it changed. If the system draws the list, neither
  options nor choice are recorded: the choice is dropped (``choice_not_recorded``), and opening the
  list remains as a click.
- ``type``: the strokes in one text field, from the first to the last that types (changes the text,
  or could have), with shortcuts, caret movements and Tab in between. Its value is what the field
  holds when the next act starts. Replaying the keys would often be wrong (shortcuts, selections,
  autocompletion, date fields). Escape ends it, and so does Enter outside of a text area. Strokes
  that leave the field as it was are dropped (``typing_without_effect``).
- ``clear``: strokes that leave the field empty.
- ``press``: every other key, by its DOM name: ``Enter``, ``Shift+Tab``, ``Control+c``. A key that
  repeats while it is down counts once.
- ``scroll``: its value is ``down``, ``up``, ``right`` or ``left`` and the pixels by which the
  content moved, as in ``down 120``; empty if positions were not recorded. It is dropped if nothing
  moved (``scroll_without_effect``: the page is scrolled to its start as the task begins).

Also dropped are ``keyup_alone`` and ``mouseup_alone`` (pressed before the recording began),
``modifier_alone`` (Shift and the like without another key; a click or drag meanwhile has them as
its modifiers), ``key_outside_field`` (a character with no element in focus) and ``unnamed_key``
(Fn, media keys).

The observation is the DOM at an act's first event. At a scroll event the page has already moved,
but the markup has no geometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from etl.sources.miniwob.dom import Key, Node, Page, TreePage, key_of, text_value
from etl.sources.miniwob.events import (
    ENTER,
    ERASING,
    ESCAPE,
    IME,
    MODIFIERS,
    TAB,
    Act,
    Event,
    group,
    held_names,
    is_shortcut,
    key_name,
    prints,
)
from schemas.reasons import Reason

CLICK_SLACK: Final = 20  # px that the pointer may move in a click
NO_CLICK_SLACK: Final = 3  # px that it may move if the browser did not call it a click


@dataclass(slots=True)
class Draft:
    """A step in the making."""

    kind: str
    value: str
    # index of the state that it observes
    first: int
    # indexes of all its states
    states: list[int]
    # None if the element is not in the recorded tree
    target: Node | None
    # DOM names of the keys held
    held: tuple[str, ...] = ()
    # the element on which a drag ends
    destination: Node | None = None


@dataclass(slots=True)
class Merger:
    """Makes acts into steps. After `run`, each state is in a draft or in ``dropped``."""

    # one for each state
    pages: Sequence[Page | TreePage]
    drafts: list[Draft] = field(default_factory=list)
    # index of a state -> the reason
    dropped: dict[int, Reason] = field(default_factory=dict)

    def run(self, events: list[Event]) -> None:
        """Merge one demo's events."""
        acts, lone = group(events)
        self.drop(lone, "keyup_alone")
        start = 0
        while start < len(acts):
            stop = start + 1
            if acts[start].kind == "key":
                target = key_of(acts[start].target)
                while (
                    stop < len(acts)
                    and acts[stop].kind == "key"
                    and key_of(acts[stop].target) == target
                ):
                    stop += 1
            after = acts[stop].first if stop < len(acts) else len(self.pages) - 1
            if acts[start].kind == "key":
                self._keys(acts[start:stop], after)
            elif acts[start].kind == "scroll":
                self._scroll(acts[start])
            else:
                self._mouse(acts[start], acts[start - 1] if start else None, after)
            start = stop

    def drop(self, acts: list[Act], reason: Reason) -> None:
        """Drop the states of these acts."""
        self.dropped.update((state, reason) for act in acts for state in act.states)

    def _draft(self, kind: str, value: str, acts: list[Act], target: Node | None) -> None:
        states = [state for act in acts for state in act.states]
        held = held_names(acts[0]) if acts[0].kind == "mouse" else ()
        self.drafts.append(Draft(kind, value, acts[0].first, states, target, held))

    def _mouse(self, act: Act, before: Act | None, after: int) -> None:
        target = act.target
        last = self.drafts[-1] if self.drafts else None
        options = None
        if target is not None and target["tag"] in ("OPTION", "SELECT"):
            options = self.pages[act.first].list_of(target)
        chosen = self._chosen(options, target, after)
        if options is not None and chosen is not None:
            self._draft("select", chosen, [act], options)
        elif not act.has("mousedown") and (options is not None or not act.has("click")):
            self.drop([act], "choice_not_recorded" if options is not None else "mouseup_alone")
        elif act.has("scroll") and not act.has("click"):
            self._scroll(act)
        elif (moved := _moved(act)) is not None:
            self._draft("drag", moved, [act], target)
            self.drafts[-1].destination = self._end_of(act, target)
        elif not act.has("dblclick"):
            self._draft("click", "" if target is not None else _place(act), [act], target)
        elif (
            last is not None
            and before is not None
            and last.kind == "click"
            and _same(last, before, target)
        ):
            last.kind = "double_click"
            last.states += act.states
        else:
            self._draft("double_click", "" if target is not None else _place(act), [act], target)

    def _end_of(self, act: Act, target: Node | None) -> Node | None:
        """The element on which a drag ends, in the page where it begins.

        None if it is the dragged one, lies in it, or holds it: the distance says more then.
        """
        up = act.get("mouseup")
        key = key_of(up.target) if up is not None else None
        end = self.pages[act.first].element(key) if key is not None else None
        if end is None or target is None or _holds(end, target) or _holds(target, end):
            return None
        return end

    def _chosen(self, options: Node | None, target: Node | None, after: int) -> str | None:
        """The option that a click on a <select> or an <option> chose; None if it is not known."""
        if options is None or target is None:
            return None
        if target is not options:
            return str(target.get("text", "")).strip()
        later = self.pages[after].element((options["ref"], options["tag"]))
        now = (options if later is None else later).get("value")
        return now if isinstance(now, str) and now != options.get("value") else None

    def _scroll(self, act: Act) -> None:
        direction = self._direction(act)
        if direction is None:
            self.drop([act], "scroll_without_effect")
        else:
            self._draft("scroll", direction, [act], act.target)

    def _direction(self, act: Act) -> str | None:
        """Where the view went, and by how many pixels: against the movement of the content.

        None if it did not move, empty if positions were not recorded.
        """
        before, after = self.pages[max(act.first - 1, 0)], self.pages[act.states[-1]]
        inner = (
            before.body
            if act.target is None
            else next(iter(act.target.get("children", [])), act.target)
        )
        moves, recorded = [], False
        for side, names in (("top", ("up", "down")), ("left", ("left", "right"))):
            old, new = (
                None if found is None else found.get(side)
                for found in (
                    page.element((inner["ref"], inner["tag"])) for page in (before, after)
                )
            )
            if isinstance(old, (int, float)) and isinstance(new, (int, float)):
                recorded = True
                moves += [(abs(new - old), names[new < old])] if new != old else []
        if not moves:
            return None if recorded else ""
        far, way = max(moves)
        return f"{way} {far:g}"

    def _keys(self, acts: list[Act], after: int) -> None:
        """Strokes on one target: spans that type into a text field, and presses between them."""
        spans: list[tuple[int, int]] = []
        start = stop = 0
        for index, act in enumerate(acts):
            if act.code == ESCAPE or (
                act.code == ENTER and act.target and act.target["tag"] != "TEXTAREA"
            ):
                spans.append((start, stop))
                start = stop = index + 1
            elif self._types(act):
                stop = index + 1
        spans.append((start, stop))
        position = 0
        for start, stop in spans:
            if stop > start:
                self._presses(acts[position:start])
                self._typed(acts[start:stop], acts[stop].first if stop < len(acts) else after)
                position = stop
        self._presses(acts[position:])

    def _types(self, act: Act) -> bool:
        """Whether this stroke changes the text of its field, or could have."""
        if (
            act.target is None
            or text_value(act.target) is None
            or act.code == TAB
            or act.code in MODIFIERS
        ):
            return False
        if act.code in ERASING or act.code == IME or (prints(act) and not is_shortcut(act)):
            return True
        down = [event.states[-1] for event in act.events if event.type in ("keydown", "keypress")]
        effect = min(down[-1] + 1, len(self.pages) - 1)
        key = (act.target["ref"], act.target["tag"])
        return self._value(effect, key) not in (None, self._value(act.first, key))

    def _value(self, state: int, key: Key) -> str | None:
        """What a text field holds in a state; None if the page has no such field."""
        return text_value(self.pages[state].element(key))

    def _typed(self, acts: list[Act], after: int) -> None:
        target = acts[0].target
        key = key_of(target)
        assert key is not None
        now = self._value(after, key)
        while now is None:  # the field is gone: take what it last held
            after -= 1
            now = self._value(after, key)
        if now == self._value(acts[0].first, key):
            self.drop(acts, "typing_without_effect")
        elif not now:
            self._draft("clear", "", acts, target)
        else:
            self._draft("type", now, acts, target)

    def _presses(self, acts: list[Act]) -> None:
        held: list[Act] = []
        for act in acts:
            if act.code in MODIFIERS:
                held.append(act)
                continue
            name, last = key_name(act), self.drafts[-1] if self.drafts else None
            if not name:
                self.drop([*held, act], "unnamed_key")
            elif len(name) == 1 and act.target is not None and act.target["tag"] == "BODY":
                self.drop([*held, act], "key_outside_field")
            elif act.repeated and last is not None and (last.kind, last.value) == ("press", name):
                last.states += [state for one in (*held, act) for state in one.states]
            else:
                self._draft("press", name, [*held, act], (held[0] if held else act).target)
            held = []
        self.drop(held, "modifier_alone")


def _same(last: Draft, before: Act, target: Node | None) -> bool:
    """Whether the draft was made of the act before, on the same element."""
    return last.first == before.first and key_of(last.target) == key_of(target)


def _holds(outer: Node, inner: Node) -> bool:
    """Whether an element is another one or holds it."""
    todo = [outer]
    while todo:
        node = todo.pop()
        if node is inner:
            return True
        todo += node.get("children", [])
    return False


def _moved(act: Act) -> str | None:
    """``dx,dy`` in pixels if this is a drag; else None."""
    down, up = act.get("mousedown"), act.get("mouseup")
    if down is None or up is None:
        return None
    dx, dy = (up.action.get(side, 0) - down.action.get(side, 0) for side in "xy")
    slack = CLICK_SLACK if act.has("click") else NO_CLICK_SLACK
    return f"{dx:g},{dy:g}" if dx * dx + dy * dy > slack * slack else None


def _place(act: Act) -> str:
    action = act.events[0].action
    return f"{action.get('x', 0):g},{action.get('y', 0):g}"
