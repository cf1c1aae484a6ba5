"""What observations that were made for a budget of tokens still hold, from the files of a build.

The stage `observe` notes of each sample whether its target and the target's name are kept. A step
whose target was cut has no sample: the ledger counts it. Both are counted as phase 1 made them, so
that a later choice among samples changes no share. Columns are read one file after the other:
never a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import polars as pl

from etl.dataset import state
from etl.dataset.layout import SAMPLES, Layout, shelf
from etl.files import storage
from etl.files.arrow import columns_of
from etl.files.spill import Sums
from etl.files.storage import AnyPath
from schemas.reasons import Reason
from schemas.sample_table import SAMPLE_SCHEMA

TABLE: Final = "budget"
COUNTS: Final = ("targets", "kept", "cut", "with_name", "named", "samples")
"""The columns of the table that are counts.

``targets`` are those ``kept`` and those ``cut``. Of those kept, ``with_name`` have an accessible
name, and ``named`` one that the observation shows. ``samples`` also have actions without a target.
"""
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9}
_NOTED: Final = ("kept", "with_name", "named", "samples")
_KEY: Final = ("domain", "tokens")


@dataclass(frozen=True)
class Within:
    """What observations hold within a budget."""

    # a row a domain, most targets first: `COUNTS`, ``p50`` and ``p90`` tokens of its observations
    domains: pl.DataFrame
    # the same over all domains
    total: Mapping[str, Any]
    # characters that each rule took from the lines of all samples
    removed: Mapping[str, int]

    def summary(self, tokens: int) -> dict[str, Any]:
        """For the manifest. tokens: the budget."""
        return {"tokens": tokens, **self.total, "removed": dict(sorted(self.removed.items()))}


def within(out: AnyPath, counts: pl.DataFrame, target_cut: Reason) -> Within:
    """Count what the observations of a build's samples hold.

    counts: from `etl.dataset.account.settle`. target_cut: the reason of drops to count as cut.
    """
    work = Layout(out).work
    sums = Sums(_KEY, {"domain": pl.String, **dict.fromkeys(("tokens", *_NOTED), pl.Int64)})
    removed: Counter[str] = Counter()
    paths = shelf(work).existing(SAMPLES, state.keys(work))
    for rows, taken in storage.together(_of_samples, paths):
        sums.add(rows)
        removed.update(taken)
    table = sums.table()
    is_cut = (pl.col("reason") == str(target_cut)) & (pl.col("unit") == "step")
    cut = counts.filter(is_cut).group_by("domain").agg(cut=pl.col("count").sum())
    domains = _counted(table, "domain").join(cut, on="domain", how="full", coalesce=True)
    total = _counted(table).with_columns(cut=pl.lit(int(cut["cut"].sum()), pl.Int64))
    ordered = _complete(domains).sort("targets", "domain", descending=[True, False])
    return Within(
        ordered.select("domain", *COUNTS, *_QUANTILES),
        _complete(total).select(*COUNTS, *_QUANTILES).row(0, named=True),
        removed,
    )


def _of_samples(path: AnyPath) -> tuple[pl.DataFrame, Counter[str]]:
    """`_NOTED` of the samples in a file by `_KEY`, and what was removed from their lines."""
    columns = columns_of(path, ["domain", "fitted"], SAMPLE_SCHEMA)
    rows: list[tuple[str, int, bool, bool, bool, int]] = []
    removed: Counter[str] = Counter()
    domains, noted = (columns.column(name).to_pylist() for name in ("domain", "fitted"))
    for domain, fitted in zip(domains, noted, strict=True):
        note = orjson.loads(fitted)
        named = note["named"]
        kept = note["target_kept"] is not None
        rows.append((domain, note["tokens"], kept, named is not None, bool(named), 1))
        removed.update(note["removed"])
    frame = pl.DataFrame(rows, [*_KEY, *_NOTED], orient="row", schema_overrides=_TYPES)
    return frame.group_by(_KEY).agg(pl.col(*_NOTED).cast(pl.Int64).sum()), removed


_TYPES: Final = {
    "domain": pl.String,
    "tokens": pl.Int64,
    "kept": pl.Boolean,
    "with_name": pl.Boolean,
    "named": pl.Boolean,
    "samples": pl.Int64,
}


def _counted(table: pl.DataFrame, *key: str) -> pl.DataFrame:
    """Sums and quantiles of `_of_samples`. A quantile is a number of tokens that occurs."""
    before = pl.col("samples").cum_sum()
    sizes = {
        name: pl.col("tokens").filter(before > ((before.last() - 1) * share).floor()).first()
        for name, share in _QUANTILES.items()
    }
    by_size = table.group_by(*key, "tokens").agg(pl.col(*_NOTED).sum()).sort(*key, "tokens")
    summed = [pl.col(*_NOTED).sum()]
    if not key:
        return by_size.select(*summed, **sizes)
    return by_size.group_by(key, maintain_order=True).agg(*summed, **sizes)


def _complete(table: pl.DataFrame) -> pl.DataFrame:
    """With ``targets``, and 0 for what was not met."""
    counted = table.with_columns(pl.col("cut", *_NOTED).fill_null(0))
    return counted.with_columns(targets=pl.col("kept") + pl.col("cut"))


def shares(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table, or its total, as views show it.

    ``kept`` is the share of its targets, ``named`` of the names of those kept, 0 to 1; null of
    none.
    """
    kept = row["kept"] / row["targets"] if row["targets"] else None
    named = row["named"] / row["with_name"] if row["with_name"] else None
    return {**row, "kept": kept, "named": named}
