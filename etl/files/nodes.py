"""Files here and on anything that fsspec reaches (s3, gs, hf, https, memory, ...): list, open, tell
them apart.

A place is a local path or a URL, as text: a task can be sent to another process, which opens the
file when it comes to it. ``file://`` is a local path.

Whatever a storage library raises comes out as OSError with a number and the place, so that trouble
with storage is never taken for a record that cannot be read: FileNotFoundError, PermissionError,
EIO for what may pass, EINVAL for what will not. What may pass is tried again first
(`etl.files.retries`); a file that is being read goes on where it was.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import io
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, TypeVar, cast
from urllib.parse import unquote

from etl.files.retries import persistent, transient
from schemas.errors import ConfigError, MissingExtra

T = TypeVar("T")

BLOCK: Final = 8 * 2**20
"""Bytes a request of a remote file that is read on and on: with less, each costs more waiting than
reading.
"""

SMALL_BLOCK: Final = 2**18
"""The same for a file of which only some places are read: its beginning, columns of Parquet."""

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::(?=.*://))", re.DOTALL)
_CHAINED: Final = re.compile(r"::[A-Za-z][A-Za-z0-9+.-]*://")
_S3, _GCS = ("s3fs", "s3"), ("gcsfs", "gcs")
EXTRAS: Final = {"s3": _S3, "s3a": _S3, "gs": _GCS, "gcs": _GCS}
"""By protocol, the package that it needs, and the extra that has it."""
_TAGS: Final = ("ETag", "etag", "blob_id", "md5Hash", "Content-MD5")
_TIMES: Final = ("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "created")


class Stamp(NamedTuple):
    """By which a file that was hashed before is known again.

    size: bytes; None if the server does not tell. mark: changes with the content; empty if there is
    no such thing. changed: seconds since 1970 of the last change; 0 where ``mark`` is made of the
    content itself.
    """

    size: int | None = None
    mark: str = ""
    changed: float = 0.0


NO_STAMP: Final = Stamp()


@dataclass(frozen=True)
class Node:
    """A file or folder. name: the last part of its path, as `readable`. children: what is in a
    folder, hidden files left out.
    """

    place: str
    name: str
    kind: Literal["file", "folder", "other"]
    stamp: Stamp = NO_STAMP
    children: Callable[[], list[Node]] = field(default=list, repr=False, compare=False)


def readable(name: str) -> str:
    """A name of a file as text: bytes of it that are no
    UTF-8 as their escapes (``caf\\xe9.csv``).
    """
    return name if name.isascii() else os.fsencode(name).decode(errors="backslashreplace")


def remote(place: str | Path) -> bool:
    """Whether this is a URL rather than a path of this machine."""
    return (
        isinstance(place, str) and _URL.match(place) is not None and not place.startswith("file://")
    )


def local(place: str | Path) -> Path:
    """The path of a place of this machine."""
    return Path(place.removeprefix("file://") if isinstance(place, str) else place)


def expand(given: str) -> list[Node]:
    """What a path, URL or glob stands for, in order.

    Raises `ConfigError` if there is nothing, or if a package is missing to look there.
    """
    nodes = (
        _patiently(given, lambda: _expand_remote(given))
        if remote(given)
        else _expand_local(str(local(given)))
    )
    if not nodes:
        raise ConfigError(f"{given}: no such file or folder, and no match as a glob")
    return nodes


def node(place: str | Path, anew: bool = False) -> Node:
    """One file or folder. anew: not as it is remembered from a listing. Raises OSError."""
    if not remote(place):
        return _local_node(local(place))

    def asked() -> Node:
        system, path = _system(str(place))
        if anew:
            system.invalidate_cache()
        return _remote_node(system, path, _info(system, path, str(place)))

    return _patiently(str(place), asked)


def version(nodes: Iterable[Node]) -> str:
    """By which files are seen to have changed since they were listed, made of what all machines see
    alike, whether a file is listed or asked for by itself: names, sizes, and tags of content or
    else times, to the second elsewhere.
    """
    said = []
    for found in nodes:
        kind, _, mark = found.stamp.mark.partition(":")
        if not remote(found.place):
            mark = kind  # the time of the content
        elif kind in _TIMES:
            mark = f"{found.stamp.changed:.0f}"
        said.append(f"{found.name}\0{found.stamp.size}\0{mark}\n")
    return hashlib.blake2b(
        "".join(said).encode(errors="surrogateescape"), digest_size=10
    ).hexdigest()


def files_at(found: Node) -> list[Node]:
    """A file itself, or the files that are right in a folder; none for what is neither."""
    return [
        each
        for each in (found.children() if found.kind == "folder" else (found,))
        if each.kind == "file"
    ]


def open_binary(place: str | Path, start: int = 0, block: int = BLOCK) -> io.BufferedReader:
    """Open a file for reading at byte ``start``. block: bytes a request, if it is remote."""
    if not remote(place):
        stream = local(place).open("rb")
    else:
        stream = io.BufferedReader(
            _Remote(str(place), whole=start == 0 and block == BLOCK, block=block), 2**18
        )
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
    return (
        _basename(str(place).rpartition("/")[0])
        if remote(place)
        else readable(local(place).resolve().parent.name)
    )


class _Remote(io.RawIOBase):
    """A remote file; its errors are those of this module. After one that may pass it is opened
    anew, where it was.
    """

    def __init__(self, place: str, *, whole: bool, block: int) -> None:
        self._place = place
        # one request, and it works without range requests
        self._in_one = whole and _of_web(place)
        self._block = 0 if self._in_one else block
        self._at = 0
        self._file: IO[bytes] | None = None
        _patiently(place, self._opened)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._opened().seekable())

    def readinto(self, buffer: Any) -> int:
        data = _patiently(self._place, lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _errors(self._place):
            stream = self._opened()
            stream.seek(offset, whence)
            self._at = stream.tell()
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if not self.closed and self._file is not None:
            self._file.close()
        super().close()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            system, path = _system(self._place)
            stream: IO[bytes] = system.open(
                path, "rb", block_size=self._block, cache_type="readahead"
            )
            if self._in_one:
                self._skip(stream)
            else:
                stream.seek(self._at)
            self._file = stream
        return self._file

    def _skip(self, stream: IO[bytes]) -> None:
        """Read again what was read before."""
        left = self._at
        while left:
            data = stream.read(min(left, BLOCK))
            if not data:
                said = f"{self._at} bytes of it were read before, {self._at - left} can be now"
                raise OSError(errno.EIO, said, self._place)
            left -= len(data)

    def _read(self, count: int) -> bytes:
        stream = self._opened()
        try:
            data = stream.read(count)
            size = getattr(stream, "size", None)
            if (
                not data and count and size is not None and self._at < size
            ):  # how a lost connection may look
                raise OSError(
                    errno.EIO,
                    f"{self._at} bytes could be read, {size} should be there",
                    self._place,
                )
        except Exception:
            self._file = None
            with suppress(Exception):
                stream.close()
            raise
        self._at += len(data)
        return data


def _expand_local(given: str) -> list[Node]:
    path = Path(given)
    matches = (
        [path]
        if path.exists()
        else [Path(match) for match in sorted(glob.glob(given, recursive=True))]
    )
    return [_local_node(match) for match in matches]


def _local_node(path: Path) -> Node:
    name = readable(path.resolve().name if path.name in {"", ".."} else path.name)
    try:
        known = path.stat()
    except (FileNotFoundError, OSError) as error:
        if isinstance(error, FileNotFoundError) or error.errno == errno.ELOOP:
            return Node(str(path), name, "other")  # a link that leads nowhere
        raise
    if stat.S_ISDIR(known.st_mode):
        return Node(str(path), name, "folder", children=cache(partial(_local_children, path)))
    if not stat.S_ISREG(known.st_mode):
        return Node(str(path), name, "other")  # a pipe would have its reader wait for ever
    return Node(str(path), name, "file", stamp_of(known))


def _local_children(path: Path) -> list[Node]:
    return [
        _local_node(child) for child in sorted(path.iterdir()) if not child.name.startswith(".")
    ]


def stamp_of(known: os.stat_result) -> Stamp:
    """The stamp of a local file. Its inode's own time is in it too: tools can set the time of the
    content back.
    """
    mark = f"{known.st_mtime_ns}:{known.st_ctime_ns}:{known.st_ino}"
    return Stamp(known.st_size, mark, max(known.st_mtime, known.st_ctime))


def _expand_remote(given: str) -> list[Node]:
    system, path = _system(given)
    try:
        info = _info(system, path, given)
    except FileNotFoundError as error:
        if transient(error):
            raise
        return [_remote_node(system, match, info) for match, info in _glob(system, path)]
    return [_remote_node(system, path, info)]


def _info(system: Any, path: str, place: str) -> Mapping[str, Any]:
    if _of_web(place) and place.endswith("/"):  # a web server answers for a folder as for a page
        return {"type": "directory"}
    return cast("Mapping[str, Any]", system.info(path))


def _of_web(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _glob(system: Any, path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """What a glob matches; hidden files as on disk: only if the glob has a dot there."""
    if not glob.has_magic(path):
        return []
    found = sorted(system.glob(path, detail=True).items())
    return [match for match in found if "/." in path or "/." not in match[0]]


def _remote_node(system: Any, path: str, info: Mapping[str, Any]) -> Node:
    place = str(system.unstrip_protocol(path))
    name = _basename(place)
    if info["type"] == "directory":
        return Node(
            place.rstrip("/") + "/",
            name,
            "folder",
            children=cache(partial(_remote_children, system, path)),
        )
    if info.get("size") is None:  # in the list of a web server's folder
        info = system.info(path)
    return Node(place, name, "file", _remote_stamp(info))


def _basename(place: str) -> str:
    if not _of_web(place):
        return place.rstrip("/").rpartition("/")[2]
    return unquote(place.partition("?")[0].rstrip("/").rpartition("/")[2])


def _remote_stamp(info: Mapping[str, Any]) -> Stamp:
    size = info.get("size")
    for key in _TAGS:
        tag = str(info.get(key) or "")
        if tag and not tag.startswith("W/"):  # a weak tag promises no equal bytes
            return Stamp(size, f"{key}:{tag}")
    for key in _TIMES:
        if time := info.get(key):
            return Stamp(size, f"{key}:{time}", _seconds(time))
    return Stamp(size)


def _seconds(time: Any) -> float:
    """A time as servers tell it, in seconds since 1970; endless if it cannot be understood."""
    try:
        if isinstance(time, str):
            time = parsedate_to_datetime(time)
        return time.timestamp() if isinstance(time, datetime) else float(time)
    except (ValueError, TypeError):
        return math.inf


def _remote_children(system: Any, path: str) -> list[Node]:
    """All of a remote folder by one listing, put together as folders."""
    root = path.rstrip("/")

    def listed() -> list[Node]:
        found = system.find(root + "/" if _of_web(root) else root, detail=True)
        tree: dict[str, Any] = {}
        for name, info in sorted(found.items()):
            parts = name.removeprefix(root).strip("/").split("/")
            if name.endswith("/") or any(part.startswith(".") or not part for part in parts):
                continue
            folder = tree
            for part in parts[:-1]:
                folder = folder.setdefault(part, {})
            folder[parts[-1]] = (name, info)
        return _nodes(system, root, tree)

    return _patiently(str(system.unstrip_protocol(path)), listed)


def _nodes(system: Any, root: str, tree: Mapping[str, Any]) -> list[Node]:
    nodes: list[Node] = []
    for name, item in tree.items():
        if isinstance(item, tuple):
            nodes.append(_remote_node(system, *item))
        else:
            inside = _nodes(system, f"{root}/{name}", item)
            place = f"{system.unstrip_protocol(root)}/{name}/"
            nodes.append(Node(place, _basename(place), "folder", children=partial(list, inside)))
    return sorted(nodes, key=lambda node: node.name)


def _system(place: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it. Raises `ConfigError` if its package is
    not installed.
    """
    import fsspec

    protocol = cast("re.Match[str]", _URL.match(place))[1]
    try:
        if "::" in place and not _CHAINED.search(
            place
        ):  # in a name, where fsspec would see a chain of URLs
            kind = fsspec.get_filesystem_class(protocol)
            system, path = kind(**kind._get_kwargs_from_urls(place)), kind._strip_protocol(place)
        else:
            system, path = fsspec.core.url_to_fs(place)
    except ImportError as error:
        if extra := EXTRAS.get(protocol):
            raise MissingExtra(*extra, f"{place}: reading {protocol}://") from error
        raise ConfigError(
            f"{place}: reading {protocol}:// needs a package that is not installed: {error}"
        ) from error
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        raise ConfigError(f"{place}: {protocol}:// is no storage that fsspec knows") from error
    return system, str(path)


def _patiently(place: str, fn: Callable[[], T]) -> T:
    """What ``fn`` returns of a remote place, tried again while its error may pass; errors are those
    of this module.
    """

    def tried() -> T:
        with _errors(place):
            return fn()

    return persistent(tried, place)


@contextmanager
def _errors(place: str) -> Iterator[None]:
    """Turn what storage libraries raise into OSError with a number and the place."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename == place:
            raise
        if transient(error):
            raise OSError(errno.EIO, _said(error), place) from error
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(errno.ENOENT, "No such file or folder", place) from error
        if isinstance(error, PermissionError):
            raise PermissionError(
                errno.EACCES, f"Permission denied ({_said(error)})", place
            ) from error
        raise OSError(errno.EINVAL, _said(error), place) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")
