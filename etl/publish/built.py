"""What a build has to publish: its shards, each of which can be made ready, and its other files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from etl import scratch, storage
from etl.publish import parquet
from etl.publish.files import CARD, FOLDER, Format, Ready
from etl.shards import sha256_of
from etl.storage import AnyPath
from schemas.errors import IntegrityError

_DATA: Final = f"{FOLDER}data/"


@dataclass(frozen=True)
class Shard:
    """A file of rows. name: ``g0001/train-00000-of-00012``. size, sha256: of the Arrow file."""

    name: str
    split: str
    path: AnyPath
    size: int
    sha256: str

    def published(self, format: Format) -> str:
        """Its path in a place. Of a Parquet file, too, the hash is that of the Arrow file."""
        return f"data/{self.name}-{self.sha256[:16]}.{format}"

    @contextmanager
    def ready(self, format: Format) -> Iterator[Ready]:
        """Its content, here and checked, for as long as the block runs.

        Raises `IntegrityError` if it is not what the manifest says.
        """
        with _here(self.path) as file:
            if (found := sha256_of(file)) != self.sha256:
                raise _other(self.path, self.sha256, found)
            if format == "arrow":
                yield Ready(self.published(format), file, self.size, self.sha256)
                return
            with scratch.file() as made:
                parquet.convert(file, made)
                yield Ready(self.published(format), made, made.stat().st_size, sha256_of(made))


@contextmanager
def _here(path: AnyPath) -> Iterator[Path]:
    """A file of this machine itself; of a remote one a copy, removed at the end."""
    if isinstance(path, Path):
        yield path
        return
    with scratch.file() as copy:
        storage.fetch(path, copy)
        yield copy


def shards(out: AnyPath, manifest: Mapping[str, Any]) -> list[Shard]:
    """The shards of a build, split by split. Raises `IntegrityError` if one is missing."""
    order = {split: number for number, split in enumerate(manifest["splits"])}
    files = {name: digest for name, digest in manifest["files"].items() if name.startswith(_DATA)}
    sizes = _sizes(out, files)
    found = []
    for file, digest in files.items():
        name = file.removeprefix(_DATA).removesuffix(".arrow")
        split = name.partition("/")[2].partition("-")[0]
        found.append(Shard(name, split, out / file, sizes[file], digest))
    return sorted(found, key=lambda shard: (order[shard.split], shard.name))


def others(out: AnyPath, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """All that is published but shards, card and manifest, by path in the dataset.

    Raises `IntegrityError` if one is missing, or not what the manifest says.
    """
    names = [name for name in manifest["files"] if name.startswith(FOLDER) and not name.startswith(_DATA)]
    names = sorted(name for name in names if name != FOLDER + CARD)
    _sizes(out, names)
    found = {name: storage.read_bytes(out / name) for name in names}
    for name, data in found.items():
        if (digest := hashlib.sha256(data).hexdigest()) != manifest["files"][name]:
            raise _other(out / name, manifest["files"][name], digest)
    return {name.removeprefix(FOLDER): data for name, data in found.items()}


def _sizes(out: AnyPath, names: Collection[str]) -> dict[str, int]:
    if gone := storage.missing(out, names):
        raise IntegrityError(f"{out / gone[0]}: the manifest names it, and it is missing; run the build command again")
    if isinstance(out, Path):
        return {name: (out / name).stat().st_size for name in names}
    known = storage.details(out / "dataset")
    return {name: int(known[name.removeprefix(FOLDER)]["size"]) for name in names}


def _other(path: AnyPath, said: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"{path}: not the content that the manifest says (sha256 {found[:16]}..., not {said[:16]}...); remove it and "
        "run the build command again"
    )
