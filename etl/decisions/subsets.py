"""Subsets: nested parts of the training split with given numbers of tokens.

Each is inside the next. In each generation, and in it in each domain, samples have an order by
hash. A sample's rank is the share of its domain's tokens that lies before it, up to a part of the
sample itself that differs from domain to domain; so the samples of lowest rank are the same share
of every domain. A subset takes samples in the order of their ranks until it has its tokens.

A subset that is full stays as it is. One that is not takes samples of the next generation. So new
data never move a sample out of a subset, and the shares of its domains are those of the dataset at
the time when it was filled. If samples leave the dataset, their generation is taken anew.

Memory: some 60 bytes for each training sample of one generation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from etl.decisions.decision import Hashed

TRAIN: Final = "train"
NO_SUBSET: Final = 0
"""The number of what is in no subset; those of subsets are 1, 2, ..., the smallest first."""

_HALF: Final = 2**32
_KEY: Final = pl.col("order") % _HALF * _HALF + pl.col("order") // _HALF
"""A hash that says nothing of the order within an output shard, which is that of ``order``."""


@dataclass(frozen=True)
class Subsets:
    """The numbers of tokens of all subsets, ascending."""

    tokens: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.tokens)

    def judge(self, hashed: Hashed) -> Chosen:
        """Nothing has been chosen yet."""
        return Chosen(self.tokens, hashed)


class Chosen:
    """The samples of each subset, as the last key of each in each generation and domain."""

    def __init__(self, tokens: Sequence[int], hashed: Hashed) -> None:
        self._tokens, self._hashed = tokens, hashed
        # the number of tokens in each subset so far
        self.filled = [0] * len(tokens)
        self._last: dict[int, pl.DataFrame] = {}

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Choose among the samples of the next generation.

        groups: its samples that are kept, with ``split``, ``domain``, ``order`` and ``tokens``.
        """
        parts = [
            rows.filter(pl.col("split") == TRAIN).select(
                pl.col("domain").cast(pl.String), key=_KEY, tokens=pl.col("tokens").cast(pl.Int64)
            )
            for rows in groups
        ]
        room = [most - there for most, there in zip(self._tokens, self.filled, strict=True)]
        limits = [2 * most for most in itertools.accumulate(room, max)]
        if not parts or limits[-1] <= 0:
            return
        rows = self._ranked(pl.concat(parts))
        # twice the tokens up to the middle of a sample: it is in if that is nearer than without it
        middle = 2 * pl.col("tokens").cum_sum() - pl.col("tokens")
        number = pl.lit(NO_SUBSET)
        for at in reversed(range(len(limits))):
            chosen = (middle <= limits[at]) & (limits[at] > 0)
            number = pl.when(chosen).then(pl.lit(at + 1)).otherwise(number)
        rows = rows.with_columns(subset=number)
        inside = [pl.col("subset").is_between(1, at + 1) for at in range(len(limits))]
        for at, there in enumerate(inside):
            self.filled[at] += int(rows.filter(there)["tokens"].sum())
        self._last[generation] = rows.group_by("domain").agg(
            pl.col("key").filter(there).max().alias(f"last{at}") for at, there in enumerate(inside)
        )

    def _ranked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The samples in the order of their ranks."""
        domains = rows["domain"].unique().sort()
        starts = [self._hashed(f"subset {name}") / 2**64 for name in domains]
        parts = pl.DataFrame(
            {"domain": domains, "part": starts}, {"domain": pl.String, "part": pl.Float64}
        )
        rows = rows.sort("domain", "key").join(
            parts, on="domain", how="left", maintain_order="left"
        )
        tokens, before = (
            pl.col("tokens"),
            pl.col("tokens").cum_sum().over("domain") - pl.col("tokens"),
        )
        whole = pl.max_horizontal(tokens.sum().over("domain"), pl.lit(1))
        rows = rows.with_columns(rank=(before + tokens * pl.col("part")) / whole)
        return rows.sort("rank", "domain", "key").select("domain", "key", "tokens")

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows, with the number of the smallest ``subset`` that each is in."""
        last = self._last.get(generation)
        if last is None:
            return rows.with_columns(subset=NO_SUBSET)
        kept = [*rows.columns]
        rows = rows.join(last, on="domain", how="left", maintain_order="left")
        number = pl.lit(NO_SUBSET)
        for at in reversed(range(len(self._tokens))):
            inside = (pl.col("split") == TRAIN) & (pl.col(f"last{at}") >= _KEY)
            number = pl.when(inside).then(pl.lit(at + 1)).otherwise(number)
        return rows.select(*kept, subset=number)
