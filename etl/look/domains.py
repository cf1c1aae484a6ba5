"""The domains of a dataset side by side: counts, shares, what became of steps, which are unlike the
others.
"""

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
"""What is compared with the other domains: in words, whether by its logarithm, and the smallest
spread (`etl.look.outliers`): a twentieth of a ratio, two points of a rate.
"""

LEAST_STEPS: Final = 10
"""A domain with fewer steps is not compared: one step more or less would make it odd."""

_SHOWN: Final = {
    "workflows": "workflows", "steps": "steps", "drop_rate": "dropped", "survival": "targets kept",
    "samples": "samples", "sample_share": "of samples", "tokens": "tokens", "share": "of tokens",
    "tokens_per_sample": "a sample", "page_kept": "of page",
}  # fmt: skip
_RATES: Final = frozenset(("share", "sample_share", "survival", "drop_rate", "page_kept"))


@dataclass(frozen=True)
class Wanted:
    """pattern: a glob of names. sort: a column; ascending: smallest first. top, bottom: so many of
    either end of that order, 0 for all. unlike: only those that are unlike the others.
    """

    pattern: str = ""
    sort: str = "tokens"
    ascending: bool = False
    top: int = 0
    bottom: int = 0
    unlike: bool = False


def figures(place: Place, subdomains: bool = False) -> pl.DataFrame:
    """Every domain with all its figures, or every subdomain with those that there are of it;
    largest first.

    ``share`` and ``sample_share`` are of all tokens and samples; ``survival`` is of element
    actions, ``drop_rate`` of steps; ``page_kept`` is of the characters of a page. Raises
    `ConfigError` if a published folder lacks the table.
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
    """Of each domain what makes it unlike the others: value, median and score by figure. Empty for
    most.
    """
    found: list[dict[str, dict[str, float]]] = [{} for _ in range(frame.height)]
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
            found[int(at)][name] = {
                "value": float(values[at]),
                "median": median,
                "score": float(scored[at]),
            }
    return found


def view(place: Place, wanted: Wanted, subdomains: bool = False) -> dict[str, Any]:
    """The domains that are wanted, in the order that is wanted, and how many there are.

    Raises `ConfigError` for a column that there is not.
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


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: what makes a domain unlike the others in one column, as ``figure=score``."""
    return [
        row
        | {"unlike": " ".join(f"{name}={why['score']:+.1f}" for name, why in row["unlike"].items())}
        for row in found["domains"]
    ]


def text(found: Mapping[str, Any]) -> str:
    """`view` as a table, and below it each domain that is unlike the others, with the reason."""
    shown, level = found["domains"], found["level"]
    if not shown:
        return f"none of {found['of']:,} {level}s matches"
    names = [name for name in _SHOWN if name in shown[0]]
    lines = table(
        [level, *(_SHOWN[name] for name in names)],
        [[row[level], *(_said(name, row[name]) for name in names)] for row in shown],
    )
    if len(shown) < found["of"]:
        lines.append(f"{len(shown):,} of {found['of']:,} {level}s")
    odd = [(row[level], name, why) for row in shown for name, why in row["unlike"].items()]
    if odd:
        lines += [
            "",
            (
                f"unlike the others (modified z-score beyond {LIMIT}, of {level}s with "
                f"{LEAST_STEPS} steps or more)"
            ),
        ]
    for domain, name, why in odd:
        value, median = (_said(name, why[key]) for key in ("value", "median"))
        lines.append(
            f"  {cell(domain)}: {value} {JUDGED[name][0]}, median {median} (score "
            f"{why['score']:+.1f})"
        )
    return "\n".join(lines)


def _said(name: str, value: float | None) -> str:
    if name in _RATES:
        return percent(value)
    return (
        "" if value is None else f"{value:,.1f}" if name == "steps_per_workflow" else count(value)
    )
