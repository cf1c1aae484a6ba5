"""Lengths of samples, as quantiles and histograms for each split.

Prompt, completion and whole sample are measured in tokens, observation and page in characters. A
quantile is the nearest length at or below its rank, so it is a length that occurs. A histogram has
a bin for each power of two, or a given number of bins of equal width.
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
"""Name of a measure -> its column in `samples.COLUMNS`, and its title."""

CSV: Final = ("measure", "split", "from", "to", "count")

_QUANTILES: Final = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}

Lengths = npt.NDArray[np.integer[Any]]


def view(
    place: Place, wanted: samples.Wanted, measures: Sequence[str] = (), bins: int = 0
) -> dict[str, Any]:
    """Measure samples: by measure and split the figures and a histogram.

    The figures are ``count``, ``sum``, ``mean``, ``min``, quantiles and ``max``. ``histogram`` is a
    list of bins: ``from`` and ``to`` (both inclusive) and ``count``. measures: names of `MEASURES`;
    empty for all. bins: the number of bins of equal width; 0 makes one a power of two.
    """
    names = {name: MEASURES[name][0] for name in measures or MEASURES}
    frame = samples.scan(place, wanted).select("split", *{*names.values()}).collect()
    splits = {str(split): group for (split,), group in frame.group_by("split", maintain_order=True)}
    ordered = sorted(splits.items(), key=lambda item: item[0] != "train")
    figures: dict[str, dict[str, Any]] = {}
    for name, column in names.items():
        top = int(frame[column].max() or 0)  # type: ignore[arg-type]
        figures[name] = {
            split: _figures(rows[column].to_numpy(), top, bins) for split, rows in ordered
        }
    return figures


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
    """Bins [2^(n-1), 2^n), from the first to the last that is not empty; 0 has its own bin."""
    bits = np.frexp(lengths.astype(np.float64))[1]  # n for x in [2^(n-1), 2^n), exactly
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


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: a row a bin."""
    return [
        {"measure": name, "split": split, **each}
        for name, splits in result.items()
        for split, figures in splits.items()
        for each in figures["histogram"]
    ]


def text(result: Mapping[str, Any]) -> str:
    """`view` as tables and bars; the largest bin of a split has the longest bar."""
    lines: list[str] = []
    for name, splits in result.items():
        lines += [head(MEASURES[name][1]), *_summary(splits)]
        for split, figures in splits.items():
            lines += ["", f"{split}", *_histogram(figures)]
        lines.append("")
    return "\n".join(lines[:-1])


def _summary(splits: Mapping[str, Any]) -> list[str]:
    names = ("count", "sum", "mean", "min", *_QUANTILES, "max")
    cells = [
        [split, *(f"{figures[name]:,.0f}" for name in names)] for split, figures in splits.items()
    ]
    return table(["split", *names], cells) if cells else ["no sample matches"]


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
