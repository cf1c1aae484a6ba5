"""Accounting, recomputed from the files: everything read is in the dataset or was dropped with a reason, once.

Four units: record, workflow, step, sample. For each, the ids in the dataset and the ids dropped are disjoint and
together are exactly the ids read. A step is in the dataset if its sample is, a workflow if one of its samples is, a
record if the workflow it belongs to is; a record of a dropped workflow went with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import pyarrow as pa

from etl import index, state, storage
from etl.shards import column, open_arrow, read_parquet
from etl.storage import AnyPath
from schemas.ledger import FITTED_SCHEMA, LEDGER_SCHEMA, QUARANTINE_SCHEMA
from schemas.samples import PACKED_SCHEMA

UNITS: Final = ("record", "workflow", "step", "sample")
_KEY: Final = ("shard", "unit", "id")


def ledger(out: AnyPath) -> pl.DataFrame:
    """All ledgers of a build, those of phase 3 included, with the schema `LEDGER_SCHEMA`."""
    tables = [open_arrow(path).read_all() for path in _of_inputs(out, "ledger")]
    frame = pl.from_arrow(pa.concat_tables(tables) if tables else LEDGER_SCHEMA.empty_table())
    assert isinstance(frame, pl.DataFrame)
    return pl.concat([frame, _late(out, frame)])


def _of_inputs(out: AnyPath, folder: str) -> Iterator[AnyPath]:
    """The Arrow files of a work folder that belong to the build's inputs, in their order, and that of the index."""
    for key in (*state.keys(out / "work"), "index"):
        path = out / "work" / folder / f"{key}.arrow"
        if storage.exists(path):
            yield path


def fitted(out: AnyPath) -> pl.DataFrame:
    """What phase 3 made of each sample: `schemas.ledger.FITTED_SCHEMA` and the packed shard's name."""
    folder = out / "work" / "fitted"
    frames = [
        read_parquet(path).with_columns(pl.lit(storage.relative(path, folder).removesuffix(".parquet")).alias("packed"))
        for path in storage.files(folder, ".parquet")
    ]
    if frames:
        return pl.concat(frames)
    empty = pl.from_arrow(FITTED_SCHEMA.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return empty.with_columns(pl.lit("", pl.String).alias("packed"))


def quarantined(out: AnyPath) -> pl.DataFrame:
    """All quarantined records, bytes included: `schemas.ledger.QUARANTINE_SCHEMA`."""
    tables = [open_arrow(path).read_all() for path in _of_inputs(out, "quarantine")]
    frame = pl.from_arrow(pa.concat_tables(tables) if tables else QUARANTINE_SCHEMA.empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def unread(out: AnyPath) -> int:
    """How many records of a build are quarantined that no workflow was made of."""
    rows = ledger(out)
    dropped = rows.filter((pl.col("unit") == "record") & (pl.col("reason") != ""))
    return dropped.join(quarantined(out), on="id", how="semi").height


def kept_index(out: AnyPath) -> pl.DataFrame:
    """Rows of the index that phase 2 kept: sample id, workflow, input shard."""
    kept = index.scan(out / "work").filter(pl.col("reason") == "")
    return kept.select("sample_id", "workflow", "shard", "domain").collect()


def in_dataset(out: AnyPath) -> pl.DataFrame:
    """(shard, sample_id, workflow) of the samples that are in the data files, read from the files themselves."""
    ids: list[str] = []
    paths = storage.files(out / "dataset" / "data", ".arrow")
    for lists in storage.together(lambda path: column(path, "sample_ids", PACKED_SCHEMA), paths):
        for each in lists:
            ids += each.flatten().to_pylist()
    samples = pl.DataFrame({"sample_id": pl.Series(ids, dtype=pl.String)})
    return samples.join(kept_index(out), on="sample_id", how="left", maintain_order="left")


def _late(out: AnyPath, early: pl.DataFrame) -> pl.DataFrame:
    """Drops of phase 3 as ledger rows: samples, their steps, and workflows of which nothing is left."""
    table = fitted(out)
    columns = list(LEDGER_SCHEMA.names)
    if table.height == 0:
        return early.clear()
    kept_by_index = kept_index(out).drop("domain")
    dropped = table.filter(pl.col("reason") != "").join(kept_by_index, on="sample_id", how="left")
    samples = dropped.select(
        "shard",
        pl.lit("sample").alias("unit"),
        pl.col("sample_id").alias("id"),
        pl.col("workflow").alias("parent"),
        pl.lit("fit").alias("stage"),
        "reason",
        "detail",
        "domain",
    )
    kept = table.filter(pl.col("reason") == "").join(kept_by_index, on="sample_id", how="left")
    survivors = kept.select("shard", "workflow").unique()
    empty = dropped.unique(["shard", "workflow"], maintain_order=True).join(
        survivors, on=["shard", "workflow"], how="anti"
    )
    workflows = empty.select(
        "shard",
        pl.lit("workflow").alias("unit"),
        pl.col("workflow").alias("id"),
        pl.lit("").alias("parent"),
        pl.lit("fit").alias("stage"),
        pl.lit("no_samples").alias("reason"),
        pl.lit("all of its samples were dropped").alias("detail"),
        "domain",
    )
    return pl.concat([samples, samples.with_columns(unit=pl.lit("step")), workflows]).select(columns)


def account(out: AnyPath) -> dict[str, dict[str, Any]]:
    """For each unit: how many were read, are in the dataset, were dropped (by reason), and what does not add up.

    ``errors`` is empty when everything does: ids read twice, dropped twice, both kept and dropped, neither, or not
    read; and workflows that were made of no record.
    """
    rows = ledger(out)
    present = in_dataset(out)
    kept = {
        "sample": present.select("shard", pl.col("sample_id").alias("id")),
        "step": present.select("shard", pl.col("sample_id").alias("id")).unique(),
        "workflow": present.select("shard", pl.col("workflow").alias("id")).unique(),
    }
    result: dict[str, dict[str, Any]] = {}
    for unit in UNITS:
        of_unit = rows.filter(pl.col("unit") == unit)
        read = of_unit.filter(pl.col("reason") == "")
        dropped = of_unit.filter(pl.col("reason") != "")
        if unit == "record":
            kept[unit], followed = _records(read, dropped, kept["workflow"])
            dropped = pl.concat([dropped, followed])
        result[unit] = _balance(read, kept[unit], dropped)
    result["workflow"]["errors"] |= _errors({"made of no record": _unfounded(rows)})
    return result


def _unfounded(rows: pl.DataFrame) -> pl.DataFrame:
    """Workflows that were read, though no record of theirs was."""
    read = rows.filter(pl.col("reason") == "")
    records = read.filter(pl.col("unit") == "record").select("shard", pl.col("parent").alias("id"))
    return read.filter(pl.col("unit") == "workflow").join(records, on=["shard", "id"], how="anti")


def _records(read: pl.DataFrame, dropped: pl.DataFrame, workflows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records that were not dropped themselves: those of kept workflows, and those that went with theirs."""
    left = read.join(dropped, on=["shard", "id"], how="anti")
    kept = left.join(workflows.rename({"id": "parent"}), on=["shard", "parent"], how="semi")
    gone = left.join(kept, on=["shard", "id"], how="anti")
    gone = gone.with_columns(reason=pl.lit("workflow_dropped"), stage=pl.lit("read"))
    return kept.select("shard", "id"), gone


def _balance(read: pl.DataFrame, kept: pl.DataFrame, dropped: pl.DataFrame) -> dict[str, Any]:
    key = ["shard", "id"]
    checks = {
        "read twice": _repeated(read, key),
        "dropped twice": _repeated(dropped, key),
        "in the dataset twice": _repeated(kept, key),
        "both in the dataset and dropped": kept.join(dropped, on=key, how="semi"),
        "in the dataset but never read": kept.join(read, on=key, how="anti"),
        "dropped but never read": dropped.join(read, on=key, how="anti"),
        "read but neither in the dataset nor dropped": read.join(kept, on=key, how="anti").join(
            dropped, on=key, how="anti"
        ),
    }
    reasons = dropped.group_by("stage", "reason").len().sort("len", "stage", "reason", descending=[True, False, False])
    return {
        "read": read.height,
        "kept": kept.height,
        "dropped": dropped.height,
        "reasons": [{"stage": stage, "reason": reason, "count": count} for stage, reason, count in reasons.iter_rows()],
        "errors": _errors(checks),
    }


def _errors(checks: dict[str, pl.DataFrame]) -> dict[str, dict[str, Any]]:
    return {what: {"count": rows.height, "first": rows["id"][0]} for what, rows in checks.items() if rows.height}


def _repeated(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return rows.filter(pl.struct(key).is_duplicated()) if rows.height else rows
