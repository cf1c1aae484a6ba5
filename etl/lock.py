"""One build at a time in a folder: a lock file per slice of the work, with host, process and a heartbeat.

A build of everything holds the slice ``all``; the n processes of ``--shard i/n`` hold a slice each and share the
folder; finishing takes all of them. A lock is taken over when its process is dead on this host, or when its heartbeat
(the file's modification time, renewed by a thread) is ten minutes old.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.errors import BuildError

ALL: Final = "all"
STALE_SECONDS: Final = 600
_BEAT_SECONDS: Final = 30.0


@contextmanager
def hold(folder: Path, part: str = ALL) -> Iterator[None]:
    """Hold the lock of one slice while the block runs.

    Raises `BuildError` naming host and process if this slice, or one that overlaps it, is being worked on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}.lock"
    _create(path)
    try:
        with _guard(folder):
            for other in sorted(folder.glob("*.lock")):
                if other != path and ALL in {part, other.stem}:
                    _clear(other)
        stop = threading.Event()
        beat = threading.Thread(target=_beat, args=(path, stop), daemon=True)
        beat.start()
        try:
            yield
        finally:
            stop.set()
            beat.join()
    finally:
        path.unlink(missing_ok=True)


def _create(path: Path) -> None:
    owner = orjson.dumps({"host": socket.gethostname(), "process": os.getpid()})
    with _guard(path.parent):
        _clear(path)
        path.write_bytes(owner)


@contextmanager
def _guard(folder: Path) -> Iterator[None]:
    """Judging and taking over a lock is one step: of several that find it stale, one gets it."""
    with (folder / ".guard").open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _clear(path: Path) -> None:
    """Remove a lock whose owner is gone. Raises `BuildError` if it is not."""
    owner, age = _read(path)
    if owner is None:
        return
    host, process = owner.get("host", "?"), owner.get("process", 0)
    dead = host == socket.gethostname() and not _alive(int(process))
    if not dead and age < STALE_SECONDS:
        raise BuildError(
            f"{path.parent.parent}: another build is working here: host {host}, process {process}, last sign of life "
            f"{age:.0f} s ago. Wait for it, or stop it and run this command again"
        )
    path.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any] | None, float]:
    """(owner, seconds since the last heartbeat); no owner if the lock is gone."""
    try:
        raw = path.read_bytes()
        age = max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return None, 0.0
    try:
        owner: dict[str, Any] = orjson.loads(raw)
    except orjson.JSONDecodeError:  # created, not yet written
        owner = {}
    return owner, age


def _alive(process: int) -> bool:
    if process <= 0:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(_BEAT_SECONDS):
        try:
            os.utime(path)
        except FileNotFoundError:
            return
