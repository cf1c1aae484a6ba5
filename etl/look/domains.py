"""The domains of a dataset side by side: counts, shares, drops, and which are outliers."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from etl.dataset.place import Place
from etl.look.outliers import LIMIT, scores
from etl.terminal.text import cell, count, percent, table
from schemas import exact
from schemas.errors import ConfigError

JUDGED: Final[Mapping[str, tuple[str, bool, float]]] = {
    "tokens_per_sample": ("tokens a sample", True, 0.05),
    "steps_per_workflow": ("steps a workflow", True, 0.05),
    "survival": ("targets kept", False, 0.02),
    "drop_rate": ("steps dropped", False, 0.02),
    "page_kept": ("of the page kept", True, 0.05),
}
"""The figures that are compared between domains.

Each has its words, whether its logarithm is compared, and the floor of its spread
(`etl.look.outliers.scores`): a twentieth for a ratio, two percentage points for a rate.
"""

LEAST_STEPS: Final = 10
"""A domain with fewer steps is not compared: a single step could make it an outlier."""

_SHOWN: Final = {
    "workflows": "workflows", "steps": "steps", "drop_rate": "dropped", "survival": "targets kept",
    "samples": "samples", "sample_share": "of samples", "tokens": "tokens", "share": "of tokens",
    "tokens_per_sample": "a sample", "page_kept": "of page",
}  # fmt: skip
_RATES: Final = frozenset(("share", "sample_share", "survival", "drop_rate", "page_kept"))


@dataclass(frozen=True)
class Wanted:
    """Which domains a view shows, and in which order."""

    pattern: str = ""
    """A glob that names must match; empty for all."""
    sort: str = "tokens"
    """The column to sort by."""
    ascending: bool = False
    """Whether the smallest comes first."""
    top: int = 0
    """At most this many from the beginning of that order; with ``bottom`` 0 too, all."""
    bottom: int = 0
    """At most this many from its end."""
    unlike: bool = False
    """Only outliers."""


def figures(place: Place, subdomains: bool = False) -> pl.DataFrame:
    """Every domain, or every subdomain, with its figures; most tokens first.

    All rates are 0 to 1. ``share`` is of all tokens, ``sample_share`` of all samples, ``survival``
    of the domain's element actions, ``drop_rate`` of its steps, ``page_kept`` of the characters of
    its pages. Subdomains have no ``steps_per_workflow`` and no ``drop_rate``.

    Raises:
        ConfigError: if a published folder lacks the table.
    """
    frame = place.table("subdomains" if subdomains else "domains")
    rate = {
        "sample_share": pl.col("samples") / max(1, int(frame["samples"].sum() or 0)),
        "tokens_per_sample": _ratio("tokens", "samples"),
        "page_kept": _ratio("pruned_chars", "raw_chars"),
    }
    if not subdomains:
        rate |= {
            "steps_per_workflow": _ratio("steps", "workflows"),
            "drop_rate": _ratio("dropped_steps", "steps"),
        }
    return frame.with_columns(**rate)


def _ratio(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def unlike(frame: pl.DataFrame) -> list[dict[str, dict[str, float]]]:
    """Why each domain is an outlier: by figure its value, the median and the score.

    There is one entry for each row of ``frame``; it is empty for a domain that is no outlier.
    """
    reasons: list[dict[str, dict[str, float]]] = [{} for _ in range(frame.height)]
    enough = np.ones(frame.height, np.bool_)
    if "steps" in frame.columns:
        enough = (frame["steps"] >= LEAST_STEPS).to_numpy()
    for name, (_, by_log, floor) in JUDGED.items():
        if name not in frame.columns:
            continue
        values = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
        values[~enough] = np.nan
        if by_log:
            values[~(values > 0)] = np.nan
        compared = np.array([float(exact.log(value)) for value in values]) if by_log else values
        scored = scores(compared, floor)
        for at in np.flatnonzero(np.abs(scored) > LIMIT):
            median = float(np.nanmedian(compared))
            median = float(exact.exp(median)) if by_log else median
            reasons[int(at)][name] = {
                "value": float(values[at]),
                "median": median,
                "score": float(scored[at]),
            }
    return reasons


def view(place: Place, wanted: Wanted, subdomains: bool = False) -> dict[str, Any]:
    """The domains that are wanted, in the order that is wanted.

    ``matched`` is the number of domains that match, ``of`` the number of all, ``level`` the name of
    the column with their names.

    Raises:
        ConfigError: if there is no such column to sort by.
    """
    name = "subdomain" if subdomains else "domain"
    frame = figures(place, subdomains)
    if wanted.sort not in frame.columns:
        raise ConfigError(
            f"--sort {wanted.sort}: there is no such column; there are: {', '.join(frame.columns)}"
        )
    every = frame.height
    odd = unlike(frame)
    frame = frame.with_row_index("at")
    if wanted.pattern:
        matching = fnmatch.filter(frame[name].unique().to_list(), wanted.pattern)
        frame = frame.filter(pl.col(name).is_in(matching))
    if wanted.unlike:
        frame = frame.filter(pl.col("at").is_in([at for at, why in enumerate(odd) if why]))
    frame = frame.sort(wanted.sort, name, descending=[not wanted.ascending, False], nulls_last=True)
    matched = frame.height
    if wanted.top or wanted.bottom:
        ends = [frame.head(wanted.top), frame.slice(wanted.top).tail(wanted.bottom)]
        frame = pl.concat(
            [end for end, size in zip(ends, (wanted.top, wanted.bottom), strict=True) if size]
        )
    rows = [{**row, "unlike": odd[row.pop("at")]} for row in frame.iter_rows(named=True)]
    return {"domains": rows, "matched": matched, "of": every, "level": name}


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV; why a domain is an outlier is one column, ``figure=score``."""
    return [
        row
        | {"unlike": " ".join(f"{name}={why['score']:+.1f}" for name, why in row["unlike"].items())}
        for row in result["domains"]
    ]


def text(result: Mapping[str, Any]) -> str:
    """`view` as a table, and below it each outlier with the reason."""
    shown, level = result["domains"], result["level"]
    if not shown:
        return f"none of {result['of']:,} {level}s matches"
    names = [name for name in _SHOWN if name in shown[0]]
    lines = table(
        [level, *(_SHOWN[name] for name in names)],
        [[row[level], *(_figure(name, row[name]) for name in names)] for row in shown],
    )
    if len(shown) < result["of"]:
        lines.append(f"{len(shown):,} of {result['of']:,} {level}s")
    odd = [(row[level], name, why) for row in shown for name, why in row["unlike"].items()]
    if odd:
        title = (
            f"unlike the others (modified z-score beyond {LIMIT}, of {level}s with {LEAST_STEPS} "
            "steps or more)"
        )
        lines += ["", title]
    for domain, name, why in odd:
        value, median = (_figure(name, why[key]) for key in ("value", "median"))
        lines.append(
            f"  {cell(domain)}: {value} {JUDGED[name][0]}, median {median} (score "
            f"{why['score']:+.1f})"
        )
    return "\n".join(lines)


def _figure(name: str, value: float | None) -> str:
    """A figure for people."""
    if name in _RATES:
        return percent(value)
    if value is None:
        return ""
    return f"{value:,.1f}" if name == "steps_per_workflow" else count(value)
