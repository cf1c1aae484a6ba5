"""`Compactor`: the observation of a page within a budget, chosen without knowing the target.

One line an element, in document order::

    832 a: Add to cart
    831 input type=checkbox "Remember me" checked
    …37

The number is the element's node id. ``…37``: here 37 elements were cut. ``…`` within a text: it was
shortened. ``_`` within a text: other elements stand there, which have lines of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from etl.pages.compact import choose, relevance
from etl.pages.compact.facts import (
    ACTION,
    CONTROL,
    DRAWN,
    HEADING,
    PICTURE,
    SAYS,
    TEXT,
    TYPED,
    Facts,
    facts_of,
    quoted,
    shortened,
)
from etl.pages.compact.rules import CompactRules
from etl.pages.compact.units import Unit, units_of
from etl.pages.page import Page
from etl.pages.tokens import Token

_REMEMBERED: Final = 2**16
_SHORT: Final = 80
"""Characters of the text of what can be acted on, in its short form."""
_BRIEF: Final = 48
"""Of any other text."""
_FORMATS: Final = frozenset("b i em strong u font small code sup sub q s mark".split())
"""Tags that say how a text looks: what stands in them is not repeated."""
_EXTRAS: Final = 6
"""Elements that say nothing, and hidden ones, together get at most this part of the budget."""
_INNER: Final = 32
"""Of the text of an inline element, which stands in its host's line too."""


@dataclass(frozen=True)
class Compacted:
    """An observation."""

    observation: str
    tokens: int
    # element in document order -> the number that the observation shows for it
    kept: dict[int, int]
    # rule -> the elements that it took away, or the texts that it shortened
    removed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Lines:
    """The lines of a page, before any is cut; the same for every task and budget."""

    units: list[Unit]
    long: list[str]
    short: list[str]


class Compactor:
    """Makes observations by fixed rules.

    count: the number of tokens of a text.
    """

    def __init__(self, rules: CompactRules, count: Callable[[str], int]) -> None:
        self.rules = rules
        self._count = count
        self._facts = lru_cache(_REMEMBERED)(self._facts_of)
        self._tokens = lru_cache(_REMEMBERED)(self._tokens_of)
        self._lines = lru_cache(4)(self._lines_of)

    def __call__(
        self,
        page: Page,
        objective: str = "",
        history: Sequence[str] = (),
        url: str = "",
        before: Page | None = None,
    ) -> Compacted:
        """The observation of a page for a task."""
        del url, before
        lines = self._lines(page)
        units = lines.units
        long = self._sizes(page, units, lines.long)
        short = self._sizes(page, units, lines.short)
        score, silent = self._scores(units, objective, history, lines)
        kept, whole = choose.chosen(
            long, short, score, silent, self.rules.budget, self.rules.budget // _EXTRAS
        )
        return self._written(page, lines, kept, whole, silent)

    def line(self, page: Page, element: int) -> str:
        """The line of an element in its long form; empty if it has none."""
        lines = self._lines(page)
        for unit, line in zip(lines.units, lines.long, strict=True):
            if unit.element == element:
                return f"{page.node(element)}{line}"
        return ""

    def _facts_of(self, markup: str, tag: str, token: _Same) -> Facts:
        del markup, tag
        return facts_of(token.token, self.rules)

    def _tokens_of(self, text: str) -> int:
        return self._count(text)

    def _lines_of(self, page: Page) -> _Lines:
        units = units_of(page, lambda token: self._facts(token.markup, token.tag, _Same(token)))
        return _Lines(units, [self._long(units, each) for each in units],
                      [self._brief(each) for each in units])

    def _long(self, units: list[Unit], unit: Unit) -> str:
        """A line without its number, in its long form."""
        words = unit.words
        if unit.host >= 0:
            alone = words == units[unit.host].words or unit.facts.head in _FORMATS
            words = "" if alone else shortened(words, _INNER)
        else:
            words = shortened(words, self.rules.text)
        return _line(unit, words, self.rules.value)

    def _brief(self, unit: Unit) -> str:
        """A line without its number, in its short form."""
        if unit.host >= 0:
            return _line(unit, "", _BRIEF)
        most = _SHORT if unit.facts.kind & ACTION or unit.facts.matters >= HEADING else _BRIEF
        return _line(unit, shortened(unit.words, most), _BRIEF)

    def _sizes(self, page: Page, units: list[Unit], lines: list[str]) -> choose.Counts:
        digits = {size: self._tokens("9" * size) for size in range(1, 12)}
        return np.array(
            [
                self._tokens(line) + digits[len(str(page.node(unit.element)))]
                for unit, line in zip(units, lines, strict=True)
            ],
            np.int64,
        )

    def _scores(self, units, objective, history, lines):  # type: ignore[no-untyped-def]
        score = np.empty(len(units))
        silent = np.zeros(len(units), np.bool_)
        for at, unit in enumerate(units):
            matters, kind = unit.facts.matters, unit.facts.kind
            if unit.text and matters < TEXT:
                matters = TEXT if unit.host < 0 else TEXT - 3 - 17 * (unit.facts.head in _FORMATS)
            elif not unit.text and not kind & SAYS:
                matters = min(matters, PICTURE) + 3 * unit.leaf
                silent[at] = True
            if kind & DRAWN or (unit.host >= 0 and not kind & SAYS):
                silent[at] = True
            if unit.wraps and not unit.text and not unit.facts.names and matters < CONTROL:
                matters = PICTURE
            value = float(matters)
            if unit.hidden:
                revealed = matters >= CONTROL and unit.facts.head != "input type=hidden"
                value *= 0.6 if revealed else 0.2
                silent[at] = not revealed
            if self.rules.folding and unit.before > 5:
                most = 30.0 if kind & ACTION else 45.0
                value -= min(most, 6 * np.log2(1 + (unit.before - 5) / 5))
            score[at] = value
        if self.rules.relevance:
            task = relevance.sought(objective, history)
            score += relevance.relevance(lines.long, task)
        return score, silent

    def _written(self, page, lines, kept, whole, silent):  # type: ignore[no-untyped-def]
        out: list[str] = []
        ids: dict[int, int] = {}
        marks = dict(choose.gaps(kept, silent))
        for at, unit in enumerate(lines.units):
            if at in marks:
                out.append(f"…{marks[at]}\n")
            if kept[at]:
                node = page.node(unit.element)
                ids[unit.element] = node
                out.append(f"{node}{(lines.long if whole[at] else lines.short)[at]}")
        if len(lines.units) in marks:
            out.append(f"…{marks[len(lines.units)]}\n")
        text = "".join(out).removesuffix("\n")
        return Compacted(text, self._count(text), ids)


def _line(unit: Unit, words: str, most: int) -> str:
    facts = unit.facts
    given = facts.names or ((unit.lent,) if unit.lent and not unit.text else ())
    names = "".join([f" {quoted(shortened(name, most))}" for name in given if name != words])
    control = facts.kind & (ACTION | TYPED) and unit.leaf
    bare = not unit.text and not given and (unit.leaf or facts.kind & ACTION)
    more = facts.more if bare or (control and not words) else ""
    text = f": {words}" if words else ""
    return f" {facts.head}{names}{facts.state}{more}{text}\n"


class _Same:
    """A token that is no part of a cache's key, since its markup is."""

    def __init__(self, token: Token) -> None:
        self.token = token

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same)

    def __hash__(self) -> int:
        return 0


__all__ = ["Compacted", "Compactor"]
