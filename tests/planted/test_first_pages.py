"""First pages of tasks are found whatever their texts, and little else."""

from __future__ import annotations

from pathlib import Path

from tests.planted import first_pages
from tests.planted.figures import table


def test_first_pages_of_real_recordings_are_found(tmp_path: Path, shared: Path) -> None:
    """With other texts, longer lists and a banner; beside other pages and small ones."""
    made = first_pages.measure(tmp_path, shared, seed=0)
    assert all(each.holds for each in made), table(made)
    assert all(each.planted >= 15 for each in made)
