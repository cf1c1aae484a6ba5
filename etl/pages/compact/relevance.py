"""How much the elements of a page have to do with a task, by the words they share with it.

The score of a word is BM25's: rare words of the page count more. Words of the objective count
whole, those of the latest steps a third. An element lends half of its score to those near it: what
is acted on often stands beside what the task names. What the latest steps call by its whole text or
name comes first, since steps are repeated, corrected and undone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

MOST: Final = 40.0
"""The most that relevance adds to what an element matters."""
AGAIN: Final = 15.0
"""What is added to an element that the latest steps call by its text or name."""
AROUND: Final = 2
"""Elements right before it that come next to it where they are silent."""
LATEST: Final = 4
"""Steps of the history that are looked at."""

_WORD: Final = re.compile(r"[^\W_]+")
_QUOTED: Final = re.compile(r'"([^"\n]{2,100})"')
_LONGEST: Final = 100  # characters of what an element is called
_HALF: Final = 6.0  # the score of words that gives half of `MOST`
_LESS: Final = 10.0  # by this, what is around an element matters less than it
_HISTORY: Final = 1 / 3
_NEAR: Final = 4  # elements to either side that an element lends its score to
_COMMON: Final = frozenset(
    "a an and are as at be by can do for from has have i if in is it its my no not of on or so "
    "that the their then there this to was we with you your all any into out up page click find "
    "select description action node target mouse keyboard sequence type _".split()
)


def words_of(text: str) -> set[str]:
    """The words of a text, in lower case."""
    return set(_WORD.findall(text.lower()))


def plain(text: str) -> str:
    """The words of a short text in their order, in lower case; empty for a longer one."""
    return " ".join(_WORD.findall(text.lower())) if len(text) <= _LONGEST else ""


def called(history: Sequence[str]) -> set[str]:
    """What the latest steps have in quotes, as `plain` writes it: mostly what they acted on."""
    quoted = chain.from_iterable(_QUOTED.findall(text) for text in history[-LATEST:])
    return {*map(plain, quoted)} - {""}


def sought(objective: str, history: Sequence[str]) -> dict[str, float]:
    """The words of a task and what each counts."""
    found: dict[str, float] = {}
    for text in history[-LATEST:]:
        for word in words_of(text) - _COMMON:
            if not word.isdigit():
                found[word] = _HISTORY
    found |= dict.fromkeys(words_of(objective) - _COMMON, 1.0)
    return found


def relevance(said: Sequence[frozenset[str]], task: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """What relevance adds to each element, 0 to `MOST`: float64, shape (elements,).

    said: the words of each element, in document order.
    """
    scores = np.zeros(len(said))
    words = task.keys()
    hits = [
        (at, hit)
        for at, own in enumerate(said)
        if not own.isdisjoint(words) and (hit := own & words)
    ]
    having = Counter(word for _, hit in hits for word in hit)
    weight = {
        word: task[word] * math.log(1 + (len(said) - count + 0.5) / (count + 0.5))
        for word, count in having.items()
    }
    for at, hit in hits:
        scores[at] = sum(sorted(map(weight.__getitem__, hit)))
    scores = MOST * scores / (scores + _HALF)
    lent = scores.copy()
    for by in range(1, _NEAR + 1):
        lent[by:] = np.maximum(lent[by:], scores[:-by] / 2)
        lent[:-by] = np.maximum(lent[:-by], scores[by:] / 2)
    return np.round(lent, 6)


def again(
    same: Sequence[bool], silent: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Scores in which what the steps before were about matters more: shape as ``score``.

    same: whether the element is called so. A silent element right before it is mostly around it,
    and so may be what was acted on: it comes next to it.
    """
    score = score.copy()
    hits = np.flatnonzero(same)
    score[hits] += AGAIN
    hits = hits[~silent[hits]]
    for by in range(1, AROUND + 1):
        near = hits[hits >= by]
        near = near[silent[near - by]]
        np.maximum.at(score, near - by, score[near] - _LESS)
    return score
