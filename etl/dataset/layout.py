"""The paths of a build: every file and folder that it writes, by name, in this one place.

- `Layout` is the folder of a build, with a `Dataset` to publish and a `Work` folder beside it. All
  three may be local or remote.
- Manifests and reports name files by their path in such a folder. `NAMES`, `IN_DATASET` and
  `IN_WORK` give these paths.
- `Shelf` finds the files that phase 1 makes of each input shard (`etl.build.samples`), in
  `FOLDERS`. Their names are a hash of name and content of the input, so the last complete build and
  the candidate beside it (`etl.dataset.candidate`) share them. If a candidate must make the files
  of an input again, because of other settings or another takedown list, they lie in its own work
  folder. So the files of the last complete build stay as they are.
- A build of several vocabularies has a folder ``vocabularies/NAME`` for each but the first. It is
  laid out like a build's folder, holds what phase 3 makes of the samples, and shares the rest with
  the build around it (`Layout.main`). `Work` finds either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from etl.files import storage
from etl.files.storage import AnyPath

SAMPLES: Final = "samples"
LIGHT: Final = "light"
LEDGER: Final = "ledger"
QUARANTINE: Final = "quarantine"
LINT: Final = "lint"
REPLACED: Final = "replaced"
FOLDERS: Final = (SAMPLES, LIGHT, LEDGER, QUARANTINE, LINT, REPLACED)
"""Folders under the work folder with files named by the key of an input shard."""

INDEX: Final = "index"
FIT: Final = "fit"
COUNTS: Final = "counts"
"""The folder of the numbers of tokens of samples (`etl.build.counts`), named in the same way."""
SIGNATURES: Final = "signatures"
"""The folder of the signatures of samples (`etl.build.run.signatures`), named in the same way."""
PAGES: Final = "pages"
OF_PHASES: Final = frozenset({INDEX, FIT})
"""The stages of phases 2 and 3: where these have written a file beside those of the input shards,
their name stands for a key.
"""
PREFIX: Final = "dataset/"
"""What the names of files of a dataset begin with, in manifests and reports."""
_CANDIDATE: Final = "candidate"
_VOCABULARIES: Final = "vocabularies"
_WORK: Final = "work"


@dataclass(frozen=True, slots=True)
class Dataset:
    """The folder that is published, in a build or by itself."""

    # the folder with the manifest
    root: AnyPath

    @property
    def manifest(self) -> AnyPath:
        """The manifest, which is written last (`etl.dataset.manifest`)."""
        return self.root / "manifest.json"

    @property
    def card(self) -> AnyPath:
        """The data card."""
        return self.root / "README.md"

    @property
    def croissant(self) -> AnyPath:
        """The card for programs."""
        return self.root / "croissant.json"

    @property
    def data(self) -> AnyPath:
        """The folder of the rows, a file for each output shard."""
        return self.root / "data"

    @property
    def stats(self) -> AnyPath:
        """The folder of the tables."""
        return self.root / "stats"

    @property
    def listings(self) -> AnyPath:
        """The folder of the lists of samples, a file for each output shard."""
        return self.stats / "samples"

    @property
    def statistics(self) -> AnyPath:
        """All tables as JSON."""
        return self.stats / "stats.json"

    def table(self, name: str) -> AnyPath:
        """A table of `etl.dataset.stats`."""
        return self.stats / f"{name}.parquet"

    def file(self, name: str) -> AnyPath:
        """The file with this name in a manifest."""
        return self.root / name.removeprefix(PREFIX)


@dataclass(frozen=True, slots=True)
class Work:
    """The folder of everything that is not published; `etl.dataset.state` explains its files."""

    # the folder itself
    root: AnyPath

    @property
    def build(self) -> Layout:
        """The build that it belongs to."""
        return Layout(self.root.parent)

    @property
    def shared(self) -> Work:
        """The work folder of what all vocabularies of the build share; the same if it has one."""
        around = self.build.main
        return self if around == self.build else around.work

    @property
    def locks(self) -> AnyPath:
        """The folder of locks (`etl.files.lock`)."""
        return self.shared.root / "locks"

    @property
    def vocabularies(self) -> AnyPath:
        """The names of the vocabularies that have folders of their own."""
        return self.root / "vocabularies.json"

    @property
    def order(self) -> AnyPath:
        """How to request the build again."""
        return self.shared.root / "order.json"

    @property
    def settings(self) -> AnyPath:
        """The settings that decide the output, by phase."""
        return self.root / "settings.json"

    @property
    def remembered(self) -> AnyPath:
        """What is known of inputs that need not be read again."""
        return self.shared.root / "remembered.json"

    @property
    def archives(self) -> AnyPath:
        """What is known of archives of pages that need not be read again."""
        return self.shared.root / "archives.json"

    @property
    def pages(self) -> AnyPath:
        """The folder of the index of archives of pages (`etl.inputs.archives`)."""
        return self.shared.root / PAGES

    @property
    def listing(self) -> AnyPath:
        """The mark of the inputs of the last complete build."""
        return self.root / "listing.json"

    @property
    def inputs(self) -> AnyPath:
        """The input shards that the build is made of."""
        return self.shared.root / "inputs.json"

    @property
    def reading(self) -> AnyPath:
        """The keys of input shards that are being read."""
        return self.shared.root / "reading.json"

    @property
    def generations(self) -> AnyPath:
        """The generations of the last complete build."""
        return self.shared.root / "generations.json"

    @property
    def previous(self) -> AnyPath:
        """Figures of the last complete build, if a takedown removed it."""
        return self.root / "previous.json"

    @property
    def takedown(self) -> AnyPath:
        """The takedown list, and what it took down."""
        return self.shared.root / "takedown.json"

    @property
    def unmatched(self) -> AnyPath:
        """Entries of lists that match nothing."""
        return self.shared.root / "unmatched.json"

    @property
    def notes(self) -> AnyPath:
        """Hand-written parts of the card."""
        return self.root / "notes.json"

    @property
    def forgiven(self) -> AnyPath:
        """Gates that failed before other limits accepted the build."""
        return self.root / "forgiven.json"

    @property
    def stamps(self) -> AnyPath:
        """Sizes and times of the files of the last complete build."""
        return self.root / "stamps.json"

    @property
    def edited(self) -> AnyPath:
        """The folder of documents that somebody had edited."""
        return self.root / "edited"

    @property
    def last_build(self) -> AnyPath:
        """How the last run ended."""
        return self.shared.root / "last_build.json"

    @property
    def index(self) -> AnyPath:
        """The folder of the index, which phase 2 writes."""
        return self.shared.root / INDEX

    @property
    def index_ledger(self) -> AnyPath:
        """The ledger of phase 2."""
        return self.of_input(LEDGER, INDEX)

    @property
    def fit_ledger(self) -> AnyPath:
        """The ledger of phase 3."""
        return self.root / LEDGER / f"{FIT}.arrow"

    @property
    def index_quarantine(self) -> AnyPath:
        """The quarantine of phase 2: workflows that conflict with earlier ones."""
        return self.of_input(QUARANTINE, INDEX)

    @property
    def fitted(self) -> AnyPath:
        """The folder of the results of phase 3 for each sample, and of its reports."""
        return self.root / "fitted"

    def of_inputs(self, folder: str) -> AnyPath:
        """One of the `FOLDERS`."""
        return self.shared.root / folder

    def of_input(self, folder: str, key: str, ending: str = ".arrow") -> AnyPath:
        """A file of an input shard in one of the `FOLDERS`."""
        return self.of_inputs(folder) / f"{key}{ending}"

    def read_report(self, key: str) -> AnyPath:
        """The report of phase 1 on an input shard."""
        return self.of_input(SAMPLES, key, ".json")

    def packed_report(self, name: str) -> AnyPath:
        """The report of phase 3 on an output shard."""
        return self.fitted / f"{name}.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of a build, or of a candidate."""

    # the folder itself
    root: AnyPath

    @property
    def dataset(self) -> Dataset:
        """The folder that is published."""
        return Dataset(self.root / PREFIX.rstrip("/"))

    @property
    def work(self) -> Work:
        """Everything that is not published."""
        return Work(self.root / _WORK)

    @property
    def candidate(self) -> Layout:
        """The build in the making, or the rejected one, beside the last complete one."""
        return Layout(self.root / _WORK / _CANDIDATE)

    def of_vocabulary(self, name: str) -> Layout:
        """The folder of one of the build's vocabularies but the first."""
        return Layout(self.root / _VOCABULARIES / name)

    @property
    def vocabulary(self) -> AnyPath:
        """How to load the vocabulary; this file marks a folder of `of_vocabulary`."""
        return self.root / "vocabulary.json"

    @property
    def main(self) -> Layout:
        """The build around a vocabulary's folder; any other folder itself.

        A candidate of the vocabulary belongs to the candidate of the build, if that has one.
        """
        good = self.good
        if good.root.parent.name != _VOCABULARIES or not storage.exists(good.vocabulary):
            return self
        around = Layout(good.root.parent.parent)
        beside = around.candidate
        return beside if good != self and storage.exists(beside.borrowed) else around

    @property
    def borrowed(self) -> AnyPath:
        """The output shards that a candidate borrows; this file marks a candidate's folder."""
        return self.root / "borrowed.json"

    @property
    def accepted(self) -> AnyPath:
        """The note that a candidate is replacing the complete dataset."""
        return self.root / "accepted.json"

    @property
    def rejected(self) -> AnyPath:
        """Why a candidate's gates rejected it."""
        return self.root / "gate_failed.json"

    @property
    def good(self) -> Layout:
        """The build around a candidate; any other folder itself."""
        inside = self.root.name == _CANDIDATE and self.root.parent.name == _WORK
        if inside and storage.exists(self.borrowed):
            return Layout(self.root.parent.parent)
        return self

    def file(self, name: str) -> AnyPath:
        """The file with this name in a manifest or a report of phase 3."""
        return self.root / name


NAMES: Final = Layout(Path())
"""Paths within the folder of a build, as manifests and reports of phase 3 write them."""
IN_DATASET: Final = Dataset(Path())
"""Paths within the folder that is published."""
IN_WORK: Final = Work(Path())
"""Paths within the work folder, as reports of phase 1 write them."""

MANIFEST: Final = NAMES.dataset.manifest.as_posix()
CARD: Final = NAMES.dataset.card.as_posix()
CROISSANT: Final = NAMES.dataset.croissant.as_posix()
DATA: Final = NAMES.dataset.data.as_posix()
LISTINGS: Final = NAMES.dataset.listings.as_posix()
FITTED: Final = NAMES.work.fitted.as_posix()


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the files of the input shards of a build lie."""

    # the work folder that builds share
    common: Work
    # the work folder of this build; the same unless it is a candidate
    own: Work
    # keys of the input shards whose files are in ``own``
    anew: frozenset[str] = field(default_factory=frozenset)

    @property
    def shared(self) -> bool:
        """Whether another build needs what lies in ``common``."""
        return self.own != self.common

    def work(self, key: str) -> Work:
        """The work folder with the files of an input shard."""
        return self.own if key in self.anew else self.common

    def file(self, folder: str, key: str, ending: str = ".arrow") -> AnyPath:
        """One of the files of an input shard, whether or not it is there."""
        return self.work(key).of_input(folder, key, ending)

    def existing(self, folder: str, keys: Sequence[str], ending: str = ".arrow") -> list[AnyPath]:
        """The files of these input shards that are there, in the order of the keys."""
        places = (self.own, self.common) if self.shared else (self.common,)
        gone = set[AnyPath]()
        for place in places:
            names = [f"{key}{ending}" for key in keys if self.work(key) == place]
            here = place.of_inputs(folder)
            gone |= {here / name for name in storage.missing(here, names)}
        every = [self.file(folder, key, ending) for key in keys]
        return [path for path in every if path not in gone]


def shelf(work: Work) -> Shelf:
    """The shelf of a build, by its work folder."""
    build = work.build.main
    return shelf_of(build.good, build)


def shelf_of(out: Layout, place: Layout) -> Shelf:
    """The shelf of a build into ``out`` that is made in ``place``: there, or in its candidate."""
    if out == place:
        return Shelf(out.work, out.work)
    reports = storage.files(place.work.of_inputs(SAMPLES), ".json")
    return Shelf(out.work, place.work, frozenset(path.stem for path in reports))


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """The files of an output shard, by their paths within the folder of the build."""

    # its rows
    data: str
    # the list of its samples
    listing: str
    # what became of each sample
    fitted: str


def files_of(name: str) -> ShardFiles:
    """The files of an output shard.

    name: ``g0001/train-00000-of-00012``.
    """
    return ShardFiles(
        f"{DATA}/{name}.arrow", f"{LISTINGS}/{name}.parquet", f"{FITTED}/{name}.parquet"
    )


def stratum(split: str, subset: int) -> str:
    """What the names of the files of a split begin with: the split, and the number of a subset."""
    return f"{split}-s{subset}" if subset else split


def subset_of(name: str) -> int:
    """The number of the smallest subset that an output shard is in, by its name; 0: in none."""
    number = name.rpartition("/")[2].split("-")[1]
    return int(number[1:]) if number.startswith("s") else 0


def split_of(name: str) -> str:
    """The split of a file of an output shard, by its name."""
    return name.rpartition("/")[2].partition("-")[0]
