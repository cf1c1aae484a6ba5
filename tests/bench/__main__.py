"""Benchmarks: rates are printed, ratios are the claim. Everything is measured in the same run, one
core.

::

    python -m tests.bench                                    all, on the shipped recordings
    python -m tests.bench prune --workload once --input DIR  one, on recordings or saved pages
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from etl.pages import compiled
from tests.bench import measure
from tests.bench.measure import FILES
from tests.bench.workloads import NAMES, SHIPPED, make, pages_of

CLAIMS: Final[dict[tuple[str, str, str], float]] = {
    ("prune", "changing", "soup"): 15,
    ("prune", "recorded", "soup"): 10,
    ("prune", "once", "soup"): 7,
    ("prune", "changing", "lexbor"): 1 / 5,
    ("prune", "recorded", "lexbor"): 1 / 5,
    ("prune", "once", "lexbor"): 1 / 5,
    ("tokenize", "changing", "tiktoken"): 3,
    ("chain", "recorded", "lexbor"): 0.6,
    ("chain", "changing", "lexbor"): 0.35,
    ("chain", "once", "lexbor"): 0.22,
    ("trust", FILES, "plain"): 0.55,
    ("trust", "recorded", "plain"): 0.35,
    ("trust", "once", "plain"): 0.45,
    ("observe", "recorded", "pruned"): 0.55,
    ("observe", "once", "pruned"): 0.55,
    ("compact", "recorded", "pruned"): 0.95,
    ("compact", "once", "pruned"): 0.9,
}
"""(measurement, workload, peer): at least this many times the peer's rate, where pages are read by
compiled code. On quiet machines of different days the same chain was measured at 0.75 to 0.92, 0.42
to 0.67 and 0.27 to 0.35; other work takes more from us than from a parser. With everything on, all
shared recordings were built at 0.65 to 0.72 of the rate without, `recorded` (WorkArena) at 0.5 and
`once` (saved pages) at 0.56. With ``compact-8k``, WorkArena was built at 1.1 to 1.25 of the rate
with ``scribeagent-32k``, saved pages at 1.0 to 1.14, all shared recordings at 1.07; observations
alone at 0.7 to 0.75 of the rate of pruning.
"""

SHIPPED_CLAIMS: Final = {
    ("chain", "recorded", "lexbor"): 1 / 6,
    ("chain", "changing", "lexbor"): 1 / 6,
    ("chain", "once", "lexbor"): 1 / 11,
    ("trust", FILES, "plain"): 0.3,
    ("trust", "recorded", "plain"): 0.25,
    ("trust", "once", "plain"): 0.25,
    ("observe", "recorded", "pruned"): 0.2,
    ("observe", "once", "pruned"): 0.25,
    ("compact", "recorded", "pruned"): 0.6,
    ("compact", "once", "pruned"): 0.6,
}
"""On the recordings shipped with the project. Their pages are small, so that what a step costs,
whatever its page, counts as much as the page: locators as a browser judges them, kinds of action,
unknown keys. On quiet machines `recorded` was measured at 0.26 to 0.30 and `changing` at 0.38 to
0.46, on busy ones at 0.21 to 0.25 and 0.22 to 0.32. `once` is 4 MB, of which the beginning and the
end of a build are a good part of the time. With ``compact-8k`` they were built at 0.9 of the rate
with ``scribeagent-32k``.
"""

MEASURED: Final = ("prune", "tokenize", "chain", "trust", "observe", "compact", "memory")
MEMORY_LIMIT_MIB: Final = 1024
MEMORY_GROWTH: Final = 1.15


@dataclass(frozen=True)
class Line:
    """One comparison: our rate, the peer's, how many times that is, and what is claimed."""

    what: str
    workload: str
    mb: float
    rate: float
    peer: str
    peer_rate: float
    ratio: float
    claim: float

    @property
    def holds(self) -> bool:
        return self.ratio >= self.claim

    def __str__(self) -> str:
        verdict = (
            ""
            if not self.claim
            else f"   claim {self.claim:g}: {'holds' if self.holds else 'FAILS'}"
        )
        return (
            f"{self.what:9} {self.workload:9} {self.mb:7.1f} MB  {self.rate:7.1f} MB/s"
            f"   {self.peer:8} {self.peer_rate:7.1f} MB/s   x {self.ratio:.3g}{verdict}"
        )


def claims(folder: Path) -> dict[tuple[str, str, str], float]:
    """What is claimed of the workloads made of a folder's recordings, where the engine is there."""
    if compiled.ENGINE is None:
        return {}
    return CLAIMS | (SHIPPED_CLAIMS if folder.resolve() == SHIPPED.resolve() else {})


def compare(what: str, workload: str, rounds: list[measure.Rates], folder: Path) -> Iterator[Line]:
    """A line for each peer that was measured beside us."""
    rates = measure.middle(rounds)
    for peer in ("soup", "lexbor", "tiktoken", "plain", "pruned"):
        if peer in rates:
            times = measure.ratio(rounds, "ours", peer)
            claim = claims(folder).get((what, workload, peer), 0.0)
            yield Line(what, workload, rates["mb"], rates["ours"], peer, rates[peer], times, claim)


def prune(workload: str, folder: Path, rounds: int, limit: int) -> Iterator[Line]:
    pages = pages_of(make(workload, folder, limit))
    found = [measure.on_one_core(measure.prune_rates, pages, True) for _ in range(rounds)]
    yield from compare("prune", workload, found, folder)


def tokenize(workload: str, folder: Path, rounds: int, limit: int) -> Iterator[Line]:
    texts = measure.apart(measure.observations, pages_of(make(workload, folder, limit)))
    found = [measure.on_one_core(measure.tokenize_rates, texts) for _ in range(rounds)]
    yield from compare("tokenize", workload, found, folder)


def chain(workload: str, folder: Path, rounds: int, limit: int) -> Iterator[Line]:
    found = [
        measure.on_one_core(measure.chain_rates, workload, folder, limit) for _ in range(rounds)
    ]
    yield from compare("chain", workload, found, folder)


def trust(workload: str, folder: Path, rounds: int, limit: int) -> Iterator[Line]:
    """A build with everything on beside one with everything off: x 0.5 is twice the cost."""
    found = [measure.trust_rates(workload, folder, limit) for _ in range(rounds)]
    yield from compare("trust", workload, found, folder)


def compact(workload: str, folder: Path, rounds: int, limit: int) -> Iterator[Line]:
    """A build with ``compact-8k`` beside one with ``scribeagent-32k``."""
    found = [measure.compact_rates(workload, folder, limit) for _ in range(rounds)]
    yield from compare("compact", workload, found, folder)


def observe(workload: str, folder: Path, rounds: int, limit: int) -> Iterator[Line]:
    """Compact observations alone, beside pruning the same pages."""
    flows = measure.apart(make, workload, folder, limit)
    found = [measure.on_one_core(measure.observe_rates, flows) for _ in range(rounds)]
    yield from compare("observe", workload, found, folder)


def memory(folder: Path, mb: float) -> tuple[float, float]:
    """Peak MiB of pruning this many MB of never-seen values, and twice as many."""
    once, twice = (
        measure.apart(measure.memory_of_pruning, size, folder)["peak_mib"] for size in (mb, 2 * mb)
    )
    return once, twice


def main() -> int:
    """Measure what is asked for; 1 if a claim fails."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__.split("\n")[0]
    )
    parser.add_argument("what", nargs="*", choices=[[], *MEASURED], default=[])
    parser.add_argument("--workload", action="append", choices=(*NAMES, FILES))
    parser.add_argument(
        "--input", type=Path, default=SHIPPED, help="folder of recordings, or of saved pages"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit-mb", type=int, default=400, help="MB of a workload at most, about")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    asked = options.what or MEASURED
    lines: list[Line] = []
    if not options.json:
        print(f"pages are read by {compiled.PATH}")
    for what, run, usual in (
        ("prune", prune, NAMES),
        ("tokenize", tokenize, ("changing",)),
        ("chain", chain, NAMES),
        ("trust", trust, (FILES, "recorded", "once")),
        ("observe", observe, NAMES),
        ("compact", compact, (FILES, "recorded", "once")),
    ):
        for workload in (options.workload or usual) if what in asked else ():
            for line in run(workload, options.input, options.rounds, options.limit_mb * 1_000_000):
                lines.append(line)
                if not options.json:
                    print(line, flush=True)
    failed = not all(line.holds for line in lines)
    report: dict[str, object] = {
        "read_by": compiled.PATH,
        "comparisons": [asdict(line) for line in lines],
    }
    if "memory" in asked:
        once, twice = memory(options.input, 150)
        build = measure.apart(
            measure.memory_of_build, "changing", options.input, options.limit_mb * 1_000_000
        )["peak_mib"]
        holds = max(once, twice, build) < MEMORY_LIMIT_MIB and twice < MEMORY_GROWTH * once
        failed |= not holds
        report["memory"] = {"pruning_mib": once, "pruning_twice_mib": twice, "build_mib": build}
        if not options.json:
            print(
                f"memory    pruning 150 MB of new values {once:.0f} MiB, 300 MB {twice:.0f} MiB; "
                f"build {build:.0f} MiB"
            )
            print(
                f"          claim under {MEMORY_LIMIT_MIB} MiB and not growing: "
                f"{'holds' if holds else 'FAILS'}"
            )
    if options.json:
        print(json.dumps(report, indent=2))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
