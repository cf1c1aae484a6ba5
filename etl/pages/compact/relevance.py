"""How much the elements of a page have to do with a task, by the words they share with it.

The score of a word is BM25's: rare words of the page count more. Words of the objective count
whole, those of the latest steps a third. An element lends half of its score to those near it: what
is acted on often stands beside what the task names. What the latest steps call by its whole text or
name comes first, since steps are repeated, corrected and undone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.pages import compiled

PARTS: Final = 1_000_000
"""Parts of one, in which what an element matters is counted, so that sums are exact."""
MOST: Final = 40.0
"""The most that relevance adds to what an element matters."""
AGAIN: Final = 15 * PARTS
"""What is added to an element that the latest steps call by its text or name, in `PARTS`."""
AROUND: Final = 2
"""Elements right before it that come next to it where they are silent."""
LONGEST: Final = 100
"""Characters of what an element is called."""
LATEST: Final = 4
"""Steps of the history that are looked at."""

_WORD: Final = re.compile(r"[^\W_]+")
_QUOTED: Final = re.compile(r'"([^"\n]{2,100})"')
_LESS: Final = 10 * PARTS  # by this, what is around an element matters less than it
_HALF: Final = 6.0  # the score of words that gives half of `MOST`
_HISTORY: Final = 1 / 3
_NEAR: Final = 4  # elements to either side that an element lends its score to
_COMMON: Final = frozenset(
    "a an and are as at be by can do for from has have i if in is it its my no not of on or so "
    "that the their then there this to was we with you your all any into out up page click find "
    "select description action node target mouse keyboard sequence type _".split()
)


def words_in(text: str) -> list[str]:
    """The words of a text in their order, in lower case."""
    return _WORD.findall(text.lower())


def words_of(text: str) -> set[str]:
    """The words of a text, in lower case."""
    return {*words_in(text)}


def plain(text: str) -> str:
    """The words of a short text in their order, in lower case; empty for a longer one."""
    return " ".join(words_in(text)) if len(text) <= LONGEST else ""


def called(history: Sequence[str]) -> set[str]:
    """What the latest steps have in quotes, as `plain` writes it: mostly what they acted on."""
    return {*chain.from_iterable(map(_called, history[-LATEST:]))}


@lru_cache(maxsize=64)
def _called(step: str) -> frozenset[str]:
    """`called`, of one step; the next steps ask for it too."""
    return frozenset(filter(None, map(plain, _QUOTED.findall(step))))


def sought(objective: str, history: Sequence[str]) -> dict[str, float]:
    """The words of a task and what each counts."""
    found: dict[str, float] = {}
    for text in history[-LATEST:]:
        for word in words_of(text) - _COMMON:
            if not word.isdigit():
                found[word] = _HISTORY
    found |= dict.fromkeys(words_of(objective) - _COMMON, 1.0)
    return found


Flags = npt.NDArray[np.bool_]


class Words:
    """Which sayings have a word.

    said: the words of a saying, by its number.
    """

    def __init__(self, said: Callable[[int], set[str]]) -> None:
        self._said = said
        self._of: dict[str, list[int]] = {}
        self._arrays: dict[str, npt.NDArray[np.int64]] = {}
        self._known = np.zeros(0, np.bool_)

    def having(
        self, sayings: npt.NDArray[np.int32], words: Iterable[str]
    ) -> dict[str, npt.NDArray[np.bool_]]:
        """Each of the words that some of the sayings have: which of them, as flags."""
        most = int(sayings.max(initial=-1)) + 1
        if most > len(self._known):
            self._known = np.concatenate([self._known, np.zeros(2 * most, np.bool_)])
        for saying in np.unique(sayings[~self._known[sayings]]).tolist():
            for word in self._said(saying):
                self._of.setdefault(word, []).append(saying)
            self._known[saying] = True
        found: dict[str, npt.NDArray[np.bool_]] = {}
        for word in words:
            if word in self._of:
                flags = np.zeros(len(self._known), np.bool_)
                flags[self._array(word)] = True
                if (among := flags[sayings]).any():
                    found[word] = among
        return found

    def _array(self, word: str) -> npt.NDArray[np.int64]:
        """The sayings that have a word; their array is made anew when there are more."""
        array = self._arrays.get(word)
        if array is None or len(array) < len(self._of[word]):
            array = self._arrays[word] = np.array(self._of[word], np.int64)
        return array


def relevance(
    having: Mapping[str, npt.NDArray[np.bool_]], size: int, task: Mapping[str, float]
) -> bytes:
    """What relevance adds to each element, 0 to `MOST`, in `PARTS`: int64, shape (size,).

    having: word of the task -> which elements have it, in document order.
    """
    weights = sorted(
        (task[word] * math.log(1 + (size - count + 0.5) / (count + 0.5)), word)
        for word, flags in having.items()
        if (count := int(np.count_nonzero(flags)))
    )
    # the least first, so that sums do not depend on an order
    each = [(weight, having[word]) for weight, word in weights]
    if compiled.ENGINE is None:
        return plain_spread(each, size)
    return bytes(
        compiled.ENGINE.spread([(weight, flags.tobytes()) for weight, flags in each], size)
    )


def plain_spread(each: Sequence[tuple[float, Flags]], size: int) -> bytes:
    """What words add, of each its weight and which elements have it: int64, shape (size,)."""
    scores = np.zeros(size)
    for weight, flags in each:
        scores[flags] += weight
    scores = MOST * scores / (scores + _HALF)
    lent = scores.copy()
    for by in range(1, _NEAR + 1):
        lent[by:] = np.maximum(lent[by:], scores[:-by] / 2)
        lent[:-by] = np.maximum(lent[:-by], scores[by:] / 2)
    return np.rint(lent * PARTS).astype(np.int64).tobytes()


def again(
    hits: npt.NDArray[np.bool_], silent: npt.NDArray[np.bool_], score: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """What is added since the steps before were about an element, in `PARTS`: int64.

    hits: whether it is called so. score: how much each matters by itself. A silent element right
    before a hit is mostly around it, and so may be what was acted on: it comes next to it.
    """
    added = AGAIN * hits.astype(np.int64)
    at = np.flatnonzero(hits & ~silent)
    for by in range(1, AROUND + 1):
        near = at[at >= by]
        near = near[silent[near - by]]
        np.maximum.at(added, near - by, score[near] + AGAIN - _LESS - score[near - by])
    return added
