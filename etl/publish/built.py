"""The files of a build that are published: those of its shards, and the small others."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from etl.dataset.layout import PREFIX, Layout, split_of
from etl.dataset.manifest import Manifest
from etl.files import scratch, storage
from etl.files.arrow import sha256_of
from etl.files.storage import AnyPath
from etl.publish import parquet
from etl.publish.files import CARD, DATA, LISTING, Format, Ready
from schemas.errors import IntegrityError

_FOLDERS: Final = (DATA, LISTING)


@dataclass(frozen=True)
class Shard:
    """A file of an output shard: its rows, or the listing of its samples."""

    folder: str
    """`DATA` for rows, `LISTING` for the listing."""
    name: str
    """The shard, such as ``g0001/train-00000-of-00012``."""
    path: AnyPath
    """The build's file."""
    size: int
    """Its size in bytes."""
    sha256: str
    """Its hash."""

    @property
    def split(self) -> str:
        """The split, such as ``train``."""
        return split_of(self.name)

    def converted(self, format: Format) -> bool:
        """Whether it is converted to Parquet, so that other bytes are published."""
        return self.folder == DATA and format == "parquet"

    def published(self, format: Format) -> str:
        """Its path in a place; the hash in it is that of the build's file, converted or not."""
        ending = "parquet" if self.converted(format) else self.path.suffix[1:]
        return f"{self.folder}/{self.name}-{self.sha256[:16]}.{ending}"

    @contextmanager
    def ready(self, format: Format) -> Iterator[Ready]:
        """Its content as a local file, checked, for as long as the block runs.

        Raises:
            IntegrityError: if its hash is not that of the manifest.
        """
        with scratch.copied(self.path) as file:
            if (digest := sha256_of(file)) != self.sha256:
                raise _other(self.path, self.sha256, digest)
            if not self.converted(format):
                yield Ready(self.published(format), file, self.size, self.sha256)
                return
            with scratch.file() as made:
                parquet.convert(file, made)
                yield Ready(self.published(format), made, made.stat().st_size, sha256_of(made))


def shards(out: AnyPath, manifest: Manifest) -> list[Shard]:
    """The files of all shards of a build, in the order of their names.

    Raises:
        IntegrityError: if one is missing.
    """
    files = {name: digest for name, digest in manifest.files.items() if is_of_shard(name)}
    sizes = _sizes(out, files)
    every = []
    for name, digest in sorted(files.items()):
        folder = next(folder for folder in _FOLDERS if name.startswith(f"{PREFIX}{folder}/"))
        stem = name.removeprefix(f"{PREFIX}{folder}/").rpartition(".")[0]
        every.append(Shard(folder, stem, out / name, sizes[name], digest))
    return every


def is_of_shard(name: str) -> bool:
    """Whether a file of a build belongs to an output shard."""
    return name.startswith(tuple(f"{PREFIX}{folder}/" for folder in _FOLDERS))


def others(out: AnyPath, manifest: Manifest) -> dict[str, bytes]:
    """The small files that are published, but card and manifest: path in the dataset -> bytes.

    The build's card is checked too, though another one is published: notes that were written into
    it take effect with the next build.

    Raises:
        IntegrityError: if a file is missing, or its hash is not that of the manifest.
    """
    names = sorted(
        name for name in manifest.files if name.startswith(PREFIX) and not is_of_shard(name)
    )
    _sizes(out, names)
    contents = {name.removeprefix(PREFIX): storage.read_bytes(out / name) for name in names}
    for path, data in contents.items():
        expected = manifest.files[PREFIX + path]
        if (digest := hashlib.sha256(data).hexdigest()) == expected:
            continue
        file = Layout(out).file(PREFIX + path)
        if path == CARD:
            raise IntegrityError(
                f"{file} was edited; run the build command again, which keeps its notes"
            )
        raise _other(file, expected, digest)
    del contents[CARD]
    return contents


def _sizes(out: AnyPath, names: Collection[str]) -> dict[str, int]:
    """The sizes of files of a build, in bytes.

    Raises:
        IntegrityError: if one is missing.
    """
    if gone := storage.missing(out, names):
        raise IntegrityError(
            f"{out / gone[0]}: the manifest names it, and it is missing; run the build command "
            "again"
        )
    details = storage.details(Layout(out).dataset.root)
    return {name: details[name.removeprefix(PREFIX)].size for name in names}


def _other(path: AnyPath, expected: str, digest: str) -> IntegrityError:
    """The error for a file whose hash is not that of the manifest."""
    return IntegrityError(
        f"{path}: not the content that the manifest says (sha256 {digest[:16]}..., not "
        f"{expected[:16]}...); remove it and run the build command again"
    )
