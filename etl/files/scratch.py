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
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Final

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
_content_bytes = 0
_CONTENTS: Final = "contents"
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


def keep_content(sha256: str, content: bytes) -> None:
    """Keep the content of a small remote input for the workers, unless there is too much of it."""
    global _content_bytes  # noqa: PLW0603 - of this process, which alone keeps contents
    if _content_bytes + len(content) <= min(_limit(), _CONTENT_BYTES):
        _content_bytes += len(content)
        path = _folder() / _CONTENTS / sha256
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.replace(path)


def kept_content(sha256: str) -> bytes | None:
    """The content of a small remote input, if it was kept on this machine."""
    try:
        return (_folder() / _CONTENTS / sha256).read_bytes()
    except FileNotFoundError:
        return None


def forget_contents() -> None:
    """Remove the contents that this process kept."""
    global _content_bytes  # noqa: PLW0603 - as above
    if _content_bytes:
        shutil.rmtree(_folder() / _CONTENTS, ignore_errors=True)
        _content_bytes = 0


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
