"""What is planted of benchmarks is found, and little else."""

from __future__ import annotations

from pathlib import Path

from tests.planted import contamination
from tests.planted.figures import table


def test_tasks_of_our_own_recordings_are_found(tmp_path: Path) -> None:
    """Among our own recordings' objectives, verbatim, reworded and with other entities."""
    made = contamination.measure(tmp_path, tmp_path / "absent", seed=3)
    assert all(each.holds for each in made), table(made)
    assert all(each.planted >= 20 for each in made)


def test_tasks_of_real_lists_are_found(tmp_path: Path, shared: Path) -> None:
    """Among objectives of Mind2Web, WebArena and WebVoyager, with innocents on the same sites."""
    made = contamination.measure(tmp_path, shared, seed=0)
    assert all(each.holds for each in made), table(made)
    assert all(each.planted >= 200 for each in made)
