"""The samples that one output shard is made of, out of the samples files of all inputs.

They are wanted in the order of a hash, in which they lie one after the other in as many files as
there are. To open a file for each row would cost more than to fit and encode it (a file has dozens
of batches), and as many open files as there are inputs are not to be had; so they are read by
windows of `_WINDOW_CHARS`: in a window every file is opened once, its rows are read in their order,
and those of the window are held.

Rows of remote files are brought to this machine first. Each file is gone through once for an output
shard: fetched whole, unless the cache has it (`etl.files.scratch`), and its rows copied. Where the
cache holds all samples they are fetched once for all output shards; where not, once for each at
most. To read single batches instead costs a request for every batch before the one wanted, as long
a wait as for the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.dataset.layout import SAMPLES, Shelf, Work, shelf
from etl.files import scratch, storage
from etl.files.arrow import broken, open_arrow
from etl.files.storage import AnyPath
from schemas.samples import SAMPLE_SCHEMA, Sample

_WINDOW_CHARS: Final = 2**25
"""Of samples that are held at once. Few and many of them: a file is opened once for all its rows
among them.
"""

_COLLECTED: Final = "collected"
_HISTORY: Final = SAMPLE_SCHEMA.get_field_index("history")


def gather(rows: pl.DataFrame, work: Work) -> Iterator[Sample]:
    """The samples at (shard, row), in this order; of a remote work folder those rows are brought
    here first.

    rows: ``chars`` of each besides, by which the windows are planned.
    """
    places = shelf(work)
    if storage.here(work.root):
        yield from _gathered(rows, places)
        return
    with scratch.folder() as here:
        yield from _gathered(collect(rows, places, here), Shelf(Work(here), Work(here)))


def _gathered(rows: pl.DataFrame, places: Shelf) -> Iterator[Sample]:
    """By windows, in each of which a file is opened once: rows in the order of a hash lie in as
    many files as there are, one after the other.
    """
    for window in _windows(rows):
        found: dict[int, Sample] = {}
        for (shard,), group in (
            window.with_row_index("at").sort("shard", "row").group_by("shard", maintain_order=True)
        ):
            samples = _samples(
                taken(open_arrow(places.file(SAMPLES, str(shard))), group["row"].to_numpy())
            )
            found |= zip(group["at"], samples, strict=True)
        for at in range(window.height):
            yield found.pop(at)


def _samples(batches: Iterable[pa.RecordBatch]) -> Iterator[Sample]:
    """The samples in batches, a column at a time,
    which is several times as fast as value by value.
    """
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


def collect(rows: pl.DataFrame, shelf: Shelf, here: Path) -> pl.DataFrame:
    """Write the samples at (shard, row) to one samples file in a work folder of this machine;
    returns where each now is, in the same order.

    Raises `IntegrityError` for a samples file that is none, FileNotFoundError for one that is not
    there.
    """
    into = Work(here).of_input(SAMPLES, _COLLECTED)
    into.parent.mkdir(parents=True, exist_ok=True)
    known = {
        work: storage.details(work.of_inputs(SAMPLES))
        for work in {shelf.common, *((shelf.own,) if shelf.anew else ())}
    }
    places = rows.select("shard", "row", "chars").with_row_index("at").sort("shard", "row")
    with (
        pa.OSFile(str(into), "wb") as stream,
        pa.ipc.new_file(stream, SAMPLE_SCHEMA) as writer,
    ):
        for (shard,), group in places.group_by("shard", maintain_order=True):
            path = shelf.file(SAMPLES, str(shard))
            details = known[shelf.work(str(shard))].get(path.name)
            tag = details.tag if details else ""
            for batch in _rows(path, group["row"].to_numpy(), tag):
                writer.write_batch(batch)
    found = places.with_columns(pl.lit(_COLLECTED).alias("shard")).drop("row").with_row_index("row")
    return found.sort("at").select("shard", pl.col("row").cast(pl.Int64), "chars")


def _rows(path: AnyPath, wanted: np.ndarray[Any, Any], tag: str) -> Iterator[pa.RecordBatch]:
    """These rows of one file, in order."""
    try:
        with pa.memory_map(str(scratch.nearby(path, tag))) as stream:
            yield from taken(pa.ipc.open_file(stream), wanted)
    except pa.ArrowInvalid as error:
        raise broken(path, error) from error


def taken(
    reader: pa.ipc.RecordBatchFileReader, wanted: np.ndarray[Any, Any]
) -> Iterator[pa.RecordBatch]:
    """The rows of these numbers, which rise; at most a batch for each of the file's."""
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
