"""The drops of a build as a lazy table, from the ledgers of its phases.

`etl.dataset.account` recomputes phase 3's from the data and writes the ledger; this is for queries
that want a few rows of many.
"""

from __future__ import annotations

import polars as pl

from etl.dataset import state
from etl.dataset.layout import LEDGER, Work, shelf
from etl.files import scratch, storage
from schemas.errors import IntegrityError


def inputs(work: Work) -> dict[str, str]:
    """The key of each input shard of a build, and the name of the file it was read from."""
    return {member["key"]: member["name"] for member in state.members(work)}


def drops(work: Work) -> pl.LazyFrame:
    """Everything that was dropped: `schemas.ledger.LEDGER_SCHEMA`, and ``input``, its file.

    Raises:
        IntegrityError: a phase has left no ledger.
    """
    names = inputs(work)
    schema = {"shard": pl.String, "input": pl.String}
    named = pl.LazyFrame({"shard": list(names), "input": list(names.values())}, schema=schema)
    of_phases = [work.index_ledger, work.fit_ledger]
    for path in of_phases:
        if not storage.exists(path):
            raise IntegrityError(
                f"{path}: there is no such file. If an older version has made the build, run the "
                "build command again, which writes it; else the build is not complete"
            )
    paths = [*shelf(work).existing(LEDGER, state.keys(work)), *of_phases]
    ledgers = pl.scan_ipc([*storage.together(scratch.copy_of, paths)])
    dropped = ledgers.filter(pl.col("reason") != "")
    return dropped.join(named, on="shard", how="left", maintain_order="left")
