"""One build at a time in a folder: a lock file per slice of the work, with host, process and a
heartbeat.

A build of everything holds the slice ``all``; the n processes of ``--shard i/n`` hold a slice each
and share the folder; finishing takes all of them. A lock is taken over when its process is dead on
this host, or when its heartbeat (the file's modification time, renewed by a thread) is ten minutes
old. In a folder elsewhere: `etl.files.remote_lock`.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from etl.files import remote_lock
from etl.files.owner import Owner
from etl.files.storage import AnyPath

ALL: Final = "all"
STALE_SECONDS: Final = 600
_BEAT_SECONDS: Final = 30.0


@contextmanager
def hold(
    folder: AnyPath, part: str = ALL, stale: float = STALE_SECONDS
) -> Iterator[Callable[[], None]]:
    """Hold the lock of one slice while the block runs.

    stale: seconds without a heartbeat after which a lock is taken over. Yields a function to call
    from time to time: it raises `BuildError` if the lock was lost. Raises `BuildError` naming host
    and process if this slice, or one that overlaps it, is being worked on.
    """
    if isinstance(folder, Path):
        with _hold(folder, part, stale):
            yield _nothing
        return
    with remote_lock.hold(folder, part, ALL, stale, _BEAT_SECONDS) as check:
        yield check


def _nothing() -> None:
    """What a process holds on its own disk it loses only by standing still for ten minutes."""


@contextmanager
def _hold(folder: Path, part: str, stale: float) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}.lock"
    _create(path, stale)
    try:
        with _guard(folder):
            for other in sorted(folder.glob("*.lock")):
                if other != path and ALL in {part, other.stem}:
                    _clear(other, stale)
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


def _create(path: Path, stale: float) -> None:
    with _guard(path.parent):
        _clear(path, stale)
        path.write_bytes(Owner.this().as_bytes())


@contextmanager
def _guard(folder: Path) -> Iterator[None]:
    """Judging and taking over a lock is one step: of several that find it stale, one gets it."""
    with (folder / ".guard").open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _clear(path: Path, stale: float) -> None:
    """Remove a lock whose owner is gone. Raises `BuildError` if it is not."""
    try:
        owner = Owner.of(path.read_bytes())
        age = max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return
    if not owner.dead() and age < stale:
        raise owner.refusal(path.parent.parent, age)
    path.unlink(missing_ok=True)


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(_BEAT_SECONDS):
        try:
            os.utime(path)
        except FileNotFoundError:
            return
