"""A folder of this machine, or on anything that fsspec reaches, as a place to publish to.

Files appear whole or not at all, and in order: shards, which nothing names yet, then statistics and
manifest, the card last. Whoever reads by the card, as `datasets.load_dataset` does, sees the old
rows until its one put, and the new ones after it. A folder has no history: the shards of the
publication before stay until the next one, for those who are reading, unless something was taken
down; and those that a tag names stay as long as it does. A tag is a copy of all but the shards,
under ``tags/``. A lock, as of a build, keeps a second publication out.
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
    """root: the folder itself. See `etl.publish.place`."""

    repository = "", ""
    at_once = 1000
    keeps_history = False
    head = ""

    def __init__(self, root: AnyPath) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """As it is written."""
        return str(self.root)

    @contextmanager
    def opened(self, *, writes: bool) -> Iterator[None]:
        """Raises `BuildError` if somebody else publishes there."""
        if not writes:
            yield
            return
        with lock.hold(self.root / _LOCKS) as check:
            self._check = check
            yield

    def look(self) -> Contents:
        """All files but locks; what is under ``tags/`` as tags."""
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
        """A file; at a tag, its copy."""
        try:
            return storage.read_bytes(self.root / _TAGS / at / path if at else self.root / path)
        except FileNotFoundError:
            return None

    def check(self, paths: Collection[str]) -> None:
        """A folder takes any number."""

    def create(self, *, private: bool) -> None:
        """A folder comes with its first file."""

    def commit(self, add: Sequence[Ready], remove: Sequence[str], message: str) -> None:
        """Files one after the other, then removals. Raises `BuildError` if a shard of a tag is not
        there any more.
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
        """The manifest comes last: with it the tag is there."""
        names = card_last(unnamed(listed(self.read(MANIFEST))))
        for path in sorted(names, key=lambda path: path == MANIFEST):
            self._check()
            self._write(self.root / _TAGS / name / path, storage.read_bytes(self.root / path))

    @staticmethod
    def _write(path: AnyPath, data: bytes) -> None:
        with atomic(path) as stream:
            stream.write(data)
