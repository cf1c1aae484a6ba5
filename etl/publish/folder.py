"""A folder as a place to publish to: a local one, or a URL that fsspec can open.

Files appear whole or not at all, in this order: shards, which nothing lists yet, statistics,
manifest, and the card last. Readers who go by the card, as `datasets.load_dataset` does, see the
old rows until that file is replaced, and the new ones after it.

A folder has no history. So the shards of the previous publication stay until the next one, for
those who are still reading, unless something was taken down. Shards that a tag names stay as long
as the tag. A tag is a copy of all other files, under ``tags/``. A lock, like that of a build, keeps
a second publication out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from etl.dataset.layout import Dataset
from etl.files import lock, storage
from etl.files.arrow import atomic, put
from etl.files.storage import AnyPath
from etl.publish.files import MANIFEST, Contents, Ready, Stored, card_last, listed, unnamed
from schemas.errors import BuildError

_LOCKS: Final = ".locks"
_TAGS: Final = "tags"


class PublishedFolder:
    """A folder as an `etl.publish.place.Place`."""

    repository = "", ""
    at_once = 1000
    keeps_history = False
    head = ""

    def __init__(self, root: AnyPath) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """Its path or URL."""
        return str(self.root)

    @contextmanager
    def opened(self, *, writes: bool) -> Iterator[None]:
        """Hold the folder's lock, if the block writes.

        Raises:
            BuildError: if another publication holds it.
        """
        if not writes:
            yield
            return
        with lock.hold(self.root / _LOCKS) as check:
            self._check = check
            yield

    def look(self) -> Contents:
        """All files but locks; folders under ``tags/`` are tags."""
        files = {
            path: Stored(each.size)
            for path, each in storage.details(self.root).items()
            if not path.startswith(f"{_LOCKS}/")
        }
        tags = [
            path.split("/")[1]
            for path in files
            if path.startswith(f"{_TAGS}/") and path.endswith(f"/{MANIFEST}")
        ]
        mine = {path: stored for path, stored in files.items() if not path.startswith(f"{_TAGS}/")}
        return Contents(bool(mine), files=mine, tags={tag: tag for tag in tags})

    def read(self, path: str, at: str = "") -> bytes | None:
        """A file, or its copy at a tag; None if it is not there."""
        try:
            return storage.read_bytes(self.root / _TAGS / at / path if at else self.root / path)
        except FileNotFoundError:
            return None

    def check(self, paths: Collection[str]) -> None:
        """Do nothing: a folder takes any number of files."""

    def create(self, *, private: bool) -> None:
        """Do nothing: a folder is created with its first file."""

    def commit(self, add: Sequence[Ready], remove: Sequence[str], message: str) -> None:
        """Write files one after the other, then remove others.

        Raises:
            BuildError: if a shard of a tag is no longer there.
        """
        for file in add:
            self._check()
            if file.at:
                if not storage.exists(self.root / file.path):
                    raise BuildError(
                        f"{self.root / file.path}: the tag {file.at} names it, and it is missing"
                    )
            elif isinstance(file.content, bytes):
                self._write(self.root / file.path, file.content)
            else:
                put(self.root / file.path, file.content)
        for path in remove:
            self._check()
            storage.remove(self.root / path)
        if remove:
            storage.prune(Dataset(self.root).data)

    def tag(self, name: str) -> None:
        """Copy all files but shards under the tag; the tag exists once its manifest does."""
        names = card_last(unnamed(listed(self.read(MANIFEST))))
        for path in sorted(names, key=lambda path: path == MANIFEST):
            self._check()
            self._write(self.root / _TAGS / name / path, storage.read_bytes(self.root / path))

    @staticmethod
    def _write(path: AnyPath, data: bytes) -> None:
        with atomic(path) as stream:
            stream.write(data)
