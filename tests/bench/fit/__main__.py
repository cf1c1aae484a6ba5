"""The curve: how often an observation within a budget of tokens still holds the target.

::

    python -m tests.bench.fit DIR...            all steps with a target
    python -m tests.bench.fit DIR --golden      golden pages in $STEPMILL_SHARED as well
    python -m tests.bench.fit DIR --most 20     at most 20 steps of each file
    python -m tests.bench.fit DIR --worst 10    the pages that need most, too
    python -m tests.bench.fit DIR --domains 40  the 40 domains with most steps, too
    python -m tests.bench.fit DIR --json OUT    a row a source, way and budget; with --domains also
                                                one a domain of a source

Tokens are Qwen2.5's. ``kept``: the share of targets in the observation; ``named``: the share whose
accessible name is in it, of those that have one; ``p50`` and ``p90``: its tokens. The ways are
those of `peers`, and ours. The last block of sources is their mean, each counting alike; that of
domains has ours beside ``test``, what the reference shows a model that is asked.
"""

from __future__ import annotations

import argparse
import json
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from etl.terminal.text import table
from tests.bench.fit import steps
from tests.bench.fit.peers import Peers, Shown
from tests.support.strategies import pruner, vocabulary

BUDGETS: Final = (2048, 4096, 8192, 16384, 32768, 65536)
WAYS: Final = (
    *("reference", "train", "test", "start", "both ends", "near", "near, label", "tree", "ours"),
)
ALL: Final = "all"
MEAN: Final = "mean of sources"

DOMAINS: Final = {"ours": "ours", "test": "reference"}
"""The ways of the table of domains, with their names there."""
_OF_DOMAINS: Final = (4096, 8192, 32768)
"""The budgets of the table of domains, if they are measured."""


@dataclass
class Cell:
    """What a way showed of some targets within a budget; a number a target is held."""

    kept: int = 0
    named: int = 0
    with_name: int = 0
    tokens: array[int] = field(default_factory=lambda: array("q"))

    def add(self, shown: Shown, *, has_name: bool) -> None:
        """Count a target."""
        self.kept += shown.kept
        self.named += has_name and shown.named
        self.with_name += has_name
        self.tokens.append(shown.tokens)


Found = defaultdict[tuple[str, str, str, int], Cell]
"""(source, domain, way, budget) -> what was shown; an empty domain: of the whole source."""


def add(
    found: Found, target: steps.Target, way: str, budget: int, shown: Shown, *, domains: bool
) -> None:
    """Count what a way showed: of the target's source, of all, and of its domain if asked for."""
    places = [(target.source, ""), (ALL, "")]
    if domains:
        places.append((target.source, target.domain))
    for source, domain in places:
        found[source, domain, way, budget].add(shown, has_name=bool(target.name))


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
    """The figures, a row a source, domain, way and budget; domains with most steps first."""
    made: list[dict[str, Any]] = []
    for (source, domain, way, budget), cell in found.items():
        tokens = np.frombuffer(cell.tokens, np.int64)
        made.append(
            {
                "source": source,
                "domain": domain,
                "way": way,
                "budget": budget,
                "steps": len(tokens),
                "kept": cell.kept / len(tokens),
                "named": cell.named / cell.with_name if cell.with_name else 1.0,
                "p50": float(np.median(tokens)),
                "p90": float(np.quantile(tokens, 0.9)),
            }
        )
    sources = [row for row in made if not row["domain"]]
    domains = [row for row in made if row["domain"]]
    domains.sort(key=lambda row: (-row["steps"], row["source"], row["domain"]))
    return [*sources, *_means(sources), *domains]


def _means(made: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    by: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in made:
        if row["source"] != ALL:
            by[row["way"], row["budget"]].append(row)
    for (way, budget), each in by.items():
        means = {key: float(np.mean([row[key] for row in each])) for key in ("kept", "named")}
        sizes = {key: float(np.mean([row[key] for row in each])) for key in ("p50", "p90")}
        about = {"source": MEAN, "domain": "", "way": way, "budget": budget, "steps": len(each)}
        yield {**about, **means, **sizes}


def text(made: list[dict[str, Any]], budgets: tuple[int, ...]) -> str:
    """The figures as tables, a block a source."""
    lines: list[str] = []
    made = [row for row in made if not row["domain"]]
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


def domain_text(made: list[dict[str, Any]], most: int) -> str:
    """The domains with most steps as a table: share kept and median tokens, a column a budget."""
    by: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in made:
        if row["domain"] and row["way"] in DOMAINS:
            by[row["source"], row["domain"]].append(row)
    measured = {row["budget"] for each in by.values() for row in each}
    budgets = sorted(measured & {*_OF_DOMAINS}) or sorted(measured)
    ways = [way for way in DOMAINS if any(row["way"] == way for row in chain(*by.values()))]
    head = [f"{DOMAINS[way]} {budget // 1024}k" for budget in budgets for way in ways]
    lines = [["source", "domain", "steps", *(cell for name in head for cell in (name, "p50"))]]
    for (source, domain), each in list(by.items())[:most]:
        at = {(row["way"], row["budget"]): row for row in each}
        shown = [at.get((way, budget)) for budget in budgets for way in ways]
        cells = [(f"{row['kept']:.2%}", f"{row['p50']:,.0f}") if row else ("", "") for row in shown]
        lines.append([source, domain, f"{each[0]['steps']:,}", *chain(*cells)])
    more = [f"{len(by) - most:,} more domains: --json lists all"] if len(by) > most else []
    return "\n".join([*table(lines[0], lines[1:]), *more])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--domains", type=int, default=0)
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
    found: Found = defaultdict(Cell)
    lost: list[tuple[int, str, steps.Target]] = []
    for target, way, budget, shown in measured(targets, ways, budgets):
        add(found, target, way, budget, shown, domains=given.domains > 0)
        if way == ways[-1] and not shown.kept:
            lost.append((budget, way, target))
    made = rows(found)
    print(text(made, budgets))
    if given.domains:
        print(f"\n{domain_text(made, given.domains)}")
    for budget, way, target in sorted(lost, key=lambda each: -each[0])[: given.worst]:
        print(
            f"lost at {budget // 1024}k by {way}: {target.uid}/{target.number} {target.domain} "
            f"{len(target.html):,} bytes, {target.page.elements:,} elements, {target.name!r}"
        )
    if given.json:
        given.json.write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
