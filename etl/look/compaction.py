"""When `stepmill compact` is worth its cost, which is that every file of the dataset is written
anew.

It is where there are several generations, and at least one of: more of them than `GENERATIONS`; a
share of rows above `ROWS` that would be saved if all were as full as the largest generation of
their split; more than `FILES` files, and under half as many if each had the size that the recipe
plans. All is read off the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any, Final

GENERATIONS: Final = 30
ROWS: Final = 0.05
FILES: Final = 8


def reasons(manifest: Mapping[str, Any]) -> list[str]:
    """Why compaction is worth it, in words; empty if it is not, or the manifest is older than this
    rule.
    """
    numbers = {row["generation"] for row in manifest.get("packing", ())}
    return list(_reasons(manifest, len(numbers))) if len(numbers) > 1 else []


def _reasons(manifest: Mapping[str, Any], generations: int) -> Iterator[str]:
    if generations > GENERATIONS:
        yield f"{generations:,} generations, where more than {GENERATIONS} are many"
    rows = sum(row["rows"] for row in manifest["packing"])
    needed = sum(_rows_if_full(manifest, split) for split in manifest["splits"])
    if rows and (rows - needed) / rows > ROWS:
        yield (
            f"{rows:,} rows, where about {needed:,} as full as those of the largest generation "
            "would do"
        )
    files = sum(row["files"] for row in manifest["packing"])
    planned = manifest["settings"]["index"]["shard_bytes"]
    enough = sum(max(1, ceil(split["bytes"] / planned)) for split in manifest["splits"].values())
    if files > FILES and enough < files / 2:
        yield f"{files:,} files, where {enough:,} of the planned {planned / 2**20:,.0f} MB would do"


def _rows_if_full(manifest: Mapping[str, Any], split: str) -> int:
    """Rows of a split, if all were as full as those of its largest generation."""
    of_split = [row for row in manifest["packing"] if row["split"] == split]
    largest = max(of_split, key=lambda row: row["tokens"])
    tokens = sum(row["tokens"] for row in of_split)
    return (
        ceil(tokens * largest["rows"] / largest["tokens"])
        if tokens
        else sum(row["rows"] for row in of_split)
    )
