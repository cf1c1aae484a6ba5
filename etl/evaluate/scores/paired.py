"""Two sets of predictions compared: are the steps of the same workflows answered better?

The difference is that of the means over the steps that have the figure in both. Its interval comes
from a bootstrap over workflows, as that of a mean does (`etl.evaluate.scores.intervals`).

The test asks how often a difference as large would come out if it were a toss of a coin, workflow
by workflow, which of the two gets which answers. The sign of each workflow's difference is flipped
at random, `FLIPS` times, and p = (1 + flips that give as much or more) / (1 + `FLIPS`). Up to
`EXACT` workflows that differ, every choice of signs is taken once, and p is their share. All sums
are of whole numbers, so ties are ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.evaluate.scores.chance import Integers, bits_of, tossed
from etl.evaluate.scores.intervals import Scores, means, units, whole, workflow_sums

FLIPS: Final = 9_999
"""How often signs are flipped."""

EXACT: Final = 12
"""Up to so many workflows that differ, all 2**n choices of signs are taken."""

_BLOCK: Final = 2**20


@dataclass(frozen=True, slots=True)
class Difference:
    """What one set of predictions is better by than another, in one figure."""

    # of the means; None: no step has the figure in both
    difference: float | None
    # the number of steps that have it in both
    n: int
    # the 95% interval; None if they are of fewer than two workflows
    interval: tuple[float, float] | None
    # how likely a difference as large is if there is none; None as above
    p: float | None
    # workflows in which this one is better, and in which the other is
    better: int
    worse: int


def difference(
    values: Scores, others: Scores, workflows: Integers, seed: int, name: str
) -> Difference:
    """Compare a figure of two sets of predictions for the same steps.

    values, others: a value a step; nan where a step has none. workflows: the number of the workflow
    of each step. seed, name: for the draws.
    """
    apart = values - others
    (mean,) = means([apart], workflows, seed, name)
    if mean.mean is None:
        return Difference(None, 0, None, None, 0, 0)
    _, groups = np.unique(workflows, return_inverse=True)
    groups = groups.reshape(-1).astype(np.int64)
    sums, counts = workflow_sums(apart, groups, int(groups.max()) + 1)
    sums = sums[counts > 0]
    numbers = whole(sums, units(sums))
    return Difference(
        mean.mean,
        mean.n,
        mean.interval,
        likelihood(numbers, seed, name) if numbers.size > 1 else None,
        int(np.count_nonzero(numbers > 0)),
        int(np.count_nonzero(numbers < 0)),
    )


def likelihood(numbers: Integers, seed: int, name: str) -> float:
    """How likely sums as far from 0 are, if every number had its sign by a toss of a coin.

    Deterministic in all arguments. numbers: a difference a workflow.
    """
    apart = numbers[numbers != 0]
    if not apart.size:
        return 1.0
    total = abs(int(apart.sum()))
    if apart.size <= EXACT:
        choices = np.arange(2**apart.size)[:, None] >> np.arange(apart.size) & 1
        return _as_far(choices, apart, total) / len(choices)
    bits = bits_of(seed, f"signs {name}")
    found, block = 0, max(1, _BLOCK // apart.size)
    for start in range(0, FLIPS, block):
        found += _as_far(tossed(bits, min(block, FLIPS - start), apart.size), apart, total)
    return (1 + found) / (1 + FLIPS)


def _as_far(tosses: Integers, numbers: Integers, total: int) -> int:
    """How many rows of tosses give a sum at least so far from 0. tosses: 1 keeps a sign."""
    kept = (tosses * numbers).sum(axis=1)
    return int(np.count_nonzero(np.abs(2 * kept - numbers.sum()) >= total))
