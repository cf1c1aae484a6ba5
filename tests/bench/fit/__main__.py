"""The curve: how often an observation within a budget of tokens still holds the target.

::

    python -m tests.bench.fit DIR...            all steps with a target
    python -m tests.bench.fit DIR --golden      golden pages in $STEPMILL_SHARED as well
    python -m tests.bench.fit DIR --most 20     at most 20 steps of each file
    python -m tests.bench.fit DIR --worst 10    the pages that need most, too
    python -m tests.bench.fit DIR --json OUT    a row a source, way and budget

Tokens are Qwen2.5's. ``kept``: the share of targets in the observation; ``named``: the share whose
accessible name is in it, of those that have one; ``p50`` and ``p90``: its tokens. The ways are
those of `peers`, and ours. The last block is the mean over sources, each counting alike.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.bench.fit import steps
from tests.bench.fit.peers import Peers, Shown
from tests.support.strategies import pruner, vocabulary

BUDGETS: Final = (2048, 4096, 8192, 16384, 32768, 65536)
WAYS: Final = (
    *("reference", "train", "test", "start", "both ends", "near", "near, label", "tree", "ours"),
)
ALL: Final = "all"
MEAN: Final = "mean of sources"

Found = dict[tuple[str, str, int], list[tuple[Shown, bool]]]
"""(source, way, budget) -> what was shown, and whether the target has a name."""


def measured(
    targets: Iterable[steps.Target], ways: tuple[str, ...], budgets: tuple[int, ...]
) -> Iterator[tuple[steps.Target, str, int, Shown]]:
    """Show every target's page in every way."""
    peers = Peers(pruner(), vocabulary())
    for number, target in enumerate(targets):
        shown = [peers.of(target, budgets)] if {*ways} - {"ours"} else []
        if any(way.startswith("near") for way in ways):
            shown.append(peers.near(target, budgets))
        if "ours" in ways:
            shown.append(peers.ours(target, budgets))
        for way, budget, what in chain(*shown):
            if way in ways:
                yield target, way, budget, what
        if number % 1000 == 999:
            print(f"{number + 1:,} steps", file=sys.stderr, flush=True)


def rows(found: Found) -> list[dict[str, Any]]:
    """The figures, a row a source, way and budget."""
    made: list[dict[str, Any]] = []
    for (source, way, budget), each in found.items():
        tokens = np.array([shown.tokens for shown, _ in each])
        with_name = [shown.named for shown, has_name in each if has_name]
        made.append(
            {
                "source": source,
                "way": way,
                "budget": budget,
                "steps": len(each),
                "kept": float(np.mean([shown.kept for shown, _ in each])),
                "named": float(np.mean(with_name)) if with_name else 1.0,
                "p50": float(np.median(tokens)),
                "p90": float(np.quantile(tokens, 0.9)),
            }
        )
    return made + list(_means(made))


def _means(made: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    by: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in made:
        if row["source"] != ALL:
            by[row["way"], row["budget"]].append(row)
    for (way, budget), each in by.items():
        means = {key: float(np.mean([row[key] for row in each])) for key in ("kept", "named")}
        sizes = {key: float(np.mean([row[key] for row in each])) for key in ("p50", "p90")}
        yield {"source": MEAN, "way": way, "budget": budget, "steps": len(each), **means, **sizes}


def text(made: list[dict[str, Any]], budgets: tuple[int, ...]) -> str:
    """The figures as tables, a block a source."""
    lines: list[str] = []
    sources = list(dict.fromkeys(row["source"] for row in made))
    for source in sorted(sources, key=lambda name: (name == MEAN, name == ALL, name)):
        of = [row for row in made if row["source"] == source]
        lines += ["", f"{source}: {of[0]['steps']:,} {'sources' if source == MEAN else 'steps'}"]
        lines.append(f"  {'':12}" + "".join(f"{f'{budget // 1024}k':^29}" for budget in budgets))
        lines.append(f"  {'':12}" + "   kept   named    p50    p90" * len(budgets))
        for way in dict.fromkeys(row["way"] for row in of):
            cells = [
                f"{100 * row['kept']:7.2f}{100 * row['named']:8.2f}"
                f"{row['p50']:7.0f}{row['p90']:7.0f}"
                for row in sorted(of, key=lambda row: row["budget"])
                if row["way"] == way
            ]
            lines.append(f"  {way:12}" + "".join(cells))
    return "\n".join(lines[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--ways", default=",".join(WAYS).replace(", ", "+"))
    parser.add_argument("--budgets", default=",".join(map(str, BUDGETS)))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    ways = tuple(way.replace("+", ", ") for way in given.ways.split(","))
    budgets = tuple(map(int, given.budgets.split(",")))
    targets = chain(
        steps.targets(given.inputs, given.most) if given.inputs else (),
        steps.golden() if given.golden else (),
    )
    found: Found = defaultdict(list)
    lost: list[tuple[int, str, steps.Target]] = []
    for target, way, budget, shown in measured(targets, ways, budgets):
        for source in (target.source, ALL):
            found[source, way, budget].append((shown, bool(target.name)))
        if way == ways[-1] and not shown.kept:
            lost.append((budget, way, target))
    made = rows(found)
    print(text(made, budgets))
    for budget, way, target in sorted(lost, key=lambda each: -each[0])[: given.worst]:
        print(
            f"lost at {budget // 1024}k by {way}: {target.uid}/{target.number} {target.domain} "
            f"{len(target.html):,} bytes, {target.page.elements:,} elements, {target.name!r}"
        )
    if given.json:
        given.json.write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
