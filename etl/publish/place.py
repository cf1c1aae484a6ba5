"""A place to publish to: the protocol, and what a place holds before a publication."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from etl.publish.files import CARD, MANIFEST, Contents, Listed, Ready, is_shard, listed, unnamed


class Place(Protocol):
    """A repository of the Hub, or a folder."""

    @property
    def name(self) -> str:
        """Its name in messages."""
        ...

    @property
    def repository(self) -> tuple[str, str]:
        """``owner/name`` and branch of a repository of the Hub; empty for a folder."""
        ...

    @property
    def at_once(self) -> int:
        """The largest number of files that a commit may add and remove."""
        ...

    @property
    def keeps_history(self) -> bool:
        """Whether readers of an older state can still read removed files."""
        ...

    @property
    def head(self) -> str:
        """The commit that the last look or commit left; empty for a folder."""
        ...

    def opened(self, *, writes: bool) -> AbstractContextManager[None]:
        """Open the place while the block runs. writes: whether the block changes it."""
        ...

    def look(self) -> Contents:
        """The contents of the place now."""
        ...

    def read(self, path: str, at: str = "") -> bytes | None:
        """A file as it is now, or at a tag; None if it is not there."""
        ...

    def check(self, paths: Collection[str]) -> None:
        """Check that the place can hold these files.

        Raises:
            ConfigError: if they are too many.
        """
        ...

    def create(self, *, private: bool) -> None:
        """Create the place, if it does not exist."""
        ...

    def commit(self, add: Sequence[Ready], remove: Sequence[str], message: str) -> None:
        """Add and remove files.

        If readers can see the middle of a commit, files appear in the order given.

        Raises:
            BuildError: if the place has changed meanwhile, or cannot be written.
        """
        ...

    def tag(self, name: str) -> None:
        """Give the present state a name that never moves.

        Raises:
            BuildError: if the name is taken.
        """
        ...


@dataclass(frozen=True)
class Before:
    """A place before a publication."""

    contents: Contents
    """Its files and tags."""
    manifest: Listed | None
    """What the manifest of the previous publication lists; None if there is none."""
    card: bytes
    """The card; empty if there is none."""

    @classmethod
    def of(cls, place: Place) -> Before:
        """Look at a place."""
        contents = place.look()
        manifest = place.read(MANIFEST) if MANIFEST in contents.files else None
        card = place.read(CARD) if CARD in contents.files else None
        return cls(contents, listed(manifest), card or b"")

    @property
    def files(self) -> set[str]:
        """The paths of files that stepmill published."""
        mine = unnamed(self.manifest) if self.manifest else set()
        return {path for path in self.contents.files if is_shard(path) or path in mine}
