"""Sets of node ids as runs: ``(3, 5, 9, 1)`` holds 3 to 7 and 9."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Runs = tuple[int, ...]
"""First number and length of each run, in order."""


def runs(numbers: Iterable[int]) -> Runs:
    """Some numbers as runs."""
    found: list[int] = []
    for number in sorted(set(numbers)):
        if found and found[-2] + found[-1] == number:
            found[-1] += 1
        else:
            found += [number, 1]
    return tuple(found)


def holds(held: Sequence[int], number: int) -> bool:
    """Whether runs hold a number. Takes time logarithmic in the runs."""
    at = bisect_right(range(len(held) // 2), number, key=lambda run: held[2 * run]) - 1
    return at >= 0 and number < held[2 * at] + held[2 * at + 1]
