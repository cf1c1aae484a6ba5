"""How a build grows: with its input, with workers, and its index with the number of samples.

::

    python -m tests.bench.scaling growth                1x, 4x and 16x of a workload; two workers; a projection
    python -m tests.bench.scaling index --samples 100   the index over so many million synthetic samples

Growth is of recorded workflows, each time changed like the snapshots of a page, in files of about the same size. Rates
are MB of pages a second of processor time on one core; two workers are compared with one by the clock.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.execute import Build
from etl.generations import Generations
from etl.index import Index, OutputShard, Split
from etl.inputs import InputShard
from etl.pools import Processes, inline
from etl.progress import Progress
from etl.recipe import load
from etl.shards import ArrowWriter, atomic
from etl.sources import SOURCES
from schemas.ledger import LIGHT_SCHEMA
from tests.bench.measure import apart, peak_mib
from tests.bench.workloads import SHIPPED, changed, megabytes, pages_of, workflows, write

TIMES: Final = (1, 4, 16)
RATE_SHARE: Final = 0.15
MEMORY_SHARE: Final = 0.20
TWO_WORKERS: Final = 1.8
TOKENS: Final = 6_000_000_000
"""Of ScribeAgent's dataset."""

_FILE_MB: Final = 40.0
_STEPS: Final = 11  # of a workflow, as in ScribeAgent's
_SHARD_SAMPLES: Final = 220_000  # of one synthetic input


class Quiet(Progress):
    """Says nothing."""

    def _show(self, line: str, last: bool = False) -> None:
        pass


def grow(folder: Path, into: Path, mb: float) -> float:
    """Write so many MB of pages, made of the recordings of a folder; returns how many they are."""
    found = workflows(folder)
    chance, done, number = random.Random(0), 0.0, 0
    while done < mb:
        batch: list[Any] = []
        size = 0.0
        while size < min(_FILE_MB, mb):
            flow = found[number % len(found)]
            steps = tuple(replace(step, html=changed(step.html, chance)) for step in flow.steps)
            batch.append(replace(flow, workflow_id=f"{flow.workflow_id}~{number}", steps=steps))
            size += megabytes(pages_of(batch[-1:]))
            number += 1
        write(batch, into / f"{number:06d}.jsonl.zst")
        done += size
    return done


def built(source: Path, out: Path) -> dict[str, float]:
    """Processor time and peak memory of a process that builds a folder, and what came out."""
    warm = out.with_name("warm")
    Build(load("scribeagent-32k"), (str(SHIPPED),), warm, inline, Quiet).run()
    began = time.process_time()
    manifest = Build(load("scribeagent-32k"), (str(source),), out, inline, Quiet).run()
    return {
        "seconds": time.process_time() - began,
        "peak_mib": peak_mib(),
        "tokens": manifest["totals"]["tokens"],
        "samples": manifest["totals"]["samples"],
    }


def clocked(source: Path, out: Path, workers: int) -> float:
    """Seconds by the clock of a build by so many processes."""
    began = time.monotonic()
    Build(load("scribeagent-32k"), (str(source),), out, Processes(workers), Quiet).run()
    return time.monotonic() - began


def growth(folder: Path, mb: float) -> bool:
    """Print rates and memory of a workload that grows; whether the claims hold."""
    with tempfile.TemporaryDirectory() as scratch:
        figures: dict[int, dict[str, float]] = {}
        for times in TIMES:
            source = Path(scratch) / f"in-{times}"
            size = apart(grow, folder, source, mb * times)
            found = apart(built, source, Path(scratch) / f"out-{times}")
            figures[times] = found | {"mb": size, "rate": size / found["seconds"]}
            tokens = found["tokens"] / found["seconds"] / 1e6
            print(
                f"{times:3}x  {size:8.1f} MB  {figures[times]['rate']:6.1f} MB/s  {tokens:5.2f} Mtok/s  "
                f"peak {found['peak_mib']:.0f} MiB",
                flush=True,
            )
        one, last = figures[TIMES[0]], figures[TIMES[-1]]
        rates = all(abs(figures[times]["rate"] / one["rate"] - 1) <= RATE_SHARE for times in TIMES)
        memory = all(figures[times]["peak_mib"] <= (1 + MEMORY_SHARE) * one["peak_mib"] for times in TIMES)
        alone, together = (clocked(Path(scratch) / "in-4", Path(scratch) / f"by-{n}", n) for n in (1, 2))
        print(f"rate within {RATE_SHARE:.0%}: {_verdict(rates)}; memory within {MEMORY_SHARE:.0%}: {_verdict(memory)}")
        twice = alone / together >= TWO_WORKERS
        print(f"two workers {alone / together:.2f} times one (claim {TWO_WORKERS}): {_verdict(twice)}")
        hours = TOKENS / (last["tokens"] / last["seconds"]) / 3600
        print(
            f"projection: {TOKENS / 1e9:g} billion tokens in {hours:.1f} core-hours at the rate of {TIMES[-1]}x on one "
            "of this machine's cores, of pages that repeat as in this workload "
            f"({last['mb'] * 1e6 / last['tokens']:.1f} bytes of page a token), input and output on a local disk"
        )
    return rates and memory and twice


def _verdict(holds: bool) -> str:
    return "holds" if holds else "FAILS"


def synthetic(work: Path, samples: int) -> list[InputShard]:
    """Light files of so many samples in workflows of eleven steps; one workflow in a hundred is there twice."""
    shards = []
    flows = _SHARD_SAMPLES // _STEPS
    for number in range(-(-samples // _SHARD_SAMPLES)):
        shard = InputShard(f"night/{number:06d}.jsonl", "", "workflows", 1, f"{number:064x}")
        shards.append(shard)
        with atomic(work / "light" / f"{shard.key}.arrow") as stream:
            writer = ArrowWriter(stream, LIGHT_SCHEMA)
            for batch in _rows(number, flows):
                writer.add_batch(batch)
            writer.close()
    return shards


def _rows(number: int, flows: int) -> Iterator[pa.RecordBatch]:
    chance = np.random.default_rng(number)
    again = (chance.random(flows) < 0.01) & (number > 0)
    of = np.where(again, (number - 1) * flows + np.arange(flows), number * flows + np.arange(flows))
    frame = pl.DataFrame(
        {"flow": np.repeat(of, _STEPS), "step": np.tile(np.arange(1, _STEPS + 1), flows)}
    ).with_columns(
        workflow=pl.format("workflows:{}", pl.col("flow").cast(pl.String).str.zfill(12)),
        domain=pl.format("shop{}.example", pl.col("flow") % 250),
        hash=pl.col("flow").cast(pl.String).str.zfill(32),
        chars=pl.Series(chance.lognormal(9.5, 1.0, flows * _STEPS).astype(np.int64)),
    )
    frame = frame.select(
        sample_id=pl.format("{}/{}", "workflow", "step"),
        workflow="workflow",
        step=pl.col("step").cast(pl.Int32),
        workflow_hash="hash",
        sample_hash=pl.format("{}{}", pl.col("step").cast(pl.String).str.zfill(4), pl.col("hash").str.tail(28)),
        domain="domain",
        website=pl.lit(""),
        objective=pl.format("Order item {} in the shop and pay for it", "flow"),
        chars="chars",
    )
    yield from frame.to_arrow().cast(LIGHT_SCHEMA).to_batches(65536)


def indexed(work: Path, shards: list[InputShard]) -> dict[str, float]:
    """Processor and clock time and peak memory of a process that indexes light files."""
    generations = Generations().advanced({shard.name: shard.sha256 for shard in shards})
    began, clock = time.process_time(), time.monotonic()
    _, made = Index(Split(), 32768, 256 * 2**20).build(shards, generations, SOURCES, work)
    return {
        "seconds": time.process_time() - began,
        "clock": time.monotonic() - clock,
        "peak_mib": peak_mib(),
        "kept": sum(shard.samples for shard in made),
        "shards": len(made),
        "read_back": _read_back(work, made[0]),
    }


def _read_back(work: Path, shard: OutputShard) -> float:
    """Seconds in which a task of packing gets its rows."""
    began = time.monotonic()
    assert shard.rows(work).height == shard.samples
    return time.monotonic() - began


def index(millions: float) -> None:
    """Print what the index of so many million samples takes."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        shards = apart(synthetic, work, int(millions * 1e6))
        size = sum(path.stat().st_size for path in (work / "light").iterdir()) / 1e9
        found = apart(indexed, work, shards)
        written = sum(path.stat().st_size for path in (work / "index").iterdir()) / 1e9
        samples = len(shards) * (_SHARD_SAMPLES // _STEPS) * _STEPS
        print(
            f"{samples:,} samples of {samples // _STEPS:,} workflows in {len(shards):,} inputs, {size:.1f} GB of light "
            f"rows: indexed in {found['seconds'] / 60:.1f} core-minutes ({found['clock'] / 60:.1f} by the clock), peak "
            f"{found['peak_mib']:,.0f} MiB; {found['kept']:,.0f} kept in {found['shards']:,.0f} output shards, index "
            f"{written:.1f} GB, a shard's rows back in {found['read_back']:.2f} s"
        )


def main() -> int:
    """Measure what is asked for; 1 if a claim fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scaling", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["growth", "index"])
    parser.add_argument("--input", type=Path, default=SHIPPED)
    parser.add_argument("--mb", type=float, default=60.0, help="of pages at 1x")
    parser.add_argument("--samples", type=float, default=1.0, help="millions")
    options = parser.parse_args()
    if options.what == "growth":
        return int(not growth(options.input, options.mb))
    index(options.samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
