"""Find recordings: files, folders and globs to input shards, each with its format, size and content hash.

A name is the path relative to the root it was given under, so that a copy of the inputs elsewhere gives the same
dataset. Shards come in the order of (name, content): the order of arguments does not matter.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from etl.inputs import InputHead
from etl.plan import InputShard, Source
from etl.shards import sha256_of
from schemas.errors import ConfigError

UNKNOWN: Final = "unknown"
"""Format of a file in a given folder that no source recognises; entered in the ledger, not read."""


class Found(NamedTuple):
    """A file or folder that holds recordings, before it was hashed."""

    path: Path
    name: str
    format: str
    files: tuple[Path, ...]


def find(inputs: Sequence[str], sources: Mapping[str, Source], without: Path | None = None) -> list[Found]:
    """Every file (or folder that is one recording) under ``inputs``, with its format. What is given twice, by itself
    and within a folder, counts once, under the longer name.

    without: a folder that is not looked into: the build's own.

    Raises `ConfigError` for an input that does not exist, a glob without match, and a file given by name that no
    format recognises.
    """
    found: dict[Path, Found] = {}
    for given in inputs:
        for root in _expand(given):
            for item in _walk(root, root, sources, frozenset((without.resolve(),) if without else ())):
                if item.format == UNKNOWN and item.path == root:
                    names = ", ".join(sorted(sources))
                    raise ConfigError(f"{root}: not in any known format ({names}). See: stepmill formats")
                path = Path(os.path.realpath(item.path))  # resolve() refuses a link to itself
                found[path] = max(found.get(path, item), item, key=lambda item: (len(item.name), item.name))
    if not found:
        raise ConfigError(f"no files in {', '.join(inputs)}")
    return list(found.values())


def _expand(given: str) -> list[Path]:
    path = Path(given)
    if path.exists():
        return [path]
    matches = sorted(glob.glob(given, recursive=True))
    if not matches:
        raise ConfigError(f"{given}: no such file or folder, and no match as a glob")
    return [Path(match) for match in matches]


def _walk(path: Path, root: Path, sources: Mapping[str, Source], without: frozenset[Path]) -> Iterator[Found]:
    """What is in a folder. without: folders that are not looked into: the build's own, and those that ``path`` is in,
    which a link may lead back to.
    """
    name = _name(path, root)
    if path.is_dir():
        if path.resolve() in without:
            return
        format_name = _recognise(InputHead.of(path), sources)
        children = sorted(child for child in path.iterdir() if not child.name.startswith("."))
        if format_name != UNKNOWN:
            yield Found(path, name, format_name, tuple(child for child in children if child.is_file()))
        else:
            for child in children:
                yield from _walk(child, root, sources, without | {path.resolve()})
    elif path.is_file():
        yield Found(path, name, _recognise(InputHead.of(path), sources), (path,))
    else:
        yield Found(path, name, UNKNOWN, ())  # a pipe would have its reader wait for ever


def _name(path: Path, root: Path) -> str:
    if path != root:
        return path.relative_to(root).as_posix()
    return path.resolve().name if path.name in {"", ".."} else path.name


def _recognise(head: InputHead, sources: Mapping[str, Source]) -> str:
    return next((name for name, source in sorted(sources.items()) if source.recognise(head)), UNKNOWN)


def shards(found: Sequence[Found], progress: Callable[[int], None] | None = None) -> list[InputShard]:
    """Hash what was found; names that occur under two roots get a number, in the order of their content."""
    hashed = sorted((_hash(item, progress) for item in found), key=lambda shard: (shard.name, shard.sha256))
    taken: dict[str, int] = {}
    unique: list[InputShard] = []
    for shard in hashed:
        taken[shard.name] = number = taken.get(shard.name, 0) + 1
        unique.append(shard if number == 1 else replace(shard, name=f"{shard.name}~{number}"))
    return unique


def _hash(item: Found, progress: Callable[[int], None] | None) -> InputShard:
    size = sum(file.stat().st_size for file in item.files)
    if item.files == (item.path,):
        digest = sha256_of(item.path, progress)
    else:
        folder = hashlib.sha256()
        for file in item.files:
            folder.update(f"{file.name}\0{sha256_of(file, progress)}\n".encode())
        digest = folder.hexdigest()
    return InputShard(item.name, str(item.path), item.format, size, digest)
