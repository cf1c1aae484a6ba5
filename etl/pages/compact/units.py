"""The elements of a page that can be shown, in document order, each with its text: one pass.

The text of an inline element belongs to the nearest element around it that is not inline, its host:
a sentence stays on one line, and the inline elements in it have lines of their own after it. What
can be acted on is never inline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from etl.pages.compact.facts import ACTION, GONE, HIDDEN, INLINE, Facts
from etl.pages.page import Page
from etl.pages.rules import PSEUDO_ELEMENT
from etl.pages.tokens import END, START, VOID_TAGS, OpenTags, Token

GAP: Final = "_"
"""Stands in a text where another element with a line of its own interrupts it."""
_MOST: Final = 4096
"""Characters of one element's text that are looked at."""


@dataclass(slots=True)
class Unit:
    """An element that can be shown."""

    # index in document order
    element: int
    facts: Facts
    # markup hides it or an element around it
    hidden: bool
    # the unit around it that can be acted on; -1: none
    acted: int
    # its text stands in the line of this unit; -1: in its own
    host: int
    # how many elements of its shape stand before it, in places of one shape
    before: int
    # it holds no element with a line
    leaf: bool = True
    # it holds another element that can be acted on
    wraps: bool = False
    # what the first element in it with a name is called
    lent: str = ""
    # pieces of its text
    text: list[str] = field(default_factory=list)
    # a piece was added, and then another element began
    broken: bool = False

    @property
    def words(self) -> str:
        """Its text with single spaces."""
        return " ".join(self.text)


@dataclass(slots=True)
class _Open:
    """An open element."""

    # its unit; -1: it has none, it is gone
    unit: int
    # the unit whose line has its text; -1: none
    host: int
    hidden: bool
    # the innermost unit around that can be acted on; -1: none
    acted: int
    # number of its shape within the shapes around it
    shape: int


def units_of(page: Page, facts_of: Callable[[Token], Facts]) -> list[Unit]:
    """The elements of a page that can be shown. Takes time linear in the page."""
    units: list[Unit] = []
    opened, tags = [_Open(-1, -1, False, -1, 0)], OpenTags()
    gone = 0  # the depth of the open element that goes with its content; 0: none
    shapes: dict[tuple[int, str], int] = {}
    met: dict[int, int] = {}
    element = -1
    for token in page.tokens:
        if token.kind == END:
            for _ in range(tags.close(token.tag)):
                opened.pop()
            if gone > len(opened):
                gone = 0
        elif token.element:
            element += 1
            holds = token.kind == START and token.tag not in VOID_TAGS
            around = opened[-1]
            inner = around
            if not gone:
                facts = facts_of(token)
                if facts.kind & GONE:
                    gone = len(opened) + 1 if holds else 0
                    inner = around if not holds else _Open(-1, -1, True, -1, 0)
                else:
                    shape = shapes.setdefault((around.shape, facts.shape), len(shapes) + 1)
                    met[shape] = met.get(shape, 0) + 1
                    inline = facts.kind & INLINE and around.host >= 0
                    hidden = around.hidden or bool(facts.kind & HIDDEN)
                    host = around.host if inline else len(units)
                    if not inline and holds and around.host >= 0 and units[around.host].text:
                        units[around.host].broken = True
                    if around.unit >= 0:
                        units[around.unit].leaf = False
                    units.append(
                        Unit(
                            element,
                            facts,
                            hidden,
                            around.acted,
                            host if inline else -1,
                            met[shape] - 1,
                        )
                    )
                    if around.acted >= 0:
                        outer = units[around.acted]
                        outer.wraps = outer.wraps or bool(facts.kind & ACTION)
                        outer.lent = outer.lent or (facts.names[0] if facts.names else "")
                    acted = len(units) - 1 if facts.kind & ACTION else around.acted
                    inner = _Open(len(units) - 1, host, hidden, acted, shape)
            if holds:
                opened.append(inner)
                tags.open(token.tag)
        text = token.raw_text
        if text and not gone and not token.hides_text and not text.isspace():
            _add(units, opened[-1], token.text)
    return units


def _add(units: list[Unit], into: _Open, text: str) -> None:
    """Add a text to the line that it belongs to, and to the inline element it stands in."""
    if into.host < 0:
        return
    if "::" in text:
        text = PSEUDO_ELEMENT.sub(" ", text)
    words = " ".join(text.replace("\0", "").split())
    if not words:
        return
    host = units[into.host]
    if into.unit != into.host and into.unit >= 0:
        units[into.unit].text.append(words)
    if host.broken:
        host.text.append(GAP)
        host.broken = False
    host.text.append(words)


__all__ = ["GAP", "Unit", "units_of"]
