"""Inputs on this machine and on any storage that fsspec reaches: listing, opening, reading.

A place is a local path or a URL, as text, so a task can be sent to another process, which opens the
file. ``file://`` is a local path. A place that cannot be read raises OSError with a number and the
place. Errors that may pass are retried first, and a file that breaks off is read on from the same
byte (`etl.files.remote.reading`).

A small file is read whole: while `held` has the content, opening it asks nobody. A remote one
costs a request, and most of that is waiting, so `ahead` reads several at a time.
"""

from __future__ import annotations

import errno
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from etl.files import local as here
from etl.files.entries import Node, Stamp, readable, stamp_of
from etl.files.remote import nodes as elsewhere
from etl.files.remote import reading, urls
from schemas.errors import ConfigError

T = TypeVar("T")
R = TypeVar("R")

BLOCK: Final = reading.BLOCK
SMALL_BLOCK: Final = 2**18
"""The size of a request for some places of a remote file, in bytes: its beginning, or a column."""


SMALL: Final = 2**20
"""The largest file that is read ahead, in bytes."""
_AT_A_TIME: Final = 16
"""The number of files that are read ahead, and of requests that are sent at a time."""

_HELD: ContextVar[Mapping[str, bytes]] = ContextVar("held")
_NOTHING: Final[Mapping[str, bytes]] = {}

remote = urls.remote


def local(place: str | Path) -> Path:
    """The path of a local place."""
    return Path(_path(place))


def _path(place: str | Path) -> str:
    """`local` as text: a `Path` takes as long to make as a small file to read."""
    return os.fspath(place).removeprefix("file://")


def expand(given: str) -> list[Node]:
    """The nodes that a path, URL or glob stands for, in order.

    Raises:
        ConfigError: there is nothing, or the package for its protocol is not installed.
        OSError: the storage does not answer.
    """
    nodes = elsewhere.matching(given) if remote(given) else here.matching(str(local(given)))
    if not nodes:
        raise ConfigError(f"{given}: no such file or folder, and no match as a glob")
    return nodes


def node(place: str | Path, anew: bool = False) -> Node:
    """The node of one file or folder.

    anew: ask the storage, even if a listing is remembered.

    Raises:
        OSError: there is no such file or folder, or its storage does not answer.
    """
    if remote(place):
        return elsewhere.node(str(place), anew=anew)
    return here.node(_path(place))


def within(node: Node, without: frozenset[Path]) -> frozenset[Path] | None:
    """The folders to skip when a folder is walked; None if it is one of them itself.

    A link may lead back to a folder that the walk is in. without: those to skip so far.
    """
    if remote(node.place):
        return without
    folder = local(node.place).resolve()
    return None if folder in without else without | {folder}


def files_at(node: Node, without: frozenset[Path] = frozenset()) -> list[Node]:
    """The files in a folder and in its folders, named by their paths in it; of a file, itself.

    without: folders to skip.
    """
    if node.kind != "folder":
        return [node] if node.kind == "file" else []
    if (walked := within(node, without)) is None:
        return []
    found: list[Node] = []
    for child in node.children():
        if child.kind == "file":
            found.append(child)
        elif child.kind == "folder":
            found += [
                replace(file, name=f"{child.name}/{file.name}") for file in files_at(child, walked)
            ]
    return found


def stamp(place: str | Path) -> Stamp:
    """The stamp of a local file as it is now.

    Raises:
        OSError: it cannot be asked for.
    """
    return stamp_of(os.stat(_path(place)))  # noqa: PTH116 - see `_path`


@contextmanager
def held(contents: Mapping[str, bytes]) -> Iterator[None]:
    """Take the content of these files from memory in the block.

    contents: by place.
    """
    token = _HELD.set(contents)
    try:
        yield
    finally:
        _HELD.reset(token)


def held_content(place: str | Path) -> bytes | None:
    """The content of a file that `held` has; None for others."""
    return _HELD.get(_NOTHING).get(str(place))


def ahead(read: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What ``read`` makes of each item, in order; it mostly waits, so several are under way.

    At most `_AT_A_TIME` results are held.
    """
    under_way: deque[Future[R]] = deque()
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        try:
            for item in items:
                under_way.append(threads.submit(read, item))
                if len(under_way) == _AT_A_TIME:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for each in under_way:
                each.cancel()


def small(node: Node) -> bool:
    """Whether a file is so small that it is read whole, and once."""
    size = node.stamp.size
    return node.kind == "file" and size is not None and size <= SMALL


def whole(node: Node) -> bytes:
    """The content of a small file, by one request; more than that is not read of a local one.

    Raises:
        OSError: it cannot be read, or it is remote and has another size than was listed.
    """
    if not remote(node.place):
        with open_binary(node.place) as stream:
            return stream.read(SMALL + 1)
    content = reading.whole(node.place)
    check_size(node, len(content))
    return content


def check_size(node: Node, size: int) -> None:
    """Check that a remote file was read whole: a lost connection may look like its end.

    Raises:
        OSError: it was not.
    """
    if remote(node.place) and node.stamp.size is not None and size != node.stamp.size:
        problem = (
            f"{size} bytes could be read, {node.stamp.size} were listed: it has changed, or the "
            "connection was lost"
        )
        raise OSError(errno.EIO, problem, node.place)


def open_binary(place: str | Path, start: int = 0, block: int = BLOCK) -> io.BufferedReader:
    """Open a file for reading at byte ``start``.

    block: the size of a request, in bytes, for a remote file.

    Raises:
        OSError: it cannot be read.
    """
    stream: io.BufferedReader[Any]
    if (content := held_content(place)) is not None:
        stream = io.BufferedReader(io.BytesIO(content))
    elif not remote(place):
        stream = open(_path(place), "rb")  # noqa: PTH123, SIM115 - see `_path`; it is returned
    else:
        whole = start == 0 and block == BLOCK
        raw = reading.RemoteFile(str(place), whole=whole, block=block)
        stream = io.BufferedReader(raw, 2**18)
    try:
        if start:
            stream.seek(start)
    except BaseException:
        stream.close()
        raise
    return stream


def read_bytes(place: str | Path) -> bytes:
    """Read a whole file.

    Raises:
        OSError: it cannot be read.
    """
    with open_binary(place) as stream:
        return stream.read()


def folder_name(place: str | Path) -> str:
    """The name of the folder that holds a file."""
    if remote(place):
        return elsewhere.basename(str(place).rpartition("/")[0])
    return readable(local(place).resolve().parent.name)
