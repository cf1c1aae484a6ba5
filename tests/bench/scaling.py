"""How a build grows: with its input, with workers, and its index with the number of samples.

::

    python -m tests.bench.scaling growth                1x, 4x, 16x; two workers; a projection
    python -m tests.bench.scaling vocabularies          two vocabularies beside one
    python -m tests.bench.scaling index --samples 100   the index over 100 million samples
    python -m tests.bench.scaling finish --samples 20   accounting and statistics of 20 million

Growth is of recorded workflows, each time changed like the snapshots of a page, in files of about
the same size. Rates are MB of pages a second of processor time on one core. 1x is built before,
between and after the others, and 4x twice, because a machine has slow minutes; they only ever take
from a rate, so the best of each counts. 1x must be large enough to fill the memos, which are
bounded by bytes: before, memory grows with the input because they fill. Two workers are compared
with one by the clock on 16x, so that claim is about a machine with nothing else to do; of a small
build the time in which processes start and vocabularies load is a good part, and that is not
halved.

Measured on two cores of an AMD EPYC:

==================  ============  ==========  =========
synthetic samples   phase         core-min    peak, MiB
==================  ============  ==========  =========
5.06 million        index         0.5         432
20.02 million       index         1.9         472
100.1 million       index         9.9         877
1.1 million         accounts      0.1         920
5.06 million        accounts      0.9         961
==================  ============  ==========  =========

The index of 100.1 million samples (9.1 million workflows, 21 GB of light rows) is 3.8 GB. On paper,
at n samples: 16 bytes for each workflow are held, three times over while they are sorted (0.4 GB at
100 million), and a 256th of a split's rows at a time. What breaks next, in the order in which it
does:

1. Each slice of packing (`finish --shard`) makes the index for itself: the core-minutes above,
   times the slices.
2. Index and accounts each run in one process. Both are sums over parts that other processes could
   do.
3. Workflows that were read twice are held with their texts: if most are repeats, memory follows
   their number.
4. The index has 256 parts a split, all open at once; from a billion samples on each is some
   millions of rows.
5. One manifest names every file: at 6,000 billion tokens of 8 bytes some 190,000 of 256 MB.
   ``pack.shard_mb``.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from etl.build.index_files import PART_ROWS
from etl.build.pools.local import Processes, inline
from etl.build.recipes.recipe import load
from etl.build.run.build import Build
from etl.build.run.whole import run
from etl.dataset import account, stats
from etl.dataset.index import OutputShard
from etl.dataset.layout import Work
from etl.dataset.ledger import GROUP_ROWS
from etl.inputs.records import InputShard
from etl.terminal.progress import Progress
from tests.bench import corpus, synthetic
from tests.bench.measure import apart, on_one_core, peak_mib
from tests.bench.workloads import SHIPPED, changed, megabytes, pages_of, workflows, write

ROUNDS: Final = (1, 4, 1, 16, 4, 1)
RATE_SHARE: Final = 0.15
MEMORY_SHARE: Final = 0.20
TWO_WORKERS: Final = 1.8
SECOND_VOCABULARY: Final = 0.25
SECOND_VOCABULARY_BRIEFLY: Final = 0.5
"""Of a build of seconds, in which accounts and files of its own are a good part."""
BOTH: Final = 'vocabularies=["qwen2.5", "mistral-v3-tekken"]'
TOKENS: Final = 6_000_000_000
"""Of ScribeAgent's dataset."""

_FILE_MB: Final = 40.0


class Quiet(Progress):
    """Says nothing."""

    def _show(self, line: str, last: bool = False) -> None:
        pass


def grow(folder: Path, into: Path, mb: float) -> float:
    """Write this many MB of pages, made of recordings in a folder; returns how many they are."""
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


def built(source: Path, out: Path, *settings: str) -> dict[str, float]:
    """Processor time and peak memory of a process that builds a folder, and what came out."""
    warm = out.with_name(f"{out.name}-warm")
    run(Build(load("scribeagent-32k", settings), (str(SHIPPED),), warm, inline, Quiet))
    shutil.rmtree(warm)
    began = time.process_time()
    manifest = run(Build(load("scribeagent-32k", settings), (str(source),), out, inline, Quiet))
    return {
        "seconds": time.process_time() - began,
        "peak_mib": peak_mib(),
        "tokens": manifest.totals.tokens,
        "samples": manifest.totals.samples,
    }


def clocked(source: Path, out: Path, workers: int) -> float:
    """Seconds by the clock of a build by this many processes."""
    began = time.monotonic()
    run(Build(load("scribeagent-32k"), (str(source),), out, Processes(workers), Quiet))
    return time.monotonic() - began


def growth(folder: Path, mb: float) -> bool:
    """Print rates and memory of a workload that grows; whether the claims hold."""
    with tempfile.TemporaryDirectory() as scratch:
        size = {
            times: apart(grow, folder, Path(scratch) / f"in-{times}", mb * times)
            for times in sorted({*ROUNDS})
        }
        rate: dict[int, list[float]] = {times: [] for times in size}
        peak: dict[int, list[float]] = {times: [] for times in size}
        tokens: dict[int, float] = {}
        for number, times in enumerate(ROUNDS):
            found = on_one_core(
                built, Path(scratch) / f"in-{times}", out := Path(scratch) / f"out-{number}"
            )
            shutil.rmtree(out)
            rate[times].append(size[times] / found["seconds"])
            peak[times].append(found["peak_mib"])
            tokens[times] = found["tokens"]
            print(
                f"{times:3}x  {size[times]:8.1f} MB  {rate[times][-1]:6.1f} MB/s  "
                f"{found['tokens'] / found['seconds'] / 1e6:5.2f} Mtok/s  peak "
                f"{found['peak_mib']:.0f} MiB",
                flush=True,
            )
        one, least = max(rate[1]), min(peak[1])
        rates = all(abs(max(found) / one - 1) <= RATE_SHARE for found in rate.values())
        memory = all(max(found) <= (1 + MEMORY_SHARE) * least for found in peak.values())
        most = max(size)
        alone, together = (
            clocked(Path(scratch) / f"in-{most}", Path(scratch) / f"by-{n}", n) for n in (1, 2)
        )
        print(
            f"rate within {RATE_SHARE:.0%}: {_verdict(rates)}; memory within {MEMORY_SHARE:.0%}: "
            f"{_verdict(memory)}"
        )
        twice = alone / together >= TWO_WORKERS
        print(
            f"two workers {alone / together:.2f} times one (claim {TWO_WORKERS}): {_verdict(twice)}"
        )
        bytes_of = size[most] * 1e6 / tokens[most]
        hours = TOKENS * bytes_of / (max(rate[most]) * 1e6) / 3600
        print(
            f"projection: {TOKENS / 1e9:g} billion output tokens in {hours:.1f} core-hours, made "
            f"of {TOKENS * bytes_of / 1e12:.2f} TB of pages. Assumed: the rate of {most}x on one "
            "of this machine's cores; pages that repeat and shrink as in this workload "
            f"({bytes_of:.1f} bytes a token); zstandard inputs and outputs on a local disk; the "
            "second phase and the accounts at their share of the time here"
        )
    return rates and memory and twice


def second_vocabulary(source: Path, out: Path, rounds: int) -> list[float]:
    """How much more processor time a build of two vocabularies takes than one of the first alone.

    Both run in turns, each on one core, and the least of either counts: what else the machine does
    only ever adds. So each round makes the figure better known; returns it after each. Vocabularies
    are loaded before, as each process does once.
    """
    spent: dict[tuple[str, ...], list[float]] = {(): [], (BOTH,): []}
    costs = []
    for _ in range(rounds):
        for settings, seconds in spent.items():
            seconds.append(on_one_core(built, source, out, *settings)["seconds"])
            shutil.rmtree(out)
        one, two = (min(seconds) for seconds in spent.values())
        costs.append(two / one - 1)
    return costs


def vocabularies(folder: Path | None, mb: float) -> bool:
    """Print what a second vocabulary costs; whether the claim holds.

    folder: of recordings to grow; None for a corpus like the paper's.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "in"
        size = apart(grow, folder, source, mb) if folder else apart(_like_the_papers, source, mb)
        costs = second_vocabulary(source, Path(scratch) / "out", 3)
    print(
        f"{size:.1f} MB of pages: a second vocabulary costs {costs[-1]:.1%} more than one alone "
        f"(after each round: {', '.join(f'{cost:.1%}' for cost in costs)}); within "
        f"{SECOND_VOCABULARY:.0%}: {_verdict(costs[-1] <= SECOND_VOCABULARY)}"
    )
    return costs[-1] <= SECOND_VOCABULARY


def _like_the_papers(into: Path, mb: float) -> float:
    return corpus.grow(corpus.bases(corpus.folders()), into, mb)[1]


def _verdict(holds: bool) -> str:
    return "holds" if holds else "FAILS"


def indexed(work: Path, shards: list[InputShard], part_rows: int = PART_ROWS) -> dict[str, float]:
    """Processor and clock time and peak memory of a process that indexes light files."""
    began, clock = time.process_time(), time.monotonic()
    made = synthetic.indexed(work, shards, part_rows)
    found = {
        "seconds": time.process_time() - began,
        "clock": time.monotonic() - clock,
        "peak_mib": peak_mib(),
    }
    return found | {
        "kept": sum(s.samples for s in made),
        "shards": len(made),
        "read_back": _read_back(work, made[0]),
    }


def _read_back(work: Path, shard: OutputShard) -> float:
    """Seconds in which a task of packing gets its rows."""
    began = time.monotonic()
    assert shard.rows(Work(work)).height == shard.samples
    return time.monotonic() - began


def finished(out: Path, group_rows: int = GROUP_ROWS) -> dict[str, float]:
    """The same of a process that settles the accounts of a build and makes its statistics."""
    began, clock = time.process_time(), time.monotonic()
    settled = account.settle(out, group_rows)
    tables = stats.statistics(out, settled.counts, settled.visits)
    assert not any(counts.errors for counts in settled.units.values()), settled.units
    assert stats.totals(tables, 0).samples == settled.units["sample"].kept > 0
    lines = int(settled.counts["count"].sum())
    return {
        "seconds": time.process_time() - began,
        "clock": time.monotonic() - clock,
        "peak_mib": peak_mib(),
        "lines": lines,
    }


def index(millions: float) -> None:
    """Print what the index of this many million samples takes."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        shards = apart(synthetic.light, work, int(millions * 1e6))
        size = sum(path.stat().st_size for path in (work / "light").iterdir()) / 1e9
        found = apart(indexed, work, shards)
        written = sum(path.stat().st_size for path in (work / "index").iterdir()) / 1e9
        samples = len(shards) * synthetic.SHARD_SAMPLES
        print(
            f"{samples:,} samples of {samples // synthetic.STEPS:,} workflows in {len(shards):,} "
            f"inputs, {size:.1f} GB of light rows: indexed in {_took(found)}; {found['kept']:,.0f} "
            f"kept in {found['shards']:,.0f} output shards, index {written:.1f} GB, a shard's rows "
            f"back in {found['read_back']:.2f} s"
        )


def finish(millions: float) -> None:
    """Print what accounting and statistics of a build of this many million samples take."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        shards = apart(synthetic.light, out / "work", int(millions * 1e6))
        outputs = apart(synthetic.indexed, out / "work", shards)
        apart(synthetic.rest, out, shards, outputs)
        found = apart(finished, out)
        samples = len(shards) * synthetic.SHARD_SAMPLES
        print(
            f"{samples:,} samples, {found['lines']:,.0f} lines of ledger: accounts and statistics "
            f"in {_took(found)}"
        )


def _took(found: dict[str, float]) -> str:
    minutes = f"{found['seconds'] / 60:.1f} core-minutes ({found['clock'] / 60:.1f} by the clock)"
    return f"{minutes}, peak {found['peak_mib']:,.0f} MiB"


def main() -> int:
    """Measure what is asked for; 1 if a claim fails."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.scaling", description=__doc__.split("\n")[0]
    )
    parser.add_argument("what", choices=["growth", "vocabularies", "index", "finish"])
    parser.add_argument("--input", type=Path, help="of recordings to grow")
    parser.add_argument("--mb", type=float, help="of pages, at 1x")
    parser.add_argument("--samples", type=float, default=1.0, help="millions")
    options = parser.parse_args()
    if options.what == "growth":
        return int(not growth(options.input or SHIPPED, options.mb or 240.0))
    if options.what == "vocabularies":
        return int(not vocabularies(options.input, options.mb or 700.0))
    {"index": index, "finish": finish}[options.what](options.samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
