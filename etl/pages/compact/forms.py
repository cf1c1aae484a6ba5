"""The lines of an element, long and short, and how much it matters by itself.

What an element says decides them, so they are made once for all elements that say the same.
`PlainForms` is the specification; `etl.pages.compact.engine` does the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from etl.pages.compact.facts import Facts, Known, Saying, quoted, shortened
from etl.pages.compact.numbers import hash_of
from etl.pages.compact.relevance import PARTS, Flags, Words, plain, words_of
from etl.pages.compact.rules import CompactRules
from etl.pages.compact.tables import (
    ACTION,
    CONTROL,
    DRAWN,
    FORMATS,
    HEADING,
    NAMED,
    PICTURE,
    PRESSED,
    SAYS,
    TEXT,
)
from etl.pages.compact.units import ALONE, COVERED, INNER, LEAF, WRAPS, Numbers, plain_units
from etl.pages.page import Page

_SHORT: Final = 80
"""Characters of the text of what can be acted on, and of headings, in the short form."""
_BRIEF: Final = 48
"""Of any other text, and of what an attribute calls an element."""
_INNER: Final = 32
"""Of the text of an inline element, which stands in its host's line too."""
_WHOLE: Final = 65
"""How much an element matters that is acted on as a whole, where what it holds can be too."""
_DOUBLED: Final = 10
"""How much less a line of twice the tokens matters."""
_NUMBER, _USUAL = 3, 10
"""Tokens of most numbers of elements, and of most lines."""
_ACTION_FOLDS, _FOLDS = 30, 45

Counts = Callable[[bytes], npt.NDArray[np.int64]]
"""The tokens of each line of a text, UTF-8: int64."""
Rows = npt.NDArray[np.int64]
LONG, SHORT, LONG_CHARS, SHORT_CHARS, SCORE, FOLDS, SILENT = range(7)
"""Columns of a row: tokens and characters of the lines, their numbers apart; how much the element
matters, and the most that it matters less where many of its shape stand before it, both in `PARTS`;
and 1 if its absence need not be marked, since it says nothing or is hidden.
"""


class Forms(Protocol):
    """What elements say, by number, and the lines of it."""

    def __len__(self) -> int:
        """How many things of one kind are remembered, of that of which there are most."""

    def units(self, page: Page) -> Any:
        """The elements of a page that can be shown: what `etl.pages.compact.units.arrays` reads."""

    def make(self) -> None:
        """Make the lines of what was said for the first time."""

    def rows(self, sayings: Numbers) -> Rows:
        """A row for each of some sayings: int64, shape (sayings, 7)."""

    def hashes(self, sayings: Numbers) -> list[int]:
        """`numbers.hash_of` the long line of each."""

    def line(self, saying: int, whole: bool) -> str:
        """The line, long or short, without the number of the element, with a line break."""

    def having(self, sayings: Numbers, words: Iterable[str]) -> dict[str, Flags]:
        """Each of the words that some of the sayings have: which of them, as flags."""

    def hits(self, sayings: Numbers, names: Collection[str]) -> bytes:
        """Which of some sayings one of the names calls: by their text or a name of theirs, as
        `relevance.plain` writes it. Flags, bool; empty if there are none.
        """


class PlainForms:
    """`Forms` in plain Python: the specification.

    counts: see `Counts`; ``rules``: by which start tags are read and texts shortened.
    """

    def __init__(self, rules: CompactRules, counts: Counts) -> None:
        self.known = Known(rules)
        self._rules, self._counts = rules, counts
        # by saying: long and short
        self._made: list[tuple[str, str]] = []
        self._hashes: list[int] = []
        self._table: Rows = np.zeros((1024, SILENT + 1), np.int64)
        self._words = Words(self._words_of)

    def __len__(self) -> int:
        """See `Forms`."""
        return len(self.known)

    def units(self, page: Page) -> Any:
        """See `Forms`."""
        return plain_units(page, self.known)

    def rows(self, sayings: Numbers) -> Rows:
        """See `Forms`."""
        self.make()
        return self._table[sayings]

    def hashes(self, sayings: Numbers) -> list[int]:
        """See `Forms`."""
        self.make()
        return [self._hashes[saying] for saying in sayings.tolist()]

    def line(self, saying: int, whole: bool) -> str:
        """See `Forms`."""
        self.make()
        return self._made[saying][not whole]

    def having(self, sayings: Numbers, words: Iterable[str]) -> dict[str, Flags]:
        """See `Forms`."""
        return self._words.having(sayings, words)

    def hits(self, sayings: Numbers, names: Collection[str]) -> bytes:
        """See `Forms`."""
        found = [saying for saying in {*sayings.tolist()} if self.called(saying) & {*names}]
        return np.isin(sayings, found).tobytes() if found else b""

    def called(self, saying: int) -> set[str]:
        """What a name may be that calls an element."""
        said = self.known.sayings[saying]
        return {*map(plain, (said[1], *self.known.names(said)))}

    def _words_of(self, saying: int) -> set[str]:
        """The words of what an element says, in lower case."""
        said = self.known.sayings[saying]
        facts, text, _, _, more = said
        names = " ".join(self.known.names(said))
        shown = self.known.mores[more] if more >= 0 else ""
        return words_of(f"{names} {self.known.facts[facts].state} {shown} {text}")

    def make(self) -> None:
        """See `Forms`."""
        done, end = len(self._made), len(self.known.sayings)
        if done == end:
            return
        sayings = self.known.sayings[done:]
        made = [self._lines(saying) for saying in sayings]
        written = "".join(line for lines in made for line in lines)
        tokens = self._counts(written.encode("utf-8", "surrogatepass")).reshape(-1, 2).tolist()
        if end > len(self._table):
            more = np.zeros((2 * end - len(self._table), SILENT + 1), np.int64)
            self._table = np.concatenate([self._table, more])
        self._table[done:end] = [
            (
                *(*sizes, len(long), len(short)),
                *_matters(self.known.facts[number], text, bits, sizes[1]),
            )
            for (number, text, _, bits, _), (long, short), sizes in zip(
                sayings, made, tokens, strict=True
            )
        ]
        self._made += made
        self._hashes += [hash_of(long) for long, _ in made]

    def _lines(self, saying: Saying) -> tuple[str, str]:
        """The lines of an element, long and short."""
        number, text, _, bits, told_apart = saying
        facts, rules = self.known.facts[number], self._rules
        names = self.known.names(saying)
        if not bits & INNER:
            most = _SHORT if facts.kind & ACTION or facts.matters >= HEADING else _BRIEF
            words, brief = shortened(text, rules.text), shortened(text, most)
        elif bits & ALONE or facts.head in FORMATS:
            words = brief = ""
        else:
            words, brief = shortened(text, _INNER), ""
        more = self.known.mores[told_apart] if told_apart >= 0 else ""
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
        matters = TEXT if not bits & INNER else TEXT - 3 - 17 * (facts.head in FORMATS)
    elif not text and not kind & SAYS:
        matters, silent = min(matters, PICTURE) + (3 if bits & LEAF else 0), True
    if bits & WRAPS and not text and not kind & NAMED and matters < CONTROL:
        role = facts.head.rpartition("role=")[2]  # the tag where it has none
        matters = min(matters, _WHOLE if role in PRESSED or role == "a" else PICTURE)
    if not bits & COVERED:
        return matters * PARTS, silent
    if matters >= CONTROL:
        return matters * PARTS * 6 // 10, silent  # a script may show it
    return matters * PARTS // 5, True
