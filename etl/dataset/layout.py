"""Where the files lie that phase 1 makes of each input shard (`etl.build.samples`): samples, light,
ledger, quarantine.

They are named by name and content of the input, so the last complete build and the candidate beside
it (`etl.dataset.candidate`) share them. What a candidate must make anew of an input that is there,
because of other settings or another takedown list, lies in the candidate's own work folder; so what
is known of the last complete build stays true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from etl.files import storage
from etl.files.storage import AnyPath

FOLDERS: Final = ("samples", "light", "ledger", "quarantine")
"""Under the work folder, with files named by the key of an input shard."""
CANDIDATE: Final = "candidate"
BORROWED: Final = "borrowed.json"
"""In a candidate's folder, which is known by it; see `etl.dataset.candidate`."""


@dataclass(frozen=True)
class Shelf:
    """common: the work folder that builds share. own: of this build, the same unless it is a
    candidate. anew: keys of the input shards whose files are in ``own``.
    """

    common: AnyPath
    own: AnyPath
    anew: frozenset[str] = field(default_factory=frozenset)

    @property
    def shared(self) -> bool:
        """Whether another build needs what lies in ``common``."""
        return self.own != self.common

    def work(self, key: str) -> AnyPath:
        """The work folder with the files of an input shard."""
        return self.own if key in self.anew else self.common

    def file(self, folder: str, key: str, ending: str = ".arrow") -> AnyPath:
        """One of the files of an input shard, whether or not it is there."""
        return self.work(key) / folder / f"{key}{ending}"

    def existing(self, folder: str, keys: Sequence[str], ending: str = ".arrow") -> list[AnyPath]:
        """Those of these files that are there, in the order of the keys."""
        places = (self.own, self.common) if self.shared else (self.common,)
        gone = set[AnyPath]()
        for place in places:
            names = [f"{key}{ending}" for key in keys if self.work(key) == place]
            gone |= {place / folder / name for name in storage.missing(place / folder, names)}
        return [
            path for path in (self.file(folder, key, ending) for key in keys) if path not in gone
        ]


def shelf(work: AnyPath) -> Shelf:
    """The shelf of a build, by its work folder."""
    return shelf_of(good_of(work.parent), work.parent)


def shelf_of(out: AnyPath, place: AnyPath) -> Shelf:
    """The shelf of a build into a folder that is made in this place: the folder itself, or its
    candidate's.
    """
    if out == place:
        return Shelf(out / "work", out / "work")
    own = place / "work"
    return Shelf(
        out / "work", own, frozenset(path.stem for path in storage.files(own / "samples", ".json"))
    )


def files_of(name: str) -> tuple[str, str, str]:
    """What is written for an output shard, under the output folder: rows, listing, and what became
    of its samples.
    """
    return (
        f"dataset/data/{name}.arrow",
        f"dataset/stats/samples/{name}.parquet",
        f"work/fitted/{name}.parquet",
    )


def candidate_of(out: AnyPath) -> AnyPath:
    """The folder of a build's candidate."""
    return out / "work" / CANDIDATE


def good_of(place: AnyPath) -> AnyPath:
    """The folder of the build that a candidate's folder is in; of any other folder itself."""
    if place.name == CANDIDATE and place.parent.name == "work" and storage.exists(place / BORROWED):
        return place.parent.parent
    return place
