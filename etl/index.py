"""The index: every decision that looks at other rows. Phase 2 of a build: global, and light.

Reads ids, hashes and lengths of all samples (never a page) and writes ``work/index.parquet``, one row a sample: its
split, its place (output shard and order), or the reason why it is dropped. What was read twice is decided in the order
(hash(seed, workflow id), input shard): the first is kept, later ones name it.

- ``duplicate_workflow``: the recording's content came before, under this id or another.
- ``conflicting_id``: the id came before with other content; the workflow is quarantined with its content.

Split: hash(seed, split key) against the share of the test split, so that a key's rows stay together and new data never
move old rows. Place: output shard by range of hash(seed, sample id), in the order of that hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from etl.plan import InputShard, Source, Tally
from etl.shards import atomic, open_arrow, write_table
from schemas.errors import ConfigError
from schemas.ledger import INDEX_SCHEMA, LEDGER_SCHEMA, QUARANTINE_SCHEMA

SplitKey = Literal["workflow", "domain", "website", "objective", "template"]
SPLIT_KEYS: Final = ("workflow", "domain", "website", "objective", "template")
SPLITS: Final = ("train", "test")

_COLUMNS: Final = ("sample_id", "workflow", "step", "workflow_hash", "domain", "website", "objective")
_TEXTS: Final = ("observation", "objective", "url", "description", "target_html")
_FRAME_CHARS: Final = 300  # of prompt and chat around a sample's own texts
_CHARS_PER_TOKEN: Final = 3.0  # of samples under Qwen2.5; only to plan how many shards there are
_TOKEN_BYTES: Final = 8  # input id and label
_VARIABLE: Final = re.compile(r'"[^"]*"|\'[^\']*\'|\d+')


@dataclass(frozen=True)
class Split:
    """key: what stays together; ``template`` is the objective with digits and quoted values masked; ``website`` is the
    domain where a recording names none.

    test: share of keys in the test split. held_out: workflow ids that are the test split instead (``source:id`` or
    the recording's own id). seed: of every hash of this phase.
    """

    key: SplitKey = "workflow"
    test: float = 0.05
    held_out: frozenset[str] = field(default=frozenset())
    seed: int = 0

    def __post_init__(self) -> None:
        if self.key not in SPLIT_KEYS:
            raise ConfigError(f"split.key {self.key!r} is none of {', '.join(SPLIT_KEYS)}")
        if not 0 <= self.test <= 1:
            raise ConfigError(f"split.test {self.test} is not a share between 0 and 1")

    def of(self, key: str, workflow: str) -> str:
        """The split of a workflow by its key."""
        if self.held_out:
            return "test" if workflow in self.held_out or workflow.partition(":")[2] in self.held_out else "train"
        return "test" if self.hash(key) < self.test * 2**64 else "train"

    def hash(self, text: str) -> int:
        """64-bit hash of a text under the seed."""
        return xxhash.xxh3_64_intdigest(text.encode(), seed=self.seed)


@dataclass(frozen=True)
class Index:
    """split: see `Split`. context: tokens of a row; shard_bytes: planned size of an output shard."""

    split: Split
    context: int
    shard_bytes: int

    def build(self, shards: Sequence[InputShard], sources: Mapping[str, Source], work: Path) -> pl.DataFrame:
        """Decide on all samples under ``work/samples`` and write index, ledger and quarantine of this phase."""
        rows = self._decided(_samples(shards, work))
        rows = self._placed(rows)
        table = rows.select(INDEX_SCHEMA.names).to_arrow().cast(INDEX_SCHEMA)
        with atomic(work / "index.parquet") as stream:
            pq.write_table(table, pa.PythonFile(stream, mode="w"), compression="zstd")
        _write_ledger(rows, work)
        _write_quarantine(rows, shards, sources, work)
        return rows

    def _decided(self, samples: pl.DataFrame) -> pl.DataFrame:
        """Sets reason and detail of the samples of workflows that were read before."""
        workflows = samples.unique(["shard", "workflow"], maintain_order=True)
        order = pl.Series("decided", [self.split.hash(uid) for uid in workflows["workflow"]], pl.UInt64)
        workflows = workflows.with_columns(order).sort("decided", "workflow", "position")
        same_id = pl.col("workflow").cum_count().over("workflow") > 1
        first_hash = pl.col("workflow_hash").first().over("workflow")
        workflows = workflows.with_columns(
            reason=pl.when(same_id & (pl.col("workflow_hash") == first_hash))
            .then(pl.lit("duplicate_workflow"))
            .when(same_id)
            .then(pl.lit("conflicting_id"))
            .otherwise(pl.lit("")),
            earlier=pl.col("shard_name").first().over("workflow"),
        )
        kept = pl.col("reason") == ""
        repeated = kept & (kept.cast(pl.Int32).cum_sum().over("workflow_hash") > 1)
        first_uid = pl.col("workflow").filter(kept).first().over("workflow_hash")
        workflows = workflows.with_columns(
            reason=pl.when(repeated).then(pl.lit("duplicate_workflow")).otherwise("reason"),
            detail=pl.when(repeated)
            .then(pl.format("the same recording as {}", first_uid))
            .when(pl.col("reason") == "duplicate_workflow")
            .then(pl.format("the same recording came before in {}", "earlier"))
            .when(pl.col("reason") == "conflicting_id")
            .then(pl.format("a workflow with the same id and other content came before in {}", "earlier"))
            .otherwise(pl.lit("")),
        )
        decisions = workflows.select("shard", "workflow", "reason", "detail")
        return samples.join(decisions, on=["shard", "workflow"], how="left", maintain_order="left")

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Sets split, home and order, and brings the rows in the order of the output."""
        rows = rows.with_columns(self._key().alias("key"))
        keys = rows.select("key", "workflow").unique(maintain_order=True)
        splits = pl.Series("split", [self.split.of(*pair) for pair in keys.iter_rows()], pl.String)
        rows = rows.join(keys.with_columns(splits), on=["key", "workflow"], how="left", maintain_order="left")
        order = pl.Series("order", [self.split.hash(sample_id) for sample_id in rows["sample_id"]], pl.UInt64)
        rows = rows.with_columns(order)
        planned = _CHARS_PER_TOKEN * self.context
        chars = (pl.col("chars") + _FRAME_CHARS).clip(upper_bound=planned)
        kept = rows.filter(pl.col("reason") == "").group_by("split").agg(chars.sum())
        bytes_of = {split: chars / _CHARS_PER_TOKEN * _TOKEN_BYTES for split, chars in kept.iter_rows()}
        width = {split: -(-(2**64) // max(1, round(size / self.shard_bytes))) for split, size in bytes_of.items()}
        home = [value // width.get(split, 2**64) for split, value in rows.select("split", "order").iter_rows()]
        return rows.with_columns(pl.Series("home", home, pl.Int32)).sort(
            "split", "home", "order", "sample_id", "position"
        )

    def _key(self) -> pl.Expr:
        if self.split.key == "template":
            return pl.col("objective").map_elements(lambda text: _VARIABLE.sub("#", text), return_dtype=pl.String)
        if self.split.key == "website":
            return pl.when(pl.col("website") == "").then("domain").otherwise("website")
        return pl.col(self.split.key)


def _samples(shards: Sequence[InputShard], work: Path) -> pl.DataFrame:
    """The light columns of all samples, in the order of shards and rows."""
    tables: list[pa.Table] = []
    for position, shard in enumerate(shards):
        reader = open_arrow(work / "samples" / f"{shard.key}.arrow")
        row = 0
        for batch in (reader.get_batch(i) for i in range(reader.num_record_batches)):
            count = batch.num_rows
            columns: dict[str, Any] = {name: batch.column(name) for name in _COLUMNS}
            columns["chars"] = _chars(batch)
            columns["shard"] = pa.array([shard.key] * count, pa.string())
            columns["shard_name"] = pa.array([shard.name] * count, pa.string())
            columns["position"] = pa.array([position] * count, pa.int64())
            columns["row"] = pa.array(range(row, row + count), pa.int64())
            tables.append(pa.table(columns))
            row += count
    if not tables:
        names = (*_COLUMNS, "shard", "shard_name")
        empty = {name: pl.Series(name, [], pl.String) for name in names}
        return pl.DataFrame(empty).with_columns(
            pl.col("step").cast(pl.Int32),
            *(pl.lit(None, pl.Int64).alias(name) for name in ("chars", "position", "row")),
        )
    frame = pl.from_arrow(pa.concat_tables(tables))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _chars(batch: pa.RecordBatch) -> pa.Array:
    """Characters of each sample's texts, its history included."""
    history = batch.column("history")
    ends = np.concatenate([[0], np.cumsum(pc.utf8_length(history.flatten()).to_numpy(zero_copy_only=False))])
    offsets = history.offsets.to_numpy() - history.offsets[0].as_py()
    total = np.diff(ends[offsets]).astype(np.int64)
    for name in _TEXTS:
        total = total + pc.utf8_length(batch.column(name)).to_numpy()
    return pa.array(total, pa.int64())


def _write_ledger(rows: pl.DataFrame, work: Path) -> None:
    dropped = rows.filter(pl.col("reason") != "").sort("position", "row")
    entries = [_entries(dropped, unit) for unit in ("sample", "step", "workflow")]
    table = pl.concat(entries).select(LEDGER_SCHEMA.names).to_arrow().cast(LEDGER_SCHEMA)
    write_table(work / "ledger" / "index.arrow", table)


def _entries(dropped: pl.DataFrame, unit: str) -> pl.DataFrame:
    if unit == "workflow":
        dropped = dropped.unique(["shard", "workflow"], keep="first", maintain_order=True)
        ids = [pl.col("workflow").alias("id"), pl.lit("").alias("parent")]
    else:
        ids = [pl.col("sample_id").alias("id"), pl.col("workflow").alias("parent")]
    return dropped.select(
        "shard", pl.lit(unit).alias("unit"), *ids, pl.lit("index").alias("stage"), "reason", "detail", "domain"
    )


def _write_quarantine(
    rows: pl.DataFrame, shards: Sequence[InputShard], sources: Mapping[str, Source], work: Path
) -> None:
    """Keep the content of workflows with a conflicting id; their input shards are read once more for it."""
    conflicts = rows.filter(pl.col("reason") == "conflicting_id").unique(["shard", "workflow"], maintain_order=True)
    details = {(shard, uid): text for shard, uid, text in conflicts.select("shard", "workflow", "detail").iter_rows()}
    path = work / "quarantine" / "index.arrow"
    if not details:
        path.unlink(missing_ok=True)
        return
    kept = list(_contents(details, shards, sources))
    columns = {name: [row[name] for row in kept] for name in QUARANTINE_SCHEMA.names}
    write_table(path, pa.table(columns, schema=QUARANTINE_SCHEMA))


def _contents(
    details: Mapping[tuple[str, str], str], shards: Sequence[InputShard], sources: Mapping[str, Source]
) -> Iterator[dict[str, Any]]:
    for shard in shards:
        wanted = {uid for key, uid in details if key == shard.key}
        if not wanted:
            continue
        for workflow in sources[shard.format].read(shard, Tally()):
            if workflow.uid in wanted:
                wanted.discard(workflow.uid)
                detail = details[shard.key, workflow.uid]
                raw = orjson.dumps(workflow)
                yield {"id": workflow.uid, "stage": "index", "reason": "conflicting_id", "detail": detail, "raw": raw}
