"""The index of a build, as phase 2 writes it, and the light columns that it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from etl.dataset.layout import COUNTS, LIGHT, SAMPLES, SIGNATURES, Shelf, Work, stratum
from etl.files import scratch, storage
from etl.files.arrow import columns_of, open_arrow, read_parquet
from schemas.errors import IntegrityError
from schemas.ledger import COUNTS_SCHEMA, INDEX_SCHEMA, LIGHT_SCHEMA, SIGNATURES_SCHEMA
from schemas.sample_table import SAMPLE_SCHEMA

_BESIDE: Final = {COUNTS: COUNTS_SCHEMA, SIGNATURES: SIGNATURES_SCHEMA, SAMPLES: SAMPLE_SCHEMA}
"""Files with more columns of the same rows, by folder; not every build has all of them."""


@dataclass(frozen=True)
class OutputShard:
    """One file of the dataset, and the place of its samples in the index."""

    # number of the generation
    generation: int
    split: str
    # from 0, within generation and split
    number: int
    # the number of output shards of that generation and split
    total: int
    # names of the index files that hold its rows
    parts: tuple[str, ...]
    # the number of its samples
    samples: int
    # hash of the ids and hashes of its samples, in order
    content: str
    # number of the smallest subset that its samples are in; 0: in none
    subset: int = 0

    @property
    def name(self) -> str:
        """The name in paths: ``g0001/train-00000-of-00012``."""
        family = f"g{self.generation:04d}/{stratum(self.split, self.subset)}"
        return f"{family}-{self.number:05d}-of-{self.total:05d}"

    def rows(self, work: Work) -> pl.DataFrame:
        """The index rows of its samples, in the order of the index."""
        mine = (pl.col("home") == self.number) & (pl.col("reason") == "")
        paths = (work.index / part for part in self.parts)
        return pl.concat(
            [pl.scan_parquet(scratch.copy_of(path)).filter(mine).collect() for path in paths]
        )


def scan(work: Work) -> pl.LazyFrame:
    """All rows of the index of a build, with `INDEX_SCHEMA`; see there for ``cluster``."""
    paths = storage.files(work.index, ".parquet")
    if paths and storage.here(work.root):
        return pl.scan_parquet([scratch.copy_of(path) for path in paths])
    if paths:  # read now: the cache may have lost a file by the time a lazy scan reads it
        return pl.concat([read_parquet(path).lazy() for path in paths])
    empty = pl.from_arrow(INDEX_SCHEMA.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return empty.lazy()


def light_rows(places: Shelf, key: str, columns: Sequence[str]) -> pl.DataFrame:
    """Columns of `LIGHT_SCHEMA`: a row for each sample of a bundle, in order.

    Those of the files beside it (`_BESIDE`) are among them if these files were made.
    """
    own = LIGHT_SCHEMA.names
    for folder, schema in _BESIDE.items():
        beside = [name for name in columns if name in schema.names and name not in own]
        if beside:
            light = light_rows(places, key, [name for name in columns if name not in beside])
            path = places.file(folder, key)
            frame = pl.from_arrow(columns_of(path, beside, schema))
            assert isinstance(frame, pl.DataFrame)
            return pl.concat([light, frame], how="horizontal").select(columns)
    reader = open_arrow(places.file(LIGHT, key))
    if missing := [name for name in columns if name not in reader.schema.names]:
        raise IntegrityError(
            f"{places.file(LIGHT, key)}: an earlier version wrote it, without the column "
            f"{', '.join(missing)}; remove the folder {places.common.root} and build again"
        )
    batches = [reader.get_batch(i).select(list(columns)) for i in range(reader.num_record_batches)]
    schema = pa.schema([LIGHT_SCHEMA.field(name) for name in columns])
    frame = pl.from_arrow(pa.Table.from_batches(batches, schema))
    assert isinstance(frame, pl.DataFrame)
    return frame


def light_count(places: Shelf, key: str) -> int:
    """The number of samples of a bundle."""
    reader = open_arrow(places.file(LIGHT, key))
    return sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
