"""Outliers by the modified z-score of Iglewicz and Hoaglin.

::

    0.6745 (x - median) / MAD,    MAD = median of |x - median|

A value is an outlier if its score is beyond 3.5 on either side (B. Iglewicz and D. Hoaglin, How to
Detect and Handle Outliers, ASQC Basic References in Quality Control 16, 1993; NIST/SEMATECH
e-Handbook of Statistical Methods, 1.3.5.17). Unlike mean and standard deviation, median and MAD
hold until half of the values are outliers. The factor 0.6745 makes the score a z-score for normal
values. Ratios are compared by their logarithm, so that twice and half the median are equally far.

Where most values agree the MAD is 0, and every other value would be an outlier. So a spread smaller
than ``floor`` counts as ``floor``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

LIMIT: Final = 3.5
"""A score beyond it, on either side, makes an outlier."""

FEWEST: Final = 5
"""Fewer values than this are not compared."""

_NORMAL: Final = 0.6745


def scores(values: npt.NDArray[np.float64], floor: float) -> npt.NDArray[np.float64]:
    """Modified z-scores of values.

    They are float64, and NaN where the value is NaN; all are NaN if fewer than `FEWEST` values are
    not. floor: the least spread.
    """
    known = values[~np.isnan(values)]
    if len(known) < FEWEST:
        return np.full(len(values), np.nan)
    median = np.median(known)
    spread = max(float(np.median(np.abs(known - median))), floor)
    return np.asarray(_NORMAL * (values - median) / spread)
