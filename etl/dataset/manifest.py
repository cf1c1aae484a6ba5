"""The manifest of a dataset: its inputs, settings and figures, and the hashes of its files.

It is read and written here. A manifest with an unknown key, or without a required one, was written
by another version of stepmill or by somebody else, and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Final, Self, TypeVar, get_args, get_origin, get_type_hints

from etl.dataset.generations import Generations
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.storage import AnyPath
from schemas.errors import ConfigError, IntegrityError

FORMAT: Final = 5
"""The format of the manifest and of what is published with it.

A folder with an earlier format is brought up to date by building again.
"""

Row = Mapping[str, Any]
"""A row of a table, by column."""
T = TypeVar("T")


@dataclass(frozen=True)
class Input:
    """A file that was read, however many parts it was read in."""

    # path relative to the root that it was given under
    name: str
    # name of its source
    format: str
    # bytes, as they are in memory
    size: int
    # hash of its content
    sha256: str
    # the number of samples made of it, including those that are not in the dataset
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
    # total size of the files
    bytes: int
    # the share of the context that tokens fill, 0 to 1
    fill: float


@dataclass(frozen=True, slots=True)
class Packing:
    """The rows of a generation in a split; shows whether a compaction is worth it."""

    # name of the generation, ``g0001``
    generation: str
    split: str
    files: int
    rows: int
    tokens: int
    # total size of the files
    bytes: int


@dataclass(frozen=True, slots=True)
class Subset:
    """A part of the training split with a given number of tokens (`etl.decisions.subsets`)."""

    # as the recipe writes the number; also the name of its configuration
    name: str
    # tokens that were asked for
    asked: int
    # tokens as they were counted to fill it, perhaps by another vocabulary
    counted: int
    files: int
    rows: int
    samples: int
    tokens: int
    # total size of the files
    bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the dataset; workflows and steps count all that were read."""

    domains: int
    subdomains: int
    workflows: int
    steps: int
    samples: int
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    # samples that hold only a part of their page
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
    # domains with samples
    domains: int
    tokens_per_sample: float
    # share of element actions whose target was found and survived pruning
    survival: float
    # dropped steps over steps read
    drop_rate: float
    # the same by reason
    drop_rates: Mapping[str, float]
    # share of the samples, by domain
    domain_shares: Mapping[str, float]
    # share of the samples, by kind of action
    action_shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Drop:
    """The number of things that a stage dropped for a reason."""

    stage: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that does not add up."""

    # how often
    count: int
    # id of the first
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
    # what does not add up, by its words in `etl.dataset.account`
    errors: Mapping[str, Wrong]


@dataclass(frozen=True, slots=True)
class Card:
    """The parts of the data card that are not figures (`etl.card`)."""

    # text of the user's own template; empty for the shipped one
    template: str
    # hand-written parts by name
    notes: Mapping[str, str]
    # sample_id, prompt and completion of one sample; empty if there is none
    example: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a shard, as it is published."""

    # path within the folder
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Published:
    """The names of the shards' files where they are published."""

    # ``arrow`` or ``parquet``
    format: str
    # files of rows by split
    splits: Mapping[str, tuple[File, ...]]
    # the lists of samples
    listing: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a dataset."""

    # `FORMAT` of the version that wrote it
    format: int
    # name of the recipe
    recipe: str
    # hash of everything that the dataset is a function of
    fingerprint: str
    # the settings that decide the output, by phase: samples, index, packed, card
    settings: Mapping[str, Any]
    generations: Generations
    # hash of the takedown list; empty without one
    takedown: str
    # what identifies the vocabulary: its ``name``, or its ``file``
    vocabulary: Mapping[str, str]
    card: Card
    inputs: tuple[Input, ...]
    # by name
    splits: Mapping[str, Split]
    totals: Totals
    # a row for each source and reward (`etl.dataset.outcomes`)
    outcomes: tuple[Row, ...]
    figures: Figures
    # by unit
    accounting: Mapping[str, UnitCounts]
    # a row for each word that is on no list (`etl.stages.wording`)
    unknown_actions: tuple[Row, ...]
    # the number of steps that have no element, by kind of action
    page_actions: Mapping[str, int]
    packing: tuple[Packing, ...]
    # the number of quarantined records
    quarantined: int
    # a row for each kind and place (`etl.dataset.oddities`)
    oddities: tuple[Row, ...]
    # sha256 by path within the build's folder
    files: Mapping[str, str]
    # from small to large, each inside the next; only with subsets
    subsets: tuple[Subset, ...] | None = None
    # what the draw of the splits counted, by what it counts (`etl.decisions.unseen`,
    # `etl.decisions.recorded`); only with one
    drawn: Mapping[str, int] | None = None
    # only in a published manifest
    published: Published | None = None
    # a row for each benchmark that the recipe's registries know (`etl.decisions.contamination`)
    contamination: tuple[Row, ...] | None = None
    # where recordings contradict themselves (`etl.dataset.stats.lint_summary`)
    lint: Any = None
    # findings of the stage that looks for personal data, in its own form
    privacy: Any = None
    # what observations hold within a budget of tokens (`etl.dataset.flow.budget`); only with one
    budget: Mapping[str, Any] | None = None

    @property
    def context(self) -> int:
        """The most tokens of a row."""
        return int(self.settings["index"]["context"])

    def as_json(self) -> dict[str, Any]:
        """The content of the file; optional fields that are None have no key."""
        optional = {each.name for each in fields(self) if each.default is None}
        return {
            name: value
            for name, value in as_json(self).items()
            if value is not None or name not in optional
        }

    @classmethod
    def from_json(cls, value: Any, where: object) -> Self:
        """The manifest that `as_json` wrote.

        where: it was read, for messages.

        Raises:
            ConfigError: it is anything else.
        """
        try:
            manifest: Self = _read(cls, value, "")
        except _NotAManifestError as error:
            raise ConfigError(
                f"{where}: not a manifest with figures as this version of stepmill writes them "
                f"({error}); build again with this version, or name the manifest of a build"
            ) from error
        return manifest


def read(path: AnyPath) -> Manifest:
    """Read a manifest.

    Raises:
        ConfigError: the file is no manifest, or one of another version.
    """
    try:
        value = read_json(path)
    except IntegrityError:
        value = None
    return Manifest.from_json(value, path)


def current(path: AnyPath) -> Manifest | None:
    """Read a manifest; None if there is none, or it has an earlier format.

    Raises:
        ConfigError: it has this format, but cannot be read.
    """
    if not storage.exists(path):
        return None
    value = read_json(path)
    return Manifest.from_json(value, path) if value.get("format") == FORMAT else None


def write(path: AnyPath, manifest: Manifest) -> None:
    """Write a manifest, with sorted keys."""
    write_json(path, manifest.as_json())


def hashes(path: AnyPath) -> Mapping[str, str]:
    """The sha256 of each file that a manifest of any format names; empty if there is none."""
    if not storage.exists(path):
        return {}
    files: Mapping[str, str] = read_json(path)["files"]
    return files


def fingerprint(path: AnyPath) -> str:
    """The fingerprint in a manifest of any format; empty if there is none."""
    return str(read_json(path)["fingerprint"]) if storage.exists(path) else ""


_PLAIN: Final = frozenset((str, int, float, bool, type(None)))


def as_json(value: Any) -> Any:
    """A part of a manifest as JSON."""
    kind = type(value)
    if kind in _PLAIN:  # most are
        return value
    if kind is Input:  # and these are as many as files
        return dict(vars(value))
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
    """A part of a manifest from JSON.

    where: it was read, for messages.

    Raises:
        ConfigError: it is not of this kind.
    """
    try:
        part: T = _read(kind, value, "")
    except _NotAManifestError as error:
        raise ConfigError(
            f"{where}: not as this version of stepmill writes it ({error}); build again"
        ) from error
    return part


class _NotAManifestError(Exception):
    """Something wrong in a manifest, with its place."""


def _read(kind: Any, value: Any, where: str) -> Any:
    """Read a value of this type.

    where: the keys that lead to it, for messages.
    """
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
    hints = _hints(kind)
    if value.keys() == hints.keys() and all(
        type(item) is hints[name] for name, item in value.items()
    ):
        return kind(**value)  # plain values, as the rows of a hundred thousand inputs have
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


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of the fields of a dataclass."""
    return get_type_hints(kind)


def _expect(kind: Any, value: Any, where: str) -> None:
    if not isinstance(value, kind):
        raise _NotAManifestError(f"{where or 'it'} is {type(value).__name__}: {str(value)[:40]}")
