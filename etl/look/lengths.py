"""How long samples are: prompt, completion and whole in tokens, observation and page in characters,
per split.

Quantiles are those of the nearest rank below: lengths that there are. A histogram has a bin for
every power of two, or so many of equal width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etl.dataset.place import Place
from etl.look import samples
from etl.terminal.text import bar, head, percent, table

MEASURES: Final = {
    "prompt": ("prompt_tokens", "prompt, tokens without loss"),
    "completion": ("completion_tokens", "completion, tokens with loss"),
    "whole": ("tokens", "whole sample, tokens"),
    "observation": ("pruned_chars", "observation, characters of the pruned page"),
    "page": ("raw_chars", "page as recorded, characters"),
}
"""Name of a measure -> column of `samples.COLUMNS`, and in words."""

CSV: Final = ("measure", "split", "from", "to", "count")

_QUANTILES: Final = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}

Lengths = npt.NDArray[np.integer[Any]]


def view(
    place: Place, wanted: samples.Wanted, measures: Sequence[str] = (), bins: int = 0
) -> dict[str, Any]:
    """By measure and split: ``count``, ``sum``, ``mean``, ``min``, quantiles, ``max`` and
    ``histogram``, a list of ``from``, ``to`` (both within) and ``count``. bins: so many of equal
    width, instead of one a power of two.
    """
    names = {name: MEASURES[name][0] for name in measures or MEASURES}
    frame = samples.scan(place, wanted).select("split", *{*names.values()}).collect()
    splits = {str(split): group for (split,), group in frame.group_by("split", maintain_order=True)}
    ordered = sorted(splits.items(), key=lambda item: item[0] != "train")
    found: dict[str, dict[str, Any]] = {}
    for name, column in names.items():
        top = int(frame[column].max() or 0)  # type: ignore[arg-type]
        found[name] = {
            split: _figures(rows[column].to_numpy(), top, bins) for split, rows in ordered
        }
    return found


def _figures(lengths: Lengths, top: int, bins: int) -> dict[str, Any]:
    quantiles = np.quantile(lengths, [*_QUANTILES.values()], method="lower")
    return {
        "count": len(lengths),
        "sum": int(lengths.sum(dtype=np.int64)),
        "mean": float(lengths.mean()),
        "min": int(lengths.min()),
        **{name: int(value) for name, value in zip(_QUANTILES, quantiles, strict=True)},
        "max": int(lengths.max()),
        "histogram": _equal(lengths, top, bins) if bins else _powers(lengths),
    }


def _powers(lengths: Lengths) -> list[dict[str, int]]:
    """Bins [2^(n-1), 2^n), from the first to the last that holds anything; 0 has one of its own."""
    bits = np.frexp(lengths.astype(np.float64))[1]  # of x in [2^(n-1), 2^n) it is n, exactly
    counts = np.bincount(bits)
    first = int(np.flatnonzero(counts)[0])
    return [
        {"from": 2 ** (n - 1) if n else 0, "to": 2**n - 1, "count": int(counts[n])}
        for n in range(first, len(counts))
    ]


def _equal(lengths: Lengths, top: int, bins: int) -> list[dict[str, int]]:
    """Bins of equal width from 0 to ``top``."""
    width = top // bins + 1
    counts = np.bincount(lengths // width, minlength=top // width + 1)
    return [
        {"from": n * width, "to": (n + 1) * width - 1, "count": int(size)}
        for n, size in enumerate(counts)
    ]


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: a row a bin."""
    return [
        {"measure": name, "split": split, **each}
        for name, splits in found.items()
        for split, figures in splits.items()
        for each in figures["histogram"]
    ]


def text(found: Mapping[str, Any]) -> str:
    """`view` as tables and bars; a full bar is the fullest bin of a split."""
    lines: list[str] = []
    for name, splits in found.items():
        lines += [head(MEASURES[name][1]), *_summary(splits)]
        for split, figures in splits.items():
            lines += ["", f"{split}", *_histogram(figures)]
        lines.append("")
    return "\n".join(lines[:-1])


def _summary(splits: Mapping[str, Any]) -> list[str]:
    names = ("count", "sum", "mean", "min", *_QUANTILES, "max")
    said = [
        [split, *(f"{figures[name]:,.0f}" for name in names)] for split, figures in splits.items()
    ]
    return table(["split", *names], said) if said else ["no sample matches"]


def _histogram(figures: Mapping[str, Any]) -> list[str]:
    bins, most = figures["histogram"], max(each["count"] for each in figures["histogram"])
    cells = [
        [
            f"{each['from']:,} - {each['to']:,}",
            f"{each['count']:,}",
            percent(each["count"] / figures["count"]),
        ]
        for each in bins
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        + f"  {bar(each['count'] / most)}".rstrip()
        for line, each in zip(cells, bins, strict=True)
    ]
