"""Sets of node ids as runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.runs import holds, runs


@given(st.sets(st.integers(0, 40)), st.integers(-2, 42))
def test_runs_hold_what_they_are_made_of(numbers: set[int], number: int) -> None:
    """A number is held if it was given, whatever lies beside it."""
    assert holds(runs(numbers), number) == (number in numbers)


def test_runs_are_short() -> None:
    """Neighbours are one run."""
    assert runs([7, 3, 4, 5, 6, 9, 3]) == (3, 5, 9, 1)
    assert runs([]) == ()
