"""Whether it can be chance that what has a mark is the target, nearly always.

The null hypothesis: a mark sits on an element for reasons of the page's own, and that element is
the target no more often than another one that it might have been. With ``q`` the mean of that
chance over the pages with the mark, the number of targets among ``n`` carriers is at most
binomial, and the p-value is its exact upper tail, P(X >= k), X ~ B(n, q). (With the mean for
unequal chances the tail is an upper bound where all carriers are targets: the geometric mean is at
most the arithmetic one.) All tests of a report share `LEVEL` by Bonferroni's inequality.

Repeated steps are no new evidence: a button that every workflow ends with is the target a thousand
times, and has an id of its own. So ``k`` counts each different element once.
"""

from __future__ import annotations

import math
from typing import Final

LEVEL: Final = 0.01
"""The probability that a report without any leak names one all the same."""
ALMOST_ONLY: Final = 0.9
"""The least share of carriers that are targets: a button has ``type=submit`` for its own sake."""
LEAST: Final = 4
"""The least different targets with a mark."""


def tail(successes: int, trials: int, chance: float) -> float:
    """P(X >= successes) of a binomial distribution, exact but for rounding."""
    if successes <= 0 or chance >= 1:
        return 1.0
    if successes > trials or chance <= 0:
        return 0.0
    log, unlog = math.log(chance), math.log1p(-chance)
    terms = (
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(number + 1)
            - math.lgamma(trials - number + 1)
            + number * log
            + (trials - number) * unlog
        )
        for number in range(successes, trials + 1)
    )
    return min(1.0, math.fsum(terms))


def found(targets: int, others: int, different: int, chance: float, tests: int) -> float | None:
    """The p-value of a mark that tells targets apart; None if it does not.

    targets: how many of them have it. others: how many other elements have it. different: how many
    of these targets differ. chance: mean chance that one of them is the target. tests: their number
    in the report.
    """
    if different < LEAST or targets < ALMOST_ONLY * (targets + others):
        return None
    weighed = -(-others * different // targets)  # as many to each different target, rounded up
    value = tail(different, different + weighed, chance)
    return value if value * tests <= LEVEL else None
