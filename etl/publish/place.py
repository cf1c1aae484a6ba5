"""Where a dataset is published: what a place can do."""

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
        """For messages."""
        ...

    @property
    def repository(self) -> tuple[str, str]:
        """``owner/name`` and branch of a repository of the Hub; empty for a folder."""
        ...

    @property
    def at_once(self) -> int:
        """So many files a commit may add and remove."""
        ...

    @property
    def keeps_history(self) -> bool:
        """Whether what is removed can be read on by those who read an older state."""
        ...

    @property
    def head(self) -> str:
        """The commit that the last look or commit left, where there is such a thing."""
        ...

    def opened(self, *, writes: bool) -> AbstractContextManager[None]:
        """The block looks at the place and, if it says so, changes it."""
        ...

    def look(self) -> Contents:
        """What is there now."""
        ...

    def read(self, path: str, at: str = "") -> bytes | None:
        """A file as it is now, or at a tag; None if it is not there."""
        ...

    def check(self, paths: Collection[str]) -> None:
        """Raises `ConfigError` if these files would be too many."""
        ...

    def create(self, *, private: bool) -> None:
        """Make the place, if it is not there."""
        ...

    def commit(self, add: Sequence[Ready], remove: Sequence[str], message: str) -> None:
        """Add and remove files. Where readers can see the middle of it,
        files come in this order.
        """
        ...

    def tag(self, name: str) -> None:
        """Name the present state for ever."""
        ...


@dataclass(frozen=True)
class Before:
    """What a place holds of the publication before: what its manifest lists, if there is one, and
    its card.
    """

    contents: Contents
    manifest: Listed | None
    card: bytes

    @classmethod
    def of(cls, place: Place) -> Before:
        """What is there now."""
        contents = place.look()
        manifest = place.read(MANIFEST) if MANIFEST in contents.files else None
        card = place.read(CARD) if CARD in contents.files else None
        return cls(contents, listed(manifest), card or b"")

    @property
    def files(self) -> set[str]:
        """Those that are ours."""
        mine = unnamed(self.manifest) if self.manifest else set()
        return {path for path in self.contents.files if is_shard(path) or path in mine}
