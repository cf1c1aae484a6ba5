"""What a build has to publish: the files of its shards, each of which can be made ready, and its
other files.
"""

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
    """A file that the build has for each output shard: its rows, or the listing of its samples.

    folder: of which kind. name: ``g0001/train-00000-of-00012``. size, sha256: of the build's file.
    """

    folder: str
    name: str
    path: AnyPath
    size: int
    sha256: str

    @property
    def split(self) -> str:
        """``train``."""
        return split_of(self.name)

    def converted(self, format: Format) -> bool:
        """Whether other bytes are published than the build's."""
        return self.folder == DATA and format == "parquet"

    def published(self, format: Format) -> str:
        """Its path in a place. The hash is that of the build's file, also where it is converted."""
        ending = "parquet" if self.converted(format) else self.path.suffix[1:]
        return f"{self.folder}/{self.name}-{self.sha256[:16]}.{ending}"

    @contextmanager
    def ready(self, format: Format) -> Iterator[Ready]:
        """Its content, here and checked, for as long as the block runs.

        Raises `IntegrityError` if it is not what the manifest says.
        """
        with scratch.copied(self.path) as file:
            if (found := sha256_of(file)) != self.sha256:
                raise _other(self.path, self.sha256, found)
            if not self.converted(format):
                yield Ready(self.published(format), file, self.size, self.sha256)
                return
            with scratch.file() as made:
                parquet.convert(file, made)
                yield Ready(self.published(format), made, made.stat().st_size, sha256_of(made))


def shards(out: AnyPath, manifest: Manifest) -> list[Shard]:
    """The files of all shards of a build, in the order of their names. Raises `IntegrityError` if
    one is missing.
    """
    files = {name: digest for name, digest in manifest.files.items() if is_of_shard(name)}
    sizes = _sizes(out, files)
    found = []
    for name, digest in sorted(files.items()):
        folder = next(folder for folder in _FOLDERS if name.startswith(f"{PREFIX}{folder}/"))
        stem = name.removeprefix(f"{PREFIX}{folder}/").rpartition(".")[0]
        found.append(Shard(folder, stem, out / name, sizes[name], digest))
    return found


def is_of_shard(name: str) -> bool:
    """Whether a build has such a file for each shard."""
    return name.startswith(tuple(f"{PREFIX}{folder}/" for folder in _FOLDERS))


def others(out: AnyPath, manifest: Manifest) -> dict[str, bytes]:
    """All that is published but files of shards, card and manifest, by path in the dataset.

    Raises `IntegrityError` if one is missing, or not what the manifest says. So with the card,
    though another one is published: what is written into it gets there by a build.
    """
    names = sorted(
        name for name in manifest.files if name.startswith(PREFIX) and not is_of_shard(name)
    )
    _sizes(out, names)
    found = {name.removeprefix(PREFIX): storage.read_bytes(out / name) for name in names}
    for path, data in found.items():
        said = manifest.files[PREFIX + path]
        if (digest := hashlib.sha256(data).hexdigest()) == said:
            continue
        file = Layout(out).file(PREFIX + path)
        if path == CARD:
            raise IntegrityError(
                f"{file} was edited; run the build command again, which keeps its notes"
            )
        raise _other(file, said, digest)
    del found[CARD]
    return found


def _sizes(out: AnyPath, names: Collection[str]) -> dict[str, int]:
    if gone := storage.missing(out, names):
        raise IntegrityError(
            f"{out / gone[0]}: the manifest names it, and it is missing; run the build command "
            "again"
        )
    known = storage.details(Layout(out).dataset.root)
    return {name: known[name.removeprefix(PREFIX)].size for name in names}


def _other(path: AnyPath, said: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"{path}: not the content that the manifest says (sha256 {found[:16]}..., not "
        f"{said[:16]}...); remove it and run the build command again"
    )
