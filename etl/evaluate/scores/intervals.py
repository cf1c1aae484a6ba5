"""Means over steps, with the interval that a bootstrap over workflows gives.

Steps of one workflow are alike, so whole workflows are drawn again, with replacement: as many as
there are. A draw's mean is the sum of its workflows' scores over the number of their steps. The
interval runs from the 2.5% to the 97.5% quantile of `DRAWS` draws.

A mean is `math.fsum` over a count. Draws are sums of whole numbers: the sum of each workflow, in
units so small that all of them together stay below 2**62. So every bit is the same on every
machine, whatever order its processor adds in. Cost: a draw takes one look-up a workflow and figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.evaluate.scores.chance import Integers, bits_of, drawn

DRAWS: Final = 1_000
"""How often the workflows are drawn again."""

LOW, HIGH = 24, 974
"""The places of the quantiles among the sorted means of `DRAWS` draws."""

_BLOCK: Final = 2**20
"""About this many numbers are drawn at once."""

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of one figure over some steps."""

    # None: over nothing
    mean: float | None
    # the number of steps that have the figure
    n: int
    # the 95% interval; None if they are of fewer than two workflows
    interval: tuple[float, float] | None


def units(sums: Sequence[float] | Scores) -> int:
    """How many of the units that sums are counted in make 1: a power of two, at most 2**40."""
    largest = max((abs(value) for value in sums), default=0.0) * max(1, len(sums))
    free = 61 - max(0, math.frexp(largest)[1])
    return int(2 ** max(0, min(40, free)))


def whole(sums: Scores, scale: int) -> Integers:
    """Sums as whole numbers of `units`."""
    return np.rint(sums * scale).astype(np.int64)


def workflow_sums(values: Scores, groups: Integers, count: int) -> tuple[Scores, Integers]:
    """The sum, and the number, of values in each group; those that are nan are left out.

    values, groups: of the same length; a group is a number below ``count``. Values are added one
    after the other, in their order.
    """
    there = ~np.isnan(values)
    sums = np.bincount(groups[there], weights=values[there], minlength=count).astype(np.float64)
    counts = np.bincount(groups[there], minlength=count)
    return sums, counts.astype(np.int64)


def means(figures: Sequence[Scores], workflows: Integers, seed: int, name: str) -> list[Mean]:
    """The mean of each figure over the same steps.

    figures: a value a step; nan where a step has none. workflows: the number of the workflow of
    each step, any numbers. seed, name: for the draws, which are the same for all figures.
    """
    _, groups = np.unique(workflows, return_inverse=True)
    groups = groups.reshape(-1).astype(np.int64)
    count = int(groups.max()) + 1 if groups.size else 0
    pairs = [workflow_sums(values, groups, count) for values in figures]
    intervals = _intervals(pairs, count, seed, name)
    found = []
    for values, (_, counts), interval in zip(figures, pairs, intervals, strict=True):
        there = values[~np.isnan(values)]
        mean = math.fsum(there.tolist()) / there.size if there.size else None
        several = np.count_nonzero(counts) > 1
        found.append(Mean(mean, int(there.size), interval if several else None))
    return found


def _intervals(
    pairs: Sequence[tuple[Scores, Integers]], count: int, seed: int, name: str
) -> list[tuple[float, float] | None]:
    if count < 2:
        return [None] * len(pairs)
    scales = [units(sums) for sums, _ in pairs]
    tables = [whole(sums, scale) for (sums, _), scale in zip(pairs, scales, strict=True)]
    bits = bits_of(seed, name)
    totals = [np.empty((2, DRAWS), np.int64) for _ in pairs]
    block = max(1, _BLOCK // count)
    for start in range(0, DRAWS, block):
        rows = slice(start, min(start + block, DRAWS))
        chosen = drawn(bits, rows.stop - start, count)
        for total, table, (_, counts) in zip(totals, tables, pairs, strict=True):
            total[0, rows] = table[chosen].sum(axis=1)
            total[1, rows] = counts[chosen].sum(axis=1)
    return [
        _interval(total[0], total[1], scale) for total, scale in zip(totals, scales, strict=True)
    ]


def _interval(sums: Integers, counts: Integers, scale: int) -> tuple[float, float] | None:
    """From the totals of all draws; those without a single step with the figure say nothing."""
    there = counts > 0
    ordered = np.sort(sums[there] / (counts[there] * scale))
    if not ordered.size:
        return None
    low, high = (at * (ordered.size - 1) // (DRAWS - 1) for at in (LOW, HIGH))
    return float(ordered[low]), float(ordered[high])
