"""A build of any size without its pages: the files that its index, its accounting and its
statistics are made of.

Workflows of eleven samples and a step whose action failed; one workflow in a hundred was read
before; packing drops one sample in a thousand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
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
from etl.dataset.layout import SAMPLES, Shelf, Work
from etl.dataset.ledger import NO_CHARS
from etl.decisions.split import Split
from etl.files.arrow import ArrowWriter, atomic, open_arrow, write_table
from etl.inputs.records import InputShard
from etl.sources import SOURCES
from schemas.ledger import FITTED_SCHEMA, LEDGER_SCHEMA, LIGHT_SCHEMA
from schemas.sample_table import PACKED_SCHEMA, SAMPLE_SCHEMA

STEPS: Final = 11  # of a workflow, as in ScribeAgent's; each a sample
SHARD_SAMPLES: Final = 220_000  # of one input

_ROW_SAMPLES: Final = 3
_BATCH: Final = 2**16
_PAGES: Final = 200  # samples of a batch with pages
_TEMPLATES: Final = 10_007
_WORDS: Final = 8_000
_NAMES: Final = ("Anna", "Ben", "Carla", "Dmitri", "Elif", "Farid", "Grace", "Hugo")
_SYLLABLES: Final = (
    *("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu"),
    *("na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo", "zu"),
)


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


def samples(work: Path, count: int, of_shard: int = SHARD_SAMPLES) -> list[InputShard]:
    """The same as `light`, with objectives of many templates, and samples files beside them.

    These have what decisions look at, and no pages; their batches are as small as those of pages.
    """
    shards = light(work, count, of_shard)
    typed = pl.col("step") % 3 == 0
    for shard in shards:
        path = work / "light" / f"{shard.key}.arrow"
        rows = pl.from_arrow(open_arrow(path).read_all())
        assert isinstance(rows, pl.DataFrame)
        flow = rows["workflow"].str.slice(10).cast(pl.Int64)
        flows = flow.unique(maintain_order=True)
        said = pl.DataFrame({"flow": flows, "objective": map(objective, flows)})
        on = pl.DataFrame({"flow": flows, "domain": map(site, flows), "topic": map(topic, flows)})
        of_flow = said.join(on, on="flow")
        rows = rows.drop("objective", "domain").with_columns(flow=flow)
        rows = rows.join(of_flow, on="flow", how="left", maintain_order="left").with_columns(
            action_kind=pl.when(typed).then(pl.lit("type")).otherwise(pl.lit("click")),
            target_html=pl.when(typed)
            .then(pl.lit('<input name="q">'))
            .otherwise(pl.format('<button id="{}">', "step")),
        )
        write_table(path, rows.select(LIGHT_SCHEMA.names).to_arrow().cast(LIGHT_SCHEMA))
        with atomic(work / SAMPLES / f"{shard.key}.arrow") as stream:
            writer = ArrowWriter(stream, SAMPLE_SCHEMA)
            for batch in _whole(rows).to_batches(_PAGES):
                writer.add_batch(batch)
            writer.close()
    return shards


def objective(flow: int, *, other: bool = False) -> str:
    """A task of one of some thousand templates, with a number and a name.

    other: of a template that no workflow has.
    """
    template = _template(flow % _TEMPLATES + other * _TEMPLATES)
    return f"{template} for {_NAMES[flow % len(_NAMES)]}, number {flow % 89}"


@cache
def _template(number: int) -> str:
    """Six to fourteen words, as unevenly frequent as those of a language."""
    chance = random.Random(number)
    return " ".join(
        _word(int(_WORDS ** chance.random()) - 1) for _ in range(chance.randrange(6, 15))
    ).capitalize()


def _word(number: int) -> str:
    """A word of a language of some thousands; the first are the most frequent."""
    return "".join(_SYLLABLES[number // place % len(_SYLLABLES)] for place in (1, 20, 400))


def site(flow: int) -> str:
    """The domain of a workflow: of 1,000, some with many workflows."""
    return f"shop{(flow % 97) * (flow % 11)}.example"


def topic(flow: int) -> str:
    """The topic of a workflow, which is that of its site; a third have none."""
    number = (flow % 97) * (flow % 11)
    return f"topic {number % 40}" if number % 3 else ""


def _whole(rows: pl.DataFrame) -> pa.Table:
    """Rows of a samples file: what is not among these columns is empty."""
    size = rows.height
    given = rows.select(name for name in rows.columns if name in SAMPLE_SCHEMA.names).to_arrow()
    nothing = {pa.string(): "", pa.large_string(): "", pa.float64(): 0.0, pa.bool_(): False}
    columns = [
        given[field.name].cast(field.type)
        if field.name in given.column_names
        else pa.repeat(pa.scalar(nothing.get(field.type, 0), field.type), size)
        if not pa.types.is_list(field.type)
        else pa.array([[]], field.type).take(pa.repeat(pa.scalar(0), size))
        for field in SAMPLE_SCHEMA
    ]
    return pa.table(columns, schema=SAMPLE_SCHEMA)


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
        url=pl.lit("https://shop.example/"),
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
            *NO_CHARS,
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
        lost_tokens=pl.lit(0),
        raw_chars=pl.col("chars") * 4,
        pruned_chars="chars",
        reward=pl.lit(None, pl.Float64),
        repeat=pl.lit(False),
        failed_steps=pl.lit(0),
        loops=pl.lit(0),
        failed=pl.lit(False),
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
