"""What near-duplicates cost, and how our signatures compare with those of two libraries.

::

    python -m tests.bench.near index --samples 1        the index over a million samples
    python -m tests.bench.near everything --samples 1   the index with all decisions on
    python -m tests.bench.near pages                    making signatures, beside pruning
    python -m tests.bench.near libraries                beside datasketch and rensa, if installed

Measured on two busy cores of an AMD EPYC, at 1.1 million samples of which a third repeat others;
processor time of one process:

==========  =======  =========
policy      seconds  peak, MiB
==========  =======  =========
without     4        448
sample      16       1366
page        28       1285
workflow    6        1026
mark        17       1348
everything  70       1501
==========  =======  =========

``everything`` also looks for overlap with 8,000 tasks of benchmarks, limits templates and domains,
and draws held-out tasks, sites and topics. The other lines were measured on another day.
"""

from __future__ import annotations

import argparse
import importlib
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from etl.build.index import Index
from etl.build.run import mixing
from etl.dataset.generations import Generations
from etl.dataset.index import light_count, scan
from etl.dataset.layout import SIGNATURES, Shelf, Work
from etl.decisions.benchmarks import registry
from etl.decisions.benchmarks.files import Listed, Task
from etl.decisions.caps import Caps
from etl.decisions.contamination import Contamination
from etl.decisions.minimums import Minimums
from etl.decisions.mix import Mix
from etl.decisions.near.decision import Near
from etl.decisions.near.signature import BINS, of_page
from etl.decisions.split import Split
from etl.decisions.templates import Templates
from etl.decisions.unseen import Unseen
from etl.files.arrow import write_table
from etl.inputs.records import InputShard
from etl.sources import SOURCES
from schemas.ledger import SIGNATURES_SCHEMA
from tests.bench import measure, synthetic
from tests.bench.measure import apart, peak_mib
from tests.bench.workloads import SHIPPED, make, pages_of

POLICIES: Final[dict[str, tuple[Near, ...]]] = {
    "without": (),
    "sample": (Near(),),
    "page": (Near("page"),),
    "workflow": (Near("workflow"),),
    "mark": (Near(action="mark"),),
}
BENCHMARK_TASKS: Final = 8_000
"""About as many as all the benchmarks have that are known by name."""
REGISTRY: Final = "benchmarks.registry"
_NEAR: Final = 0.3
"""The share of samples that are nearly an earlier one; half of them are equal to it."""


def signatures(work: Path, shards: Sequence[InputShard], tasks: int = 50) -> None:
    """Write signatures beside light rows: many pages of few sites, many of them like others.

    tasks: how many samples there are of one task, about.
    """
    shelf = Shelf(Work(work), Work(work))
    base: Any = None
    for number, shard in enumerate(shards):
        chance, rows = np.random.default_rng(number), light_count(shelf, shard.key)
        page = chance.integers(0, 256, (rows, BINS), np.uint8)
        # pages of a site share a frame: a third of their bytes
        frames = np.random.default_rng(0).integers(0, 256, (250, BINS), np.uint8)
        shared = chance.random((rows, BINS)) < 0.33
        page = np.where(shared, frames[chance.integers(0, 250, rows)], page)
        task = chance.integers(0, max(1, rows * len(shards) // tasks), rows).astype(np.uint64)
        if base is None:
            base = page, task
        near = np.flatnonzero(chance.random(rows) < _NEAR)
        of = chance.integers(0, len(base[0]), len(near))
        edited = (chance.random((len(near), BINS)) < 0.08) & (chance.random(len(near)) < 0.5)[
            :, None
        ]
        page[near] = np.where(edited, page[near], base[0][of])
        task[near] = base[1][of]
        same = np.zeros(rows, np.uint64)
        deed = chance.integers(0, 20, rows).astype(np.uint64)
        columns = [
            pa.FixedSizeListArray.from_arrays(page.reshape(-1), BINS),
            # skeleton and shapes, which it does not look at
            pa.FixedSizeListArray.from_arrays(page.reshape(-1), BINS),
            same,
            task,
            same,
            same,
            deed,
        ]
        write_table(work / SIGNATURES / f"{shard.key}.arrow", pa.table(columns, SIGNATURES_SCHEMA))


def indexed(work: Path, shards: list[InputShard], policy: str) -> dict[str, float]:
    """Processor time, clock and peak memory of phase 2 in this process, and what it keeps."""
    generations = Generations().advanced({shard.name: shard.sha256 for shard in shards})
    index = Index(Split(), 32768, 256 * 2**20, POLICIES[policy])
    began, clock = time.process_time(), time.monotonic()
    outputs = index.build(shards, generations, SOURCES, Shelf(Work(work), Work(work))).outputs
    return {
        "kept": sum(output.samples for output in outputs),
        "seconds": time.process_time() - began,
        "clock": time.monotonic() - clock,
        "peak_mib": peak_mib(),
    }


def benchmarks(work: Path) -> None:
    """Write a registry of tasks in the words of the synthetic workflows; one in fifty is theirs."""
    tasks = tuple(
        Task(
            f"task{number}",
            synthetic.objective(number, other=number % 50 > 0),
            sites=(synthetic.site(number),),
        )
        for number in range(BENCHMARK_TASKS)
    )
    registry.write(work / REGISTRY, registry.made([Listed("ours", "1", tasks, ("0",))]))


def everything(work: Path, shards: list[InputShard]) -> dict[str, float]:
    """The same as `indexed` gives, with every decision on: what each drops too.

    Contamination, near-duplicates, templates, caps, minimums; splits of held-out tasks, sites and
    topics beside a list; and a mix whose entries are looked up in the index.
    """
    generations = Generations().advanced({shard.name: shard.sha256 for shard in shards})
    split = Split(
        named=(("hard", frozenset(map(synthetic.site, range(20)))),), draw=Unseen(0.05, 0.05, 0.05)
    )
    decisions = (
        Contamination((str(work / REGISTRY),)),
        Near(),
        Templates(20),
        Caps(samples_per_domain=20_000),
        Minimums(10, 2),
    )
    mix = Mix(2.0, {"shop1*": 2.0}, {"workflows": 1.5}, {"hard": 0.0})
    began, clock = time.process_time(), time.monotonic()
    index = Index(split, 32768, 256 * 2**20, decisions)
    made = index.build(shards, generations, SOURCES, Shelf(Work(work), Work(work)))
    unmatched = mixing.unmatched(mix, Work(work))
    found = {"seconds": time.process_time() - began, "clock": time.monotonic() - clock}
    found |= {"peak_mib": peak_mib(), "kept": sum(each.samples for each in made.outputs)}
    assert not any(unmatched.values()), unmatched
    reasons = scan(Work(work)).group_by("reason").len().collect()
    return found | {reason: count for reason, count in reasons.iter_rows() if reason}


def observations(limit: int) -> list[bytes]:
    """Pruned pages of our recordings, changed like snapshots, without ids."""
    pages = pages_of(make("changing", SHIPPED, limit))
    return [re.sub(r' node="\d+"', "", text).encode() for text in measure.observations(pages)]


def timed(signature: Callable[[bytes], object], pages: Sequence[bytes]) -> float:
    """Milliseconds of processor time for a page."""
    began = time.process_time()
    for page in pages:
        signature(page)
    return (time.process_time() - began) * 1000 / len(pages)


def libraries(pages: Sequence[bytes]) -> dict[str, tuple[float, float]]:
    """(milliseconds a page, mean error of the estimate) by library, of those that are there."""
    nodes = [set(page.split(b"<")) for page in pages]
    chance = random.Random(0)
    pairs = [(chance.randrange(len(pages)), chance.randrange(len(pages))) for _ in range(1000)]
    pairs += [(at, at + 1) for at in range(len(pages) - 1)]
    truth = [len(nodes[a] & nodes[b]) / len(nodes[a] | nodes[b]) for a, b in pairs]

    def error(made: list[Any], alike: Callable[[Any, Any], float]) -> float:
        return float(
            np.mean(
                [abs(alike(made[a], made[b]) - t) for (a, b), t in zip(pairs, truth, strict=True)]
            )
        )

    def ours(a: Any, b: Any) -> float:
        return (np.count_nonzero(a == b) / BINS - 1 / 256) / (255 / 256)

    found = {"ours": (timed(of_page, pages), error([of_page(page) for page in pages], ours))}
    for name, sign in (("datasketch", _datasketch), ("rensa", _rensa)):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        made = [sign(page) for page in pages]
        found[name] = timed(sign, pages), error(made, lambda a, b: a.jaccard(b))
    return found


def _datasketch(page: bytes) -> Any:
    made = importlib.import_module("datasketch").MinHash(num_perm=BINS)
    made.update_batch(page.split(b"<"))
    return made


def _rensa(page: bytes) -> Any:
    made = importlib.import_module("rensa").RMinHash(num_perm=BINS, seed=0)
    made.update(page.decode().split("<"))
    return made


def main() -> int:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.near", description=__doc__)
    parser.add_argument("what", choices=["index", "everything", "pages", "libraries"])
    parser.add_argument("--samples", type=float, default=1.0, help="millions")
    parser.add_argument("--policy", action="append", choices=list(POLICIES))
    parser.add_argument("--limit-mb", type=int, default=100, help="of pages, at most, about")
    options = parser.parse_args()
    if options.what == "index":
        with tempfile.TemporaryDirectory() as folder:
            shards = apart(synthetic.light, Path(folder), int(options.samples * 1e6))
            apart(signatures, Path(folder), shards)
            for policy in options.policy or POLICIES:
                found = apart(indexed, Path(folder), shards, policy)
                print(
                    f"{policy:9} {found['kept']:,.0f} kept  {found['seconds']:6.1f} s of processor"
                    f"  {found['clock']:6.1f} s  {found['peak_mib']:6.0f} MiB",
                    flush=True,
                )
        return 0
    if options.what == "everything":
        with tempfile.TemporaryDirectory() as folder:
            shards = apart(synthetic.samples, Path(folder), int(options.samples * 1e6))
            apart(signatures, Path(folder), shards)
            apart(benchmarks, Path(folder))
            found = apart(everything, Path(folder), shards)
        print("  ".join(f"{name} {value:,.0f}" for name, value in found.items()))
        return 0
    pages = observations(options.limit_mb * 1_000_000)
    if options.what == "pages":
        print(f"{timed(of_page, pages):.3f} ms a page of {np.mean([*map(len, pages)]):,.0f} bytes")
        return 0
    for name, (cost, error) in libraries(pages).items():
        print(f"{name:11} {cost:7.3f} ms a page   mean error of the estimate {error:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
