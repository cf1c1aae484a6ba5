"""How much the elements of a page have to do with a task, by the words they share with it.

The score of a word is BM25's: rare words of the page count more. Words of the objective count
whole, those of the steps before a third. An element lends half of its score to those near it: what
is acted on often stands beside what the task names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

MOST: Final = 40.0
"""The most that relevance adds to what an element matters."""
_WORD: Final = re.compile(r"[^\W_]+")
_HISTORY: Final = 1 / 3
_LATEST: Final = 4
"""Steps of the history that are looked at."""
_NEAR: Final = 4
"""Elements to either side that an element lends its score to."""
_COMMON: Final = frozenset(
    "a an and are as at be by can do for from has have i if in is it its my no not of on or so that "
    "the their then there this to was we with you your all any into out up page click find select "
    "description action node target mouse keyboard sequence type _".split()
)


def words_of(text: str) -> set[str]:
    """The words of a text, in lower case."""
    return set(_WORD.findall(text.lower()))


def sought(objective: str, history: Sequence[str]) -> dict[str, float]:
    """The words of a task and what each counts."""
    found: dict[str, float] = {}
    for text in history[-_LATEST:]:
        for word in words_of(text) - _COMMON:
            if not word.isdigit():
                found[word] = _HISTORY
    found |= dict.fromkeys(words_of(objective) - _COMMON, 1.0)
    return found


def relevance(texts: Sequence[str], task: dict[str, float]) -> npt.NDArray[np.float64]:
    """What relevance adds to each element, 0 to `MOST`. texts: of the elements, in order."""
    scores = np.zeros(len(texts))
    if not task:
        return scores
    hits = [task.keys() & words_of(text) for text in texts]
    having: dict[str, int] = {}
    for hit in hits:
        for word in hit:
            having[word] = having.get(word, 0) + 1
    weight = {
        word: task[word] * math.log(1 + (len(texts) - count + 0.5) / (count + 0.5))
        for word, count in having.items()
    }
    for at, hit in enumerate(hits):
        if hit:
            scores[at] = sum(weight[word] for word in sorted(hit))
    scores = MOST * scores / (scores + 6.0)
    lent = scores.copy()
    for by in range(1, _NEAR + 1):
        lent[by:] = np.maximum(lent[by:], scores[:-by] / 2)
        lent[:-by] = np.maximum(lent[:-by], scores[by:] / 2)
    return lent
