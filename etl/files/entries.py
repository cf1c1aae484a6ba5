"""What is known of a file without reading it: its name, its size, and by what a change is seen.

Storages name the same thing differently; here alone is said which of their words are read. Two
questions are asked of them. Is this the content that was read before (`stamp_of_info`)? A strong
tag of the content answers it, or else a time. Was this file written anew, if with the same bytes
(`details_of_info`)? That takes tags and times.
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
"""Builds keep these in ``work/stamps.json``: with another list they would hash their files anew."""


class Stamp(NamedTuple):
    """By which a file that was hashed before is known again."""

    size: int | None = None
    """Bytes; None if the server does not tell."""
    mark: str = ""
    """Changes with the content; empty if there is no such thing."""
    changed: float = 0.0
    """Seconds since 1970 of the last change; 0 where ``mark`` is made of the content itself."""


NO_STAMP: Final = Stamp()


class Details(NamedTuple):
    """What a storage says of a file of a build."""

    size: int
    """Bytes."""
    written: tuple[Any, ...]
    """Changes whenever the file is written, if with the same bytes."""
    tag: str
    """Tells its content from that of an earlier file of the same name; empty for a local file."""


@dataclass(frozen=True)
class Node:
    """A file or folder that is, or may hold, an input."""

    place: str
    """A path of this machine or a URL."""
    name: str
    """The last part of its path, as `readable`."""
    kind: Literal["file", "folder", "other"]
    stamp: Stamp = NO_STAMP
    children: Callable[[], list[Node]] = field(default=list, repr=False, compare=False)
    """What is in a folder, hidden files left out."""


def readable(name: str) -> str:
    """A name of a file as text: bytes of it that are no UTF-8 as their escapes
    (``caf\\xe9.csv``).
    """
    return name if name.isascii() else os.fsencode(name).decode(errors="backslashreplace")


def stamp_of(known: os.stat_result) -> Stamp:
    """The stamp of a local file. Its inode's own time is in it too: tools can set the time of the
    content back.
    """
    mark = f"{known.st_mtime_ns}:{known.st_ctime_ns}:{known.st_ino}"
    return Stamp(known.st_size, mark, max(known.st_mtime, known.st_ctime))


def stamp_of_info(info: Info) -> Stamp:
    """The stamp of a remote file."""
    size = info.get("size")
    for key in _TAGS:
        tag = str(info.get(key) or "")
        if tag and not tag.startswith("W/"):  # a weak tag promises no equal bytes
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
    """What tells a remote file's content from that of an earlier file of the same name, for a copy
    of it on this machine.
    """
    return " ".join(str(info[key]) for key in (*_TAGS, *_TIMES, "size") if key in info)


def version(nodes: Iterable[Node]) -> str:
    """By which files are seen to have changed since they were listed: a hash of what all machines
    see alike, whether a file is listed or asked for by itself.

    It is made of names, sizes, and tags of content or else times, to the second elsewhere.
    """
    lines = []
    for node in nodes:
        kind, _, mark = node.stamp.mark.partition(":")
        if kind in _TIMES:
            mark = f"{node.stamp.changed:.0f}"
        elif kind not in _TAGS:  # of this machine, where the time of the content comes first
            mark = kind
        lines.append(f"{node.name}\0{node.stamp.size}\0{mark}\n")
    return hashlib.blake2b(
        "".join(lines).encode(errors="surrogateescape"), digest_size=10
    ).hexdigest()


def _seconds(time: Any) -> float:
    """A time as servers tell it, in seconds since 1970; endless if it cannot be understood."""
    try:
        if isinstance(time, str):
            time = parsedate_to_datetime(time)
        return time.timestamp() if isinstance(time, datetime) else float(time)
    except (ValueError, TypeError):
        return math.inf
