"""Scratch space of a build whose output is remote: files on their way out, and a cache of files
that are read.

All under one folder of ``$TMPDIR`` for the first process and its workers, removed when the first
process ends. What a killed one leaves is removed by the next on this host. Nothing in it outlasts a
build on purpose: recordings that were taken down must not stay in a cache.
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
_CACHE_GB: Final = 20.0
_IN_USE_SECONDS: Final = 60.0
"""A file that was asked for so lately is not removed: whoever asked may not have opened it yet."""


@contextmanager
def file() -> Iterator[Path]:
    """A name for a temporary file of this process, removed at the end."""
    path = _folder() / f"{secrets.token_hex(8)}.tmp"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder, removed at the end."""
    with tempfile.TemporaryDirectory(dir=_folder()) as name:
        yield Path(name)


def _itself(path: Path, tag: str = "", *, wanted: bool = True) -> Path:  # noqa: ARG001
    """A file on this machine: a local path itself, of a remote one the copy in the cache, fetched
    if it is wanted; None if it is neither there nor wanted.

    tag: what storage says of its content (`etl.files.storage.details`), if that is known.
    Processes that want the same file at once fetch it once. A path that was returned is there for
    `_IN_USE_SECONDS` and, once open, for as long as it is.
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
    """`nearby`, always fetched."""
    here = nearby(path)
    assert here is not None
    return here


@contextmanager
def _path_itself(path: Path) -> Iterator[Path]:
    """A file on this machine for as long as the block runs: a local path itself, of a remote one a
    copy that is in no cache.
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
    """A folder on this machine for what is on its way into a folder: that folder itself, or one
    that is removed at the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


@contextmanager
def _elsewhere(_: UPath) -> Iterator[Path]:
    with folder() as unsorted:
        yield unsorted


beside = either(_folder_itself, _elsewhere)


def keep(local: Path, path: UPath) -> None:
    """Put a file that was just sent to ``path`` in the cache; it is gone from where it was."""
    here = _place(path, content_tag(files.info(path)))
    _make_room(here.parent, local.stat().st_size)
    local.replace(here)


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
    """Remove what was not asked for the longest, until ``size`` more bytes are within the limit."""
    limit = _limit()
    known = []
    for path in cached.iterdir():
        if not path.name.endswith(".lock"):
            try:
                stat = path.stat()
            except FileNotFoundError:  # removed by another process
                continue
            known.append((stat.st_mtime, stat.st_size, path))
    total = size + sum(size for _, size, _ in known)
    for used, of_file, path in sorted(known):
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
    """The folder of this process and its workers."""
    parent = parent_process()
    root = Path(tempfile.gettempdir()) / f"stepmill-{os.getuid()}-{socket.gethostname()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise ConfigError(f"{root} belongs to somebody else; set TMPDIR to a folder of your own")
    own = root / str(os.getpid() if parent is None else parent.pid)
    if parent is None:
        for left in root.iterdir():
            if left.name.isdigit() and left != own and not alive(int(left.name)):
                shutil.rmtree(left, ignore_errors=True)
        atexit.register(shutil.rmtree, own, ignore_errors=True)
    own.mkdir(exist_ok=True)
    return own
