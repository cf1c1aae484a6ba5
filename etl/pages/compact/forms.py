"""The lines of an element, long and short, and how much it matters by itself.

What an element says decides them, so they are made once for all elements that say the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.pages.compact.facts import (
    ACTION,
    CONTROL,
    DRAWN,
    HEADING,
    NAMED,
    PICTURE,
    SAYS,
    TEXT,
    Facts,
    Known,
    Saying,
    quoted,
    shortened,
)
from etl.pages.compact.relevance import LONGEST, PARTS, plain, words_of
from etl.pages.compact.rules import CompactRules
from etl.pages.compact.units import ALONE, COVERED, INNER, LEAF, WRAPS

_SHORT: Final = 80
"""Characters of the text of what can be acted on, and of headings, in the short form."""
_BRIEF: Final = 48
"""Of any other text, and of what an attribute calls an element."""
_INNER: Final = 32
"""Of the text of an inline element, which stands in its host's line too."""
_FORMATS: Final = frozenset("b i em strong u font small code sup sub q s mark".split())
"""Tags that say how a text looks: what stands in them is not repeated."""
_PRESSED: Final = frozenset(
    "button link checkbox radio switch tab menuitem menuitemcheckbox menuitemradio option "
    "treeitem".split()
)
"""Roles of what is acted on as a whole, whatever it holds."""
_WHOLE: Final = 65
"""How much such an element matters where what it holds can be acted on too."""
_DOUBLED: Final = 10
"""How much less a line of twice the tokens matters."""
_NUMBER, _USUAL = 3, 10
"""Tokens of most numbers of elements, and of most lines."""
_ACTION_FOLDS, _FOLDS = 30, 45

Rows = npt.NDArray[np.int64]
LONG, SHORT, LONG_CHARS, SHORT_CHARS, SCORE, FOLDS, SILENT = range(7)
"""Columns of a row: tokens and characters of the lines, their numbers apart; how much the element
matters, and the most that it matters less where many of its shape stand before it, both in `PARTS`;
and 1 if its absence need not be marked, since it says nothing or is hidden.
"""


class Forms:
    """The lines of what elements say, by its place in `Known.sayings`; each is made once.

    count: the number of tokens of a line.
    """

    def __init__(self, rules: CompactRules, known: Known, count: Callable[[str], int]) -> None:
        self._rules, self._known, self._count = rules, known, count
        # without the number of the element, with a line break
        self.long: list[str] = []
        self.short: list[str] = []
        # begin of the text, and names, in lower case
        self._lower: list[str] = []
        self._table: Rows = np.zeros((1024, SILENT + 1), np.int64)

    def of(self, sayings: npt.NDArray[np.int32]) -> Rows:
        """A row for each of some sayings: int64, shape (sayings, 7)."""
        self.make()
        return self._table[sayings]

    def line(self, saying: int) -> str:
        """The long form, which may not be made yet."""
        if saying < len(self.long):
            return self.long[saying]
        return self._lines(self._known.sayings[saying])[0]

    def words(self, saying: int) -> set[str]:
        """The words of what an element says, in lower case."""
        facts, text, lent, _, more = self._known.sayings[saying]
        names = " ".join(self._names(facts, lent))
        shown = self._known.mores[more] if more >= 0 else ""
        return words_of(f"{names} {self._known.facts[facts].state} {shown} {text}")

    def called(self, sayings: Sequence[int], names: Collection[str]) -> list[int]:
        """Those of some sayings that one of the names calls: by their text or a name of theirs, as
        `relevance.plain` writes it.
        """
        found: set[int] = set()
        for name in names:
            word = max(name.split(" "), key=len)  # few have it, so few are looked at closely
            for saying in sayings:
                if word in self._lower[saying] and name in self._called(saying):
                    found.add(saying)
        return sorted(found)

    def _called(self, saying: int) -> set[str]:
        facts, text, lent, _, _ = self._known.sayings[saying]
        return {*map(plain, (text, *self._names(facts, lent)))}

    def make(self) -> None:
        """Make the lines of what was said for the first time."""
        done, end = len(self.long), len(self._known.sayings)
        if done == end:
            return
        sayings = self._known.sayings[done:]
        made = [self._lines(saying) for saying in sayings]
        tokens = {line: self._count(line) for line in {*chain.from_iterable(made)}}
        if end > len(self._table):
            more = np.zeros((2 * end - len(self._table), SILENT + 1), np.int64)
            self._table = np.concatenate([self._table, more])
        self._table[done:end] = [
            (
                *(tokens[long], tokens[short], len(long), len(short)),
                *_matters(self._known.facts[number], text, bits, tokens[short]),
            )
            for (number, text, _, bits, _), (long, short) in zip(sayings, made, strict=True)
        ]
        self.long += [long for long, _ in made]
        self.short += [short for _, short in made]
        self._lower += [
            "\n".join((text[:LONGEST], *self._names(number, lent))).lower()
            for number, text, lent, _, _ in sayings
        ]
        if self._known.compiled is not None:
            self._known.compiled.add(self._table[done:end].tobytes(), made)

    def _names(self, number: int, lent: int) -> tuple[str, ...]:
        """What an element is called: by attributes, or by those of an element in it."""
        facts = self._known.facts
        return facts[number].names or (facts[lent].names[:1] if lent >= 0 else ())

    def _lines(self, saying: Saying) -> tuple[str, str]:
        """The lines of an element, long and short."""
        number, text, lent, bits, told_apart = saying
        facts, rules = self._known.facts[number], self._rules
        names = self._names(number, lent)
        if not bits & INNER:
            most = _SHORT if facts.kind & ACTION or facts.matters >= HEADING else _BRIEF
            words, brief = shortened(text, rules.text), shortened(text, most)
        elif bits & ALONE or facts.head in _FORMATS:
            words = brief = ""
        else:
            words, brief = shortened(text, _INNER), ""
        more = self._known.mores[told_apart] if told_apart >= 0 else ""
        long = _line(facts, names, more, words, rules.value)
        if brief == words and (not names or max(map(len, names)) <= _BRIEF):
            return long, long
        return long, _line(facts, names, more, brief, min(_BRIEF, rules.value))


def _line(facts: Facts, names: tuple[str, ...], more: str, words: str, most: int) -> str:
    """A line without its number."""
    shown = "".join([f" {quoted(shortened(name, most))}" for name in names if name != words])
    said = f": {words}" if words else ""
    return f" {facts.head}{shown}{facts.state}{more}{said}\n"


def _matters(facts: Facts, text: str, bits: int, tokens: int) -> tuple[int, int, bool]:
    """How much an element matters, how much less at most, and whether its absence need not be
    marked. tokens: those of its short line.
    """
    matters, silent = _itself(facts, text, bits)
    if not silent:  # in the place of a long line, several shorter ones may stay
        matters -= round(PARTS * _DOUBLED * math.log2((tokens + _NUMBER) / _USUAL))
    return matters, PARTS * (_ACTION_FOLDS if facts.kind & ACTION else _FOLDS), silent


def _itself(facts: Facts, text: str, bits: int) -> tuple[int, bool]:
    """How much an element matters whatever its line costs, and whether it is silent."""
    matters, kind = facts.matters, facts.kind
    silent = bool(kind & DRAWN or (bits & INNER and not kind & SAYS))
    if text and matters < TEXT:
        matters = TEXT if not bits & INNER else TEXT - 3 - 17 * (facts.head in _FORMATS)
    elif not text and not kind & SAYS:
        matters, silent = min(matters, PICTURE) + (3 if bits & LEAF else 0), True
    if bits & WRAPS and not text and not kind & NAMED and matters < CONTROL:
        role = facts.head.rpartition("role=")[2]  # the tag where it has none
        matters = min(matters, _WHOLE if role in _PRESSED or role == "a" else PICTURE)
    if not bits & COVERED:
        return matters * PARTS, silent
    if matters >= CONTROL:
        return matters * PARTS * 6 // 10, silent  # a script may show it
    return matters * PARTS // 5, True
