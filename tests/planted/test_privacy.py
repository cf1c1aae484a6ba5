"""Planted private values: what the stage finds in our own recordings."""

from __future__ import annotations

from pathlib import Path

from tests.planted import privacy
from tests.support import builds


def test_no_planted_value_is_left(tmp_path: Path) -> None:
    """Of values of all kinds in all places none is in the dataset or the samples, what only looks
    private stays, and targets stay.
    """
    found = privacy.records(
        [builds.RECORDINGS / "library.jsonl", builds.RECORDINGS / "tracker.parquet"]
    )
    key = privacy.planted(found, 168, seed=1)
    plain = privacy.build(found, tmp_path / "plain")
    figures = privacy.figures(
        key, plain, privacy.build(found, tmp_path / "redacted", 'redact.salt="x"')
    )
    assert [each for each in figures if not each.holds] == []
    assert all(each.planted for each in figures)
