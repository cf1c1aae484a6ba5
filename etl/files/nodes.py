"""Inputs on this machine and on any storage that fsspec reaches: listing, opening, reading.

A place is a local path or a URL, as text, so a task can be sent to another process, which opens the
file. ``file://`` is a local path. A place that cannot be read raises OSError with a number and the
place. Errors that may pass are retried first, and a file that breaks off is read on from the same
byte (`etl.files.remote.reading`).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from etl.files import local as here
from etl.files.entries import Node, readable
from etl.files.remote import nodes as elsewhere
from etl.files.remote import reading, urls
from schemas.errors import ConfigError

BLOCK: Final = reading.BLOCK
SMALL_BLOCK: Final = 2**18
"""The size of a request for some places of a remote file, in bytes: its beginning, or a column."""


remote = urls.remote


def local(place: str | Path) -> Path:
    """The path of a local place."""
    return Path(place.removeprefix("file://") if isinstance(place, str) else place)


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
    return here.node(local(place))


def files_at(node: Node) -> list[Node]:
    """The files directly in a folder; for a file, the file itself."""
    inside = node.children() if node.kind == "folder" else [node]
    return [each for each in inside if each.kind == "file"]


def open_binary(place: str | Path, start: int = 0, block: int = BLOCK) -> io.BufferedReader:
    """Open a file for reading at byte ``start``.

    block: the size of a request, in bytes, for a remote file.

    Raises:
        OSError: it cannot be read.
    """
    if not remote(place):
        stream = local(place).open("rb")
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
