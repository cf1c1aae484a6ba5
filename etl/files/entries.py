"""What a listing says of a file: its name, its size, and marks that change with it.

Storages name the same thing differently. This module alone knows their words, and answers two
questions. Is this the content that was read before (`stamp_of_info`)? A strong tag of the content
says so, or else a time. Was the file written again, even with the same bytes (`details_of_info`)?
That takes both tags and times.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, NamedTuple

Info = Mapping[str, Any]
"""What fsspec says of a remote file, in its storage's words."""

_TAGS: Final = ("ETag", "etag", "blob_id", "md5Hash", "Content-MD5")
_TIMES: Final = ("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "created")
_WRITTEN: Final = ("ETag", "etag", "LastModified", "mtime", "created")
"""Builds keep these in ``work/stamps.json``: after a change here they hash all files again."""


class Stamp(NamedTuple):
    """Identifies the content of a file, so that it need not be hashed again."""

    # in bytes; None if the server does not say
    size: int | None = None
    # changes with the content; empty if the storage gives no such mark
    mark: str = ""
    # the last change, in seconds since 1970; 0 if ``mark`` is derived from the content itself
    changed: float = 0.0


NO_STAMP: Final = Stamp()


class Details(NamedTuple):
    """What a storage says of a file of a build."""

    # in bytes
    size: int
    # changes whenever the file is written, even with the same bytes
    written: tuple[Any, ...]
    # differs from that of an earlier file of the same name; empty for a local file
    tag: str


@dataclass(frozen=True)
class Node:
    """A file or folder that is an input, or may hold one."""

    # a local path or a URL
    place: str
    # the last part of the path, as `readable` writes it
    name: str
    # other: a pipe, a device, or a link that leads nowhere
    kind: Literal["file", "folder", "other"]
    # of a file
    stamp: Stamp = NO_STAMP
    # the one place that stands for all spellings of it; empty if that is not known
    real: str = field(default="", compare=False)
    # lists a folder, without hidden files
    children: Callable[[], list[Node]] = field(default=list, repr=False, compare=False)


def readable(name: str) -> str:
    """A file's name as text; bytes that are not UTF-8 are escaped (``caf\\xe9.csv``)."""
    return name if name.isascii() else os.fsencode(name).decode(errors="backslashreplace")


def stamp_of(stat: os.stat_result) -> Stamp:
    """The stamp of a local file.

    It includes the time of the inode, because tools can set the time of the content back.
    """
    mark = f"{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"
    return Stamp(stat.st_size, mark, max(stat.st_mtime, stat.st_ctime))


def stamp_of_info(info: Info) -> Stamp:
    """The stamp of a remote file."""
    size = info.get("size")
    for key in _TAGS:
        tag = str(info.get(key) or "")
        if tag and not tag.startswith("W/"):  # a weak tag does not promise equal bytes
            return Stamp(size, f"{key}:{tag}")
    for key in _TIMES:
        if time := info.get(key):
            return Stamp(size, f"{key}:{time}", _seconds(time))
    return Stamp(size)


def details_of_info(info: Info) -> Details:
    """The details of a remote file."""
    written = tuple(str(info.get(key)) for key in _WRITTEN)
    return Details(int(info.get("size") or 0), written, content_tag(info))


def content_tag(info: Info) -> str:
    """Identifies the content of a remote file, to find its copy on this machine.

    An earlier file of the same name has another tag.
    """
    return " ".join(str(info[key]) for key in (*_TAGS, *_TIMES, "size") if key in info)


def version(nodes: Iterable[Node]) -> str:
    """A hash that changes when one of these files changes.

    All machines see the same hash, whether they list a file or ask for it alone. It covers the
    names, the sizes, and the tags of the contents or else the times, remote ones to the second.
    """
    lines = []
    for node in nodes:
        kind, _, mark = node.stamp.mark.partition(":")
        if kind in _TIMES:
            mark = f"{node.stamp.changed:.0f}"
        elif kind not in _TAGS:  # a local file, whose mark begins with the time of the content
            mark = kind
        lines.append(f"{node.name}\0{node.stamp.size}\0{mark}\n")
    return hashlib.blake2b(
        "".join(lines).encode(errors="surrogateescape"), digest_size=10
    ).hexdigest()


def _seconds(time: Any) -> float:
    """A time as servers write it, in seconds since 1970; infinite if it cannot be read."""
    try:
        if isinstance(time, str):
            time = parsedate_to_datetime(time)
        return time.timestamp() if isinstance(time, datetime) else float(time)
    except (ValueError, TypeError):
        return math.inf
