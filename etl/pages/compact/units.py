"""The elements of a page that can be shown, in document order, each with its text: one pass.

The text of an inline element belongs to the nearest element around it that is not inline, its host:
a sentence stays on one line, and the inline elements in it have lines of their own after it. What
can be acted on is never inline. `plain_units` is the specification; the engine does the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from etl.pages.compact.facts import Known
from etl.pages.compact.tables import ACTION, FIELD, GONE, HIDDEN, INLINE, NAMED, TYPED
from etl.pages.page import Page
from etl.pages.rules import PSEUDO_ELEMENT
from etl.pages.tokens import END, START, OpenTags, Token

GAP: Final = "_"
"""Stands in a text where another element with a line of its own interrupts it."""

INNER: Final = 1
"""Its text stands in the line of its host."""
ALONE: Final = 2
"""Its text is all of its host's."""
LEAF: Final = 4
"""It holds no element with a line."""
WRAPS: Final = 8
"""It holds another element that can be acted on."""
COVERED: Final = 16
"""Markup hides it, or an element around it."""

Numbers = npt.NDArray[np.int32]


class Units(NamedTuple):
    """The elements of a page that can be shown, in document order: int32, shape (units,)."""

    # the index of each among all elements
    elements: Numbers
    # how many of its shape stand before it, or twice those in places like its own, if that is more
    before: Numbers
    # its place in `Known.sayings`
    sayings: Numbers


def arrays(found: Any) -> Units:
    """The elements that `plain_units` or the engine found, as arrays."""
    if isinstance(found, Units):
        return found
    return Units(*(np.frombuffer(each, np.int32) for each in found.arrays()))


@dataclass(slots=True)
class _Unit:
    """An element while the page is read."""

    element: int
    token: Token
    number: int
    kind: int
    before: int
    hidden: bool
    # the unit whose line has its text; -1: its own
    host: int
    text: list[str] = field(default_factory=list)
    # something with a line of its own began after the last piece of its text
    broken: bool = False
    leaf: bool = True
    wraps: bool = False
    lent: int = -1


@dataclass(slots=True)
class _Open:
    """An open element."""

    # its unit; -1: none
    unit: int
    # the unit whose line has its text; -1: none
    host: int
    # the innermost unit that can be acted on, it or around it; -1: none
    acted: int
    # the number of the place that its shape and those around it make
    place: int
    hidden: bool


class _Walk:
    """A walk through the tokens of a page."""

    def __init__(self, known: Known) -> None:
        self.units: list[_Unit] = []
        self.opened = [_Open(-1, -1, -1, 0, False)]
        self._known = known
        # (place around, shape) -> place; and how many elements it has had
        self._places: dict[tuple[int, int], int] = {}
        self._met: list[int] = [0]
        # shape -> how many elements it has had; fields are not counted
        self._alike: Counter[int] = Counter()

    def element(self, element: int, token: Token, told: tuple[int, int]) -> _Open:
        """Note an element; what it is while it is open."""
        around, units = self.opened[-1], self.units
        number, shape = told
        kind = self._known.facts[number].kind
        place = self._places.setdefault((around.place, shape), len(self._met))
        if place == len(self._met):
            self._met.append(0)
        at = len(units)
        hidden = around.hidden or bool(kind & HIDDEN)
        inline = bool(kind & INLINE) and around.host >= 0
        if not inline and token.kind == START and around.host >= 0 and units[around.host].text:
            units[around.host].broken = True
        if around.unit >= 0:
            units[around.unit].leaf = False
        if around.acted >= 0:
            outer = units[around.acted]
            outer.wraps = outer.wraps or bool(kind & ACTION)
            if outer.lent < 0 and kind & NAMED:
                outer.lent = number
        host = around.host if inline else -1
        before = max(2 * self._met[place], self._alike[shape])
        units.append(_Unit(element, token, number, kind, before, hidden, host))
        self._met[place] += 1
        self._alike[shape] += 0 if kind & FIELD else 1
        acted = at if kind & ACTION else around.acted
        return _Open(at, host if inline else at, acted, place, hidden)

    def text(self, text: str) -> None:
        """Add a text to the line that it belongs to, and to the inline element around it."""
        around = self.opened[-1]
        if around.host < 0:
            return
        host = self.units[around.host]
        if around.unit != around.host:
            self.units[around.unit].text.append(text)
        if host.broken:
            host.text.append(GAP)
            host.broken = False
        host.text.append(text)

    def result(self) -> Units:
        """All units."""
        known, texts = self._known, [" ".join(unit.text) for unit in self.units]
        sayings: list[int] = []
        for unit, text in zip(self.units, texts, strict=True):
            kind, acts = unit.kind, bool(unit.kind & ACTION)
            bits = (LEAF if unit.leaf else 0) | (WRAPS if unit.wraps else 0)
            bits |= COVERED if unit.hidden else 0
            if unit.host >= 0:
                bits |= INNER | (ALONE if text == texts[unit.host] else 0)
            lent = -1 if text or kind & NAMED else unit.lent
            bare = not (text or kind & NAMED or lent >= 0) and (unit.leaf or acts)
            control = unit.leaf and (kind & TYPED or (acts and not text))
            more = known.more(unit.token) if bare or control else -1
            sayings.append(known.saying(unit.number, text, lent, bits, more))
        each = (unit.element for unit in self.units), (unit.before for unit in self.units), sayings
        return Units(*(np.fromiter(numbers, np.int32) for numbers in each))


def plain_units(page: Page, known: Known) -> Units:
    """The elements of a page that can be shown, in time linear in the page."""
    walk, tags = _Walk(known), OpenTags()
    gone = 0  # the depth of the open element that goes with its content; 0: none
    element = -1
    for token in page.tokens:
        if token.kind == END:
            for _ in range(tags.close(token.tag)):
                walk.opened.pop()
            if gone > len(walk.opened):
                gone = 0
        elif token.element:
            element += 1
            holds = token.kind == START
            inner = walk.opened[-1]
            if not gone:
                told = known.told(token)
                if not known.facts[told[0]].kind & GONE:
                    inner = walk.element(element, token, told)
                elif holds:
                    gone = len(walk.opened) + 1
            if holds:
                walk.opened.append(inner)
                tags.open(token.tag)
        shown = token.raw_text and not gone and not token.hides_text
        if shown and (text := said(token.text)):
            walk.text(text)
    return walk.result()


def said(text: str) -> str:
    """A text with single spaces, without what recorders write for pseudo-elements."""
    if "::" in text:
        text = PSEUDO_ELEMENT.sub(" ", text)
    return " ".join(text.replace("\0", "").split())
