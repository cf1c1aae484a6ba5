"""The workers that pools run: they do one task of phase 1 or 3, unless its result is there."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import polars as pl

from etl.build import pack
from etl.build.pack import Target
from etl.build.plan import Plan
from etl.build.pools.failures import Refused, Watch
from etl.dataset.index import OutputShard
from etl.dataset.layout import IN_WORK, LEDGER, QUARANTINE, Layout, Shelf, Work, files_of
from etl.dataset.reports import BundleReport, PackedReport
from etl.decisions import takedown
from etl.decisions.takedown import Takedown
from etl.files import storage
from etl.files.arrow import open_arrow, read_json
from etl.files.storage import AnyPath
from etl.inputs.bundles import Bundle
from schemas.ledger import LEDGER_SCHEMA, QUARANTINE_SCHEMA
from schemas.reasons import TAKEN_DOWN

R = TypeVar("R")

NOT_BUILT: Final = "not built yet"


@dataclass(frozen=True)
class SamplesWorker:
    """Does phase 1 of a bundle of input shards."""

    plan: Plan
    # where the files of bundles lie
    shelf: Shelf
    takedown: Takedown
    # keys of bundles that are built even if they are there
    again: frozenset[str] = frozenset()

    def __call__(self, item: Bundle, refused: tuple[Refused, ...], watch: Watch) -> BundleReport:
        """Build a bundle, unless it is there as it should be; returns its report."""
        key, places = item.key, self.shelf
        report = self.finished(item)
        if isinstance(report, BundleReport):
            if key in places.anew and not self._fits(item, places.own):
                # the shared files fit again, so the candidate needs none of its own
                storage.remove(places.own.read_report(key))
            return report
        taken = storage.exists(places.common.read_report(key))
        work = places.own if taken else places.common
        storage.remove(work.read_report(key))
        return self.plan.build(item, work, self.takedown, refused, watch)

    def finished(self, item: Bundle) -> BundleReport | str:
        """The report of a bundle that is there as it should be; else why it must be built."""
        if item.key in self.again:
            return "to be read again"
        if item.key in self.shelf.anew:
            report = self._report_in(item, self.shelf.own)
            if isinstance(report, BundleReport):
                return report
        return self._report_in(item, self.shelf.common)

    def _fits(self, item: Bundle, work: Work) -> bool:
        return isinstance(self._report_in(item, work), BundleReport)

    def _report_in(self, item: Bundle, work: Work) -> BundleReport | str:
        """`finished`, for one work folder."""
        path = work.read_report(item.key)
        if not storage.exists(path):
            return NOT_BUILT
        values = read_json(path)
        values.setdefault("replaced", ())
        if set(values) != {each.name for each in fields(BundleReport)}:
            return "built by another version"
        report = _report(BundleReport, values)
        if report.settings != self.plan.fingerprint(item):
            return "other settings"
        missing = storage.missing(work.root, report.files)
        if missing:
            return f"{missing[0]} is missing"
        if report.takedown != self.takedown.state and self._touched(report, work):
            return "takedown"
        return report

    def _touched(self, report: BundleReport, work: Work) -> bool:
        """Whether the takedown list changes a bundle that was built under another list."""
        tables: dict[str, pl.DataFrame] = {}
        for folder, schema in ((LEDGER, LEDGER_SCHEMA), (QUARANTINE, QUARANTINE_SCHEMA)):
            table = schema.empty_table()
            if IN_WORK.of_input(folder, report.key).as_posix() in report.files:
                table = open_arrow(work.of_input(folder, report.key)).read_all()
            frame = pl.from_arrow(table)
            assert isinstance(frame, pl.DataFrame)
            tables[folder] = frame
        whole = (
            tables[QUARANTINE].filter(pl.col("reason") != TAKEN_DOWN).select("id", "detail", "raw")
        )
        seen = report.contents, report.domains
        return takedown.differs(self.takedown, report.by, seen, tables[LEDGER], whole.iter_rows())


@dataclass(frozen=True)
class PackedWorker:
    """Does phase 3 of an output shard, for all vocabularies together."""

    # for each vocabulary
    packing: tuple[Packing, ...]

    def __call__(
        self, item: OutputShard, refused: tuple[Refused, ...], watch: Watch
    ) -> list[PackedReport]:
        """Build a shard, unless it is there as it should be; returns its report of each."""
        reports = [each.there(item) for each in self.packing]
        targets = [
            each.target for each, report in zip(self.packing, reports, strict=True) if not report
        ]
        made = iter(pack.build(item, targets, refused, watch) if targets else ())
        return [report or next(made) for report in reports]


@dataclass(frozen=True)
class Packing:
    """Phase 3 for one vocabulary."""

    # the plan, and the folder in which the build is made
    target: Target
    # the folder of the last complete build, which may have a shard already
    good: AnyPath
    # files of the last complete build that have changed since
    damaged: frozenset[str] = frozenset()

    @property
    def out(self) -> AnyPath:
        """The folder in which the build is made."""
        return self.target.out

    def there(self, item: OutputShard) -> PackedReport | None:
        """The report of a shard that is there as it should be, perhaps to borrow.

        If there is none, a report that does not fit is removed.
        """
        report = self._report_in(item, self.out)
        if isinstance(report, PackedReport):
            return report
        storage.remove(Layout(self.out).work.packed_report(item.name))
        borrowed = self._report_in(item, self.good) if self.good != self.out else ""
        return borrowed if isinstance(borrowed, PackedReport) else None

    def finished(self, item: OutputShard) -> PackedReport | str:
        """The report of a shard that is there as it should be; else why it must be built."""
        report = self._report_in(item, self.out)
        if isinstance(report, PackedReport) or self.good == self.out:
            return report
        borrowed = self._report_in(item, self.good)
        return report if borrowed == NOT_BUILT else borrowed

    def _report_in(self, item: OutputShard, out: AnyPath) -> PackedReport | str:
        """`finished`, for one folder."""
        path = Layout(out).work.packed_report(item.name)
        if not storage.exists(path):
            return NOT_BUILT
        report = _report(PackedReport, read_json(path))
        if report.settings != self.target.plan.fingerprint:
            return "other settings"
        if report.content != item.content:
            return "other samples"
        names = files_of(item.name)
        if set(report.files) != {names.data, names.listing, names.fitted}:
            return "built by another version"
        changed = self.damaged.intersection(report.files)
        if changed and out == self.good:
            return f"{min(changed)} was changed"
        missing = storage.missing(out, report.files)
        return f"{missing[0]} is missing" if missing else report


def _report(kind: type[R], values: dict[str, Any]) -> R:
    """A report from JSON, with tuples where JSON has lists."""
    made = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    for name in ("drops", "odd", "replaced"):
        if name in made:
            made[name] = tuple(map(tuple, made[name]))
    return kind(**made)
