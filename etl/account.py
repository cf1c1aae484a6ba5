"""Accounting, recomputed from the files: everything read is in the dataset or was dropped with a reason, once.

Four units: record, workflow, step, sample. For each, the ids in the dataset and the ids dropped are disjoint and
together are exactly the ids read. A step is in the dataset if its sample is, a workflow if one of its samples is, a
record if the workflow it belongs to is; a record of a dropped workflow went with it.

A thing is named by its input shard, its unit and its id, so what is found in some input shards at a time (`etl.fates`)
adds up exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
import pyarrow as pa

from etl import state, storage
from etl.fates import GROUP_ROWS, Fates, fates
from etl.shards import open_arrow, read_parquet
from etl.storage import AnyPath
from etl.sums import Sums
from schemas.ledger import FITTED_SCHEMA, QUARANTINE_SCHEMA

UNITS: Final = ("record", "workflow", "step", "sample")
_SAYS: Final = ("unit", "stage", "domain", "reason")
_KEY: Final = ("shard", "id")


@dataclass(frozen=True)
class Account:
    """units: see `account`. counts: (unit, stage, domain, reason, count) of all lines of ledger; an empty reason means
    that things were read. unread: records in quarantine that no workflow was made of.
    """

    units: dict[str, dict[str, Any]]
    counts: pl.DataFrame
    unread: int


def settle(out: AnyPath, group_rows: int = GROUP_ROWS) -> Account:
    """The accounting of a build. Memory is that of `etl.fates` with such groups, and what is returned."""
    totals = {unit: _Total() for unit in UNITS}
    counts = Sums(_SAYS, {**dict.fromkeys(_SAYS, pl.String), "count": pl.Int64})
    unread = 0
    for found in fates(out, group_rows):
        counts.add(found.rows.group_by(_SAYS).agg(count=pl.len().cast(pl.Int64)))
        records = found.rows.filter((pl.col("unit") == "record") & (pl.col("reason") != ""))
        unread += records.join(found.quarantined.to_frame(), on="id", how="semi").height
        for unit, read, kept, dropped in _units(found):
            totals[unit].add(read, kept, dropped)
        totals["workflow"].found({"made of no record": _unfounded(found.rows)})
    return Account({unit: total.said() for unit, total in totals.items()}, counts.table(), unread)


def account(out: AnyPath) -> dict[str, dict[str, Any]]:
    """For each unit: how many were read, are in the dataset, were dropped (by reason), and what does not add up.

    ``errors`` is empty when everything does: ids read twice, dropped twice, both kept and dropped, neither, or not
    read; and workflows that were made of no record.
    """
    return settle(out).units


def _units(found: Fates) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame, pl.DataFrame]]:
    """By unit what was read, is in the dataset, and was dropped."""
    samples = found.present.select("shard", pl.col("sample_id").alias("id"))
    workflows = found.present.select("shard", pl.col("workflow").alias("id")).unique()
    kept = {"sample": samples, "step": samples.unique(), "workflow": workflows}
    for unit in UNITS:
        of_unit = found.rows.filter(pl.col("unit") == unit)
        read, dropped = of_unit.filter(pl.col("reason") == ""), of_unit.filter(pl.col("reason") != "")
        if unit == "record":
            kept[unit], followed = _records(read, dropped, workflows)
            dropped = pl.concat([dropped, followed])
        yield unit, read, kept[unit], dropped


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


@dataclass
class _Total:
    """What `account` says of one unit, as it is found."""

    read: int = 0
    kept: int = 0
    dropped: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, read: pl.DataFrame, kept: pl.DataFrame, dropped: pl.DataFrame) -> None:
        """What is of some input shards."""
        key = list(_KEY)
        self.read += read.height
        self.kept += kept.height
        self.dropped += dropped.height
        self.reasons.update(
            {(stage, reason): n for stage, reason, n in dropped.group_by("stage", "reason").len().rows()}
        )
        self.found(
            {
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
        )

    def found(self, wrong: Mapping[str, pl.DataFrame]) -> None:
        """What does not add up, if any does not."""
        for what, rows in wrong.items():
            if rows.height:
                self.errors.setdefault(what, {"count": 0, "first": rows["id"][0]})["count"] += rows.height

    def said(self) -> dict[str, Any]:
        """As JSON; reasons come by how often they were given."""
        ordered = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        reasons = [{"stage": stage, "reason": reason, "count": count} for (stage, reason), count in ordered]
        counts = {"read": self.read, "kept": self.kept, "dropped": self.dropped}
        return {**counts, "reasons": reasons, "errors": self.errors}


def _repeated(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return rows.filter(pl.struct(key).is_duplicated()) if rows.height else rows


def ledger(out: AnyPath) -> pl.DataFrame:
    """All ledgers of a build, those of phase 3 included, with the schema `LEDGER_SCHEMA`; it is not bounded."""
    return pl.concat([found.rows for found in fates(out)])


def in_dataset(out: AnyPath) -> pl.DataFrame:
    """(sample_id, workflow, shard) of the samples that are in the data files, read from the files themselves."""
    return pl.concat([found.present for found in fates(out)])


def fitted(out: AnyPath, of: pl.Series | None = None) -> pl.DataFrame:
    """What phase 3 made of each sample: `schemas.ledger.FITTED_SCHEMA` and the packed shard's name. of: ids of those
    that are asked for; all if None.
    """
    folder = out / "work" / "fitted"
    frames: list[pl.DataFrame] = []
    for path in storage.files(folder, ".parquet"):
        rows = read_parquet(path)
        rows = rows if of is None else rows.filter(pl.col("sample_id").is_in(of.implode()))
        frames.append(
            rows.with_columns(pl.lit(storage.relative(path, folder).removesuffix(".parquet")).alias("packed"))
        )
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


def in_quarantine(out: AnyPath) -> int:
    """How many records are quarantined."""
    readers = (open_arrow(path) for path in _of_inputs(out, "quarantine"))
    return sum(reader.get_batch(i).num_rows for reader in readers for i in range(reader.num_record_batches))


def _of_inputs(out: AnyPath, folder: str) -> Iterator[AnyPath]:
    """The Arrow files of a work folder that belong to the build's inputs, in their order, and that of the index."""
    names = [f"{key}.arrow" for key in (*state.keys(out / "work"), "index")]
    gone = set(storage.missing(out / "work" / folder, names))
    yield from (out / "work" / folder / name for name in names if name not in gone)
