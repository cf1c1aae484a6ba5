"""Gather the samples of one output shard from the samples files of all inputs.

They are read in the order of a hash, so consecutive samples lie in different files. To open a file
for each row would cost more than to fit and encode it, since a file has dozens of batches. To keep
all files open is impossible: there can be as many as inputs. So samples are read in windows of
`_WINDOW_CHARS`. In a window each file is opened once, its rows are read in their order, and the
samples of the window are held.

Rows of remote files are copied to this machine first. For an output shard each file is fetched at
most once, and whole, unless the cache has it (`etl.files.scratch`). If the cache holds all samples,
they are fetched once for all output shards. To read single batches instead would cost a request for
every batch before the one wanted, and take as long as the whole file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from etl.dataset.layout import SAMPLES, Shelf, Work, shelf
from etl.files import scratch, storage
from etl.files.arrow import broken, open_arrow
from etl.files.storage import AnyPath
from schemas.sample_table import SAMPLE_SCHEMA
from schemas.samples import Sample

_WINDOW_CHARS: Final = 2**25
"""Characters of a window: small enough to hold, large enough to open files seldom."""

_COLLECTED: Final = "collected"
_OBSERVATION: Final = SAMPLE_SCHEMA.get_field_index("observation")
_HISTORY: Final = SAMPLE_SCHEMA.get_field_index("history")


def gather(rows: pl.DataFrame, work: Work) -> Iterator[Sample]:
    """Yield samples in the order of ``rows``; from a remote work folder they are copied first.

    rows: ``bundle`` and ``row`` identify a sample; ``chars``, its characters, plan the windows.

    Raises:
        IntegrityError: a samples file is broken.
        FileNotFoundError: a samples file is missing.
    """
    places = shelf(work)
    if storage.here(work.root):
        yield from _gathered(rows, places)
        return
    with scratch.folder() as here:
        yield from _gathered(collect(rows, places, here), Shelf(Work(here), Work(here)))


def every(places: Shelf, key: str) -> Iterator[Sample]:
    """All samples of a bundle, in their order in its file."""
    reader = open_arrow(places.file(SAMPLES, key))
    yield from _samples(map(reader.get_batch, range(reader.num_record_batches)))


def _gathered(rows: pl.DataFrame, places: Shelf) -> Iterator[Sample]:
    """Read window by window; in each, every file is opened once."""
    for window in _windows(rows):
        held: dict[int, _Row] = {}
        by_place = window.with_row_index("at").sort("bundle", "row")
        for (bundle,), group in by_place.group_by("bundle", maintain_order=True):
            reader = open_arrow(places.file(SAMPLES, str(bundle)))
            found = _rows_of(taken(reader, group["row"].to_numpy()))
            held |= zip(group["at"], found, strict=True)
        for at in range(window.height):
            yield _sample(held.pop(at))


class _Row(NamedTuple):
    """A sample whose observation is still where Arrow has it.

    Thousands of pages at a time as Python objects, each of a size of its own, would make every
    larger allocation slow as long as they are there and after they are gone.
    """

    # the fields of a sample, with None for the observation
    fields: tuple[Any, ...]
    # the observations of a batch, as bytes, and the place of this one
    observations: pa.LargeBinaryArray
    number: int


def _sample(row: _Row) -> Sample:
    fields = [*row.fields]
    fields[_OBSERVATION] = row.observations[row.number].as_py()
    return Sample(*fields)


def _samples(batches: Iterable[pa.RecordBatch]) -> Iterator[Sample]:
    """The samples in batches."""
    return map(_sample, _rows_of(batches))


def _rows_of(batches: Iterable[pa.RecordBatch]) -> Iterator[_Row]:
    """The rows of batches; converted by column, several times as fast as value by value."""
    for batch in batches:
        observations = batch.column(_OBSERVATION).cast(pa.large_binary())
        rest = batch.set_column(_OBSERVATION, "observation", pa.nulls(len(batch)))
        columns = [column.to_pylist() for column in rest.columns]
        columns[_HISTORY] = map(tuple, columns[_HISTORY])
        for number, fields in enumerate(zip(*columns, strict=True)):
            yield _Row(fields, observations, number)


def _windows(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut rows into windows of about `_WINDOW_CHARS` characters, in order."""
    number = rows["chars"].cum_sum() // _WINDOW_CHARS
    start = 0
    for height in number.rle().struct.field("len"):
        yield rows.slice(start, height).select("bundle", "row")
        start += height


def collect(rows: pl.DataFrame, shelf: Shelf, here: Path) -> pl.DataFrame:
    """Copy samples to one file in a local work folder; returns their places there, in order.

    rows: as for `gather`. here: the work folder.

    Raises:
        IntegrityError: a samples file is broken.
        FileNotFoundError: a samples file is missing.
    """
    into = Work(here).of_input(SAMPLES, _COLLECTED)
    into.parent.mkdir(parents=True, exist_ok=True)
    folders = {shelf.common}
    if shelf.anew:
        folders.add(shelf.own)
    listings = {work: storage.details(work.of_inputs(SAMPLES)) for work in folders}
    places = rows.select("bundle", "row", "chars").with_row_index("at").sort("bundle", "row")
    with (
        pa.OSFile(str(into), "wb") as stream,
        pa.ipc.new_file(stream, SAMPLE_SCHEMA) as writer,
    ):
        for (bundle,), group in places.group_by("bundle", maintain_order=True):
            path = shelf.file(SAMPLES, str(bundle))
            details = listings[shelf.work(str(bundle))].get(path.name)
            tag = details.tag if details else ""
            for batch in _rows(path, group["row"].to_numpy(), tag):
                writer.write_batch(batch)
    copies = places.with_columns(pl.lit(_COLLECTED).alias("bundle")).drop("row")
    copies = copies.with_row_index("row")
    return copies.sort("at").select("bundle", pl.col("row").cast(pl.Int64), "chars")


def _rows(path: AnyPath, wanted: np.ndarray[Any, Any], tag: str) -> Iterator[pa.RecordBatch]:
    """Rows of one remote file.

    wanted: their numbers, ascending. tag: of the file's content.
    """
    try:
        with pa.memory_map(str(scratch.nearby(path, tag))) as stream:
            yield from taken(pa.ipc.open_file(stream), wanted)
    except pa.ArrowInvalid as error:
        raise broken(path, error) from error


def taken(
    reader: pa.ipc.RecordBatchFileReader, wanted: np.ndarray[Any, Any]
) -> Iterator[pa.RecordBatch]:
    """Rows of a file, at most one batch for each of its own.

    wanted: their numbers, ascending.
    """
    start = at = 0
    for number in range(reader.num_record_batches):
        if at == len(wanted):
            return
        batch = reader.get_batch(number)
        stop = start + batch.num_rows
        end = int(np.searchsorted(wanted, stop))
        if end - at == batch.num_rows:
            yield batch
        elif end > at:
            yield batch.take(pa.array(wanted[at:end] - start))
        start, at = stop, end
