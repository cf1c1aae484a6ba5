"""Planted marks of recorders are found, and taken off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planted import leaks, leaks_in_texts
from tests.planted.figures import table
from tests.support import builds

SMALL = ("shop.jsonl.zst", "tracker.parquet")


@pytest.mark.parametrize(("share", "domain"), [(1.0, ""), (0.2, "shop.example")])
def test_planted_marks(tmp_path: Path, share: float, domain: str) -> None:
    """Marks in all steps, or in a fifth of those of one domain, are all named, with nothing else;
    without them, observations, histories and descriptions are those of the clean recordings.
    """
    given = list(leaks.flows(builds.RECORDINGS / name for name in SMALL))
    figures = list(leaks.figures(tmp_path, given, share, domain, 1, "own"))
    assert len(figures) == 2 * len(leaks.KINDS) - len(leaks.HIDDEN) + 3
    assert all(each.planted >= 5 for each in figures if "innocent" not in each.kind)
    assert all(each.holds for each in figures), table(figures)


def test_planted_marks_in_texts(tmp_path: Path, shared: Path) -> None:
    """The same of the lines of accessibility trees, in half of all steps."""
    given = list(leaks.flows(shared / "data" / name for name in leaks_in_texts.TREES))[:20]
    figures = list(leaks_in_texts.figures(tmp_path, given, leaks_in_texts.OF_TREES, 0.5, "trees"))
    assert all(each.planted >= 20 for each in figures if "innocent" not in each.kind)
    assert all(each.holds for each in figures), table(figures)
