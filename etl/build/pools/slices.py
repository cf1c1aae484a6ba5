"""Slices of a phase's work, for processes that share only the folder: ``--shard 2/8``."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from schemas.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Slice:
    """One of several slices of about equal size.

    Raises:
        ConfigError: the number is not between 1 and the number of slices.
    """

    # from 1
    number: int
    # the number of slices
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ConfigError(
                f"--shard {self.number}/{self.of}: the first number counts from 1 to the second"
            )

    @property
    def name(self) -> str:
        """The slice as file names write it: ``2-of-8``."""
        return f"{self.number}-of-{self.of}"

    def of_items(self, items: Sequence[T], size: Callable[[T], int]) -> list[T]:
        """The items of this slice.

        Items go out by size, the largest first, each to the slice with the least so far.
        """
        loads = [(0, number) for number in range(1, self.of + 1)]
        mine: list[T] = []
        for item in sorted(items, key=size, reverse=True):
            load, number = heapq.heappop(loads)
            heapq.heappush(loads, (load + size(item), number))
            if number == self.number:
                mine.append(item)
        return mine
