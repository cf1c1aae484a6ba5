"""The drops of a build as a lazy table: phases 1 and 2 from the ledgers, phase 3 from ``fitted``.

`etl.dataset.account` reads the same files in full; this is for queries that want a few rows of
many.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from etl.dataset.index import scan
from etl.dataset.layout import LEDGER, Work, shelf
from etl.dataset.place import nothing
from etl.files import scratch, storage
from etl.files.arrow import read_json
from schemas.ledger import FITTED_SCHEMA, LEDGER_SCHEMA


def inputs(work: Work) -> dict[str, str]:
    """The key of each input shard of a build, and the name of the file it was read from."""
    return {row["key"]: row["name"] for row in read_json(work.inputs)}


def drops(work: Work) -> pl.LazyFrame:
    """Everything that was dropped: `LEDGER_SCHEMA`, and ``input``, the file it was read from."""
    names = inputs(work)
    schema = {"shard": pl.String, "input": pl.String}
    named = pl.LazyFrame({"shard": list(names), "input": list(names.values())}, schema=schema)
    every = pl.concat([_early(work, names), _late(work)])
    return every.join(named, on="shard", how="left", maintain_order="left")


def _early(work: Work, names: Mapping[str, str]) -> pl.LazyFrame:
    """The drops of phases 1 and 2."""
    paths = shelf(work).existing(LEDGER, list(names))
    paths += [work.index_ledger] if storage.exists(work.index_ledger) else []
    here = [*storage.together(scratch.copy_of, paths)]
    ledgers = pl.scan_ipc(here) if here else nothing(LEDGER_SCHEMA)
    return ledgers.filter(pl.col("reason") != "")


def _late(work: Work) -> pl.LazyFrame:
    """The drops of phase 3: samples that did not fit, their steps, and workflows left empty."""
    fitted = scan_fitted(work)
    rows = fitted.filter(pl.col("reason") != "").collect()
    if not rows.height:
        return nothing(LEDGER_SCHEMA)
    index = scan(work).filter(pl.col("reason") == "").select("sample_id", "workflow", "shard")
    places = index.join(rows.lazy().select("sample_id"), on="sample_id", how="semi").collect()
    rows = rows.join(places, on="sample_id", how="left", maintain_order="left")
    rows = rows.with_columns(stage=pl.lit("fit"), recorded=pl.lit(""))
    samples = rows.with_columns(
        unit=pl.lit("sample"), id=pl.col("sample_id"), parent=pl.col("workflow")
    )
    whole = fitted.filter(pl.col("reason") == "").select(workflow=_workflow())
    alive = whole.join(rows.lazy().select("workflow"), on="workflow", how="semi").unique().collect()
    empty = rows.unique(["shard", "workflow"], maintain_order=True).join(
        alive, on="workflow", how="anti"
    )
    empty = empty.with_columns(
        unit=pl.lit("workflow"),
        id=pl.col("workflow"),
        parent=pl.lit(""),
        reason=pl.lit("no_samples"),
        detail=pl.lit("all of its samples were dropped"),
    )
    each = (samples, samples.with_columns(unit=pl.lit("step")), empty)
    return pl.concat([frame.select(LEDGER_SCHEMA.names) for frame in each]).lazy()


def _workflow() -> pl.Expr:
    """The workflow of a sample, by its id."""
    return pl.col("sample_id").str.replace("/[0-9]+$", "")


def scan_fitted(work: Work) -> pl.LazyFrame:
    """The result of phase 3 for each sample, with `FITTED_SCHEMA`."""
    here: list[Path] = [*storage.together(scratch.copy_of, storage.files(work.fitted, ".parquet"))]
    return pl.scan_parquet(here) if here else nothing(FITTED_SCHEMA)
