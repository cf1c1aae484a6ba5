"""The waterfall counted again: from the ledgers, the index and the data files.

The table of a build is a sum of what packing noted and of ledgers. Here its rows are made anew from
these, and what can be counted elsewhere is: the samples that the index keeps and drops, and the
tokens that lie in the data files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import pyarrow as pa

from etl.dataset import candidate
from etl.dataset.account import Account
from etl.dataset.flow.waterfall import COLUMNS, KEY, table
from etl.dataset.index import scan
from etl.dataset.layout import DATA, FIT, FITTED, INDEX, NAMES, Layout
from etl.dataset.manifest import Manifest
from etl.files.arrow import column, read_json, read_parquet
from etl.files.spill import Sums
from etl.files.storage import AnyPath
from schemas.sample_table import PACKED_SCHEMA

_TABLE: Final = "waterfall"
_FEW: Final = 3
"""The most figures that are listed of those that differ."""


def problems(out: AnyPath, manifest: Manifest, settled: Account) -> Iterator[str]:
    """A line for each figure of the waterfall that is not what it is counted to be.

    settled: the accounting, recomputed.
    """
    name = NAMES.dataset.table(_TABLE).as_posix()
    if name not in manifest.files:
        yield f"{name}: missing; run the build command again, which makes it"
        return
    made = read_parquet(Layout(out).dataset.table(_TABLE))
    if missing := [each for each in COLUMNS if each not in made.columns]:
        yield f"{_TABLE}: the table has no column {', '.join(missing)}; build again"
        return
    figures = COLUMNS[len(KEY) :]
    yield from _few(_differing(made, table(out, settled.flow), KEY, figures), "by the ledgers")
    by_index = made.filter((pl.col("samples") > 0) & _of_index("stage"))
    yield from _few(
        _differing(_fates(by_index), _indexed(out), ("domain", "reason"), ("samples",)),
        "by the index",
    )
    kept = made.filter((pl.col("reason") == "") & (pl.col("packed_tokens") > 0))
    tokens = kept.group_by("domain").agg(pl.col("packed_tokens").sum())
    yield from _few(
        _differing(tokens, _packed(out), ("domain",), ("packed_tokens",)), "in the data files"
    )
    whole = read_json(Layout(out).dataset.statistics).get(_TABLE)
    if whole != made.to_dicts():
        path = NAMES.dataset.statistics.as_posix()
        yield f"{_TABLE}: {path} says something else than {name}; build again"


def _differing(
    then: pl.DataFrame, now: pl.DataFrame, key: tuple[str, ...], figures: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], str, int, int]]:
    """The figures of two tables that differ: the row's key, the figure's name, then and now."""
    both = then.select(*key, *figures).join(
        now.select(*key, *(pl.col(name).alias(f"{name} now") for name in figures)),
        on=key,
        how="full",
        coalesce=True,
    )
    for row in both.fill_null(0).sort(key).iter_rows(named=True):
        for name in figures:
            if row[name] != row[f"{name} now"]:
                yield {each: row[each] for each in key}, name, row[name], row[f"{name} now"]


def _few(found: Iterator[tuple[dict[str, Any], str, int, int]], where: str) -> Iterator[str]:
    """The first differences in words, and how many more there are."""
    every = list(found)
    for key, name, then, now in every[:_FEW]:
        of = " ".join(f"{each}={value!r}" for each, value in key.items())
        yield f"{_TABLE}: {of}: {name} is {then:,}, and {now:,} {where}"
    if more := every[_FEW:]:
        yield f"{_TABLE}: {len(more):,} more figures are others {where}"


def _of_index(stage: str) -> pl.Expr:
    """Rows of samples on which the index decided: it keeps what packing sees."""
    return pl.col(stage).is_in(["", INDEX, FIT])


def _fates(rows: pl.DataFrame) -> pl.DataFrame:
    """Samples by domain, and by the reason of the index; empty for those that it keeps."""
    mine = pl.when(pl.col("stage") == INDEX).then(pl.col("reason")).otherwise(pl.lit(""))
    return rows.group_by("domain", reason=mine).agg(pl.col("samples").sum())


def _indexed(out: AnyPath) -> pl.DataFrame:
    """The same, counted in the index."""
    rows = scan(Layout(out).work).group_by("domain", "reason")
    return rows.agg(samples=pl.len().cast(pl.Int64)).collect()


def _packed(out: AnyPath) -> pl.DataFrame:
    """The tokens in the data files, by the domain of their sample."""
    sums = Sums(("domain",), {"domain": pl.String, "packed_tokens": pl.Int64})
    fitted = dict(candidate.of_shards(out, FITTED, ".parquet"))
    for name, path in candidate.of_shards(out, DATA, ".arrow"):
        ids, lengths = (
            pa.chunked_array([batch.flatten() for batch in column(path, each, PACKED_SCHEMA)], kind)
            for each, kind in (("sample_ids", pa.string()), ("seq_lengths", pa.int32()))
        )
        rows = pl.DataFrame({"sample_id": pl.Series(ids), "packed_tokens": pl.Series(lengths)})
        domains = read_parquet(fitted[name]).select("sample_id", "domain")
        named = rows.join(domains, on="sample_id", how="left")
        sums.add(named.group_by("domain").agg(pl.col("packed_tokens").cast(pl.Int64).sum()))
    return sums.table()
