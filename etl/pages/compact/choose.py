"""Which lines stay within a budget, and in which form.

Each element has a long and a short form of its line. Silent elements, which say nothing or are
hidden, get a part of the budget at most. If all other long forms fit, they stay. Else the elements
that matter most get their short forms, as many as fit together with the marks of what was cut; then
the rest of the budget buys long forms, again for those that matter most.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LEAST: Final = 4
"""Fewer elements that were cut in one place have no mark: the numbers around them tell."""
MARK: Final = 3
"""At most the tokens of a mark, the digits of its number apart."""


def chosen(
    long: Counts,
    short: Counts,
    score: npt.NDArray[np.float64],
    silent: Flags,
    budget: int,
    extras: int,
) -> tuple[Flags, Flags]:
    """Which elements stay, and which of them in their long form.

    long, short: tokens of the lines. score: how much each element matters.
    extras: the most tokens of silent elements.
    """
    order = np.lexsort((np.arange(len(score)), -score))
    quiet = order[silent[order]]
    stays = np.ones(len(long), np.bool_)
    stays[quiet[np.cumsum(short[quiet]) > extras]] = False
    if int(long[stays].sum()) <= budget:
        return stays, stays
    order = order[stays[order]]
    rank = np.full(len(long), len(long))
    rank[order] = np.arange(len(order))
    sums = np.concatenate([[0], np.cumsum(short[order])])
    low, high = 0, int(np.searchsorted(sums, budget, side="right")) - 1
    while low < high:  # the most that fit with their marks
        middle = (low + high + 1) // 2
        if int(sums[middle]) + marks(rank < middle, silent) <= budget:
            low = middle
        else:
            high = middle - 1
    kept = rank < low
    left = budget - int(sums[low]) - marks(kept, silent)
    whole = np.zeros(len(long), np.bool_)
    more = (long - short)[order[:low]]
    whole[order[:low][np.cumsum(more) <= left]] = True
    return kept, whole


def before(keys: Counts) -> Counts:
    """How many elements with the same key stand before each element."""
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.diff(keys[order], prepend=keys.min(initial=0) - 1))
    sizes = np.diff(np.append(firsts, len(keys)))
    found = np.empty(len(keys), np.int64)
    found[order] = np.arange(len(keys)) - np.repeat(firsts, sizes)
    return found


def gaps(kept: Flags, silent: Flags) -> list[tuple[int, int]]:
    """(place, elements) of each run of cut elements: the place after it, and how many they are."""
    places, counts = _gaps(kept, silent)
    return list(zip(places.tolist(), counts.tolist(), strict=True))


def _gaps(kept: Flags, silent: Flags) -> tuple[Counts, Counts]:
    cut = np.concatenate([[0], np.cumsum(~kept & ~silent)])
    places = np.flatnonzero(np.append(kept, True))
    counts = np.diff(np.concatenate([[0], cut[places]]))
    at = np.flatnonzero(counts >= LEAST)
    return places[at], counts[at]


def marks(kept: Flags, silent: Flags) -> int:
    """At most the tokens of the marks of what was cut."""
    _, counts = _gaps(kept, silent)
    return int(len(counts) * (MARK + 1) + sum((counts >= size).sum() for size in _TENS))


_TENS: Final = tuple(10**power for power in range(1, 9))
