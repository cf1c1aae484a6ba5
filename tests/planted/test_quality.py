"""Planted truth of the quality stage, in our own recordings and in shared ones."""

from __future__ import annotations

from pathlib import Path

from tests.planted import quality
from tests.planted.figures import table
from tests.support import builds


def test_what_is_planted_in_our_recordings_is_found(tmp_path: Path) -> None:
    """Every kind is found as often as is asked, and what looks like it is left alone."""
    figures = quality.measured(tmp_path, [builds.RECORDINGS / "shop.jsonl.zst"], seed=1)
    assert {each.kind for each in figures} == {*quality.PAGES, "no_effect", "too_many_loops"}
    assert min(each.planted for each in figures) >= 5
    assert all(each.holds for each in figures), table(figures)
