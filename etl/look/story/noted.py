"""What phase 1 noted of single things, from the files beside the samples of one bundle."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import pyarrow as pa

from etl.dataset.layout import LINT, QUARANTINE, REPLACED, Work, shelf
from etl.files import storage
from etl.files.arrow import open_arrow
from etl.files.storage import AnyPath
from schemas.findings import FINDING_SCHEMA, REPLACEMENT_SCHEMA
from schemas.ledger import QUARANTINE_SCHEMA

_FINDING: Final = ("code", "severity", "evidence", "mend", "outcome")


class Noted:
    """What was noted of the things of one input shard."""

    def __init__(self, work: Work, bundle: str, shard: str) -> None:
        """bundle, shard: keys of the bundle, and of the input shard in it."""
        mine = pl.col("shard") == shard
        self._found = _of_bundle(work, LINT, bundle, FINDING_SCHEMA).filter(mine)
        self._replaced = _of_bundle(work, REPLACED, bundle, REPLACEMENT_SCHEMA).filter(mine)
        paths = shelf(work).existing(QUARANTINE, [bundle])
        if storage.exists(work.index_quarantine):
            paths.append(work.index_quarantine)
        self._bad = pl.concat([_table(QUARANTINE_SCHEMA.empty_table()), *map(_read, paths)])

    def findings(self, id: str) -> list[dict[str, Any]]:
        """Where a step contradicts itself."""
        return self._found.filter(pl.col("id") == id).select(_FINDING).to_dicts()

    def replaced(self, id: str) -> dict[str, int]:
        """How many private values were replaced in a step or in texts of a workflow, by kind."""
        return _by_kind(self._replaced.filter(pl.col("id") == id))

    def replaced_in(self, workflow: str) -> dict[str, int]:
        """The same for a workflow with all its steps."""
        return _by_kind(self._replaced.filter(pl.col("workflow") == workflow))

    def quarantine(self, id: str, stage: str, reason: str) -> dict[str, Any] | None:
        """Whether the bytes of a thing are kept, and how many; None if it is in no quarantine."""
        same = (pl.col("id") == id) & (pl.col("stage") == stage) & (pl.col("reason") == reason)
        sizes = self._bad.filter(same)["raw"].bin.size()
        return {"bytes": int(sizes[0])} if sizes.len() else None


def _by_kind(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("kind").agg(pl.col("times").sum()).sort("kind").iter_rows())


def _of_bundle(work: Work, folder: str, bundle: str, schema: pa.Schema) -> pl.DataFrame:
    """The file of a bundle in a folder; no rows where nothing was noted."""
    read = map(_read, shelf(work).existing(folder, [bundle]))
    return pl.concat([_table(schema.empty_table()), *read])


def _read(path: AnyPath) -> pl.DataFrame:
    return _table(open_arrow(path).read_all())


def _table(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
