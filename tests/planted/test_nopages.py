"""What is published without pages holds none of the texts that were planted in recordings."""

from __future__ import annotations

from pathlib import Path

from tests.planted import nopages


def test_no_planted_text_is_published_and_the_same_files_are_made(tmp_path: Path) -> None:
    """In our own recordings: no text of any kind is in the keys, and a rebuild gives all files."""
    figures = nopages.measure(tmp_path, tmp_path / "nothing shared", seed=1)
    assert [each for each in figures if not each.holds] == []
    planted = {each.kind.removeprefix("kept out: "): each.planted for each in figures}
    assert all(planted[kind] > 5 for kind in nopages.FIELDS if kind != "text observation")


def test_no_planted_text_of_shared_recordings_is_published(shared: Path, tmp_path: Path) -> None:
    """The same with real recordings of three formats."""
    figures = nopages.measure(tmp_path, shared, seed=2)
    assert [each for each in figures if not each.holds] == []


def test_a_text_that_is_there_is_seen(tmp_path: Path) -> None:
    """The search reads into compressed tables: else it would find nothing anywhere."""
    import polars as pl

    pl.DataFrame({"a": ["qbcdfghjklmnpqr"] * 3}).write_parquet(tmp_path / "x.parquet")
    assert b"qbcdfghjklmnpqr" in nopages.published(tmp_path)
