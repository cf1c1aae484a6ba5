"""Run a build: three phases, each resumable, each a pure function of its inputs.

What is written depends neither on the pool nor on the order of completion. A task whose report is there, made of the
same content with the same settings, is not done again; so an interrupted build is completed by the same command, and a
build over a folder that grew does only what is new (`etl.generations`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from etl import aftermath, discover, lock, notes, state, storage, takedown
from etl.aftermath import Record
from etl.fingerprint import digest
from etl.generations import Generations, differing
from etl.index import OutputShard
from etl.inputs import InputShard
from etl.notes import Notes
from etl.packing import PackedReport
from etl.pools import Pool, inline
from etl.progress import Progress
from etl.recipe import Recipe
from etl.reports import ShardReport
from etl.shards import read_json, write_json
from etl.slices import Slice
from etl.storage import AnyPath
from etl.workers import PackedWorker, SamplesWorker
from schemas.errors import BuildError, ConfigError

_OF_SOURCE = "samples.source "
_PHASES: Final = ("inputs", "samples", "index", "packing", "finishing")


@dataclass(frozen=True)
class Build:
    """A recipe, its inputs as given, the output folder, and the pool that does the work.

    redo: where settings have changed, do again the phases that they are about. compact: make one generation of all.
    given: the generations to build by, instead of those that the folder remembers. record: what is known of its run.
    """

    recipe: Recipe
    inputs: tuple[str, ...]
    out: AnyPath
    pool: Pool = inline
    progress: Callable[..., Progress] = field(default=Progress)
    redo: bool = False
    compact: bool = False
    given: Generations | None = None
    record: Record = field(default_factory=Record, compare=False)

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
        self._check_folder()
        with lock.hold(self.work / "locks") as check, aftermath.recorded(self.work, self.record):
            settings = self._settled(retry, order)
            with self.record.phase("inputs"):
                shards = self.discovered()
            generations = self.generations(shards)
            self._note(generations)
            done = None if retry else self.finished(settings, generations)
            if done is None:
                state.withdraw(self.out)
            state.forget(self.work, self.recipe.taken_down.domains)
            return self._made(settings, shards, generations, check) if done is None else self._again(done)

    def _shown(self, phase: str, total: int = 0, unit: str = "MB") -> Progress:
        """Progress of a phase, which says how many there are. total: 0 where it is not known."""
        number = _PHASES.index(phase) + 1
        return self.progress(f"phase {number} of {len(_PHASES)}: {phase}", total, unit)

    def _note(self, generations: Generations) -> None:
        before = state.generations(self.work)
        self.record.inputs(differing(before, generations))
        self.record.known["generation"] = f"g{generations.last:04d}" if generations.last > before.last else ""

    def _again(self, done: dict[str, Any]) -> dict[str, Any]:
        """A finished build: its gates may be others than they were."""
        from etl import finish

        self.record.manifest(done)
        finish.judged(self.out, self.recipe.gates, done)
        self.record.status = aftermath.NOTHING
        return done

    def _made(
        self,
        settings: Mapping[str, Any],
        shards: Sequence[InputShard],
        generations: Generations,
        check: Callable[[], None],
    ) -> dict[str, Any]:
        """Do what is not done. check: raises if the lock was lost."""
        from etl import finish

        self._sweep()
        with self.record.phase("samples"):
            rows = self._samples(shards, shards)
        check()
        if self.recipe.taken_down:
            state.save_inputs(self.work, shards, generations)
            self.clean()  # what is left of inputs that are gone may be what was taken down
        with self.record.phase("index"), self._shown("index"):
            generations, outputs = self._indexed(shards, generations)
        with self.record.phase("packing"):
            packed = self._packed(outputs)
            self._remove_others(outputs)
        self._sweep()
        check()
        with self.record.phase("finishing"), self._shown("finishing"):
            fingerprint = self.fingerprint(settings, generations)
            made = finish.finish(self.out, self.recipe, settings, fingerprint, generations, shards, rows, packed)
            self.record.manifest(made)
            return finish.completed(self.out, self.recipe.gates, made)

    def run_samples(self, part: Slice, order: Mapping[str, Any] | None = None) -> int:
        """Phase 1 of one slice of the inputs; returns how many input shards it has. Errors as of `run`."""
        self._check_folder()
        with lock.hold(self.work / "locks", part.name):
            self._settled(False, order)
            every = self.discovered()
            return len(self._samples(part.of_items(every, lambda shard: shard.size), every))

    def run_packed(self, part: Slice) -> int:
        """Phase 3 of one slice of the output shards, once phase 1 is done; returns how many it has.

        Raises `BuildError` if an input shard is not there yet.
        """
        with lock.hold(self.work / "locks", part.name):
            self._settled(False, None)
            shards = self.discovered()
            worker = self.samples_worker(self.removed(shards))
            missing = [shard.name for shard in shards if not isinstance(worker.finished(shard), ShardReport)]
            if missing:
                raise BuildError(
                    f"{self.out}: {len(missing):,} inputs have not been read yet, {missing[0]} for one; run "
                    "stepmill build --shard for all slices first (again, if copies of what is taken down were found)"
                )
            state.withdraw(self.out)
            _, outputs = self._indexed(shards, self.generations(shards))
            return len(self._packed(part.of_items(outputs, lambda shard: shard.samples)))

    def _indexed(self, shards: Sequence[InputShard], generations: Generations) -> tuple[Generations, list[OutputShard]]:
        """Phase 2."""
        state.save_inputs(self.work, shards, generations)
        sources, listed = self.recipe.samples.sources, self.recipe.taken_down
        return self.recipe.index.build(shards, generations, sources, self.work, takedown=listed)

    def _check_folder(self) -> None:
        """Before anything is written: the recipe can be used, and the folder is ours or new."""
        _ = self.settings(), self.recipe.taken_down, self.notes()
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
        takedown.keep(self.work, self.recipe.taken_down)
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
        with self.progress("finding inputs", brief=True):
            found = discover.find(self.inputs, self.recipe.samples.sources, without=without)
        found = [item for item in found if without or not item.place.startswith(f"{self.out}/")]
        with self._shown("inputs", sum(item.size for item in found)) as progress:
            return discover.shards(
                found,
                progress.advance,
                sources=self.recipe.samples.sources,
                part_bytes=self.recipe.inputs.part_bytes,
                cache=self.work / "remembered.json",
                remember=remember,
            )

    def generations(self, shards: Sequence[InputShard]) -> Generations:
        """The generations of this build; the newest is open if there is something new."""
        inputs = {shard.name: shard.sha256 for shard in shards}
        before = state.generations(self.work) if self.given is None else self.given
        if self.compact:
            return before.compacted(inputs)
        return before.advanced(inputs)

    def fingerprint(self, settings: Mapping[str, Any], generations: Generations) -> str:
        """One hash of all that the dataset is a function of."""
        return digest([settings, generations.as_json(), self.recipe.taken_down.fingerprint, self.notes().parts])

    def notes(self) -> Notes:
        """The hand-written parts of the data card."""
        return notes.current(self.out, self.recipe.card.written)

    def finished(self, settings: Mapping[str, Any], generations: Generations) -> dict[str, Any] | None:
        """The manifest, if it is of this very build and its files are there."""
        path = self.out / state.MANIFEST
        if not storage.exists(path):
            return None
        manifest: dict[str, Any] = read_json(path)
        if manifest["fingerprint"] != self.fingerprint(settings, generations) or manifest["format"] != state.FORMAT:
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

    def samples_worker(self, removed: Iterable[str] = ()) -> SamplesWorker:
        """What phase 1 does with one input shard. removed: contents of what is taken down, as far as they are known."""
        return SamplesWorker(self.recipe.samples, self.work, self.recipe.taken_down.with_contents(removed))

    def removed(self, shards: Sequence[InputShard]) -> frozenset[str]:
        """Contents that the takedown list took down when these input shards were read last."""
        if not self.recipe.taken_down:
            return frozenset()
        names = [f"{shard.key}.json" for shard in shards]
        gone = set(storage.missing(self.work / "samples", names))
        paths = [self.work / "samples" / name for name in names if name not in gone]
        reports = storage.together(read_json, paths)
        return frozenset(content for report in reports for content in report.get("removed", ()))

    def packed_worker(self) -> PackedWorker:
        """What phase 3 does with one output shard."""
        return PackedWorker(self.recipe.packed, self.out)

    def _samples(self, shards: Sequence[InputShard], every: Sequence[InputShard]) -> list[int]:
        """Phase 1 of some of all input shards; returns how many samples each has. Copies of what is taken down can be
        in any input: where they are news, it is done again with what is known of them.

        It ends: what the list takes down does not depend on what is known of copies.
        """
        known = self.removed(every)
        while True:
            rows = self._read(shards, self.samples_worker(known))
            removed = self.removed(every)
            if removed == known:
                return rows
            known = removed

    def _read(self, shards: Sequence[InputShard], worker: SamplesWorker) -> list[int]:
        sizes = {shard.key: shard.size for shard in shards}
        rows: dict[str, int] = {}  # and not the reports, which name every workflow
        largest_first = sorted(shards, key=lambda shard: (-shard.size, shard.name))
        reports = [f"{shard.key}.json" for shard in shards]
        with (
            self.record.counted("input_shards", self.work / "samples", reports),
            self._shown("samples", sum(sizes.values())) as progress,
        ):
            for report in self.pool(worker, largest_first):
                rows[report.key] = report.rows
                progress.advance(sizes[report.key], report.rows)
        return [rows[shard.key] for shard in shards]

    def _packed(self, outputs: Sequence[OutputShard]) -> list[PackedReport]:
        reports: dict[str, PackedReport] = {}
        largest_first = sorted(outputs, key=lambda shard: (-shard.samples, shard.name))
        names = [f"{shard.name}.json" for shard in outputs]
        with (
            self.record.counted("output_shards", self.work / "fitted", names),
            self._shown("packing", sum(shard.samples for shard in outputs), "samples") as progress,
        ):
            for report in self.pool(self.packed_worker(), largest_first):
                reports[report.name] = report
                progress.advance(report.samples)
        return [reports[shard.name] for shard in outputs]

    def _remove_others(self, outputs: Sequence[OutputShard]) -> None:
        """Of the dataset only these output shards stay."""
        names = {shard.name for shard in outputs}
        published = self.out / "dataset"
        for folder in (published / "data", published / "stats" / "samples", self.work / "fitted"):
            for path in storage.files(folder):
                if storage.relative(path, folder).partition(".")[0] not in names:
                    storage.remove(path)
            storage.prune(folder)
