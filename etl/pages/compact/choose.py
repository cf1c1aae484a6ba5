"""Which lines stay within a budget, and in which form.

Each element has a long and a short form of its line. Silent elements, which say nothing or are
hidden, get a part of the budget at most. If all other long forms fit, they stay, whatever the task
is. Else the elements that matter most get their short forms, as many as fit together with the marks
of what was cut; then the rest of the budget buys long forms, again for those that matter most.

`Choice` is the specification; the engine does the same for the pages that it reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from etl.pages.compact.forms import (
    FOLDS,
    LONG,
    LONG_CHARS,
    SCORE,
    SHORT,
    SHORT_CHARS,
    SILENT,
    Forms,
)
from etl.pages.compact.relevance import PARTS, again
from etl.pages.compact.units import Numbers, Units

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CUT: Final = "…"
"""A line that begins so says how many elements were cut there; it is all where they are few."""
LEAST: Final = 4
"""Fewer elements that were cut in one place are not counted in their mark."""
MARK: Final = 3
"""At most the tokens of a mark, the digits of its number apart."""
WANTED: Final = 10_000 * PARTS
"""How much more an element matters that somebody has asked for: more than all else together."""
_TENS: Final = np.array([10**power for power in range(1, 10)])


class Kept(Mapping[int, int]):
    """The elements that an observation shows: index, in document order -> number."""

    def __init__(self, elements: bytes, numbers: bytes) -> None:
        """Both int32."""
        self._elements = np.frombuffer(elements, np.int32)
        self._numbers = np.frombuffer(numbers, np.int32)

    def __getitem__(self, element: int) -> int:
        at = place_of(element, self._elements)
        if at < 0:
            raise KeyError(element)
        return int(self._numbers[at])

    def __iter__(self) -> Iterator[int]:
        return iter(self._elements.tolist())

    def __len__(self) -> int:
        return len(self._elements)


def place_of(element: int, elements: Numbers) -> int:
    """The place of an element among some in document order; -1 if it is none of them."""
    at = int(elements.searchsorted(element))
    return at if at < len(elements) and int(elements[at]) == element else -1


class Shown(NamedTuple):
    """What is shown of a page."""

    text: str
    # of `Kept`
    elements: bytes
    numbers: bytes
    # characters of lines that were cut, of silent ones that were, and that shorter forms saved
    cut: int
    silent: int
    shortened: int
    # those of all lines and marks, with the line break that the last one lacks
    tokens: int

    @property
    def kept(self) -> Kept:
        """The elements that it shows."""
        return Kept(self.elements, self.numbers)

    def removed(self) -> dict[str, int]:
        """Rule -> the characters that it took away, if it did."""
        rules = {"cut": self.cut, "silent": self.silent, "shortened": self.shortened}
        return {rule: count for rule, count in rules.items() if count}


class Lines(Protocol):
    """The lines of a page, of which some are shown."""

    def plain(self, again: bytes, budget: int, extras: int) -> Shown | None:
        """All but silent elements that find no room; None if these do not fit.

        again: `relevance.again`, or empty. extras: the most tokens of silent elements.
        """

    def chosen(self, again: bytes, relevance: bytes, budget: int, extras: int) -> Shown:
        """What fits, where what is plain does not. relevance: `relevance.relevance`, or empty."""

    def again(self, hits: bytes) -> bytes:
        """`relevance.again`: int64. hits: bool."""


class Choice:
    """Chooses among lines.

    elements, numbers: the index of each one's element, and its number. long, short: their tokens.
    score: how much each matters. silent: their absence need not be marked. chars, saved: characters
    of the long form, and how many the short one saves. marks: the tokens of a mark by the digits of
    its number, from 0. line: the line at a place, in its long form or the short one.
    """

    def __init__(
        self,
        elements: Numbers,
        numbers: Numbers,
        long: Counts,
        short: Counts,
        score: Counts,
        silent: Flags,
        chars: Counts,
        saved: Counts,
        marks: Sequence[int],
        line: Callable[[int, bool], str],
    ) -> None:
        self._elements, self._numbers = elements, numbers
        self._long, self._short = long, short
        self._score, self._silent = score, silent
        self._chars, self._saved, self._line = chars, saved, line
        self._tokens_of_marks = np.array(marks, np.int64)
        # those that have only their long form
        self._opened: Flags = np.zeros(len(long), np.bool_)

    def wanting(self, asked: Counts, most: int) -> Choice:
        """The same where somebody wants to see some elements, in their long forms.

        asked: how much each is wanted, from 1; 0: it is not. most: tokens of the whole budget.
        """
        # a form of more than half of the budget might leave no room for anything else
        opened = (asked > 0) & (2 * self._long <= most)
        wanting = Choice(
            self._elements,
            self._numbers,
            self._long,
            np.where(opened, self._long, self._short),
            self._score + WANTED * asked,
            self._silent,
            self._chars,
            self._saved,
            self._tokens_of_marks.tolist(),
            self._line,
        )
        wanting._opened = opened
        return wanting

    def again(self, hits: bytes) -> bytes:
        """See `Lines`."""
        return again(np.frombuffer(hits, np.bool_), self._silent, self._score).tobytes()

    def plain(self, again: bytes, budget: int, extras: int) -> Shown | None:
        """See `Lines`."""
        stays = self._staying(self._more(again), extras)
        return None if int(self._long[stays].sum()) > budget else self._shown(stays, stays)

    def chosen(self, again: bytes, relevance: bytes, budget: int, extras: int) -> Shown:
        """See `Lines`."""
        score = self._more(again)
        stays = self._staying(score, extras)
        score = score + np.frombuffer(relevance, np.int64) if relevance else score
        order = np.argsort(-score, kind="stable")
        order = order[stays[order]]
        rank = np.full(len(stays), len(stays))
        rank[order] = np.arange(len(order))
        sums = np.concatenate([[0], np.cumsum(self._short[order])])
        low, high = 0, int(np.searchsorted(sums, budget, side="right")) - 1
        while low < high:  # the most that fit with their marks
            middle = (low + high + 1) // 2
            if int(sums[middle]) + self._marks(rank < middle) <= budget:
                low = middle
            else:
                high = middle - 1
        kept = rank < low
        left = budget - int(sums[low]) - self._marks(kept)
        whole = np.zeros(len(stays), np.bool_)
        more = (self._long - self._short)[order[:low]]
        whole[order[:low][np.cumsum(more) <= left]] = True
        return self._shown(kept, whole | self._opened)

    def _more(self, again: bytes) -> Counts:
        return self._score + np.frombuffer(again, np.int64) if again else self._score

    def _staying(self, score: Counts, extras: int) -> Flags:
        """All but the silent elements for which there is no room."""
        quiet = np.flatnonzero(self._silent)
        quiet = quiet[np.argsort(-score[quiet], kind="stable")]
        stays = np.ones(len(self._silent), np.bool_)
        stays[quiet[np.cumsum(self._short[quiet]) > extras]] = False
        return stays

    def _gaps(self, kept: Flags) -> tuple[Counts, Counts]:
        """Of each run of cut elements: the place after it, and how many they are."""
        cut = np.concatenate([[0], np.cumsum(~kept & ~self._silent)])
        places = np.flatnonzero(np.append(kept, True))
        counts = np.diff(np.concatenate([[0], cut[places]]))
        at = np.flatnonzero(counts)
        return places[at], counts[at]

    def _marks(self, kept: Flags) -> int:
        """At most the tokens of the marks of what was cut."""
        _, counts = self._gaps(kept)
        counted = counts[counts >= LEAST]
        digits = len(counted) + sum((counted >= size).sum() for size in _TENS)
        return int(len(counts) * MARK + digits)

    def _shown(self, kept: Flags, whole: Flags) -> Shown:
        lines: list[str] = []
        stay, done = np.flatnonzero(kept), 0
        shown = list(map(self._line, stay.tolist(), whole[stay].tolist()))
        places, counts = self._gaps(kept)
        ends = np.searchsorted(stay, places).tolist()  # of the lines before each run
        for end, count in zip(ends, counts.tolist(), strict=True):
            lines += [*shown[done:end], f"{CUT}{count if count >= LEAST else ''}\n"]
            done = end
        return Shown(
            "".join([*lines, *shown[done:]]).removesuffix("\n"),
            self._elements[stay].tobytes(),
            self._numbers[stay].tobytes(),
            int(self._chars[~kept & ~self._silent].sum()),
            int(self._chars[~kept & self._silent].sum()),
            int(self._saved[kept & ~whole].sum()),
            int(np.where(whole, self._long, self._short)[kept].sum())
            + int(self._tokens_of_marks[np.where(counts < LEAST, 0, _digits(counts))].sum()),
        )


def _digits(numbers: Counts) -> Counts:
    """How many digits each has."""
    return 1 + np.searchsorted(_TENS, numbers, side="right")


@cache
def weights(*, folding: bool) -> tuple[list[int], list[int]]:
    """How much less an element matters, in `PARTS`: by `Units.before`, at most its `forms.FOLDS`;
    and by how many before it say the same. The last of each holds for all greater numbers.
    """
    if not folding:
        return [0], [0]
    return (
        [round(PARTS * 6 * math.log2(max(1.0, before / 10))) for before in range(2000)],
        [round(PARTS * 2 * math.log2(1 + before)) for before in range(5000)],
    )


def before_of(keys: Numbers) -> Counts:
    """How many with the same key stand before each."""
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.diff(keys[order], prepend=keys.min(initial=0) - 1))
    sizes = np.diff(np.append(firsts, len(keys)))
    found = np.empty(len(keys), np.int64)
    found[order] = np.arange(len(keys)) - np.repeat(firsts, sizes)
    return found


def choice(
    units: Units,
    forms: Forms,
    numbers: Numbers,
    digits: Sequence[int],
    marks: Sequence[int],
    *,
    folding: bool,
) -> Choice:
    """Chooses among the lines of a page.

    numbers: `numbers.numbers_of`. digits, marks: the tokens of a number by its digits, from 1, and
    of a mark by those of its number, from 0. folding: whether of many elements of one shape the
    first ones matter more.
    """
    elements, before, sayings = units
    rows = forms.rows(sayings)
    tokens = np.array(digits)[_digits(numbers.astype(np.int64)) - 1]
    alike, same = weights(folding=folding)
    less = np.minimum(rows[:, FOLDS], np.array(alike)[np.minimum(before, len(alike) - 1)])
    less += np.array(same)[np.minimum(before_of(sayings), len(same) - 1)]

    def line(at: int, whole: bool) -> str:
        return f"{numbers[at]}{forms.line(int(sayings[at]), whole)}"

    return Choice(
        elements,
        numbers,
        tokens + rows[:, LONG],
        tokens + rows[:, SHORT],
        rows[:, SCORE] - less,
        rows[:, SILENT] == 1,
        rows[:, LONG_CHARS],
        rows[:, LONG_CHARS] - rows[:, SHORT_CHARS],
        marks,
        line,
    )
