"""What two ideas would save and cost: leaving out what the pages of a site share, and what has not
changed since the page before.

::

    python -m tests.bench.fit.ideas DIR...            all steps with a target
    python -m tests.bench.fit.ideas DIR --most 20     at most 20 steps of each file

A line of an observation is shared if nine of ten other workflows of the domain have it, so that
nothing is learned from the workflow that is measured; domains with fewer than five are left out. It
is unchanged if the observation of the page before had it. ``tokens``: the share of the observation
in such lines; ``targets``: the share of targets whose lines these are, which would be lost. Both by
``compact-8k``, numbers of elements apart.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

from etl.pages.compact import Compacted, Compactor, CompactRules
from etl.pages.compact.choose import CUT
from etl.pages.reading import read
from etl.terminal.text import table
from schemas.utf8 import utf8_of
from tests.bench.fit import steps
from tests.support.strategies import vocabulary

FEWEST: Final = 5
"""Workflows of a domain, fewer of which do not tell what its pages share."""
SHARE: Final = 0.9
"""Of the other workflows, how many have a line that is shared."""


@dataclass
class Step:
    """The lines of an observation."""

    source: str
    domain: str
    uid: str
    # of each line: its hash, uint64, and its tokens, int64
    lines: npt.NDArray[np.uint64]
    tokens: npt.NDArray[np.int64]
    # the place of the target's line; -1: it is not shown
    target: int
    # whether the page before has each line; None: there is none
    unchanged: npt.NDArray[np.bool_] | None


@dataclass
class Sum:
    """Tokens and targets, of all lines and of those that would be left out."""

    steps: int = 0
    tokens: int = 0
    left_out: int = 0
    targets: int = 0
    lost: int = 0

    def add(self, step: Step, goes: npt.NDArray[np.bool_]) -> None:
        """Add a step, of which these lines go."""
        self.steps += 1
        self.tokens += int(step.tokens.sum())
        self.left_out += int(step.tokens[goes].sum())
        self.targets += step.target >= 0
        self.lost += step.target >= 0 and bool(goes[step.target])

    def row(self) -> list[str]:
        """As cells."""
        if not self.targets:
            return ["0", "", ""]
        tokens, lost = self.left_out / self.tokens, self.lost / self.targets
        return [f"{self.steps:,}", f"{tokens:.1%}", f"{lost:.1%}"]


@dataclass
class Measured:
    """Of one source: what both ideas would do."""

    shared: Sum = field(default_factory=Sum)
    unchanged: Sum = field(default_factory=Sum)


def observed(inputs: list[str], most: int = 0) -> Iterator[Step]:
    """The steps of recordings that have a page and a target."""
    counts = vocabulary()
    compactor = Compactor(CompactRules(), counts)
    for target in steps.targets(inputs, most):
        if not target.html:
            continue
        made = compactor(target.page, target.objective, target.history)
        shown, hashes = _lines(made)
        unchanged = None
        if target.before:
            page = read(target.before)
            _, before = _lines(compactor(page, target.objective, target.history[:-1]))
            unchanged = np.isin(hashes, before)
        at = made.kept.get(target.element, -1)
        numbers = [line.partition(" ")[0] for line in shown]
        yield Step(
            target.source,
            target.domain,
            target.uid,
            hashes,
            counts.count_lines(utf8_of("".join(f"{_said(line)}\n" for line in shown))),
            numbers.index(str(at)) if at >= 0 else -1,
            unchanged,
        )


def _lines(made: Compacted) -> tuple[list[str], npt.NDArray[np.uint64]]:
    """The lines of an observation without marks, and the hash of each without its number."""
    shown = [line for line in made.observation.split("\n") if line and not line.startswith(CUT)]
    hashes = [xxhash.xxh3_64_intdigest(utf8_of(_said(line))) for line in shown]
    return shown, np.array(hashes, np.uint64)


def _said(line: str) -> str:
    return line.partition(" ")[2]


def measure(found: list[Step]) -> dict[str, Measured]:
    """By source: what both ideas would do to these steps."""
    having: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(dict)
    for step in found:
        own = having[step.source, step.domain].setdefault(step.uid, set())
        own.update(step.lines.tolist())
    counts = {at: Counter(line for own in of.values() for line in own) for at, of in having.items()}
    measured: dict[str, Measured] = defaultdict(Measured)
    for step in found:
        at = step.source, step.domain
        others = len(having[at]) - 1
        if others + 1 >= FEWEST:  # its own workflow has each of its lines
            with_it = np.array([counts[at][line] - 1 for line in step.lines.tolist()], np.int64)
            measured[step.source].shared.add(step, with_it >= SHARE * others)
        if step.unchanged is not None:
            measured[step.source].unchanged.add(step, step.unchanged)
    return measured


def main() -> None:
    """Print a row for each source."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--most", type=int, default=0)
    options = parser.parse_args()
    measured = measure(list(observed(options.inputs, options.most)))
    head = ["source", *("shared: steps", "tokens", "targets")]
    head += ["unchanged: steps", "tokens", "targets"]
    rows = [[name, *of.shared.row(), *of.unchanged.row()] for name, of in sorted(measured.items())]
    print(*table(head, rows), sep="\n")


if __name__ == "__main__":
    main()
