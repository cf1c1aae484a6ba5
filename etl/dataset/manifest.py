"""The manifest of a dataset: what it is made of and what it came to. It is read and written here.

A manifest with a key that is not known, or without one that should be there, was written by another
version of stepmill, or by somebody else, and is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, Final, Self, TypeVar, get_args, get_origin, get_type_hints

from etl.dataset.generations import Generations
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.storage import AnyPath
from schemas.errors import ConfigError, IntegrityError

FORMAT: Final = 3
"""Of the manifest, and of what is published with it; a build of an earlier one is completed by
building it again.
"""

Row = Mapping[str, Any]
"""A row of a table, by column."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Input:
    """A file that was read, whatever parts it was read in."""

    # path relative to the root that it was given under
    name: str
    # name of its source
    format: str
    # bytes, as they are in memory
    size: int
    # of its content
    sha256: str
    # how many it has given, also those that are not in the dataset
    samples: int


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of a split."""

    files: int
    rows: int
    samples: int
    tokens: int
    # tokens with loss
    loss_tokens: int
    # of the files
    bytes: int
    # share of the context that rows have tokens in, 0 to 1
    fill: float


@dataclass(frozen=True, slots=True)
class Packing:
    """What a generation has in a split: by it is seen whether `etl.look.compaction` is worth it."""

    # its name, ``g0001``
    generation: str
    split: str
    files: int
    rows: int
    tokens: int
    # of the files
    bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the dataset; workflows and steps are those that were read."""

    domains: int
    subdomains: int
    workflows: int
    steps: int
    samples: int
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    # samples with a part of the page
    chunked: int
    # characters of pages as recorded
    raw_chars: int
    # characters of observations
    pruned_chars: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures by which builds are compared (`etl.dataset.drift`); shares and rates, 0 to 1."""

    samples: int
    tokens: int
    # with samples
    domains: int
    tokens_per_sample: float
    # of element actions whose target was found and stayed
    survival: float
    drop_rate: float
    # by reason
    drop_rates: Mapping[str, float]
    # of the samples, by domain
    domain_shares: Mapping[str, float]
    # of the samples, by kind of action
    action_shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Drop:
    """How many were dropped where and why."""

    stage: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that does not add up: how often, and the id of the first."""

    count: int
    first: str


@dataclass(frozen=True, slots=True)
class UnitCounts:
    """The accounting of a unit (`etl.dataset.account`)."""

    read: int
    # in the dataset
    kept: int
    dropped: int
    # the most frequent first
    reasons: tuple[Drop, ...]
    # by what does not add up
    errors: Mapping[str, Wrong]


@dataclass(frozen=True, slots=True)
class Card:
    """What the data card has besides (`etl.card`)."""

    # the user's own, as text; empty for the shipped one
    template: str
    # hand-written parts by name
    notes: Mapping[str, str]
    # sample_id, prompt and completion of a sample; empty where there is none
    example: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a shard, as it is published."""

    # within the folder
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Published:
    """The names that the files of shards have where they are published."""

    # arrow or parquet
    format: str
    # files of rows by split
    splits: Mapping[str, tuple[File, ...]]
    listing: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A dataset's manifest."""

    format: int
    # name of the recipe
    recipe: str
    # hash of all that the dataset is a function of
    fingerprint: str
    # what decides the output, by phase: samples, index, packed, card
    settings: Mapping[str, Any]
    generations: Generations
    # hash of the takedown list; empty without one
    takedown: str
    # how the vocabulary is known: its ``name``, or its ``file``
    vocabulary: Mapping[str, str]
    card: Card
    inputs: tuple[Input, ...]
    # by name
    splits: Mapping[str, Split]
    totals: Totals
    # samples by source and reward, a row each (`etl.dataset.outcomes`)
    outcomes: tuple[Row, ...]
    figures: Figures
    # by unit
    accounting: Mapping[str, UnitCounts]
    # a row a word that is on no list (`etl.stages.wording`)
    unknown_actions: tuple[Row, ...]
    # steps that have no element, by kind of action
    page_actions: Mapping[str, int]
    packing: tuple[Packing, ...]
    # records
    quarantined: int
    # a row a kind and place (`etl.dataset.oddities`)
    oddities: tuple[Row, ...]
    # sha256 by path within the build's folder
    files: Mapping[str, str]
    # where it is published
    published: Published | None = None
    # findings of stages that look for them, as they write them
    lint: Any = None
    privacy: Any = None

    @property
    def context(self) -> int:
        """Tokens that a row may have."""
        return int(self.settings["index"]["context"])

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file; what is optional and not there has no key."""
        optional = ("published", "lint", "privacy")
        return {
            name: value
            for name, value in as_json(self).items()
            if value is not None or name not in optional
        }

    @classmethod
    def from_json(cls, value: Any, where: object) -> Self:
        """What `as_json` gave. where: it was read, for messages.

        Raises: `ConfigError` for anything else.
        """
        try:
            found: Self = _read(cls, value, "")
        except _NotAManifestError as error:
            raise ConfigError(
                f"{where}: not a manifest with figures as this version of stepmill writes them "
                f"({error}); build again with this version, or name the manifest of a build"
            ) from error
        return found


def read(path: AnyPath) -> Manifest:
    """The manifest in a file.

    Raises: `ConfigError` for one that is none, or of another version.
    """
    try:
        value = read_json(path)
    except IntegrityError:
        value = None
    return Manifest.from_json(value, path)


def current(path: AnyPath) -> Manifest | None:
    """The manifest in a file; None if there is none, or it is of an earlier format.

    Raises: `ConfigError` for one of this format that cannot be read.
    """
    if not storage.exists(path) or read_json(path).get("format") != FORMAT:
        return None
    return read(path)


def write(path: AnyPath, manifest: Manifest) -> None:
    """Write it, with sorted keys."""
    write_json(path, manifest.as_json())


def hashes(path: AnyPath) -> Mapping[str, str]:
    """The sha256 of the files that a manifest names, of earlier formats too; none without one."""
    found: Mapping[str, str] = read_json(path)["files"] if storage.exists(path) else {}
    return found


def as_json(value: Any) -> Any:
    """Parts of a manifest as JSON knows them."""
    if isinstance(value, Generations):
        return value.as_json()
    if is_dataclass(value):
        return {each.name: as_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def of_json(kind: type[T], value: Any, where: object) -> T:
    """A part of a manifest from JSON. Raises: `ConfigError` for anything else."""
    try:
        found: T = _read(kind, value, "")
    except _NotAManifestError as error:
        raise ConfigError(
            f"{where}: not as this version of stepmill writes it ({error}); build again"
        ) from error
    return found


class _NotAManifestError(Exception):
    """What is wrong, and where in the manifest."""


def _read(kind: Any, value: Any, where: str) -> Any:
    """A value of this type. where: the keys that lead to it, for messages."""
    if kind is Any:
        return value
    if isinstance(kind, UnionType):
        return None if value is None else _read(get_args(kind)[0], value, where)
    if kind is Generations:
        return _generations(value)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if get_origin(kind) is Mapping:
        _expect(dict, value, where)
        inner = get_args(kind)[1]
        return {key: _read(inner, item, f"{where}.{key}") for key, item in value.items()}
    if get_origin(kind) is tuple:
        _expect(list, value, where)
        inner = get_args(kind)[0]
        return tuple(_read(inner, item, f"{where}[{at}]") for at, item in enumerate(value))
    _expect((int, float) if kind is float else kind, value, where)
    return value


def _generations(value: Any) -> Generations:
    try:
        return Generations.from_json(value)
    except ConfigError as error:
        raise _NotAManifestError(str(error)) from error


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    _expect(dict, value, where)
    hints = get_type_hints(kind)
    optional = {name for name, hint in hints.items() if hint is Any or isinstance(hint, UnionType)}
    missing = sorted(hints.keys() - optional - value.keys())
    if missing:
        raise _NotAManifestError(f"{where or 'it'} has no key {missing[0]!r}")
    unknown = sorted(value.keys() - hints.keys())
    if unknown:
        raise _NotAManifestError(f"{where or 'it'} has the key {unknown[0]!r}, which is not known")
    read = {
        name: _read(hints[name], item, f"{where}.{name}".lstrip("."))
        for name, item in value.items()
    }
    return kind(**read)


def _expect(kind: Any, value: Any, where: str) -> None:
    if not isinstance(value, kind):
        raise _NotAManifestError(f"{where or 'it'} is {type(value).__name__}: {str(value)[:40]}")
