"""Recorded: what was recorded from a cut in time on is the test split.

The cut is a time (``since = "2026-02-01"``), the name of a generation (``since = "g0004"``), or the
time after which the last share of the recordings of the first generation with times began
(``last = 0.1``). That time is kept in the list of generations: a share of a list that grows would
move old recordings with every night. So later recordings are tested on, until a recipe gives
another cut.

The time of a recording is the earliest one in the ``meta`` of the workflow and of its steps that
are samples, as the recorder wrote it (`etl.inputs.archives.times.of_metas`). A recording without
any is before a cut in time: it is counted, and the card says how many there are. What generation it
came with is always known.

Memory: a time for each workflow of the first generation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import polars as pl

from etl.decisions.decision import Hashed

TEST: Final = "test"
RECORDED: Final = "recorded"
"""The column with the time of a sample and its workflow in milliseconds since 1970; null: none."""
Cut = tuple[float, int]
"""A share, and the time that it was turned into, in milliseconds since 1970."""


@dataclass(frozen=True)
class Recorded:
    """A cut. One of the first three is given."""

    # what was recorded at this time or later, in milliseconds since 1970, is tested on
    since: int | None = None
    # what came with this generation or a later one is
    generation: int | None = None
    # this share of the first generation is, and all that is as late
    last: float | None = None

    columns: ClassVar[tuple[str, ...]] = ("workflow", RECORDED)

    @property
    def names(self) -> tuple[str, ...]:
        """The test split."""
        return (TEST,)

    def settings(self) -> dict[str, Any]:
        """The cut, as it is given."""
        given = {"since": self.since, "generation": self.generation, "last": self.last}
        return {name: value for name, value in given.items() if value is not None}

    def judge(self, _: Hashed) -> Timed:
        """Nothing has been looked at yet."""
        return Timed(self)

    def why(self, _: str) -> str:
        """Why the test split is empty."""
        if self.last is not None:
            return (
                "no recording has a time in its meta; cut between generations instead "
                '(split.since = "g0002")'
            )
        return (
            "no recording in the dataset has a time in its meta that is as late; name an earlier "
            'one, or cut between generations (split.since = "g0002")'
        )


class Timed:
    """The cut in time, as far as it is known, and how many workflows have no time."""

    def __init__(self, cut: Recorded) -> None:
        self._cut = cut
        # of the share; None before it is known
        self.kept: Cut | None = None
        self._workflows = self._untimed = 0

    def begin(self, kept: Cut | None) -> None:
        """Go on with the cut that an earlier build made of a share, if it is the same share."""
        if kept is not None and kept[0] == self._cut.last:
            self.kept = kept

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Count the workflows, and make a cut of the first generation that has times."""
        if self._cut.generation is not None:
            return
        known: list[int] = []
        for rows in groups:
            times = _times(rows)
            begun = rows.select("workflow", time=times).unique("workflow")["time"]
            self._workflows += begun.len()
            self._untimed += begun.null_count()
            if self.kept is None and self._cut.last is not None:
                known += begun.drop_nulls().to_list()
        if known and self._cut.last is not None:
            known.sort()
            held = max(1, round(len(known) * self._cut.last))
            self.kept = (self._cut.last, known[-held])

    def splits(self, generation: int, rows: pl.DataFrame) -> pl.Series:
        """``test`` from the cut on; empty before it, where the split key decides."""
        if self._cut.generation is not None:
            late = generation >= self._cut.generation
            return pl.repeat(TEST if late else "", rows.height, dtype=pl.String, eager=True)
        since = self._cut.since if self.kept is None else self.kept[1]
        if since is None:
            return pl.repeat("", rows.height, dtype=pl.String, eager=True)
        behind = (_times(rows) >= since).fill_null(value=False)
        return pl.select(pl.when(behind).then(pl.lit(TEST)).otherwise(pl.lit(""))).to_series()

    def noted(self) -> dict[str, int]:
        """The cut in time, and how many workflows have no time."""
        if self._cut.generation is not None:
            return {}
        since = self._cut.since if self.kept is None else self.kept[1]
        counts = {"workflows": self._workflows, "without_time": self._untimed}
        return counts if since is None else {"since": since, **counts}


def _times(rows: pl.DataFrame) -> pl.Series:
    """The time of each row's workflow, in milliseconds since 1970; null if it has none."""
    return rows.select(pl.col(RECORDED).min().over("position", "workflow")).to_series()
