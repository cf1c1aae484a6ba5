"""When `stepmill compact` is worth its cost: it writes every file of the dataset again.

It is worth it if there are several generations, and one of these holds:

- there are more than `GENERATIONS` generations;
- more than the share `ROWS` of rows would be saved if all were as full as those of the largest
  generation of their split;
- there are more than `FILES` files, and files of the planned size would be fewer than half as many.

Only the manifest is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final

from etl.dataset.manifest import Manifest

GENERATIONS: Final = 30
"""More generations than this are many."""

ROWS: Final = 0.05
"""The share of rows, 0 to 1, that compaction must save."""

FILES: Final = 8
"""Up to this many files, their size does not matter."""

_TOKEN_BYTES: Final = 8
"""Bytes of a token where files are not compressed, which is what their size is planned by."""


def reasons(manifest: Manifest) -> list[str]:
    """Why compaction is worth it, in words; empty if it is not."""
    numbers = {row.generation for row in manifest.packing}
    return list(_reasons(manifest, len(numbers))) if len(numbers) > 1 else []


def _reasons(manifest: Manifest, generations: int) -> Iterator[str]:
    if generations > GENERATIONS:
        yield f"{generations:,} generations; more than {GENERATIONS} are many"
    rows = sum(row.rows for row in manifest.packing)
    needed = sum(_rows_if_full(manifest, split) for split in manifest.splits)
    if rows and (rows - needed) / rows > ROWS:
        yield (
            f"{rows:,} rows; about {needed:,} would do if all were as full as those of the largest "
            "generation"
        )
    files = sum(row.files for row in manifest.packing)
    planned = manifest.settings["index"]["shard_bytes"]
    sizes = [max(each.bytes, each.tokens * _TOKEN_BYTES) for each in manifest.splits.values()]
    enough = sum(max(1, ceil(size / planned)) for size in sizes)
    if files > FILES and enough < files / 2:
        yield f"{files:,} files; {enough:,} of the planned {planned / 2**20:,.0f} MB would do"


def _rows_if_full(manifest: Manifest, split: str) -> int:
    """The number of rows of a split, if all were as full as those of its largest generation."""
    of_split = [row for row in manifest.packing if row.split == split]
    largest = max(of_split, key=lambda row: row.tokens)
    tokens = sum(row.tokens for row in of_split)
    if not tokens:
        return sum(row.rows for row in of_split)
    return ceil(tokens * largest.rows / largest.tokens)
