"""The one place that knows the paths of a build: every file and folder that it writes, by name.

- `Layout` is the folder of a build, with a `Dataset` to publish and a `Work` folder beside it. All
  three work for folders of this machine and elsewhere.
- Manifests and reports name files by their path in such a folder. `NAMES`, `IN_DATASET` and
  `IN_WORK` give these paths.
- `Shelf` finds the files that phase 1 makes of each input shard (`etl.build.samples`): samples,
  light, ledger, quarantine. They are named by name and content of the input, so the last complete
  build and the candidate beside it (`etl.dataset.candidate`) share them. What a candidate must make
  anew of an input that is there, because of other settings or another takedown list, lies in the
  candidate's own work folder. So what is known of the last complete build stays true.
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
FOLDERS: Final = (SAMPLES, LIGHT, LEDGER, QUARANTINE)
"""Folders under the work folder with files named by the key of an input shard."""

INDEX: Final = "index"
"""Stands for a key where phase 2 has written a file beside those of the input shards."""
PREFIX: Final = "dataset/"
"""What the names of files of a dataset begin with, in manifests and reports."""
_CANDIDATE: Final = "candidate"
_WORK: Final = "work"


@dataclass(frozen=True, slots=True)
class Dataset:
    """The folder that is published, in a build or by itself."""

    # the folder with the manifest
    root: AnyPath

    @property
    def manifest(self) -> AnyPath:
        """What the dataset is made of, written last (`etl.dataset.manifest`)."""
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
        """The folder of the rows, a file an output shard."""
        return self.root / "data"

    @property
    def stats(self) -> AnyPath:
        """The folder of the tables."""
        return self.root / "stats"

    @property
    def listings(self) -> AnyPath:
        """The folder of the lists of samples, a file an output shard."""
        return self.stats / "samples"

    @property
    def statistics(self) -> AnyPath:
        """All tables as JSON."""
        return self.stats / "stats.json"

    def table(self, name: str) -> AnyPath:
        """A table of `etl.dataset.stats`."""
        return self.stats / f"{name}.parquet"

    def file(self, name: str) -> AnyPath:
        """The file that a manifest names so."""
        return self.root / name.removeprefix(PREFIX)


@dataclass(frozen=True, slots=True)
class Work:
    """The folder of what is not published; `etl.dataset.state` says what its files are for."""

    # the folder itself
    root: AnyPath

    @property
    def build(self) -> Layout:
        """The build that it is of."""
        return Layout(self.root.parent)

    @property
    def locks(self) -> AnyPath:
        """The folder of locks (`etl.files.lock`)."""
        return self.root / "locks"

    @property
    def order(self) -> AnyPath:
        """How to ask for the build again."""
        return self.root / "order.json"

    @property
    def settings(self) -> AnyPath:
        """What decides the output, by phase."""
        return self.root / "settings.json"

    @property
    def remembered(self) -> AnyPath:
        """What is known of inputs that need not be read again."""
        return self.root / "remembered.json"

    @property
    def inputs(self) -> AnyPath:
        """The input shards that the build is made of."""
        return self.root / "inputs.json"

    @property
    def reading(self) -> AnyPath:
        """The keys of input shards that are being read."""
        return self.root / "reading.json"

    @property
    def generations(self) -> AnyPath:
        """The generations of the last complete build."""
        return self.root / "generations.json"

    @property
    def previous(self) -> AnyPath:
        """Figures of the last complete build, where it had to go."""
        return self.root / "previous.json"

    @property
    def takedown(self) -> AnyPath:
        """The takedown list, and what it took down."""
        return self.root / "takedown.json"

    @property
    def unmatched(self) -> AnyPath:
        """Entries of lists that match nothing."""
        return self.root / "unmatched.json"

    @property
    def notes(self) -> AnyPath:
        """Hand-written parts of the card."""
        return self.root / "notes.json"

    @property
    def forgiven(self) -> AnyPath:
        """Failures of gates in spite of which a build was accepted."""
        return self.root / "forgiven.json"

    @property
    def stamps(self) -> AnyPath:
        """How the files of the last complete build were left."""
        return self.root / "stamps.json"

    @property
    def edited(self) -> AnyPath:
        """The folder of documents that somebody had edited."""
        return self.root / "edited"

    @property
    def last_build(self) -> AnyPath:
        """How the last run ended."""
        return self.root / "last_build.json"

    @property
    def index(self) -> AnyPath:
        """The folder of the index, which phase 2 writes."""
        return self.root / INDEX

    @property
    def index_ledger(self) -> AnyPath:
        """What the index dropped."""
        return self.of_input(LEDGER, INDEX)

    @property
    def index_quarantine(self) -> AnyPath:
        """Inputs that are of no format."""
        return self.of_input(QUARANTINE, INDEX)

    @property
    def fitted(self) -> AnyPath:
        """The folder of what phase 3 made of each sample, and of its reports."""
        return self.root / "fitted"

    def of_inputs(self, folder: str) -> AnyPath:
        """One of the `FOLDERS`."""
        return self.root / folder

    def of_input(self, folder: str, key: str, ending: str = ".arrow") -> AnyPath:
        """A file of an input shard in one of the `FOLDERS`."""
        return self.root / folder / f"{key}{ending}"

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
        """What is published."""
        return Dataset(self.root / PREFIX.rstrip("/"))

    @property
    def work(self) -> Work:
        """What is not."""
        return Work(self.root / _WORK)

    @property
    def candidate(self) -> Layout:
        """The build in the making, or rejected, beside the last complete one."""
        return Layout(self.root / _WORK / _CANDIDATE)

    @property
    def borrowed(self) -> AnyPath:
        """Output shards that a candidate borrows; a candidate's folder is known by this file."""
        return self.root / "borrowed.json"

    @property
    def accepted(self) -> AnyPath:
        """The note that a candidate takes the place of what is complete."""
        return self.root / "accepted.json"

    @property
    def rejected(self) -> AnyPath:
        """Why a candidate's gates rejected it."""
        return self.root / "gate_failed.json"

    @property
    def good(self) -> Layout:
        """The build that a candidate's folder is in; of any other folder itself."""
        inside = self.root.name == _CANDIDATE and self.root.parent.name == _WORK
        if inside and storage.exists(self.borrowed):
            return Layout(self.root.parent.parent)
        return self

    def file(self, name: str) -> AnyPath:
        """The file that a manifest or a report of phase 3 names so."""
        return self.root / name


NAMES: Final = Layout(Path())
"""Paths within the folder of a build, as manifests and reports of phase 3 have them."""
IN_DATASET: Final = Dataset(Path())
"""Paths within the folder that is published."""
IN_WORK: Final = Work(Path())
"""Paths within the work folder, as reports of phase 1 have them."""

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
    # that of this build; the same unless it is a candidate
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
        """Those of these files that are there, in the order of the keys."""
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
    return shelf_of(work.build.good, work.build)


def shelf_of(out: Layout, place: Layout) -> Shelf:
    """The shelf of a build into a folder that is made in this place: the folder itself, or its
    candidate's.
    """
    if out == place:
        return Shelf(out.work, out.work)
    reports = storage.files(place.work.of_inputs(SAMPLES), ".json")
    return Shelf(out.work, place.work, frozenset(path.stem for path in reports))


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """Names of what is written for an output shard, within the folder of the build."""

    # its rows
    data: str
    # the list of its samples
    listing: str
    # what became of each sample
    fitted: str


def files_of(name: str) -> ShardFiles:
    """The files of an output shard. name: ``g0001/train-00000-of-00012``."""
    return ShardFiles(
        f"{DATA}/{name}.arrow", f"{LISTINGS}/{name}.parquet", f"{FITTED}/{name}.parquet"
    )


def split_of(name: str) -> str:
    """The split of a file of an output shard, by its name."""
    return name.rpartition("/")[2].partition("-")[0]
