"""How much of what was planted is found, by kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What became of what was planted of one kind."""

    # the part that looks for it, and the kind
    part: str
    kind: str
    planted: int
    # how many of them were found
    found: int
    # how many things were flagged as this kind, rightly or not
    flagged: int
    # what is asked for: shares from 0 to 1
    least_recall: float = 1.0
    least_precision: float = 1.0

    @property
    def recall(self) -> float:
        """The share of the planted ones that were found."""
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """The share of the flagged ones that were planted."""
        return self.found / self.flagged if self.flagged else 1.0

    @property
    def holds(self) -> bool:
        """Whether both are at least what is asked for."""
        return self.recall >= self.least_recall and self.precision >= self.least_precision


def table(figures: Iterable[Figure]) -> str:
    """The figures as lines of text."""
    head = f"{'part':<15} {'kind':<32} {'planted':>8} {'found':>8} {'recall':>8} {'precision':>9}"
    lines = [
        f"{each.part:<15} {each.kind:<32} {each.planted:>8,} {each.found:>8,} {each.recall:>8.2%} "
        f"{each.precision:>9.2%}{'' if each.holds else '  missed'}"
        for each in figures
    ]
    return "\n".join((head, *lines))
