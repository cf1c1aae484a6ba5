"""Tables of scores: the mean of each metric over the steps of a split, of a website and so on.

The rows of a table share out the steps: their numbers add up to all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from etl.evaluate.scores.chance import Integers
from etl.evaluate.scores.intervals import Mean, Scores, means
from etl.evaluate.scores.steps import Step

ALL: Final = "all"
"""The table with one row, for all steps."""

_NUMBER: Final = re.compile(r"[\d,]+")
_LEAST: Final = 1_024
_MOST: Final = 2**17
"""Classes of page length: below the first, by powers of two, and from the second on."""


def length_class(tokens: int) -> str:
    """The class of page length that a number of tokens is in; empty if there is no page."""
    if not tokens:
        return ""
    if tokens < _LEAST:
        return f"under {_LEAST:,}"
    if tokens >= _MOST:
        return f"{_MOST:,} or more"
    low = 2 ** (tokens.bit_length() - 1)
    return f"{low:,} to {2 * low - 1:,}"


TABLES: Final[Mapping[str, Callable[[Step], str]]] = {
    "split": lambda step: step.split,
    "website": lambda step: step.website,
    "domain": lambda step: step.domain,
    "kind": lambda step: step.kind,
    "page_length": lambda step: length_class(step.page_tokens),
    "context": lambda step: f"{step.context:,}" if step.context else "",
}
"""Table -> what a step is counted under; empty text is shown as ``unknown``."""

_BY_SIZE: Final = frozenset({"page_length", "context"})
"""Tables whose rows stand in the order of what they are about."""

UNKNOWN: Final = "unknown"


def numbered(labels: Sequence[str]) -> tuple[list[str], Integers]:
    """Labels as numbers; returns the labels, sorted, and the number of each given one."""
    names = sorted({*labels})
    places = {name: at for at, name in enumerate(names)}
    return names, np.fromiter((places[label] for label in labels), np.int64, len(labels))


def tables(
    steps: Sequence[Step], figures: Mapping[str, Scores], seed: int
) -> dict[str, list[dict[str, Any]]]:
    """The tables of `TABLES`, and `ALL`, the row of most steps first.

    figures: name of a metric -> a value a step, nan where it does not apply. A row has ``value``,
    ``steps``, ``workflows``, and ``metrics``: by name ``mean``, ``n``, ``low`` and ``high``.
    """
    _, workflows = numbered([step.workflow for step in steps])
    found = {ALL: [_row(ALL, "", np.arange(len(steps)), workflows, figures, seed)]}
    for table, label_of in TABLES.items():
        names, groups = numbered([label_of(step) or UNKNOWN for step in steps])
        order = np.argsort(groups, kind="stable")
        edges = np.searchsorted(groups[order], np.arange(len(names) + 1))
        made = [
            _row(table, name, order[edges[at] : edges[at + 1]], workflows, figures, seed)
            for at, name in enumerate(names)
        ]
        found[table] = sorted(made, key=_size if table in _BY_SIZE else _steps)
    return found


def _steps(row: Mapping[str, Any]) -> tuple[int, str]:
    return -row["steps"], row["value"]


def _size(row: Mapping[str, Any]) -> tuple[int, bool]:
    """By the first number in it; what is under a number comes before what begins with it."""
    number = _NUMBER.search(row["value"])
    return int(number[0].replace(",", "")) if number else -1, not row["value"].startswith("under")


def _row(
    table: str,
    value: str,
    chosen: Integers,
    workflows: Integers,
    figures: Mapping[str, Scores],
    seed: int,
) -> dict[str, Any]:
    of_steps = workflows[chosen]
    found = means([each[chosen] for each in figures.values()], of_steps, seed, f"{table} {value}")
    return {
        "value": value,
        "steps": int(chosen.size),
        "workflows": int(np.unique(of_steps).size),
        "metrics": {name: _as_json(mean) for name, mean in zip(figures, found, strict=True)},
    }


def _as_json(mean: Mean) -> dict[str, Any]:
    low, high = mean.interval or (None, None)
    return {"mean": mean.mean, "n": mean.n, "low": low, "high": high}
