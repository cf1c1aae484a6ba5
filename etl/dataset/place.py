"""Find a dataset to look at: a build with its work folder, or a published dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from etl.dataset.keys import listed
from etl.dataset.layout import IN_DATASET, LISTINGS, Dataset, Layout, Work, split_of
from etl.dataset.manifest import Manifest, UnitCounts, read
from etl.files import scratch, storage
from etl.files.arrow import read_parquet
from etl.files.storage import AnyPath
from schemas.errors import ConfigError
from schemas.ledger import LISTING_SCHEMA

_LISTED: Final = f"{LISTINGS}/"
_TYPES: Final = {
    pa.string(): pl.String, pa.int32(): pl.Int32, pa.int64(): pl.Int64, pa.float64(): pl.Float64,
    pa.bool_(): pl.Boolean,
}  # fmt: skip
UNITS: Final = ("record", "workflow", "step", "sample")


@dataclass(frozen=True)
class Place:
    """A dataset to look at, in a build or published."""

    # as the user named it
    given: AnyPath
    dataset: Dataset
    # None for a published dataset
    work: Work | None
    manifest: Manifest

    @property
    def accounting(self) -> dict[str, UnitCounts]:
        """The numbers read, kept and dropped of each unit, in the order of `UNITS`."""
        counts = self.manifest.accounting
        return {unit: counts[unit] for unit in UNITS}

    def table(self, name: str) -> pl.DataFrame:
        """A table of ``stats/``, by name.

        Raises:
            ConfigError: it is not there.
        """
        try:
            return read_parquet(self.dataset.table(name))
        except FileNotFoundError as error:
            raise self.lacks(IN_DATASET.table(name).as_posix()) from error

    def listing(self, columns: Sequence[str], split: str = "") -> pl.LazyFrame:
        """Columns of `schemas.ledger.LISTING_SCHEMA`, a row for each sample; empty split: of all.

        Raises:
            ConfigError: a published folder lacks the lists of samples.
        """
        names = [name for name in self.manifest.files if name.startswith(_LISTED)]
        if not names and self.manifest.totals.samples:
            raise self.lacks(f"{IN_DATASET.listings.as_posix()}/, the list of its samples")
        wanted = [name for name in names if not split or split_of(name) == split]
        paths = [self.dataset.file(name) for name in sorted(wanted)]
        try:
            here = [*storage.together(scratch.copy_of, paths)]
            missing = next((path for path in here if not path.exists()), None)
        except FileNotFoundError as error:
            raise self.lacks(str(error.filename)) from error
        if missing is not None:
            raise self.lacks(str(missing))
        return scanned(here).select(columns)

    def inside(self, what: str) -> Work:
        """The work folder.

        what: the subject of the message, which needs it.

        Raises:
            ConfigError: this is a published dataset, which has none.
        """
        if self.work is None:
            raise ConfigError(
                f"{self.given}: {what} needs the folder work/ of a build, and this is a published "
                f"dataset alone; name the folder that it was built in"
            )
        return self.work

    def lacks(self, what: str) -> ConfigError:
        """The error for a missing part of a dataset.

        what: that part, for the message.
        """
        how = (
            "publish the whole of dataset/" if self.work is None else "run the build command again"
        )
        return ConfigError(
            f"{self.given}: there is no {what}: not all of it was published, or it was built by an "
            f"earlier version; build with this version, then {how}"
        )


def scanned(paths: Sequence[Path]) -> pl.LazyFrame:
    """Rows of the listing in some local files."""
    return pl.scan_parquet(list(paths)) if paths else nothing(LISTING_SCHEMA)


def nothing(schema: pa.Schema) -> pl.LazyFrame:
    """A table with no rows.

    Polars makes it alone: pyarrow would import pandas for it, which takes a third of a second.
    """
    return pl.LazyFrame(schema={field.name: _TYPES[field.type] for field in schema})


def place_of(given: AnyPath) -> Place:
    """The dataset at a location.

    Raises:
        ConfigError: there is neither a finished build nor a published dataset.
    """
    build = Layout(given)
    path, manifest = _manifest(given, build.dataset.manifest, Dataset(given).manifest)
    built = path == build.dataset.manifest and storage.exists(build.work.inputs)
    return Place(given, Dataset(path.parent), build.work if built else None, manifest)


def manifest_of(path: AnyPath) -> Manifest:
    """The manifest of a build's folder or of a published dataset, or the one in a file.

    Raises:
        ConfigError: there is none, or it is of another version.
    """
    within = [Layout(path).dataset.manifest, Dataset(path).manifest]
    return _manifest(path, *([path] if storage.is_file(path) else within))[1]


def _manifest(given: AnyPath, *places: AnyPath) -> tuple[AnyPath, Manifest]:
    """The first manifest that is at one of these places, with that place."""
    path = next((place for place in places if storage.exists(place)), None)
    if path == Dataset(given).manifest and storage.exists(given / listed.FILE):
        path = None  # it lists what is published of keys
    if path is None:
        if not storage.exists(given):
            raise ConfigError(
                f"{given}: there is no such folder; give that of a build, or of a dataset"
            )
        from etl.dataset import candidate

        if storage.exists(given / listed.FILE):
            raise ConfigError(
                f"{given}: these are the keys of a dataset, without the dataset; make it of the "
                f"recordings: stepmill rebuild {given} RECORDINGS... --out OUT"
            )
        names = ", ".join(storage.relative(place, given) or place.name for place in places)
        raise ConfigError(
            f"{given}: no finished build and no published dataset (missing: "
            f"{names}){candidate.hint(given)}; run the build command again, or see that the place "
            "is right"
        )
    return path, read(path)
