"""A build of any size without its pages: the files that its index, its accounting and its
statistics are made of.

Workflows of eleven samples and a step whose action failed; one workflow in a hundred was read
before; packing drops one sample in a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.build import index_files
from etl.build.index import Index
from etl.build.index_files import PART_ROWS
from etl.dataset import state
from etl.dataset.generations import Generations
from etl.dataset.index import OutputShard
from etl.dataset.layout import Shelf, Work
from etl.decisions.split import Split
from etl.files.arrow import ArrowWriter, atomic, open_arrow, write_table
from etl.inputs.records import InputShard
from etl.sources import SOURCES
from schemas.ledger import FITTED_SCHEMA, LEDGER_SCHEMA, LIGHT_SCHEMA
from schemas.samples import PACKED_SCHEMA

STEPS: Final = 11  # of a workflow, as in ScribeAgent's; each a sample
SHARD_SAMPLES: Final = 220_000  # of one input

_ROW_SAMPLES: Final = 3
_BATCH: Final = 2**16


def light(work: Path, samples: int, of_shard: int = SHARD_SAMPLES) -> list[InputShard]:
    """Write what phase 1 leaves for the index of about this many samples; returns the inputs."""
    shards = []
    flows = of_shard // STEPS
    for number in range(-(-samples // of_shard)):
        shard = InputShard(f"night/{number:06d}.jsonl", "", "workflows", 1, f"{number:064x}")
        shards.append(shard)
        with atomic(work / "light" / f"{shard.key}.arrow") as stream:
            writer = ArrowWriter(stream, LIGHT_SCHEMA)
            for batch in (
                _samples(shard.key, number, flows).to_arrow().cast(LIGHT_SCHEMA).to_batches(_BATCH)
            ):
                writer.add_batch(batch)
            writer.close()
    return shards


def _samples(shard: str, number: int, flows: int) -> pl.DataFrame:
    chance = np.random.default_rng(number)
    again = (chance.random(flows) < 0.01) & (number > 0)
    of = np.where(again, (number - 1) * flows + np.arange(flows), number * flows + np.arange(flows))
    frame = pl.DataFrame(
        {"flow": np.repeat(of, STEPS), "step": np.tile(np.arange(1, STEPS + 1), flows)}
    ).with_columns(
        workflow=pl.format("workflows:{}", pl.col("flow").cast(pl.String).str.zfill(12)),
        hash=pl.col("flow").cast(pl.String).str.zfill(32),
        chars=pl.Series(chance.lognormal(9.5, 1.0, flows * STEPS).astype(np.int64)),
    )
    return frame.select(
        shard=pl.lit(shard),
        sample_id=pl.format("{}/{}", "workflow", "step"),
        workflow="workflow",
        step=pl.col("step").cast(pl.Int32),
        workflow_hash="hash",
        sample_hash=pl.format(
            "{}{}", pl.col("step").cast(pl.String).str.zfill(4), pl.col("hash").str.tail(28)
        ),
        domain=pl.format("shop{}.example", pl.col("flow") % 250),
        website=pl.lit(""),
        objective=pl.format("Order item {} in the shop and pay for it", "flow"),
        chars="chars",
        whole=pl.lit(True),
    )


def indexed(work: Path, shards: list[InputShard], part_rows: int = PART_ROWS) -> list[OutputShard]:
    """Phase 2 over them, this many rows sorted together; returns the output shards."""
    generations = Generations().advanced({shard.name: shard.sha256 for shard in shards})
    with mock.patch.object(index_files, "PART_ROWS", part_rows):
        return (
            Index(Split(), 32768, 256 * 2**20)
            .build(shards, generations, SOURCES, Shelf(Work(work), Work(work)))
            .outputs
        )


def rest(out: Path, shards: list[InputShard], outputs: list[OutputShard]) -> None:
    """Write ledgers, data files (with ids and without
    tokens) and what packing made of each sample.
    """
    work = out / "work"
    state.save_inputs(
        Work(work),
        [(shard.key, [shard]) for shard in shards],
        Generations().advanced({shard.name: shard.sha256 for shard in shards}),
    )
    for shard in shards:
        path = work / "light" / f"{shard.key}.arrow"
        rows = pl.from_arrow(open_arrow(path).read_all())
        assert isinstance(rows, pl.DataFrame)
        ledger = pl.concat(list(_lines(rows))).with_columns(
            pl.lit(shard.key).alias("shard"),
            pl.lit("").alias("detail"),
            pl.lit("").alias("recorded"),
        )
        table = ledger.select(LEDGER_SCHEMA.names).to_arrow().cast(LEDGER_SCHEMA)
        write_table(work / "ledger" / f"{shard.key}.arrow", table)
        path.unlink()  # read for the last time; of 100 million samples they take 20 GB
    for output in outputs:
        _packed(out, output, output.rows(Work(work)))


def _lines(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """What the ledger of one input says: (unit, id, parent, stage, reason, domain)."""
    flows = rows.unique("workflow", maintain_order=True)
    nothing = pl.lit("")

    def said(
        unit: str, of: pl.DataFrame, id: pl.Expr, parent: pl.Expr, why: str = ""
    ) -> pl.DataFrame:
        stage = pl.lit("filter" if why else "read")
        return of.select(
            unit=pl.lit(unit),
            id=id,
            parent=parent,
            stage=stage,
            reason=pl.lit(why),
            domain="domain",
        )

    flow, failed = pl.col("workflow"), pl.format("{}/12", "workflow")
    yield said("record", flows, pl.format("a.jsonl#{}", "workflow"), flow)
    yield said("workflow", flows, flow, nothing)
    yield said("step", rows, pl.col("sample_id"), flow)
    yield said("step", flows, failed, flow)
    yield said("step", flows, failed, flow, "failed_action")
    yield said("sample", rows, pl.col("sample_id"), flow)


def _packed(out: Path, output: OutputShard, rows: pl.DataFrame) -> None:
    dropped = pl.col("order") % 1000 == 0
    fitted = rows.select(
        sample_id="sample_id",
        domain="domain",
        subdomain=pl.format("www.{}", "domain"),
        source=pl.lit("workflows"),
        action_kind=pl.when(pl.col("step") % 3 == 0)
        .then(pl.lit("type"))
        .otherwise(pl.lit("click")),
        chunk=pl.lit(0),
        chunks=pl.lit(1),
        kept=pl.lit(1),
        prompt_tokens=pl.col("chars") // 3,
        completion_tokens=pl.lit(60),
        raw_chars=pl.col("chars") * 4,
        pruned_chars="chars",
        reward=pl.lit(None, pl.Float64),
        repeat=pl.lit(False),
        row=pl.int_range(pl.len()) // _ROW_SAMPLES,
        reason=pl.when(dropped).then(pl.lit("over_context")).otherwise(pl.lit("")),
        detail=pl.lit(""),
    )
    with atomic(out / "work" / "fitted" / f"{output.name}.parquet") as stream:
        pq.write_table(
            fitted.to_arrow().cast(FITTED_SCHEMA),
            pa.PythonFile(stream, mode="w"),
            compression="zstd",
        )
    ids = rows.filter(~dropped)["sample_id"].to_list()
    lists = [ids[start : start + _ROW_SAMPLES] for start in range(0, len(ids), _ROW_SAMPLES)]
    empty: list[list[int]] = [[] for _ in lists]
    columns: dict[str, Sequence[object]] = dict.fromkeys(PACKED_SCHEMA.names, empty) | {
        "sample_ids": lists
    }
    write_table(
        out / "dataset" / "data" / f"{output.name}.arrow", pa.table(columns, schema=PACKED_SCHEMA)
    )
