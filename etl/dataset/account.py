"""Accounting, recomputed from the files: everything read is in the dataset or dropped, once.

There are four units: record, workflow, step, sample. In each, the ids in the dataset and the ids
dropped are disjoint, and together are exactly the ids read. A step is in the dataset if its sample
is, a workflow if one of its samples is, a record if its workflow is. A record of a dropped workflow
is dropped with it.

A thing is identified by its input shard, its unit and its id, so the figures of some input shards
at a time (`etl.dataset.ledger`) add up exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import pyarrow as pa

from etl.dataset import state
from etl.dataset.flow import waterfall
from etl.dataset.layout import INDEX, QUARANTINE, Layout, shelf
from etl.dataset.ledger import GROUP_ROWS, Fates, fates, noting
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
"""Conditions under which a thing does not add up, by the words for it in the manifest."""


@dataclass(frozen=True)
class Account:
    """The accounting of a build."""

    # see `account`
    units: dict[str, UnitCounts]
    # (unit, stage, domain, reason, count) of all ledger lines; those of things read have no reason
    counts: pl.DataFrame
    # (domain, workflows): the number of workflows with steps in the domain
    visits: pl.DataFrame
    # the number of quarantined records of which no workflow was made
    unread: int
    # the number of steps with an unknown action, by the recorded words
    unknown: Counter[str]
    # the number of steps dropped because the action has no element, by kind of action
    without_element: Counter[str]
    # steps and samples with their characters, by domain and fate (`waterfall.fates_of`)
    flow: pl.DataFrame


def settle(
    out: AnyPath, group_rows: int = GROUP_ROWS, *, fit_ledger: AnyPath | None = None
) -> Account:
    """The accounting of a build.

    fit_ledger: where to write the ledger of phase 3.

    Memory: that of `etl.dataset.ledger` with groups of this many rows, and the result.
    """
    totals = {unit: _Total() for unit in UNITS}
    counts = Sums(_SAYS, {**dict.fromkeys(_SAYS, pl.String), "count": pl.Int64})
    visits = Sums(("domain",), {"domain": pl.String, "workflows": pl.Int64})
    flow = waterfall.sums()
    unread = 0
    unknown: Counter[str] = Counter()
    without_element: Counter[str] = Counter()
    groups = fates(out, group_rows)
    for group in noting(groups, fit_ledger) if fit_ledger else groups:
        counts.add(group.rows.group_by(_SAYS).agg(count=pl.len().cast(pl.Int64)))
        visits.add(_visits(group.rows))
        flow.add(waterfall.fates_of(group.rows))
        if group.quarantined.len():
            records = group.rows.filter((pl.col("unit") == "record") & (pl.col("reason") != ""))
            unread += records.join(group.quarantined.to_frame(), on="id", how="semi").height
        steps = group.rows.filter(
            (pl.col("unit") == "step") & pl.col("reason").is_in(["unknown_action", "no_element"])
        )
        for reason, detail, count in steps.group_by("reason", "detail").agg(pl.len()).iter_rows():
            (unknown if reason == "unknown_action" else without_element)[detail] += count
        _add(totals, _things(group))
    table = counts.table()
    for unit, stage, reason, count in table.select("unit", "stage", "reason", "count").iter_rows():
        totals[unit].reasons[stage, reason] += count if reason else 0
    units = {unit: total.counts() for unit, total in totals.items()}
    return Account(units, table, visits.table(), unread, unknown, without_element, flow.table())


def _visits(rows: pl.DataFrame) -> pl.DataFrame:
    """The number of workflows with steps in each domain.

    A workflow lies in one input shard, so the numbers of several shards add up.
    """
    steps = rows.lazy().filter(
        (pl.col("unit") == "step") & (pl.col("reason") == "") & (pl.col("domain") != "")
    )
    workflows = steps.select("domain", "shard", "parent").unique()
    return workflows.group_by("domain").agg(workflows=pl.len().cast(pl.Int64)).collect()


def account(out: AnyPath) -> dict[str, UnitCounts]:
    """For each unit, the numbers read, in the dataset and dropped (by reason), and what is wrong.

    ``errors`` is empty if everything adds up. It counts ids that were read twice, dropped twice,
    both kept and dropped, neither, or never read, and workflows that were made of no record.
    """
    return settle(out).units


def _things(group: Fates) -> pl.DataFrame:
    """Everything in some input shards, once, with the columns `_THING` and five more.

    ``read``, ``kept``, ``dropped``: how often it was read, is in the dataset, was dropped.
    ``went``: how often a record was dropped only with its workflow. ``of_record``: whether a
    record was read that names this workflow; null if not.
    """
    rows, present = group.rows.lazy(), group.present.lazy()
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
    """The accounting of one unit so far."""

    read: int = 0
    # in the dataset
    kept: int = 0
    dropped: int = 0
    # the number dropped, by stage and reason
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    # (number, input shard and id of the first) for each group of input shards, by what is wrong
    errors: defaultdict[str, list[tuple[int, str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def counts(self) -> UnitCounts:
        """The accounting; the most frequent reasons come first."""
        ordered = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        reasons = tuple(Drop(stage, reason, count) for (stage, reason), count in ordered if count)
        errors = {
            what: Wrong(sum(count for count, *_ in places), min(place for _, *place in places)[1])
            for what, places in self.errors.items()
        }
        return UnitCounts(self.read, self.kept, self.dropped, reasons, errors)


def ledger(out: AnyPath) -> pl.DataFrame:
    """All ledgers of a build, with `LEDGER_SCHEMA`, including phase 3.

    All of it is held in memory.
    """
    return pl.concat([group.rows for group in fates(out)])


def in_dataset(out: AnyPath) -> pl.DataFrame:
    """(sample_id, workflow, shard) of the samples in the dataset, read from the data files."""
    return pl.concat([group.present for group in fates(out)])


def fitted(out: AnyPath, of: pl.Series | None = None) -> pl.DataFrame:
    """The result of phase 3 for each sample: `schemas.ledger.FITTED_SCHEMA`, and ``packed``.

    packed: the name of the output shard. of: ids of the samples; None: all.
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
    """The number of quarantined records."""
    readers = (open_arrow(path) for path in _of_inputs(out, QUARANTINE))
    return sum(
        reader.get_batch(i).num_rows for reader in readers for i in range(reader.num_record_batches)
    )


def _of_inputs(out: AnyPath, folder: str) -> Iterator[AnyPath]:
    """The Arrow files of the build's inputs in a work folder, in order, then that of the index."""
    work = Layout(out).work
    yield from shelf(work).existing(folder, state.keys(work))
    index = work.of_input(folder, INDEX)
    if storage.exists(index):
        yield index
