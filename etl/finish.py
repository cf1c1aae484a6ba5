"""The end of a build: accounting, statistics, card, and the manifest last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl import account, card, stats
from etl.packing import PackedReport
from etl.plan import InputShard, ShardReport
from etl.recipe import Recipe
from etl.shards import atomic, write_json
from schemas.errors import IntegrityError

MANIFEST: Final = "dataset/manifest.json"


def finish(
    out: Path,
    recipe: Recipe,
    settings: dict[str, Any],
    fingerprint: str,
    shards: Sequence[InputShard],
    reports: Sequence[ShardReport],
    packed: Sequence[PackedReport],
) -> dict[str, Any]:
    """Write statistics, card and manifest; returns the manifest.

    Raises `IntegrityError` if the accounting recomputed from the files does not add up.
    """
    accounting = account.account(out)
    errors = {unit: counts["errors"] for unit, counts in accounting.items() if counts["errors"]}
    if errors:
        raise IntegrityError(f"{out}: the accounting does not add up: {errors}. Remove {out} and build again")
    tables = stats.statistics(out)
    files = {name: digest for report in packed for name, digest in report.files.items() if name.startswith("dataset/")}
    for name, table in tables.items():
        files[f"dataset/stats/{name}.parquet"] = _parquet(out / "dataset" / "stats" / f"{name}.parquet", table)
    manifest: dict[str, Any] = {
        "format": 1,
        "recipe": recipe.name,
        "fingerprint": fingerprint,
        "settings": settings,
        "inputs": [
            {
                "name": shard.name,
                "format": shard.format,
                "size": shard.size,
                "sha256": shard.sha256,
                "samples": report.rows,
            }
            for shard, report in zip(shards, reports, strict=True)
        ],
        "splits": _splits(packed, recipe),
        "totals": stats.totals(tables),
        "accounting": accounting,
        "quarantined": account.quarantined(out).height,
    }
    statistics = {name: table.to_dicts() for name, table in tables.items()}
    files["dataset/stats/stats.json"] = write_json(out / "dataset" / "stats" / "stats.json", statistics)
    with atomic(out / "dataset" / "README.md") as stream:
        stream.write(card.render(manifest, tables).encode())
    files["dataset/README.md"] = stream.sha256.hexdigest()
    manifest["files"] = dict(sorted(files.items()))
    write_json(out / MANIFEST, manifest)
    return manifest


def _parquet(path: Path, table: pl.DataFrame) -> str:
    with atomic(path) as stream:
        pq.write_table(
            table.to_arrow(compat_level=pl.CompatLevel.oldest()), pa.PythonFile(stream, mode="w"), compression="zstd"
        )
    return stream.sha256.hexdigest()


def _splits(packed: Sequence[PackedReport], recipe: Recipe) -> dict[str, Any]:
    splits: dict[str, Any] = {}
    for report in packed:
        split = splits.setdefault(
            report.name.split("-")[0], {"files": 0, "rows": 0, "samples": 0, "tokens": 0, "loss_tokens": 0, "bytes": 0}
        )
        split["files"] += 1
        for key in ("rows", "samples", "tokens", "loss_tokens", "bytes"):
            split[key] += getattr(report, key)
    for split in splits.values():
        split["fill"] = split["tokens"] / (split["rows"] * recipe.fit.context) if split["rows"] else 0.0
    return dict(sorted(splits.items(), key=lambda item: item[0] != "train"))
