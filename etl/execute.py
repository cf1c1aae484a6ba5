"""Run a build: three phases, each resumable, each a pure function of its inputs.

What is written depends neither on the pool nor on the order of completion. A task whose report is there, made of the
same content with the same settings, is not done again; so an interrupted build is completed by the same command, and a
build over a folder that grew does only what is new (`etl.generations`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from etl import discover, lock, state, storage
from etl.generations import Generations
from etl.index import OutputShard
from etl.packing import PackedReport, PackPlan
from etl.plan import InputShard, Plan, Refused, ShardReport, Watch, digest
from etl.pools import Pool, inline
from etl.progress import Progress
from etl.recipe import Recipe
from etl.shards import open_arrow, read_json, write_json
from etl.storage import AnyPath
from etl.takedown import Takedown
from schemas.errors import BuildError, ConfigError

R = TypeVar("R")

_OF_SOURCE = "samples.source "


@dataclass(frozen=True)
class SamplesWorker:
    """Phase 1 of one input shard."""

    plan: Plan
    work: AnyPath
    takedown: Takedown

    def __call__(self, item: InputShard, refused: tuple[Refused, ...], watch: Watch) -> ShardReport:
        """Build it, unless it is there as it should be."""
        found = self.finished(item)
        if isinstance(found, ShardReport):
            return found
        storage.remove(self.work / "samples" / f"{item.key}.json")
        return self.plan.build(item, self.work, self.takedown, refused, watch)

    def finished(self, item: InputShard) -> ShardReport | str:
        """The report of an input shard that is there as it should be; else why it must be built."""
        path = self.work / "samples" / f"{item.key}.json"
        if not storage.exists(path):
            return "not built yet"
        report = _report(ShardReport, read_json(path))
        if report.settings != self.plan.fingerprints[item.format]:
            return "other settings"
        missing = storage.missing(self.work, report.files)
        if missing:
            return f"{missing[0]} is missing"
        if report.takedown != self.takedown.fingerprint and self._touched(report):
            return "takedown"
        return report

    def _touched(self, report: ShardReport) -> bool:
        """Whether another takedown list than the one it was built under makes a difference to it."""
        tables = {}
        for folder in ("ledger", "quarantine"):
            path = self.work / folder / f"{report.key}.arrow"
            tables[folder] = open_arrow(path).read_all() if storage.exists(path) else None
        ledger = pl.from_arrow(tables["ledger"]) if tables["ledger"] is not None else pl.DataFrame()
        assert isinstance(ledger, pl.DataFrame)
        records = tables["quarantine"]
        raws = records.select(["id", "reason", "raw"]).to_pylist() if records is not None else []
        return self.takedown.differs(ledger, ((row["id"], row["reason"], row["raw"]) for row in raws))


@dataclass(frozen=True)
class PackedWorker:
    """Phase 3 of one output shard."""

    plan: PackPlan
    out: AnyPath

    def __call__(self, item: OutputShard, refused: tuple[Refused, ...], watch: Watch) -> PackedReport:
        """Build it, unless it is there as it should be."""
        found = self.finished(item)
        if isinstance(found, PackedReport):
            return found
        storage.remove(self.out / "work" / "fitted" / f"{item.name}.json")
        return self.plan.build(item, self.out, refused, watch)

    def finished(self, item: OutputShard) -> PackedReport | str:
        """The report of an output shard that is there as it should be; else why it must be built."""
        path = self.out / "work" / "fitted" / f"{item.name}.json"
        if not storage.exists(path):
            return "not built yet"
        report = _report(PackedReport, read_json(path))
        if report.settings != self.plan.fingerprint:
            return "other settings"
        if report.content != item.content:
            return "other samples"
        missing = storage.missing(self.out, report.files)
        return f"{missing[0]} is missing" if missing else report


def _report(kind: type[R], values: dict[str, Any]) -> R:
    if "drops" in values:
        values["drops"] = tuple(tuple(drop) for drop in values["drops"])
    return kind(**values)


@dataclass(frozen=True)
class Slice:
    """One of ``of`` equal shares of a phase's work, from 1, for processes that share nothing but the folder."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ConfigError(f"--shard {self.number}/{self.of}: the first number counts from 1 to the second")

    @property
    def name(self) -> str:
        """``2-of-8``."""
        return f"{self.number}-of-{self.of}"

    def of_items(self, items: Sequence[R], size: Callable[[R], int]) -> list[R]:
        """Its share: items, largest first, each to the slice that has the least so far."""
        loads = [(0, number) for number in range(1, self.of + 1)]
        mine: list[R] = []
        for item in sorted(items, key=size, reverse=True):
            load, number = heapq.heappop(loads)
            heapq.heappush(loads, (load + size(item), number))
            if number == self.number:
                mine.append(item)
        return mine


@dataclass(frozen=True)
class Build:
    """A recipe, its inputs as given, the output folder, and the pool that does the work.

    redo: where settings have changed, do again the phases that they are about. compact: make one generation of all.
    given: the generations to build by, instead of those that the folder remembers.
    """

    recipe: Recipe
    inputs: tuple[str, ...]
    out: AnyPath
    pool: Pool = inline
    progress: Callable[[str, int, str], Progress] = field(default=Progress)
    redo: bool = False
    compact: bool = False
    given: Generations | None = None

    @property
    def work(self) -> AnyPath:
        """Everything that is not published."""
        return self.out / "work"

    def run(self, order: Mapping[str, Any] | None = None, retry: bool = False) -> dict[str, Any]:
        """Build, or go on with a build; returns the manifest.

        order: how to ask for this build again, kept in the work folder for ``retry`` and ``finish``. retry: read input
        shards with quarantined records again; only then may a source's version have changed since.

        Raises `ConfigError` before work starts, `BuildError` where it cannot go on, `GateError` at the end.
        """
        from etl import finish

        self._check_folder()
        with lock.hold(self.work / "locks") as check:
            settings = self._settled(retry, order)
            shards = self.discovered()
            generations = self.generations(shards)
            done = None if retry else self.finished(settings, generations)
            if done is not None:
                return done
            state.withdraw(self.out)
            self._sweep()
            reports = self._samples(shards)
            check()
            if self.recipe.taken_down:
                state.save_inputs(self.work, shards, generations)
                self.clean()  # what is left of inputs that are gone may be what was taken down
            generations, outputs = self._indexed(shards, generations)
            packed = self._packed(outputs)
            self._remove_others(outputs)
            self._sweep()
            check()
            fingerprint = self.fingerprint(settings, generations)
            return finish.finish(self.out, self.recipe, settings, fingerprint, generations, shards, reports, packed)

    def run_samples(self, part: Slice, order: Mapping[str, Any] | None = None) -> int:
        """Phase 1 of one slice of the inputs; returns how many input shards it has. Errors as of `run`."""
        self._check_folder()
        with lock.hold(self.work / "locks", part.name):
            self._settled(False, order)
            mine = part.of_items(self.discovered(), lambda shard: shard.size)
            return len(self._samples(mine))

    def run_packed(self, part: Slice) -> int:
        """Phase 3 of one slice of the output shards, once phase 1 is done; returns how many it has.

        Raises `BuildError` if an input shard is not there yet.
        """
        with lock.hold(self.work / "locks", part.name):
            self._settled(False, None)
            shards = self.discovered()
            worker = self.samples_worker()
            missing = [shard.name for shard in shards if not isinstance(worker.finished(shard), ShardReport)]
            if missing:
                raise BuildError(
                    f"{self.out}: {len(missing):,} inputs have not been read yet, {missing[0]} for one; run "
                    "stepmill build --shard for all slices first"
                )
            state.withdraw(self.out)
            _, outputs = self._indexed(shards, self.generations(shards))
            return len(self._packed(part.of_items(outputs, lambda shard: shard.samples)))

    def _indexed(self, shards: Sequence[InputShard], generations: Generations) -> tuple[Generations, list[OutputShard]]:
        """Phase 2."""
        state.save_inputs(self.work, shards, generations)
        return self.recipe.index.build(shards, generations, self.recipe.samples.sources, self.work)

    def _check_folder(self) -> None:
        """Before anything is written: the recipe can be used, and the folder is ours or new."""
        self.settings()
        if storage.holds_anything(self.out) and not storage.holds_anything(self.work):
            raise ConfigError(f"{self.out} is not empty and holds no build; choose another folder with --out")

    def settings(self) -> dict[str, Any]:
        """What decides the output, by phase."""
        return self.recipe.settings()

    def changes(self) -> list[state.Change]:
        """What is not as it was when the folder's contents were made."""
        path = self.work / "settings.json"
        return state.changes(read_json(path), self.settings()) if storage.exists(path) else []

    def _settled(self, retry: bool, order: Mapping[str, Any] | None) -> dict[str, Any]:
        """The settings, once it is clear that the folder may be built into with them; kept there with the order."""
        settings = self.settings()
        changes = self.changes()
        if retry:
            changes = [change for change in changes if not change.path.startswith(_OF_SOURCE)]
            self._forget_quarantined()
        if changes and not self.redo:
            raise ConfigError(
                f"{self.out} was built with other settings:\n"
                + "\n".join(state.consequences(changes))
                + "\nDo that with --redo, or build into a new folder with --out."
            )
        path = self.work / "settings.json"
        if not storage.exists(path) or read_json(path) != settings:
            write_json(path, settings)
        if order is not None:
            write_json(self.work / "order.json", order)
        return settings

    def _forget_quarantined(self) -> None:
        """Phase 1 is done again for input shards with quarantined records."""
        for path in storage.files(self.work / "samples", ".json"):
            report = read_json(path)
            if f"quarantine/{report['key']}.arrow" in report["files"]:
                storage.remove(path)

    def discovered(self, remember: bool = True) -> list[InputShard]:
        """The input shards, hashed. remember: note in the work folder what need not be read again."""
        without = self.out if isinstance(self.out, Path) else None
        found = discover.find(self.inputs, self.recipe.samples.sources, without=without)
        found = [item for item in found if without or not item.place.startswith(f"{self.out}/")]
        progress = self.progress("hashing inputs", sum(item.size for item in found), "MB")
        shards = discover.shards(
            found,
            progress.advance,
            sources=self.recipe.samples.sources,
            part_bytes=self.recipe.inputs.part_bytes,
            cache=self.work / "remembered.json",
            remember=remember,
        )
        progress.finish()
        return shards

    def generations(self, shards: Sequence[InputShard]) -> Generations:
        """The generations of this build; the newest is open if there is something new."""
        inputs = {shard.name: shard.sha256 for shard in shards}
        before = state.generations(self.work) if self.given is None else self.given
        if self.compact:
            return before.compacted(inputs)
        return before.advanced(inputs)

    def fingerprint(self, settings: Mapping[str, Any], generations: Generations) -> str:
        """One hash of all that the dataset is a function of."""
        return digest([settings, generations.as_json(), self.recipe.taken_down.fingerprint])

    def finished(self, settings: Mapping[str, Any], generations: Generations) -> dict[str, Any] | None:
        """The manifest, if it is of this very build and its files are there."""
        path = self.out / state.MANIFEST
        if not storage.exists(path):
            return None
        manifest: dict[str, Any] = read_json(path)
        if manifest["fingerprint"] != self.fingerprint(settings, generations):
            return None
        return None if storage.missing(self.out, manifest["files"]) else manifest

    def _sweep(self) -> None:
        """Remove what a process that died left half-written."""
        for path in state.stale(self.out):
            if path.name.endswith(".part"):
                storage.remove(path)

    def clean(self) -> list[AnyPath]:
        """Remove files that nothing uses; returns them."""
        gone = state.stale(self.out)
        for path in gone:
            storage.remove(path)
        return gone

    def samples_worker(self) -> SamplesWorker:
        """What phase 1 does with one input shard."""
        return SamplesWorker(self.recipe.samples, self.work, self.recipe.taken_down)

    def packed_worker(self) -> PackedWorker:
        """What phase 3 does with one output shard."""
        return PackedWorker(self.recipe.packed, self.out)

    def _samples(self, shards: Sequence[InputShard]) -> list[ShardReport]:
        sizes = {shard.key: shard.size for shard in shards}
        progress = self.progress("samples", sum(sizes.values()), "MB")
        reports: dict[str, ShardReport] = {}
        largest_first = sorted(shards, key=lambda shard: (-shard.size, shard.name))
        for report in self.pool(self.samples_worker(), largest_first):
            reports[report.key] = report
            progress.advance(sizes[report.key], report.rows)
        progress.finish()
        return [reports[shard.key] for shard in shards]

    def _packed(self, outputs: Sequence[OutputShard]) -> list[PackedReport]:
        progress = self.progress("packing", sum(shard.samples for shard in outputs), "samples")
        reports: dict[str, PackedReport] = {}
        largest_first = sorted(outputs, key=lambda shard: (-shard.samples, shard.name))
        for report in self.pool(self.packed_worker(), largest_first):
            reports[report.name] = report
            progress.advance(report.samples)
        progress.finish()
        return [reports[shard.name] for shard in outputs]

    def _remove_others(self, outputs: Sequence[OutputShard]) -> None:
        """Of the dataset only these output shards stay."""
        names = {shard.name for shard in outputs}
        for folder in (self.out / "dataset" / "data", self.work / "fitted"):
            for path in storage.files(folder):
                if storage.relative(path, folder).partition(".")[0] not in names:
                    storage.remove(path)
            storage.prune(folder)
