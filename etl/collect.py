"""The rows of remote samples files that one output shard is made of, brought to this machine.

They stand in the order of a hash, so one after the other they lie in as many files as there are. Each file is
therefore gone through once for an output shard: fetched whole, unless the cache has it (`etl.scratch`), and its rows
copied. Where the cache holds all samples they are fetched once for all output shards; where not, once for each at most.
To read single batches instead costs a request for every batch before the one wanted, as long a wait as for the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from upath import UPath

from etl import scratch, storage
from etl.shards import broken
from etl.shelf import Shelf
from etl.storage import AnyPath
from schemas.samples import SAMPLE_SCHEMA

NAME: Final = "collected"


def collect(rows: pl.DataFrame, shelf: Shelf, into: Path) -> pl.DataFrame:
    """Write the samples at (shard, row) to one Arrow file ``collected``; returns where each now is, in the same order.

    Raises `IntegrityError` for a samples file that is none, FileNotFoundError for one that is not there.
    """
    into.mkdir(parents=True, exist_ok=True)
    known = {work: _known(work / "samples") for work in {shelf.common, *((shelf.own,) if shelf.anew else ())}}
    places = rows.select("shard", "row", "chars").with_row_index("at").sort("shard", "row")
    with pa.OSFile(str(into / f"{NAME}.arrow"), "wb") as stream, pa.ipc.new_file(stream, SAMPLE_SCHEMA) as writer:
        for (shard,), group in places.group_by("shard", maintain_order=True):
            path = shelf.file("samples", str(shard))
            assert isinstance(path, UPath)
            details = known[shelf.work(str(shard))].get(path.name, {})
            for batch in _rows(path, group["row"].to_numpy(), scratch.content_tag(details)):
                writer.write_batch(batch)
    here = places.with_columns(pl.lit(NAME).alias("shard")).drop("row").with_row_index("row")
    return here.sort("at").select("shard", pl.col("row").cast(pl.Int64), "chars")


def _known(folder: AnyPath) -> Mapping[str, Mapping[str, Any]]:
    return {} if isinstance(folder, Path) else storage.details(folder)


def _rows(path: UPath, wanted: np.ndarray[Any, Any], tag: str) -> Iterator[pa.RecordBatch]:
    """These rows of one file, in order."""
    try:
        with pa.memory_map(str(scratch.nearby(path, tag))) as stream:
            yield from taken(pa.ipc.open_file(stream), wanted)
    except pa.ArrowInvalid as error:
        raise broken(path, error) from error


def taken(reader: pa.ipc.RecordBatchFileReader, wanted: np.ndarray[Any, Any]) -> Iterator[pa.RecordBatch]:
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
