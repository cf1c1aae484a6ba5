"""The samples that one output shard is made of, out of the samples files of all inputs.

They are wanted in the order of a hash, in which they lie one after the other in as many files as there are. To open a
file for each row would cost more than to fit and encode it (a file has dozens of batches), and as many open files as
there are inputs are not to be had; so they are read by windows of `_WINDOW_CHARS`: in a window every file is opened
once, its rows are read in their order, and those of the window are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from etl import collect, scratch
from etl.shards import open_arrow
from etl.shelf import Shelf, shelf
from etl.storage import AnyPath
from schemas.samples import SAMPLE_SCHEMA, Sample

_WINDOW_CHARS: Final = 2**25
"""Of samples that are held at once. Few and many of them: a file is opened once for all its rows among them."""

_HISTORY: Final = SAMPLE_SCHEMA.get_field_index("history")


def gather(rows: pl.DataFrame, work: AnyPath) -> Iterator[Sample]:
    """The samples at (shard, row), in this order; of a remote work folder those rows are brought here first.

    rows: ``chars`` of each besides, by which the windows are planned.
    """
    places = shelf(work)
    if isinstance(work, Path):
        yield from _gathered(rows, places)
        return
    with scratch.folder() as here:
        yield from _gathered(collect.collect(rows, places, here / "samples"), Shelf(here, here))


def _gathered(rows: pl.DataFrame, places: Shelf) -> Iterator[Sample]:
    """By windows, in each of which a file is opened once: rows in the order of a hash lie in as many files as there
    are, one after the other.
    """
    for window in _windows(rows):
        found: dict[int, Sample] = {}
        for (shard,), group in window.with_row_index("at").sort("shard", "row").group_by("shard", maintain_order=True):
            samples = _samples(collect.taken(open_arrow(places.file("samples", str(shard))), group["row"].to_numpy()))
            found |= zip(group["at"], samples, strict=True)
        for at in range(window.height):
            yield found.pop(at)


def _samples(batches: Iterable[pa.RecordBatch]) -> Iterator[Sample]:
    """The samples in batches, a column at a time, which is several times as fast as value by value."""
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]
        columns[_HISTORY] = map(tuple, columns[_HISTORY])
        yield from map(Sample, *columns)


def _windows(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows in their order, as many at a time as have about `_WINDOW_CHARS` characters."""
    number = rows["chars"].cum_sum() // _WINDOW_CHARS
    start = 0
    for height in number.rle().struct.field("len"):
        yield rows.slice(start, height).select("shard", "row")
        start += height
