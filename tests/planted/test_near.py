"""Near-duplicates that are planted in recordings are found, and look-alikes are not."""

from __future__ import annotations

import random
from pathlib import Path

from tests.planted import near
from tests.support import builds


def test_planted_near_duplicates_are_found(tmp_path: Path) -> None:
    """Of each kind as many as are asked for, in our own recordings."""
    flows = near.bases([builds.RECORDINGS], 25, random.Random(1))
    figures = near.figures(tmp_path, flows, seed=1)
    assert [each for each in figures if not each.holds] == []
    assert all(each.planted > 50 for each in figures)
