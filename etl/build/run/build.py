"""A build as a value: what is requested, and where it is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from etl.build.last_build import Record
from etl.build.pools.local import Pool, inline
from etl.build.recipes.recipe import Recipe
from etl.build.verdict import Verdict
from etl.dataset import candidate, hand_written, state
from etl.dataset.generations import Generations
from etl.dataset.hand_written import Notes
from etl.dataset.layout import Layout, Shelf, Work, shelf_of
from etl.files.hashes import digest
from etl.files.storage import AnyPath
from etl.inputs.bundles import together
from etl.inputs.records import InputShard
from etl.inputs.remembered import Remembered
from etl.terminal.progress import Progress

_PHASES: Final = ("inputs", "samples", "index", "packing", "finishing")


@dataclass(frozen=True)
class Options:
    """Options of a run, in addition to the recipe."""

    # repeat the phases whose settings have changed, instead of stopping
    redo: bool = False
    # make one generation of all inputs
    compact: bool = False
    # the generations to build by; None: those that the folder remembers
    given: Generations | None = None
    # turn the gate ``max_removal`` off
    allow_removal: bool = False
    # stop if an entry of a list matches nothing
    strict: bool = False
    # the inputs must be those of ``given``, unchanged; others are left out
    exact: bool = False


@dataclass(frozen=True)
class Build:
    """A recipe, its inputs, the folder to build into, and the pool that does the work."""

    recipe: Recipe
    # as given: files, folders, globs, URLs
    inputs: tuple[str, ...]
    # the folder of the build
    out: AnyPath
    pool: Pool = inline
    progress: Callable[..., Progress] = field(default=Progress)
    options: Options = field(default_factory=Options)
    # how the run is going
    record: Record = field(default_factory=Record, compare=False)
    # label of the vocabulary that it is about; empty for the first one
    vocabulary: str = ""

    @cached_property
    def further(self) -> list[Build]:
        """The same build for each vocabulary but the first: it shares samples and index."""
        return [
            replace(
                self,
                recipe=recipe,
                out=Layout(self.out).of_vocabulary(label).root,
                record=self.record.further.setdefault(label, Record()),
                vocabulary=label,
            )
            for label, recipe in self.recipe.further.items()
        ]

    @property
    def work(self) -> Work:
        """The folder of everything that is not published."""
        return Layout(self.out).work

    @property
    def place(self) -> AnyPath:
        """Where the dataset is made: in the folder, or beside the complete dataset there.

        See `etl.dataset.candidate`.
        """
        return candidate.place_of(self.out)

    @property
    def shelf(self) -> Shelf:
        """Where the files of input shards lie."""
        return shelf_of(Layout(self.out), Layout(self.place))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings that decide the output, by phase."""
        if self.recipe.pages is not None:
            self.recipe.pages.found(self.known_archives)
        return self.recipe.settings()

    @cached_property
    def known_archives(self) -> Remembered:
        """The hashes of archives of pages, so that unchanged ones are not read again."""
        return Remembered(self.work.archives)

    @property
    def notes(self) -> Notes:
        """The hand-written parts of the data card."""
        return hand_written.current(self.out, self.recipe.card.written)

    @property
    def verdict(self) -> Verdict:
        """Its judge, with the gates of this run."""
        gates = self.recipe.gates
        if self.options.allow_removal:
            gates = replace(gates, max_removal=None)
        return Verdict(self.out, self.place, gates, self.recipe.taken_down)

    @property
    def before(self) -> Generations:
        """The generations to go on from: those given, or those of the last complete build."""
        given = self.options.given
        return state.generations(self.work) if given is None else given

    def generations(self, shards: Sequence[InputShard]) -> Generations:
        """The generations of this build; the newest is open if there is something new."""
        inputs = {shard.name: shard.sha256 for shard in shards}
        sizes = {shard.name: shard.size for shard in shards if shard.part is None}
        most = self.recipe.inputs.bundle_bytes

        def small(names: Collection[str]) -> list[tuple[str, ...]]:
            return together({name: sizes[name] for name in names if name in sizes}, most)

        if self.options.compact:
            return self.before.compacted(inputs).bundled(small)
        return self.before.advanced(inputs).bundled(small)

    def fingerprint(self, generations: Generations) -> str:
        """The hash of everything that the dataset is a function of."""
        taken_down = self.recipe.taken_down.fingerprint
        return digest([self.settings, generations.as_json(), taken_down, self.notes.parts])

    def shown(self, phase: str, total: int = 0, unit: str = "MB") -> Progress:
        """Progress of a phase, shown with its number.

        total: 0 if it is not known.
        """
        number = _PHASES.index(phase) + 1
        what = f"{phase} ({self.vocabulary})" if self.vocabulary else phase
        return self.progress(f"phase {number} of {len(_PHASES)}: {what}", total, unit)
