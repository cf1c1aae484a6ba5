"""What pools run: one task of phase 1 or 3, unless it is there as it should be."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import polars as pl

from etl.build.pack import PackPlan
from etl.build.plan import Plan
from etl.build.pools.failures import Refused, Watch
from etl.dataset.index import OutputShard
from etl.dataset.layout import IN_WORK, LEDGER, QUARANTINE, Layout, Shelf, Work, files_of
from etl.dataset.reports import PackedReport, ShardReport
from etl.decisions import takedown
from etl.decisions.takedown import Takedown
from etl.files import storage
from etl.files.arrow import open_arrow, read_json
from etl.files.storage import AnyPath
from etl.inputs.records import InputShard
from schemas.ledger import LEDGER_SCHEMA, QUARANTINE_SCHEMA
from schemas.reasons import TAKEN_DOWN

R = TypeVar("R")

_NOTHING: Final = "not built yet"


@contextmanager
def _garbage_seldom_collected() -> Iterator[None]:
    """Python looks for cycles in what lives on every 700 objects that are made, and what is
    remembered of pages are hundreds of thousands: a sixteenth of a build's time for cycles that are
    hardly ever there.
    """
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@dataclass(frozen=True)
class SamplesWorker:
    """Phase 1 of one input shard. again: keys of those that are built though they are there."""

    plan: Plan
    shelf: Shelf
    takedown: Takedown
    again: frozenset[str] = frozenset()

    def __call__(self, item: InputShard, refused: tuple[Refused, ...], watch: Watch) -> ShardReport:
        """Build it, unless it is there as it should be."""
        key, places = item.key, self.shelf
        found = self.finished(item)
        if isinstance(found, ShardReport):
            if key in places.anew and not self._fits(item, places.own):
                storage.remove(places.own.read_report(key))  # what is common does, as it was before
            return found
        taken = storage.exists(places.common.read_report(key))
        work = places.own if taken else places.common
        storage.remove(work.read_report(key))
        with _garbage_seldom_collected():
            return self.plan.build(item, work, self.takedown, refused, watch)

    def finished(self, item: InputShard) -> ShardReport | str:
        """The report of an input shard that is there as it should be; else why it must be built."""
        if item.key in self.again:
            return "to be read again"
        if item.key in self.shelf.anew and isinstance(
            found := self._found(item, self.shelf.own), ShardReport
        ):
            return found
        return self._found(item, self.shelf.common)

    def _fits(self, item: InputShard, work: Work) -> bool:
        return isinstance(self._found(item, work), ShardReport)

    def _found(self, item: InputShard, work: Work) -> ShardReport | str:
        path = work.read_report(item.key)
        if not storage.exists(path):
            return _NOTHING
        values = read_json(path)
        if set(values) != {each.name for each in fields(ShardReport)}:
            return "built by another version"
        report = _report(ShardReport, values)
        if report.settings != self.plan.fingerprints[item.format]:
            return "other settings"
        missing = storage.missing(work.root, report.files)
        if missing:
            return f"{missing[0]} is missing"
        if report.takedown != self.takedown.state and self._touched(report, work):
            return "takedown"
        return report

    def _touched(self, report: ShardReport, work: Work) -> bool:
        """Whether another takedown list than the one it was
        built under makes a difference to it.
        """
        tables: dict[str, pl.DataFrame] = {}
        for folder, schema in ((LEDGER, LEDGER_SCHEMA), (QUARANTINE, QUARANTINE_SCHEMA)):
            path = work.of_input(folder, report.key)
            table = (
                open_arrow(path).read_all()
                if IN_WORK.of_input(folder, report.key).as_posix() in report.files
                else None
            )
            frame = pl.from_arrow(schema.empty_table() if table is None else table)
            assert isinstance(frame, pl.DataFrame)
            tables[folder] = frame
        whole = (
            tables[QUARANTINE].filter(pl.col("reason") != TAKEN_DOWN).select("id", "detail", "raw")
        )
        seen = report.contents, report.domains
        return takedown.differs(self.takedown, report.by, seen, tables[LEDGER], whole.iter_rows())


@dataclass(frozen=True)
class PackedWorker:
    """Phase 3 of one output shard. out: where it is made. good: the last complete build, which may
    have it already. damaged: files of that which are not as they were left.
    """

    plan: PackPlan
    out: AnyPath
    good: AnyPath
    damaged: frozenset[str] = frozenset()

    def __call__(
        self, item: OutputShard, refused: tuple[Refused, ...], watch: Watch
    ) -> PackedReport:
        """Build it, unless it is there as it should be."""
        found = self._found(item, self.out)
        if isinstance(found, PackedReport):
            return found
        storage.remove(Layout(self.out).work.packed_report(item.name))
        if self.good != self.out and isinstance(
            before := self._found(item, self.good), PackedReport
        ):
            return before  # borrowed
        with _garbage_seldom_collected():
            return self.plan.build(item, self.out, refused, watch)

    def finished(self, item: OutputShard) -> PackedReport | str:
        """The report of an output shard that is there as it should be;
        else why it must be built.
        """
        found = self._found(item, self.out)
        if isinstance(found, PackedReport) or self.good == self.out:
            return found
        before = self._found(item, self.good)
        return found if before == _NOTHING else before

    def _found(self, item: OutputShard, out: AnyPath) -> PackedReport | str:
        path = Layout(out).work.packed_report(item.name)
        if not storage.exists(path):
            return _NOTHING
        report = _report(PackedReport, read_json(path))
        if report.settings != self.plan.fingerprint:
            return "other settings"
        if report.content != item.content:
            return "other samples"
        names = files_of(item.name)
        if set(report.files) != {names.data, names.listing, names.fitted}:
            return "built by another version"
        if out == self.good and (changed := self.damaged.intersection(report.files)):
            return f"{min(changed)} was changed"
        missing = storage.missing(out, report.files)
        return f"{missing[0]} is missing" if missing else report


def _report(kind: type[R], values: dict[str, Any]) -> R:
    made = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    for name in ("drops", "odd"):
        if name in made:
            made[name] = tuple(map(tuple, made[name]))
    return kind(**made)
