"""Tokens as they are handed around: never a Python list."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]
"""Ids of tokens, or labels."""
