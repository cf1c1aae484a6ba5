"""Inputs, here and on anything that fsspec reaches (s3, gs, hf, https, memory, ...): list, open,
tell them apart.

A place is a local path or a URL, as text: a task can be sent to another process, which opens the
file when it comes to it. ``file://`` is a local path. What cannot be had raises OSError with a
number and the place; what may pass is tried again first, and a file that is being read goes on
where it was (`etl.files.remote.reading`).
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
"""Bytes a request of a remote file of which only some places are read: its beginning, columns of
Parquet.
"""


remote = urls.remote


def local(place: str | Path) -> Path:
    """The path of a place of this machine."""
    return Path(place.removeprefix("file://") if isinstance(place, str) else place)


def expand(given: str) -> list[Node]:
    """What a path, URL or glob stands for, in order.

    Raises `ConfigError` if there is nothing, or if a package is missing to look there.
    """
    nodes = elsewhere.matching(given) if remote(given) else here.matching(str(local(given)))
    if not nodes:
        raise ConfigError(f"{given}: no such file or folder, and no match as a glob")
    return nodes


def node(place: str | Path, anew: bool = False) -> Node:
    """One file or folder. anew: not as it is remembered from a listing. Raises OSError."""
    if remote(place):
        return elsewhere.node(str(place), anew=anew)
    return here.node(local(place))


def files_at(found: Node) -> list[Node]:
    """A file itself, or the files that are right in a folder; none for what is neither."""
    inside = found.children() if found.kind == "folder" else [found]
    return [each for each in inside if each.kind == "file"]


def open_binary(place: str | Path, start: int = 0, block: int = BLOCK) -> io.BufferedReader:
    """Open a file for reading at byte ``start``. block: bytes a request, if it is remote."""
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
    """A whole file."""
    with open_binary(place) as stream:
        return stream.read()


def folder_name(place: str | Path) -> str:
    """The name of the folder that a file is in."""
    if remote(place):
        return elsewhere.basename(str(place).rpartition("/")[0])
    return readable(local(place).resolve().parent.name)
