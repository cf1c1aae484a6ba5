"""Scratch space of a build whose output is remote: files to upload, and a cache of files it read.

The first process and its workers share one folder under ``$TMPDIR``. It is removed when the first
process ends; if that was killed, by the next build on this host. No cache outlasts a build, because
recordings that were taken down must not stay in one.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import math
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from multiprocessing import parent_process
from pathlib import Path
from typing import IO, Final

import orjson
from upath import UPath

from etl.files.entries import content_tag
from etl.files.owner import alive
from etl.files.paths import AnyPath, either
from etl.files.remote import files
from schemas.errors import ConfigError

VARIABLE: Final = "STEPMILL_CACHE_GB"
"""The environment variable with the size of the cache, in gigabytes."""

_CACHE_GB: Final = 20.0
_CONTENT_BYTES: Final = 4e9
"""At most this much of small inputs is kept."""
_CONTENTS: Final = "contents"
_PLACES: Final = ".places"
_IN_USE_SECONDS: Final = 60.0
"""How long a cached file stays after each request: the caller may not have opened it yet."""


@contextmanager
def file() -> Iterator[Path]:
    """A path for a temporary file, which is removed at the end."""
    path = _folder() / f"{secrets.token_hex(8)}.tmp"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(dir=_folder()) as name:
        yield Path(name)


def _itself(path: Path, tag: str = "", *, wanted: bool = True) -> Path:  # noqa: ARG001
    """A file on this machine: a local path itself, or the cached copy of a remote one.

    tag: of its content (`etl.files.storage.details`), if that is known. wanted: fetch a remote file
    that is not cached; else the result is None. Processes that want the same file at once fetch it
    once. The copy stays for `_IN_USE_SECONDS`, and after that while it is open.
    """
    return path


def _cached(path: UPath, tag: str = "", *, wanted: bool = True) -> Path | None:
    here = _place(path, tag or content_tag(files.info(path)))
    if _touched(here):
        return here
    if not wanted:
        return None
    with here.with_name(f"{here.name}.lock").open("ab") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not _touched(here):
            with file() as part:
                files.fetch(path, part)
                _make_room(here.parent, part.stat().st_size)
                part.replace(here)
    return here


nearby = either(_itself, _cached)


def copy_of(path: AnyPath) -> Path:
    """`nearby`, which fetches a remote file that is not cached."""
    here = nearby(path)
    assert here is not None
    return here


@contextmanager
def _path_itself(path: Path) -> Iterator[Path]:
    """A file on this machine while the block runs: a local path itself, or a copy of a remote one.

    The copy is not cached.
    """
    yield path


@contextmanager
def _copied(path: UPath) -> Iterator[Path]:
    with file() as copy:
        files.fetch(path, copy)
        yield copy


copied = either(_path_itself, _copied)


@contextmanager
def _folder_itself(folder: Path) -> Iterator[Path]:
    """A folder on this machine for files that go into a folder.

    It is that folder itself, or for a remote one a temporary folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


@contextmanager
def _elsewhere(_: UPath) -> Iterator[Path]:
    with folder() as unsorted:
        yield unsorted


beside = either(_folder_itself, _elsewhere)


def keep(local: Path, path: UPath) -> None:
    """Move a file that was just uploaded to ``path`` into the cache."""
    here = _place(path, content_tag(files.info(path)))
    _make_room(here.parent, local.stat().st_size)
    local.replace(here)


class Contents:
    """Contents of small remote inputs, kept in one file for the workers of this machine.

    Whoever finds the inputs adds them, and then closes it: from then on they can be asked for.
    """

    def __init__(self) -> None:
        self._path = _folder() / _CONTENTS
        # half of the room at most: the workers can ask the storage again
        self._most = min(_limit(), _CONTENT_BYTES, shutil.disk_usage(_folder()).free / 2)
        self._stream: IO[bytes] | None = None
        self._places: dict[str, tuple[int, int]] = {}
        self._size = 0

    def add(self, sha256: str, content: bytes) -> None:
        """Keep a content, unless there would be too much."""
        if self._size + len(content) > self._most:
            return
        if self._stream is None:
            self._stream = self._path.open("wb")
        self._stream.write(content)
        self._places[sha256] = self._size, len(content)
        self._size += len(content)

    def close(self) -> None:
        """Write what is kept, and where."""
        if self._stream is not None:
            self._stream.close()
            path = self._path.with_suffix(_PLACES)
            part = path.with_suffix(".part")
            part.write_bytes(orjson.dumps(self._places))
            part.replace(path)


def kept_content(sha256: str) -> bytes | None:
    """A content that `Contents` has kept on this machine."""
    path = _folder() / _CONTENTS
    try:
        status = path.with_suffix(_PLACES).stat()
        start, size = _places(status.st_ino, status.st_mtime_ns)[sha256]
    except (FileNotFoundError, KeyError):
        return None
    with path.open("rb", buffering=0) as stream:
        stream.seek(start)
        return stream.read(size)


@lru_cache(maxsize=1)
def _places(*stamp: int) -> dict[str, tuple[int, int]]:  # noqa: ARG001 - a new file is read anew
    """Where each content lies: its first byte and its size, by sha256."""
    places: dict[str, tuple[int, int]] = orjson.loads(
        (_folder() / _CONTENTS).with_suffix(_PLACES).read_bytes()
    )
    return places


def forget_contents() -> None:
    """Remove all contents."""
    path = _folder() / _CONTENTS
    for each in (path, path.with_suffix(_PLACES)):
        each.unlink(missing_ok=True)


def _place(path: UPath, tag: str) -> Path:
    cached = _folder() / "cache"
    cached.mkdir(exist_ok=True)
    return cached / hashlib.blake2b(f"{path}\0{tag}".encode(), digest_size=16).hexdigest()


def _touched(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _make_room(cached: Path, size: int) -> None:
    """Remove the least recently used files, until ``size`` more bytes are within the limit."""
    limit = _limit()
    cached_files = []
    for path in cached.iterdir():
        if not path.name.endswith(".lock"):
            try:
                stat = path.stat()
            except FileNotFoundError:  # removed by another process
                continue
            cached_files.append((stat.st_mtime, stat.st_size, path))
    total = size + sum(of_file for _, of_file, _ in cached_files)
    for used, of_file, path in sorted(cached_files):
        if total <= limit or used > time.time() - _IN_USE_SECONDS:
            return
        path.unlink(missing_ok=True)
        total -= of_file


def _limit() -> float:
    given = os.environ.get(VARIABLE, "")
    try:
        limit = float(given or _CACHE_GB)
    except ValueError:
        limit = math.nan
    if not limit >= 0:
        raise ConfigError(f"${VARIABLE} is {given!r}; write a number of gigabytes")
    return limit * 1e9


@cache
def _folder() -> Path:
    """The folder that the first process shares with its workers."""
    parent = parent_process()
    root = Path(tempfile.gettempdir()) / f"stepmill-{os.getuid()}-{socket.gethostname()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise ConfigError(f"{root} belongs to somebody else; set TMPDIR to a folder of your own")
    own = root / str(os.getpid() if parent is None else parent.pid)
    if parent is None:
        for other in root.iterdir():
            if other.name.isdigit() and other != own and not alive(int(other.name)):
                shutil.rmtree(other, ignore_errors=True)
        atexit.register(shutil.rmtree, own, ignore_errors=True)
    own.mkdir(exist_ok=True)
    return own
