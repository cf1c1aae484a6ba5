"""Run a build: three phases, each resumable, each a pure function of its inputs.

What is written depends neither on the pool nor on the order of completion. A task whose report is
there, made of the same content with the same settings, is not done again; so an interrupted build
is completed by the same command, and a build over a folder that grew does only what is new
(`etl.dataset.generations`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from etl.build import edited, last_build, summary, unmatched
from etl.build.index import Indexed
from etl.build.last_build import Record
from etl.build.pools.local import Pool, inline
from etl.build.pools.slices import Slice
from etl.build.recipes.recipe import Recipe
from etl.build.tasks import PackedWorker, SamplesWorker
from etl.build.unmatched import Asked
from etl.build.verdict import Verdict
from etl.dataset import candidate, hand_written, stamps, state
from etl.dataset.generations import Generations, differing
from etl.dataset.hand_written import Notes
from etl.dataset.index import OutputShard
from etl.dataset.layout import IN_WORK, QUARANTINE, SAMPLES, Layout, Shelf, Work, shelf_of
from etl.dataset.manifest import Manifest, current, hashes
from etl.dataset.reports import PackedReport, ShardReport
from etl.decisions import takedown
from etl.decisions.split import check_filled
from etl.files import lock, storage
from etl.files.arrow import read_json, write_json
from etl.files.hashes import digest
from etl.files.storage import AnyPath
from etl.inputs import find
from etl.inputs.records import InputShard
from etl.pages import compiled
from etl.tally import Odd
from etl.terminal import log  # fmt: skip
from etl.terminal.progress import Progress
from schemas.errors import BuildError, ConfigError, GateError

_OF_SOURCE = "samples.source "
_PHASES: Final = ("inputs", "samples", "index", "packing", "finishing")
_READ: Final = frozenset({".arrow", ".parquet", ".json"})
"""Endings of files that are read where output shards lie."""
_SHOWN = 10
"""So many damaged files are named."""


@dataclass(frozen=True)
class Build:
    """A recipe, its inputs as given, the output folder, and the pool that does the work.

    redo: where settings have changed, do again the phases that they are about. compact: make one
    generation of all. given: the generations to build by, instead of those that the folder
    remembers. strict: entries of lists that match nothing are errors. allow_removal: however much
    leaves the dataset. record: what is known of its run.
    """

    recipe: Recipe
    inputs: tuple[str, ...]
    out: AnyPath
    pool: Pool = inline
    progress: Callable[..., Progress] = field(default=Progress)
    redo: bool = False
    compact: bool = False
    given: Generations | None = None
    allow_removal: bool = False
    strict: bool = False
    record: Record = field(default_factory=Record, compare=False)

    @property
    def work(self) -> Work:
        """Everything that is not published."""
        return Layout(self.out).work

    @property
    def place(self) -> AnyPath:
        """Where the dataset is made: the folder itself, or beside what is complete there
        (`etl.dataset.candidate`).
        """
        return candidate.place_of(self.out)

    def verdict(self) -> Verdict:
        """What judges it."""
        gates = (
            replace(self.recipe.gates, max_removal=None)
            if self.allow_removal
            else self.recipe.gates
        )
        return Verdict(self.out, self.place, gates, self.recipe.taken_down)

    def run(self, order: Mapping[str, Any] | None = None, retry: bool = False) -> Manifest:
        """Build, or go on with a build; returns the manifest.

        order: how to ask for this build again, kept in the work folder for ``retry`` and
        ``finish``. retry: read input shards with quarantined records again; only then may a
        source's version have changed since.

        Raises `ConfigError` before work starts, `BuildError` where it cannot go on, `GateError` at
        the end.
        """
        _warn_of_slow_pages()
        with last_build.recorded(self.out, self.record):
            self._check_folder()
            with lock.hold(self.work.locks) as check:
                return self._run(order, retry, check)

    def _run(
        self, order: Mapping[str, Any] | None, retry: bool, check: Callable[[], None]
    ) -> Manifest:
        """`run`, with the folder held. check: raises if the lock was lost."""
        candidate.go_on(self.out)
        self._sweep()
        edited.set_aside(self.out)
        settings = self._settled(retry, order)
        with self.record.phase("inputs"):
            shards = self.discovered()
        generations = self.generations(shards)
        self._note(generations)
        done = None if retry else self.finished(settings, generations)
        damaged = self.damaged()
        self._say(damaged)
        if done is not None and not damaged:
            return self._again(done)
        self.verdict().before({shard.name: shard.sha256 for shard in shards})
        self._begin(settings, shards)
        again = self._quarantined(shards) if retry else frozenset()
        made = self._made(
            settings, shards, generations, check, again | stamps.keys(damaged), frozenset(damaged)
        )
        stamps.note(self.out)
        return made

    def damaged(self) -> dict[str, str]:
        """Files of the last complete build that are not as it left them, and what is wrong; they
        are made again.
        """
        path = Layout(self.out).dataset.manifest
        return stamps.damaged(self.out, hashes(path)) if storage.exists(path) else {}

    def _say(self, found: Mapping[str, str]) -> None:
        """Name damaged files."""
        for name, what in sorted(found.items())[:_SHOWN]:
            log.warn(f"{self.out / name}: {what}; it is made again")
        if len(found) > _SHOWN:
            log.warn(f"and {len(found) - _SHOWN:,} more files")

    def _shown(self, phase: str, total: int = 0, unit: str = "MB") -> Progress:
        """Progress of a phase, which says how many there are. total: 0 where it is not known."""
        number = _PHASES.index(phase) + 1
        return self.progress(f"phase {number} of {len(_PHASES)}: {phase}", total, unit)

    def _note(self, generations: Generations) -> None:
        before = state.generations(self.work)
        self.record.inputs(differing(before, generations))
        self.record.known["generation"] = (
            f"g{generations.last:04d}" if generations.last > before.last else ""
        )

    def _again(self, done: Manifest) -> Manifest:
        """A finished build: its gates may be others than they were."""
        self.record.manifest(done)
        candidate.discard(self.out)
        stamps.note(self.out)
        self._check_names(unmatched.kept(self.work))
        self.verdict().again(done)
        self.record.status = state.NOTHING
        return done

    def _made(
        self,
        settings: Mapping[str, Any],
        shards: Sequence[InputShard],
        generations: Generations,
        check: Callable[[], None],
        again: frozenset[str],
        damaged: frozenset[str],
    ) -> Manifest:
        """Do what is not done. again: keys of input shards that are read again. damaged: files that
        are made again.
        """
        from etl.build.finish import finish

        with self.record.phase("samples"):
            rows, odd = self._samples(shards, shards, again)
        check()
        with self.record.phase("index"), self._shown("index"):
            indexed = self._indexed(shards, generations)
            generations, outputs = indexed.generations, indexed.outputs
            asked = unmatched.look(self.shelf(), self.recipe, indexed.unmatched)
            self._check_splits(((output.split, output.samples) for output in outputs), asked)
            self._check_names(asked)
        with self.record.phase("packing"):
            packed = self._packed(outputs, damaged)
            self._settle(outputs)
        self._sweep()
        check()
        with self.record.phase("finishing"), self._shown("finishing"):
            fingerprint = self.fingerprint(settings, generations)
            place = self.place
            made = finish(
                self.out,
                place,
                self.recipe,
                settings,
                fingerprint,
                generations,
                shards,
                rows,
                odd,
                packed,
            )
            self.record.manifest(made)
            self._check_splits(
                ((split, counts.samples) for split, counts in made.splits.items()), asked
            )
            edited.set_aside(self.out)  # it took a while
            try:
                dropped = summary.reasons(made.accounting, self.recipe)
                self.verdict().give(made, self.removed(shards), dropped)
            except GateError:
                self._forget_taken_down()
                raise
            self._forget_taken_down()
            return made

    def _begin(self, settings: Mapping[str, Any], shards: Sequence[InputShard]) -> None:
        """The place is in the making from here on, with these settings and inputs."""
        state.begin_reading(self.out, [shard.key for shard in shards])
        place = self.place
        candidate.begin(self.out, place)
        path = Layout(place).work.settings
        if not storage.exists(path) or read_json(path) != settings:
            write_json(path, settings)
        state.forget(self.work, self.recipe.taken_down.domains)

    def _forget_taken_down(self) -> None:
        """What is left of inputs that are gone may be what was taken down."""
        if self.recipe.taken_down:
            self.clean()
            edited.forget(self.out, self.recipe.taken_down)

    def run_samples(self, part: Slice, order: Mapping[str, Any] | None = None) -> int:
        """Phase 1 of one slice of the inputs; returns how many input shards it has. Errors as of
        `run`.
        """
        _warn_of_slow_pages()
        self._check_folder()
        with lock.hold(self.work.locks, part.name):
            settings = self._settled(False, order)
            every = self.discovered()
            self.verdict().before({shard.name: shard.sha256 for shard in every})
            self._begin(settings, every)
            return len(self._samples(part.of_items(every, lambda shard: shard.size), every)[0])

    def run_packed(self, part: Slice) -> int:
        """Phase 3 of one slice of the output shards, once phase 1 is done; returns how many it has.

        Raises `BuildError` if an input shard is not there yet.
        """
        with lock.hold(self.work.locks, part.name):
            settings = self._settled(False, None)
            shards = self.discovered()
            worker = self.samples_worker(self.removed(shards))
            missing = [
                shard.name
                for shard in shards
                if not isinstance(worker.finished(shard), ShardReport)
            ]
            if missing:
                raise BuildError(
                    f"{self.out}: {len(missing):,} inputs have not been read yet, {missing[0]} for "
                    "one; run stepmill build --shard for all slices first (again, if copies of "
                    "what is taken down were found)"
                )
            self._begin(settings, shards)
            outputs = self._indexed(shards, self.generations(shards)).outputs
            return len(self._packed(part.of_items(outputs, lambda shard: shard.samples)))

    def _check_names(self, asked: Asked) -> None:
        """What the recipe's lists came to. Raises `BuildError` if that is not enough."""
        self.record.known["unmatched"] = asked.counts()
        self.record.said, self.record.warned = list(asked.lines()), list(asked.warnings())
        unmatched.check(asked, self.strict)

    def _check_splits(self, samples: Iterable[tuple[str, int]], asked: Asked) -> None:
        """Raises `BuildError` if a split that the recipe asks for is empty."""
        counts = Counter[str]()
        for split, count in samples:
            counts[split] += count
        lines = [str(each) for each in asked.unmatched]
        check_filled(self.recipe.split.asked, counts, self.recipe.index.split, lines)

    def _indexed(self, shards: Sequence[InputShard], generations: Generations) -> Indexed:
        """Phase 2."""
        places = self.shelf()
        state.save_inputs(places.own, shards, generations)
        state.end_reading(self.out)
        sources, listed = self.recipe.samples.sources, self.recipe.taken_down
        return self.recipe.index.build(shards, generations, sources, places, takedown=listed)

    def _check_folder(self) -> None:
        """Before anything is written: the recipe can be used, and the folder is ours or new."""
        _ = self.settings(), self.recipe.taken_down, self.notes()
        if storage.holds_anything(self.out) and not state.is_build(self.out):
            raise ConfigError(
                f"{self.out} is not empty and holds no build; choose another folder with --out"
            )
        foreign = candidate.foreign(self.out)
        if read := [path for path in foreign if path.suffix in _READ]:
            more = f" and {len(read) - 1:,} more" if len(read) > 1 else ""
            raise ConfigError(
                f"{read[0]}{more}: not a file of this build, but it would be read as one; move it "
                "out of the folder"
            )
        for path in foreign:
            log.warn(f"{path}: not a file of this build; it is left as it is")

    def settings(self) -> dict[str, Any]:
        """What decides the output, by phase."""
        return self.recipe.settings()

    def changes(self) -> list[state.Change]:
        """What is not as it was when the last complete dataset was made, or the candidate beside
        it.
        """
        places = self.work, Layout(self.out).candidate.work
        paths = [work.settings for work in places if storage.exists(work.settings)]
        found = [state.changes(read_json(path), self.settings()) for path in paths]
        return found[0] if found and all(found) else []

    def _settled(self, retry: bool, order: Mapping[str, Any] | None) -> dict[str, Any]:
        """The settings, once it is clear that the folder may be built into with them; kept there
        with the order.
        """
        settings = self.settings()
        changes = self.changes()
        if retry:
            changes = [change for change in changes if not change.path.startswith(_OF_SOURCE)]
        if changes and not self.redo:
            raise ConfigError(
                f"{self.out} was built with other settings:\n"
                + "\n".join(state.consequences(changes))
                + "\nDo that with --redo, or build into a new folder with --out."
            )
        if order is not None:
            write_json(self.work.order, {**order, "vocabulary": self.recipe.vocabulary.noted})
        takedown.keep(self.work.takedown, self.recipe.taken_down)
        return settings

    def _quarantined(self, shards: Sequence[InputShard]) -> frozenset[str]:
        """Keys of the input shards with quarantined records."""
        paths = self.shelf().existing(SAMPLES, [shard.key for shard in shards], ".json")
        reports = storage.together(read_json, paths)
        return frozenset(
            each["key"]
            for each in reports
            if IN_WORK.of_input(QUARANTINE, each["key"]).as_posix() in each["files"]
        )

    def discovered(self, remember: bool = True) -> list[InputShard]:
        """The input shards, hashed. remember:
        note in the work folder what need not be read again.
        """
        without = storage.here(self.out)
        with self.progress("finding inputs", brief=True):
            found = find.find(self.inputs, self.recipe.samples.sources, without=without)
        found = [item for item in found if without or not item.place.startswith(f"{self.out}/")]
        self.record.dated(file.stamp.changed for item in found for file in item.files)
        with self._shown("inputs", sum(item.size for item in found)) as progress:
            return find.shards(
                found,
                progress.advance,
                sources=self.recipe.samples.sources,
                part_bytes=self.recipe.inputs.part_bytes,
                cache=self.work.remembered,
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
        return digest(
            [
                settings,
                generations.as_json(),
                self.recipe.taken_down.fingerprint,
                self.notes().parts,
            ]
        )

    def notes(self) -> Notes:
        """The hand-written parts of the data card."""
        return hand_written.current(self.out, self.recipe.card.written)

    def finished(self, settings: Mapping[str, Any], generations: Generations) -> Manifest | None:
        """The manifest, if it is of this very build and its files are there."""
        manifest = current(Layout(self.out).dataset.manifest)
        if manifest is None or manifest.fingerprint != self.fingerprint(settings, generations):
            return None
        return None if storage.missing(self.out, manifest.files) else manifest

    def _sweep(self) -> None:
        """Remove what a process that died left half-written."""
        for path in state.half_written(self.out):
            storage.remove(path)

    def clean(self) -> list[AnyPath]:
        """Remove files that nothing uses; returns them."""
        gone = state.stale(self.out)
        for path in gone:
            storage.remove(path)
        return gone

    def shelf(self) -> Shelf:
        """Where the files of input shards lie."""
        return shelf_of(Layout(self.out), Layout(self.place))

    def samples_worker(
        self, removed: Iterable[str] = (), again: frozenset[str] = frozenset()
    ) -> SamplesWorker:
        """What phase 1 does with one input shard. removed: contents of what is taken down, as far
        as they are known. again: keys of those that are read again.
        """
        return SamplesWorker(
            self.recipe.samples, self.shelf(), self.recipe.taken_down.with_contents(removed), again
        )

    def removed(self, shards: Sequence[InputShard]) -> frozenset[str]:
        """Contents that the takedown list took down when these input shards were read last."""
        if not self.recipe.taken_down:
            return frozenset()
        paths = self.shelf().existing(SAMPLES, [shard.key for shard in shards], ".json")
        reports = storage.together(read_json, paths)
        return frozenset(content for report in reports for content in report.get("removed", ()))

    def packed_worker(self, damaged: frozenset[str] = frozenset()) -> PackedWorker:
        """What phase 3 does with one output shard. damaged: files of the complete build to make
        again.
        """
        return PackedWorker(self.recipe.packed, self.place, self.out, damaged)

    def _samples(
        self,
        shards: Sequence[InputShard],
        every: Sequence[InputShard],
        again: frozenset[str] = frozenset(),
    ) -> tuple[list[int], Counter[Odd]]:
        """Phase 1 of some of all input shards; returns how many samples each has, and all their
        oddities. Copies of what is taken down can be in any input: where they are news, it is done
        again with what is known of them.

        It ends: what the list takes down does not depend on what is known of copies.
        """
        known = self.removed(every)
        while True:
            made = self._read(shards, self.samples_worker(known, again))
            removed = self.removed(every)
            if removed == known:
                return made
            known, again = removed, frozenset()

    def _read(
        self, shards: Sequence[InputShard], worker: SamplesWorker
    ) -> tuple[list[int], Counter[Odd]]:
        sizes = {shard.key: shard.size for shard in shards}
        rows: dict[str, int] = {}  # and not the reports, which name every workflow
        odd: Counter[Odd] = Counter()
        largest_first = sorted(shards, key=lambda shard: (-shard.size, shard.name))
        reports = [f"{shard.key}.json" for shard in shards]
        folders = {work.of_inputs(SAMPLES) for work in (worker.shelf.common, worker.shelf.own)}
        with (
            self.record.counted("input_shards", folders, reports),
            self._shown("samples", sum(sizes.values())) as progress,
        ):
            for report in self.pool(worker, largest_first):
                rows[report.key] = report.rows
                odd.update({(kind, where): count for kind, where, count in report.odd})
                progress.advance(sizes[report.key], report.rows)
        return [rows[shard.key] for shard in shards], odd

    def _packed(
        self, outputs: Sequence[OutputShard], damaged: frozenset[str] = frozenset()
    ) -> list[PackedReport]:
        reports: dict[str, PackedReport] = {}
        largest_first = sorted(outputs, key=lambda shard: (-shard.samples, shard.name))
        names = [f"{shard.name}.json" for shard in outputs]
        worker = self.packed_worker(damaged)
        with (
            self.record.counted("output_shards", [Layout(worker.out).work.fitted], names),
            self._shown("packing", sum(shard.samples for shard in outputs), "samples") as progress,
        ):
            for report in self.pool(worker, largest_first):
                reports[report.name] = report
                progress.advance(report.samples)
        return [reports[shard.name] for shard in outputs]

    def _settle(self, outputs: Sequence[OutputShard]) -> None:
        """Of the dataset only these output shards stay;
        those that were not made here are borrowed.
        """
        place = self.place
        folder = Layout(place).work.fitted
        made = {
            storage.relative(path, folder).removesuffix(".json")
            for path in storage.files(folder, ".json")
        }
        names = {shard.name for shard in outputs}
        candidate.keep_only(place, names & made)
        candidate.borrow(place, sorted(names - made))


def _warn_of_slow_pages() -> None:
    """Say once, as a build starts, that it would be faster otherwise."""
    if advice := compiled.advice():
        log.warn(advice)
