"""Which lines stay within a budget, and in which form.

Each element has a long and a short form of its line. If all long forms fit, they stay. Else the
elements that matter most get their short forms, as many as fit together with the marks of what was
cut; then the rest of the budget buys long forms, again for those that matter most.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
LEAST: Final = 4
"""Fewer elements that were cut in one place have no mark: the numbers around them tell."""
MARK: Final = 4
"""At most the tokens of a mark, the digits of its number apart."""


def chosen(
    long: Counts, short: Counts, score: npt.NDArray[np.float64], silent: npt.NDArray[np.bool_],
    budget: int, extras: int,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which elements stay, and which of them in their long form.

    long, short: tokens of the lines. score: how much each matters. silent: those whose absence need
    not be marked, since they say nothing. extras: the most tokens of silent ones.
    """
    order = np.lexsort((np.arange(len(score)), -score))
    quiet = order[silent[order]]
    beyond = quiet[np.cumsum(short[quiet]) > extras]
    stays = np.ones(len(long), np.bool_)
    stays[beyond] = False
    if int(long[stays].sum()) <= budget:
        return stays, stays
    order = order[stays[order]]
    rank = np.full(len(long), len(long))
    rank[order] = np.arange(len(order))
    sums = np.cumsum(short[order])
    low, high = 0, int(np.searchsorted(sums, budget, side="right"))
    while low < high:  # the most that fit with their marks
        middle = (low + high + 1) // 2
        kept = rank < middle
        if int(sums[middle - 1]) + marks(kept, silent) <= budget:
            low = middle
        else:
            high = middle - 1
    kept = rank < low
    left = budget - (int(sums[low - 1]) if low else 0) - marks(kept, silent)
    more = np.where(kept, long - short, 0)[order]
    # Taken in order while they fit; one that does not fit is passed over once, not for good.
    whole = np.zeros(len(long), np.bool_)
    bought = np.cumsum(more) <= left
    whole[order[bought]] = True
    return kept, whole & kept


def gaps(kept: npt.NDArray[np.bool_], silent: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(place, elements) of each run of cut elements: before which one it ends, and how many."""
    cut = np.concatenate([[0], np.cumsum(~kept & ~silent)])
    places = np.flatnonzero(np.append(kept, True))
    counts = np.diff(np.concatenate([[0], cut[places]]))
    at = np.flatnonzero(counts >= LEAST)
    return list(zip(places[at].tolist(), counts[at].tolist(), strict=True))


def marks(kept: npt.NDArray[np.bool_], silent: npt.NDArray[np.bool_]) -> int:
    """At most the tokens of the marks of what was cut."""
    return sum(MARK - 1 + len(str(count)) for _, count in gaps(kept, silent))
