"""The files of a published dataset: their names, what a place tells about them, the card's seal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self

import orjson
import yaml

from etl.dataset.layout import IN_DATASET, PREFIX
from etl.dataset.manifest import File, Manifest, Published, of_json

Format = Literal["arrow", "parquet"]
FORMATS: Final[tuple[Format, ...]] = ("arrow", "parquet")
KEYS: Final = "keys"
"""What stands in the place of a format where the keys of a dataset are published."""
CARD: Final = IN_DATASET.card.as_posix()
MANIFEST: Final = IN_DATASET.manifest.as_posix()
CROISSANT: Final = IN_DATASET.croissant.as_posix()
DATA: Final = IN_DATASET.data.as_posix()
LISTING: Final = IN_DATASET.listings.as_posix()
"""The folders of files that come one a shard: its rows, and a line a sample."""

_SHARD: Final = re.compile(
    rf"(?:{DATA}|{LISTING})/g\d{{4,}}/[a-z][a-z0-9_]*(?:-s\d+)?-\d{{5,}}-of-\d{{5,}}-[0-9a-f]{{16}}\.(?:arrow|parquet)"
)
_SEAL: Final = re.compile(
    rb"\n<!-- stepmill published what is above; its sha256: ([0-9a-f]{64}) -->\n\Z"
)


@dataclass(frozen=True)
class Stored:
    """A file in a place, as far as the place tells."""

    size: int
    """Its size in bytes."""
    sha256: str = ""
    """Its hash; empty if not known."""
    blob: str = ""
    """The id of its git blob; empty if not known."""

    def holds(self, data: bytes) -> bool:
        """Whether a hash that the place tells shows these bytes."""
        if self.sha256:
            return self.sha256 == hashlib.sha256(data).hexdigest()
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
        return bool(self.blob) and self.blob == git.hexdigest()


@dataclass(frozen=True)
class Contents:
    """The contents of a place."""

    exists: bool = False
    """Whether the folder or the branch exists."""
    private: bool | None = None
    """Whether the repository is private; None for a folder."""
    files: Mapping[str, Stored] = field(default_factory=dict)
    """The files by path."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tag -> what `Place.read` takes to read at it."""
    commits: int = 0
    """The number of commits of the branch; 0 for a folder."""


@dataclass(frozen=True)
class Ready:
    """A file that is ready to be sent."""

    path: str
    """Its path in the place."""
    content: Path | bytes
    """Its content, as a local file or as bytes."""
    size: int
    """Its size in bytes."""
    sha256: str
    """Its hash."""
    at: str = ""
    """A tag from which the place copies it; then ``content`` is empty."""

    @classmethod
    def of(cls, path: str, data: bytes) -> Self:
        """A file of these bytes."""
        return cls(path, data, len(data), hashlib.sha256(data).hexdigest())


def is_shard(path: str) -> bool:
    """Whether a path in a place is one that a file of some shard has."""
    return _SHARD.fullmatch(path) is not None


@dataclass(frozen=True)
class Listed:
    """What a published manifest lists, of this version of stepmill or an earlier one."""

    # of the build
    fingerprint: str
    # hash of its takedown list; empty without one
    takedown: str
    # names of all its files, as the build has them
    files: frozenset[str]
    # the files of shards
    published: Published

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """What a manifest lists that is about to be published."""
        assert manifest.published is not None
        files = frozenset(manifest.files)
        return cls(manifest.fingerprint, manifest.takedown, files, manifest.published)


def listed(data: bytes | None) -> Listed | None:
    """What a manifest lists that was published; None for anything else."""
    try:
        found = orjson.loads(data or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or "published" not in found:
        return None
    published = of_json(Published, {"listing": [], **found["published"]}, f"a published {MANIFEST}")
    files = frozenset(found.get("files", ()))
    return Listed(found.get("fingerprint", ""), found.get("takedown", ""), files, published)


def named(manifest: Listed | None) -> dict[str, File]:
    """The files of shards that a published manifest names, by path."""
    if manifest is None:
        return {}
    files = list(manifest.published.listing)
    for split in manifest.published.splits.values():
        files += split
    return {file.path: file for file in files}


def unnamed(manifest: Listed | None) -> set[str]:
    """All other files of a published manifest, itself and the card included."""
    files = {name.removeprefix(PREFIX) for name in manifest.files} if manifest else set()
    return {CARD, MANIFEST, *files} - set(named(manifest))


def card_last(paths: Iterable[str]) -> list[str]:
    """Paths in the order in which a folder gets them: the manifest and then the card come last."""
    return sorted(paths, key=lambda path: (path == CARD, path == MANIFEST, path))


def sealed(text: str) -> bytes:
    """A card with its own hash at the end, which shows whether it was edited since."""
    data = text.encode()
    return (
        data
        + f"\n<!-- stepmill published what is above; its sha256: {_sha256(data)} -->\n".encode()
    )


def untouched(card: bytes) -> bool:
    """Whether a card is as it was sealed."""
    seal = _SEAL.search(card)
    return seal is not None and seal[1].decode() == _sha256(card[: seal.start()])


def named_by_card(card: bytes) -> set[str]:
    """The data files that a card lists; empty if it cannot be parsed."""
    try:
        header = yaml.safe_load(card.decode().split("---\n")[1])
        return {
            path
            for config in header["configs"]
            for split in config["data_files"]
            for path in split["path"]
        }
    except (UnicodeDecodeError, IndexError, KeyError, TypeError, yaml.YAMLError):
        return set()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
