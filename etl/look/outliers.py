"""Which of many is unlike the others: the modified z-score of Iglewicz and Hoaglin.

::

    0.6745 (x - median) / MAD,    MAD = median of |x - median|

It is odd beyond 3.5 to either side (B. Iglewicz and D. Hoaglin, How to Detect and Handle Outliers,
ASQC Basic References in Quality Control 16, 1993; NIST/SEMATECH e-Handbook of Statistical Methods,
1.3.5.17). Median and MAD stay where they are until half of all values are odd, which mean and
standard deviation do not; 0.6745 makes it a z-score where values are normal. Ratios are compared by
their logarithm, because twice and half are as far from the median.

A MAD of nothing, where most agree, would make everything else odd: a spread smaller than ``floor``
counts as that.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

LIMIT: Final = 3.5
FEWEST: Final = 5
"""Fewer values than this are not compared: there are no others to be unlike of."""

_NORMAL: Final = 0.6745


def scores(values: npt.NDArray[np.float64], floor: float) -> npt.NDArray[np.float64]:
    """Modified z-scores of values, float64; NaN where a value is NaN, and for all where fewer than
    `FEWEST` are not.
    """
    known = values[~np.isnan(values)]
    if len(known) < FEWEST:
        return np.full(len(values), np.nan)
    median = np.median(known)
    spread = max(float(np.median(np.abs(known - median))), floor)
    return np.asarray(_NORMAL * (values - median) / spread)
