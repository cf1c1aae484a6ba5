"""The way of all characters and tokens through a build, by domain and by what became of each step.

The levels are: characters of the page as read, those that pruning leaves, those after the stages
behind it, tokens of the sample as encoded, and tokens that packing keeps. A row of the table
``waterfall`` sums them over all steps of a domain with the same fate: the ``stage`` and ``reason``
of their drop, both empty for those in the dataset. So a level is a sum of rows, and what it loses
is a difference of columns.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.dataset import candidate
from etl.dataset.layout import FIT, FITTED
from etl.files import scratch, storage
from etl.files.spill import Sums
from etl.files.storage import AnyPath
from schemas.errors import IntegrityError

KEY: Final = ("domain", "stage", "reason")
_OF_LEDGER: Final = ("steps", "raw_chars", "samples", "pruned_chars", "chars")
_OF_PACKING: Final = ("encoded_tokens", "packed_tokens", "cut_samples")
COLUMNS: Final = (*KEY, *_OF_LEDGER, *_OF_PACKING)
"""The columns of the table.

``steps`` were read, with pages of ``raw_chars`` characters (a text, where no page was recorded).
``samples`` are as many, or 0 if none were made of them; their observations have ``pruned_chars``
as pruning left them, and ``chars`` as they are. These were encoded to ``encoded_tokens``, all
chunks together; ``packed_tokens`` are in the dataset. Of ``cut_samples`` some chunks are, and some
are not. A sample that could not be encoded has no tokens.
"""


def sums() -> Sums:
    """What adds up `fates_of`."""
    return _sums(_OF_LEDGER)


def _sums(columns: tuple[str, ...]) -> Sums:
    return Sums(KEY, {**dict.fromkeys(KEY, pl.String), **dict.fromkeys(columns, pl.Int64)})


def fates_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Steps and samples with their characters, by `KEY`: the columns that ledgers know.

    rows: all ledger lines of some input shards. Each thing is read once and dropped at most once,
    so it counts once; its domain is that of the line by which it was read.
    """
    lines = rows.lazy().filter(pl.col("unit").is_in(["step", "sample"]))
    thing = ["unit", "shard", "id"]
    dropped = lines.filter(pl.col("reason") != "").select(*thing, "stage", "reason")
    read = lines.filter(pl.col("reason") == "").select(*thing, "domain", "chars", "final_chars")
    every = read.join(dropped.unique(thing), on=thing, how="left").with_columns(
        pl.col("stage", "reason").fill_null("")
    )
    steps, samples = (every.filter(pl.col("unit") == unit) for unit in ("step", "sample"))
    columns = [
        steps.select(*KEY, steps=pl.lit(1), raw_chars="chars"),
        samples.select(*KEY, samples=pl.lit(1), pruned_chars="chars", chars="final_chars"),
    ]
    counted = [_counted(each, _OF_LEDGER) for each in columns]
    return pl.concat(counted).group_by(KEY).agg(pl.col(_OF_LEDGER).sum()).collect()


def _counted(rows: pl.LazyFrame, columns: tuple[str, ...]) -> pl.LazyFrame:
    """Rows with all of these columns; those that they lack are 0."""
    there = rows.collect_schema().names()
    missing = {name: pl.lit(0) for name in columns if name not in there}
    return rows.with_columns(**missing).select(*KEY, pl.col(columns).cast(pl.Int64))


def table(out: AnyPath, flow: pl.DataFrame) -> pl.DataFrame:
    """The table ``waterfall``, with `COLUMNS`.

    flow: the sums of `fates_of` over all input shards.
    """
    packing = _sums(_OF_PACKING)
    paths = [path for _, path in candidate.of_shards(out, FITTED, ".parquet")]
    for part in storage.together(_of_shard, paths):
        packing.add(part)
    columns = (*_OF_LEDGER, *_OF_PACKING)
    both = [_counted(rows.lazy(), columns) for rows in (flow, packing.table())]
    return pl.concat(both).group_by(KEY).agg(pl.col(columns).sum()).sort(KEY).collect()


def _of_shard(path: AnyPath) -> pl.DataFrame:
    """What packing knows of the samples of an output shard."""
    lost, inside = pl.col("lost_tokens").cast(pl.Int64), pl.col("reason") == ""
    tokens = pl.col("prompt_tokens").cast(pl.Int64) + pl.col("completion_tokens")
    stage = pl.when(inside).then(pl.lit("")).otherwise(pl.lit(FIT))
    return (
        pl.scan_parquet(scratch.copy_of(path))
        .with_columns(stage=stage)
        .group_by(KEY)
        .agg(
            encoded_tokens=(tokens + lost).sum(),
            packed_tokens=tokens.sum(),
            cut_samples=(inside & (lost > 0)).cast(pl.Int64).sum(),
        )
        .collect()
    )


def check(made: pl.DataFrame, domains: pl.DataFrame, page_chars: int, out: AnyPath) -> None:
    """Check the table against what was counted apart from it.

    made: the table. domains: the table of domains, counted from the result of packing. page_chars:
    characters of all pages, counted as they were read.

    Raises:
        IntegrityError: a sum differs.
    """
    kept = made.filter(pl.col("reason") == "")
    names = {"samples": "samples", "chars": "pruned_chars", "packed_tokens": "tokens"}
    pairs = {mine: (kept[mine].sum(), domains[theirs].sum()) for mine, theirs in names.items()}
    pairs["raw_chars"] = (made["raw_chars"].sum(), page_chars)
    wrong = [
        f"{name} sum to {mine:,}, and were counted as {counted:,}"
        for name, (mine, counted) in pairs.items()
        if mine != counted
    ]
    uneven = made.filter((pl.col("samples") > 0) & (pl.col("samples") != pl.col("steps")))
    wrong += [f"not every step has its sample: {row}" for row in uneven.head(1).to_dicts()]
    if wrong:
        raise IntegrityError(
            f"{out}: the waterfall does not add up: {'; '.join(wrong)}. Remove {out} and build "
            "again"
        )
