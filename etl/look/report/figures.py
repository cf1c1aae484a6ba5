"""The figures of a report, as plain values: what `stepmill report --json` prints.

Counts are those of the manifest and of ``dataset/stats``. Distributions are computed from the
listing of samples, a column at a time. Nothing here reads a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from etl.card.reasons import of_rules, says
from etl.dataset import state
from etl.dataset.account import UNITS
from etl.dataset.layout import IN_DATASET, LEDGER, PREFIX, Work, shelf
from etl.dataset.manifest import Manifest, UnitCounts, as_json
from etl.dataset.place import Place
from etl.files.arrow import open_arrow
from etl.look import drops
from etl.look.diff import compare
from etl.look.fit import budget
from etl.look.flow.waterfall import view as levels_view
from etl.look.report import context
from etl.look.report.verdict import verdict
from etl.stages import known

_BINS: Final = 40
_QUANTILES: Final = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}

Counts = npt.NDArray[np.int64]


def figures(
    place: Place, old: Manifest | None = None, seed: int = 0, vocabulary: str = ""
) -> dict[str, Any]:
    """All data of a report but its steps.

    old: the manifest of an older build to compare with. seed, vocabulary: as for `context.curve`.

    Raises:
        ConfigError: if a published folder lacks a table, or the vocabulary is not known.
    """
    manifest = place.manifest
    own = of_rules(manifest.settings)
    dropped = drops.view(place, drops.Wanted(by=drops.BY))["drops"]
    return {
        "title": manifest.settings["card"]["pretty_name"],
        "recipe": manifest.recipe,
        "fingerprint": manifest.fingerprint,
        "totals": as_json(manifest.totals),
        "quarantined": manifest.quarantined,
        "verdict": verdict(place),
        "splits": {name: as_json(manifest.splits[name]) for name in _ordered(manifest.splits)},
        "has_work": place.work is not None,
        "outcomes": manifest.outcomes,
        "waterfall": waterfall(manifest.accounting),
        "characters": characters(place),
        "tokens": tokens(place),
        "steps": steps(place),
        "pruning": pruning(place),
        "domains": place.table("domains").to_dicts(),
        "actions": actions(place),
        "drops": dropped,
        "meanings": {name: says(name, own) for name in sorted({row["reason"] for row in dropped})},
        "context": context.curve(place, seed, vocabulary),
        "budget": budget(place),
        "drift": None if old is None else compare(old, manifest),
    }


def waterfall(accounting: Mapping[str, UnitCounts]) -> list[dict[str, Any]]:
    """For each unit, in the order of the pipeline: ``read``, ``drops`` and ``kept``.

    Drops are counted by stage and reason; ``kept`` is the number in the dataset.
    """
    stages = ("read", *(stage.name for stage in known.KNOWN), "index", "fit")
    order = {stage: at for at, stage in enumerate(stages)}
    return [
        {
            "unit": unit,
            "read": of.read,
            "kept": of.kept,
            "drops": sorted(
                (as_json(drop) for drop in of.reasons),
                key=lambda drop: (
                    order.get(drop["stage"], len(order)),
                    drop["stage"],
                    -drop["count"],
                    drop["reason"],
                ),
            ),
        }
        for unit, of in ((unit, accounting[unit]) for unit in UNITS)
    ]


def characters(place: Place) -> dict[str, Any] | None:
    """The waterfall from characters read to tokens packed; null if it was not counted."""
    if IN_DATASET.table("waterfall").as_posix() not in map(_in_dataset, place.manifest.files):
        return None
    return levels_view(place)


def _in_dataset(name: str) -> str:
    return name.removeprefix(PREFIX)


def tokens(place: Place) -> dict[str, Any]:
    """Tokens of a sample, prompt and completion together, by split: quantiles and histogram."""
    listed = place.listing(["split", "prompt_tokens", "completion_tokens"])
    sums = listed.select(
        "split", tokens=(pl.col("prompt_tokens") + pl.col("completion_tokens")).cast(pl.Int64)
    )
    frame = sums.collect()
    edges = _powers(frame["tokens"].to_numpy())
    splits = _ordered(frame["split"].unique().to_list())
    return {
        split: _spread(frame.filter(split=split)["tokens"].to_numpy(), edges) for split in splits
    }


def _ordered(splits: Iterable[str]) -> list[str]:
    return sorted(splits, key=lambda name: (name != "train", name))


def steps(place: Place) -> dict[str, Any]:
    """Lengths of workflows, as quantiles and histogram.

    ``recorded``: steps of each workflow that was read, null without a work folder; ``samples``:
    samples of each workflow in the dataset.
    """
    ids = place.listing(["sample_id"]).select(
        workflow=pl.col("sample_id").str.replace(r"/[0-9]+$", "")
    )
    made = (
        ids.group_by("workflow")
        .len()
        .select(pl.col("len").cast(pl.Int64))
        .collect()
        .to_series()
        .to_numpy()
    )
    recorded = None if place.work is None else _recorded_steps(place.work)
    edges = _edges(made if recorded is None else np.concatenate([made, recorded]))
    return {
        "recorded": None if recorded is None else _spread(recorded, edges),
        "samples": _spread(made, edges),
    }


def _recorded_steps(work: Work) -> Counts:
    """The number of steps of each workflow that was read; one ledger is held in memory."""

    def sizes() -> Iterator[Counts]:
        for path in shelf(work).existing(LEDGER, state.keys(work)):
            wanted = ["shard", "unit", "parent", "reason"]
            ledger = pl.from_arrow(open_arrow(path).read_all().select(wanted))
            assert isinstance(ledger, pl.DataFrame)
            read = ledger.filter((pl.col("unit") == "step") & (pl.col("reason") == ""))
            yield read.group_by("shard", "parent").len()["len"].cast(pl.Int64).to_numpy()

    return np.concatenate([np.empty(0, np.int64), *sizes()])


def pruning(place: Place) -> dict[str, Any]:
    """The percentage of a page's characters that pruning keeps: quantiles and histogram.

    ``together``: the share of all characters, 0 to 1; null without pages.
    """
    frame = place.listing(["raw_chars", "pruned_chars"]).filter(pl.col("raw_chars") > 0).collect()
    raw, left = (
        frame[name].to_numpy().astype(np.float64) for name in ("raw_chars", "pruned_chars")
    )
    percent = np.floor(100 * left / raw).astype(np.int64)
    together = float(left.sum() / raw.sum()) if len(raw) else None
    return {"together": together, **_spread(percent, np.arange(0, 101, 5))}


def actions(place: Place) -> list[dict[str, Any]]:
    """Samples of each kind of action and their share, largest first."""
    kinds = (
        place.table("actions").group_by("action_kind").agg(pl.col("samples").cast(pl.Int64).sum())
    )
    rows = kinds.sort("samples", "action_kind", descending=[True, False]).rows()
    total = max(1, sum(count for _, count in rows))
    return [{"action": kind, "samples": count, "share": count / total} for kind, count in rows]


def _edges(values: Counts) -> Counts:
    """The beginnings of at most `_BINS` bins of a round width, and of a last, open one.

    The largest 0.5% of the values share the open one.
    """
    top = int(np.quantile(values, 0.995, method="lower")) + 1 if len(values) else 1
    width = next(
        width
        for power in range(19)
        for width in (10**power, 2 * 10**power, 5 * 10**power)
        if top <= width * _BINS
    )
    return np.arange(0, -(-top // width) * width + 1, width)


def _powers(values: Counts) -> Counts:
    """The beginnings of bins at powers of two and half-way between.

    Lengths of samples differ by orders of magnitude.
    """
    ends = [16, *(size for power in range(5, 63) for size in (2**power, 3 * 2 ** (power - 1)))]
    low, high = (int(values.min()), int(values.max())) if len(values) else (16, 16)
    first = max((end for end in ends if end <= low), default=1)
    return np.array([first, *(end for end in ends if first < end and end / 1.5 <= high)])


def _spread(values: Counts, edges: Counts) -> dict[str, Any]:
    """A distribution: ``count``, ``mean``, quantiles, ``max`` and ``histogram``.

    A quantile is a value that occurs. A bin has ``from``, ``to`` (both inclusive; ``to`` is null in
    an open last bin) and ``count``. edges: where bins begin; the last edge ends the last bin, or
    begins the open one.
    """
    found: dict[str, Any] = {
        "count": len(values),
        "mean": float(values.mean()) if len(values) else None,
    }
    sizes = (
        np.quantile(values, [*_QUANTILES.values()], method="lower")
        if len(values)
        else [None] * len(_QUANTILES)
    )
    found |= {
        name: None if size is None else int(size)
        for name, size in zip(_QUANTILES, sizes, strict=True)
    }
    found["max"] = int(values.max()) if len(values) else None
    counts = np.bincount(np.searchsorted(edges, values, side="right") - 1, minlength=len(edges))
    found["histogram"] = [
        {
            "from": int(start),
            "to": int(edges[at + 1]) - 1 if at + 1 < len(edges) else None,
            "count": int(counts[at]),
        }
        for at, start in enumerate(edges)
        if at + 1 < len(edges) or counts[at]
    ]
    return found
