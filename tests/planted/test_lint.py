"""Planted contradictions in our own recordings: what `stepmill lint` must find of them."""

from __future__ import annotations

from pathlib import Path

from tests.planted import lint


def test_planted_contradictions_are_found(tmp_path: Path) -> None:
    """At least 95% of all are found, at 98% precision; each kind has its own floor."""
    figures = lint.measure(tmp_path, tmp_path / "absent", seed=3, each=6)
    assert [each for each in figures if not each.holds] == []
    assert {each.kind: each.planted for each in figures}["target hidden"] == 6
