"""The end of a build: accounting, statistics, card and Croissant, and the manifest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.build.recipes.recipe import Recipe
from etl.card import example, write
from etl.dataset import account, candidate, oddities, state, stats
from etl.dataset.drift import figures
from etl.dataset.generations import Generations
from etl.dataset.layout import DATA, NAMES, PREFIX, Layout
from etl.dataset.reports import PackedReport
from etl.files.arrow import atomic, write_json
from etl.files.storage import AnyPath
from etl.inputs.records import InputShard
from etl.sources import KEYS
from etl.stages.wording import unknown_actions
from etl.tally import Odd
from schemas.errors import IntegrityError


def finish(
    out: AnyPath,
    place: AnyPath,
    recipe: Recipe,
    settings: Mapping[str, Any],
    fingerprint: str,
    generations: Generations,
    shards: Sequence[InputShard],
    rows: Sequence[int],
    odd: Mapping[Odd, int],
    packed: Sequence[PackedReport],
) -> dict[str, Any]:
    """Write statistics and card to the place where a build is made; returns the manifest, which
    comes last (`etl.build.verdict`). rows: samples of each input shard. odd: what was read in them
    although it was not as its format has it.

    Raises `IntegrityError` if the accounting recomputed from the files does not add up.
    """
    settled = account.settle(place)
    errors = {unit: counts["errors"] for unit, counts in settled.units.items() if counts["errors"]}
    if errors:
        raise IntegrityError(
            f"{out}: the accounting does not add up: {errors}. Remove {out} and build again"
        )
    here = Layout(place)
    tables = stats.statistics(place, settled.counts, settled.visits)
    files = {
        name: digest
        for report in packed
        for name, digest in report.files.items()
        if name.startswith(PREFIX)
    }
    for name, table in tables.items():
        path = NAMES.dataset.table(name).as_posix()
        files[path] = _parquet(here.dataset.table(name), table)
    manifest: dict[str, Any] = {
        "format": state.FORMAT,
        "recipe": recipe.name,
        "fingerprint": fingerprint,
        "settings": settings,
        "generations": generations.as_json(),
        "takedown": recipe.taken_down.fingerprint,
        "vocabulary": recipe.vocabulary.known_as,
        "card": {**write.by_hand(out, recipe.card), "example": _example(place, recipe, packed)},
        "inputs": _inputs(shards, rows),
        "splits": _splits(packed, recipe),
        "totals": stats.totals(tables, settled.units["workflow"]["read"]),
        "outcomes": tables["outcomes"].to_dicts(),
        "figures": figures(settled.units, tables, settled.unread),
        "accounting": settled.units,
        "unknown_actions": unknown_actions(settled.unknown),
        "page_actions": dict(sorted(settled.without_element.items())),
        "packing": _packing(packed),
        "quarantined": account.in_quarantine(place),
        "oddities": oddities.listed(odd, KEYS),
    }
    statistics = {name: table.to_dicts() for name, table in tables.items()}
    path = NAMES.dataset.statistics.as_posix()
    files[path] = write_json(here.dataset.statistics, statistics)
    files |= write.write(place, manifest | {"files": files}, tables, packed)
    manifest["files"] = dict(sorted(files.items()))
    return manifest


def _inputs(shards: Sequence[InputShard], rows: Sequence[int]) -> list[dict[str, Any]]:
    """One entry an input, whatever parts it was read in."""
    inputs: dict[str, dict[str, Any]] = {}
    for shard, samples in zip(shards, rows, strict=True):
        entry = inputs.setdefault(
            shard.name,
            {
                "name": shard.name,
                "format": shard.format,
                "size": 0,
                "sha256": shard.sha256,
                "samples": 0,
            },
        )
        entry["size"] += shard.size
        entry["samples"] += samples
    return list(inputs.values())


def _example(place: AnyPath, recipe: Recipe, packed: Sequence[PackedReport]) -> dict[str, str]:
    data = dict(candidate.of_shards(place, DATA, ".arrow"))
    return example.example(data, packed, recipe.packed.encoder.vocabulary)


def _parquet(path: AnyPath, table: pl.DataFrame) -> str:
    with atomic(path) as stream:
        pq.write_table(
            table.to_arrow(compat_level=pl.CompatLevel.oldest()),
            pa.PythonFile(stream, mode="w"),
            compression="zstd",
        )
    return stream.sha256.hexdigest()


def _packing(packed: Sequence[PackedReport]) -> list[dict[str, Any]]:
    """What each generation has in each split: by it is seen whether `etl.look.compaction` is worth
    it.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for report in packed:
        key = report.name.partition("/")[0], report.split
        counts = found.setdefault(key, {"files": 0, "rows": 0, "tokens": 0, "bytes": 0})
        counts["files"] += 1
        for name in ("rows", "tokens", "bytes"):
            counts[name] += getattr(report, name)
    return [
        {"generation": name, "split": split, **counts}
        for (name, split), counts in sorted(found.items())
    ]


def _splits(packed: Sequence[PackedReport], recipe: Recipe) -> dict[str, Any]:
    splits: dict[str, Any] = {}
    for report in packed:
        split = splits.setdefault(
            report.split,
            {"files": 0, "rows": 0, "samples": 0, "tokens": 0, "loss_tokens": 0, "bytes": 0},
        )
        split["files"] += 1
        for key in ("rows", "samples", "tokens", "loss_tokens", "bytes"):
            split[key] += getattr(report, key)
    for split in splits.values():
        split["fill"] = (
            split["tokens"] / (split["rows"] * recipe.fit.context) if split["rows"] else 0.0
        )
    return dict(sorted(splits.items(), key=lambda item: item[0] != "train"))
