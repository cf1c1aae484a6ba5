"""Accounting, recomputed from the files: everything read is in the dataset or was dropped with a
reason, once.

Four units: record, workflow, step, sample. For each, the ids in the dataset and the ids dropped are
disjoint and together are exactly the ids read. A step is in the dataset if its sample is, a
workflow if one of its samples is, a record if the workflow it belongs to is; a record of a dropped
workflow went with it.

A thing is named by its input shard, its unit and its id, so what is found in some input shards at a
time (`etl.dataset.ledger`) adds up exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import pyarrow as pa

from etl.dataset import state
from etl.dataset.layout import INDEX, QUARANTINE, Layout, shelf
from etl.dataset.ledger import GROUP_ROWS, Fates, fates
from etl.dataset.manifest import Drop, UnitCounts, Wrong
from etl.files import storage
from etl.files.arrow import open_arrow, read_parquet
from etl.files.spill import Sums
from etl.files.storage import AnyPath
from schemas.ledger import FITTED_SCHEMA, QUARANTINE_SCHEMA

UNITS: Final = ("record", "workflow", "step", "sample")
_SAYS: Final = ("unit", "stage", "domain", "reason")
_THING: Final = ("unit", "shard", "id")
_READ, _KEPT, _DROPPED = pl.col("read"), pl.col("kept"), pl.col("dropped")
_NONE: Final = pl.lit(0, pl.Int64)
_WRONG: Final = {
    "read twice": _READ > 1,
    "dropped twice": _DROPPED > 1,
    "in the dataset twice": _KEPT > 1,
    "both in the dataset and dropped": (_KEPT > 0) & (_DROPPED > 0),
    "in the dataset but never read": (_KEPT > 0) & (_READ == 0),
    "dropped but never read": (_DROPPED > 0) & (_READ == 0),
    "read but neither in the dataset nor dropped": (_READ > 0) & (_KEPT == 0) & (_DROPPED == 0),
    "made of no record": (pl.col("unit") == "workflow")
    & (_READ > 0)
    & pl.col("of_record").is_null(),
}
"""What does not add up about a thing."""


@dataclass(frozen=True)
class Account:
    """units: see `account`. counts: (unit, stage, domain, reason, count) of all lines of ledger; an
    empty reason means that things were read. visits: (domain, workflows), how many workflows have
    steps there. unread: records in quarantine that no workflow was made of. unknown: steps by what
    was said of an action that is on no list. without_element: steps that are dropped for having
    none, by kind of action.
    """

    units: dict[str, UnitCounts]
    counts: pl.DataFrame
    visits: pl.DataFrame
    unread: int
    unknown: Counter[str]
    without_element: Counter[str]


def settle(out: AnyPath, group_rows: int = GROUP_ROWS) -> Account:
    """The accounting of a build. Memory is that of `etl.dataset.ledger` with such groups, and what
    is returned.
    """
    totals = {unit: _Total() for unit in UNITS}
    counts = Sums(_SAYS, {**dict.fromkeys(_SAYS, pl.String), "count": pl.Int64})
    visits = Sums(("domain",), {"domain": pl.String, "workflows": pl.Int64})
    unread = 0
    unknown: Counter[str] = Counter()
    without_element: Counter[str] = Counter()
    for found in fates(out, group_rows):
        counts.add(found.rows.group_by(_SAYS).agg(count=pl.len().cast(pl.Int64)))
        visits.add(_visits(found.rows))
        if found.quarantined.len():
            records = found.rows.filter((pl.col("unit") == "record") & (pl.col("reason") != ""))
            unread += records.join(found.quarantined.to_frame(), on="id", how="semi").height
        steps = found.rows.filter(
            (pl.col("unit") == "step") & pl.col("reason").is_in(["unknown_action", "no_element"])
        )
        for reason, detail, count in steps.group_by("reason", "detail").agg(pl.len()).iter_rows():
            (unknown if reason == "unknown_action" else without_element)[detail] += count
        _add(totals, _things(found))
    table = counts.table()
    for unit, stage, reason, count in table.select("unit", "stage", "reason", "count").iter_rows():
        totals[unit].reasons[stage, reason] += count if reason else 0
    units = {unit: total.counts() for unit, total in totals.items()}
    return Account(units, table, visits.table(), unread, unknown, without_element)


def _visits(rows: pl.DataFrame) -> pl.DataFrame:
    """Workflows with steps in each domain. A workflow lies in one input shard, so parts add up."""
    steps = rows.lazy().filter(
        (pl.col("unit") == "step") & (pl.col("reason") == "") & (pl.col("domain") != "")
    )
    workflows = steps.select("domain", "shard", "parent").unique()
    return workflows.group_by("domain").agg(workflows=pl.len().cast(pl.Int64)).collect()


def account(out: AnyPath) -> dict[str, UnitCounts]:
    """For each unit: how many were read, are in the dataset, were dropped (by reason), and what
    does not add up.

    ``errors`` is empty when everything does: ids read twice, dropped twice, both kept and dropped,
    neither, or not read; and workflows that were made of no record.
    """
    return settle(out).units


def _things(found: Fates) -> pl.DataFrame:
    """Everything that is named in some input shards, once: `_THING`, how often it was ``read``, is
    in the dataset (``kept``) and was ``dropped``; ``went`` counts those records among the dropped
    that only went with their workflow. ``of_record``: a record was read that names this workflow;
    null if not.
    """
    rows, present = found.rows.lazy(), found.present.lazy()
    read = pl.col("reason") == ""
    samples = present.select("shard", id="sample_id")
    workflows = present.select("shard", "workflow").unique()
    there = [
        samples.with_columns(unit=pl.lit("sample")),
        samples.unique().with_columns(unit=pl.lit("step")),
        workflows.rename({"workflow": "id"}).with_columns(unit=pl.lit("workflow")),
    ]
    lines = [
        rows.select(
            *_THING, "parent", read=read.cast(pl.Int64), dropped=(~read).cast(pl.Int64), kept=_NONE
        ),
        *(
            of.select(*_THING, parent=pl.lit(""), read=_NONE, dropped=_NONE, kept=_NONE + 1)
            for of in there
        ),
    ]
    named = rows.filter((pl.col("unit") == "record") & read).select("shard", id="parent").unique()
    things = (
        pl.concat(lines)
        .group_by(_THING)
        .agg(pl.first("parent"), _READ.sum(), _KEPT.sum(), _DROPPED.sum())
    )
    things = things.join(named.with_columns(of_record=True), on=["shard", "id"], how="left")
    kept_workflows = workflows.rename({"workflow": "parent"}).with_columns(with_workflow=True)
    things = things.join(kept_workflows, on=["shard", "parent"], how="left")
    # a record that was not dropped itself goes the way of its workflow
    follows = pl.when((pl.col("unit") == "record") & (_DROPPED == 0)).then(_READ).otherwise(0)
    things = things.with_columns(
        stays=pl.when(pl.col("with_workflow")).then(follows).otherwise(0), follows=follows
    )
    went = pl.col("follows") - pl.col("stays")
    return things.select(
        *_THING, _READ, _KEPT + pl.col("stays"), _DROPPED + went, "of_record", went=went
    ).collect()


def _add(totals: Mapping[str, _Total], things: pl.DataFrame) -> None:
    """Add `_things` of some input shards to the totals."""
    sums = things.group_by("unit").agg(
        _READ.sum(),
        _KEPT.sum(),
        _DROPPED.sum(),
        pl.col("went").sum(),
        *(e.sum().alias(w) for w, e in _WRONG.items()),
    )
    for row in sums.iter_rows(named=True):
        total = totals[row["unit"]]
        total.read += row["read"]
        total.kept += row["kept"]
        total.dropped += row["dropped"]
        total.reasons["read", "workflow_dropped"] += row["went"]
        for what in _WRONG:
            if row[what]:
                wrong = things.filter((pl.col("unit") == row["unit"]) & _WRONG[what])
                total.errors[what].append(
                    (row[what], *wrong.select("shard", "id").sort("shard", "id").row(0))
                )


@dataclass
class _Total:
    """What `account` says of one unit, as it is found. errors: (how many, input shard and id of the
    first).
    """

    read: int = 0
    kept: int = 0
    dropped: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: defaultdict[str, list[tuple[int, str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def counts(self) -> UnitCounts:
        """The whole; reasons come by how often they were given."""
        ordered = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        reasons = tuple(Drop(stage, reason, count) for (stage, reason), count in ordered if count)
        errors = {
            what: Wrong(sum(count for count, *_ in found), min(place for _, *place in found)[1])
            for what, found in self.errors.items()
        }
        return UnitCounts(self.read, self.kept, self.dropped, reasons, errors)


def ledger(out: AnyPath) -> pl.DataFrame:
    """All ledgers of a build, those of phase 3 included, with the schema `LEDGER_SCHEMA`; it is not
    bounded.
    """
    return pl.concat([found.rows for found in fates(out)])


def in_dataset(out: AnyPath) -> pl.DataFrame:
    """(sample_id, workflow, shard) of the samples that are in the data files, read from the files
    themselves.
    """
    return pl.concat([found.present for found in fates(out)])


def fitted(out: AnyPath, of: pl.Series | None = None) -> pl.DataFrame:
    """What phase 3 made of each sample: `schemas.ledger.FITTED_SCHEMA` and the packed shard's name.
    of: ids of those that are asked for; all if None.
    """
    folder = Layout(out).work.fitted
    frames: list[pl.DataFrame] = []
    for path in storage.files(folder, ".parquet"):
        rows = read_parquet(path)
        rows = rows if of is None else rows.filter(pl.col("sample_id").is_in(of.implode()))
        frames.append(
            rows.with_columns(
                pl.lit(storage.relative(path, folder).removesuffix(".parquet")).alias("packed")
            )
        )
    if frames:
        return pl.concat(frames)
    empty = pl.from_arrow(FITTED_SCHEMA.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return empty.with_columns(pl.lit("", pl.String).alias("packed"))


def quarantined(out: AnyPath) -> pl.DataFrame:
    """All quarantined records, bytes included: `schemas.ledger.QUARANTINE_SCHEMA`."""
    tables = [open_arrow(path).read_all() for path in _of_inputs(out, QUARANTINE)]
    frame = pl.from_arrow(pa.concat_tables(tables) if tables else QUARANTINE_SCHEMA.empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def in_quarantine(out: AnyPath) -> int:
    """How many records are quarantined."""
    readers = (open_arrow(path) for path in _of_inputs(out, QUARANTINE))
    return sum(
        reader.get_batch(i).num_rows for reader in readers for i in range(reader.num_record_batches)
    )


def _of_inputs(out: AnyPath, folder: str) -> Iterator[AnyPath]:
    """The Arrow files of a work folder that belong to the build's inputs, in their order, and that
    of the index.
    """
    work = Layout(out).work
    yield from shelf(work).existing(folder, state.keys(work))
    index = work.of_input(folder, INDEX)
    if storage.exists(index):
        yield index
