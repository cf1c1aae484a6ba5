"""Make the signatures of samples, so that the index can compare their pages.

They are made of the samples files, after phase 1: a build that had no section ``near`` reads no
recording again for one. The index's settings decide what is done with them
(`etl.decisions.near.decision`, `etl.decisions.contamination`), nothing decides what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.build.pools.failures import Refused, Watch, known_as
from etl.dataset.index import light_rows
from etl.dataset.layout import IN_WORK, SAMPLES, SIGNATURES, Shelf
from etl.decisions.near.signature import (
    BINS,
    VERSION,
    Signature,
    of_nothing,
    of_sample,
    skeleton,
    skeleton_of,
)
from etl.files import storage
from etl.files.arrow import open_arrow, read_json, write_table
from schemas.ledger import SIGNATURES_SCHEMA

_MADE_OF: Final = b"made_of"
"""Key of the schema's metadata: what the signatures were made of."""
_TEXTS: Final = (
    "sample_id",
    "objective",
    "action_kind",
    "action_value",
    "domain",
    "observation_kind",
)
_BYTES: Final = ("observation", "target_html")


@dataclass(frozen=True)
class SignaturesWorker:
    """Makes the signatures of the samples that were read together, by their key."""

    # where samples lie, and signatures beside them
    shelf: Shelf

    def __call__(self, item: str, refused: tuple[Refused, ...], watch: Watch) -> str:
        """Make them, unless they are there as they should be; returns the key."""
        if self.finished(item):
            return item
        names = {each.name for each in refused}
        found: list[Signature] = []
        first = self._first(item)
        skeletons = {row: skeleton(b"") for row in first}
        for row, sample in enumerate(_samples(self.shelf, item)):
            name = known_as(sample["sample_id"])
            if name in names:
                found.append(of_nothing(sample["sample_id"]))
            else:
                watch(name)
                found.append(of_sample(sample))
                if first[row] == row:
                    skeletons[row] = skeleton_of(sample)
        values = {name: [getattr(each, name) for each in found] for name in Signature._fields}
        values["skeleton"] = [skeletons[row][0] for row in first]
        values["shapes"] = [skeletons[row][1] for row in first]
        columns = []
        for name in SIGNATURES_SCHEMA.names:
            if name in ("page", "skeleton"):
                pages = np.array(values[name], np.uint8).reshape(-1)
                columns.append(pa.FixedSizeListArray.from_arrays(pages, BINS))
            else:
                columns.append(pa.array(np.array(values[name], np.uint64)))
        schema = SIGNATURES_SCHEMA.with_metadata({_MADE_OF: self._made_of(item)})
        write_table(self.shelf.file(SIGNATURES, item), pa.table(columns, schema=schema))
        return item

    def finished(self, key: str) -> bool:
        """Whether the signatures are there, for these samples."""
        path = self.shelf.file(SIGNATURES, key)
        if not storage.exists(path):
            return False
        metadata = open_arrow(path).schema.metadata or {}
        return bool(metadata.get(_MADE_OF) == self._made_of(key))

    def _first(self, key: str) -> list[int]:
        """For each sample the row of the first one of its workflow."""
        rows = light_rows(self.shelf, key, ["shard", "workflow", "step"]).with_row_index("row")
        first = pl.col("row").sort_by("step").first().over("shard", "workflow")
        return rows.select(first).to_series().to_list()

    def _made_of(self, key: str) -> bytes:
        report = read_json(self.shelf.work(key).read_report(key))
        samples = report["files"].get(IN_WORK.of_input(SAMPLES, key).as_posix(), "")
        return f"{VERSION} {samples}".encode()


def _samples(shelf: Shelf, key: str) -> Iterator[dict[str, Any]]:
    """The columns of samples that signatures are made of, long ones as UTF-8."""
    reader = open_arrow(shelf.file(SAMPLES, key))
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        columns = [batch.column(name) for name in _TEXTS]
        columns += [
            batch.column("observation").cast(pa.large_binary()),
            batch.column("target_html").cast(pa.binary()),
        ]
        for values in zip(*columns, strict=True):
            yield dict(zip((*_TEXTS, *_BYTES), (each.as_py() for each in values), strict=True))
