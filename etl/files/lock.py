"""One build at a time in a folder: a lock file per slice of the work, with host, process and a
heartbeat.

A build of everything holds the slice ``all``; the n processes of ``--shard i/n`` hold a slice each
and share the folder; finishing takes all of them. A lock is taken over when its process is dead on
this host, or when its heartbeat, renewed by a thread, is ten minutes old. How a lock is taken and
renewed is said in `etl.files.local_lock` and `etl.files.remote.lock`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from etl.files.local_lock import LocalLock
from etl.files.paths import AnyPath, either
from etl.files.remote.lock import RemoteLock
from schemas.errors import BuildError

ALL: Final = "all"
STALE_SECONDS: Final = 600
_BEAT_SECONDS: Final = 30.0
_JOIN_SECONDS: Final = 3.0
"""At the end the thread may be waiting for a storage that is away."""


class Lock(Protocol):
    """A lock file of this process."""

    lost: str
    """What has become of it, if it is somebody else's by now."""

    def take(self) -> None:
        """Write it. Raises `BuildError` if somebody alive holds it."""

    def clear(self, overlapping: Callable[[str], bool]) -> None:
        """Remove the other locks in its folder whose slices overlap and whose owners are gone.

        Raises `BuildError` if one is not.
        """

    def renew(self) -> None:
        """Show that this process is alive, or find that the lock is lost."""

    def release(self) -> None:
        """Remove it, if it is still this process's own."""


_lock: Callable[[AnyPath, float], Lock] = either(LocalLock, RemoteLock)


@contextmanager
def hold(
    folder: AnyPath, part: str = ALL, stale: float = STALE_SECONDS
) -> Iterator[Callable[[], None]]:
    """Hold the lock of one slice while the block runs.

    stale: seconds without a heartbeat after which a lock is taken over. Yields a function to call
    from time to time: it raises `BuildError` if the lock was lost. Raises `BuildError` naming host
    and process if this slice, or one that overlaps it, is being worked on.
    """
    path = folder / f"{part}.lock"
    lock = _lock(path, stale)

    def check() -> None:
        if lock.lost:
            raise BuildError(f"{lock.lost}. Wait for the other build, then run this command again")

    lock.take()
    stop = threading.Event()
    try:
        lock.clear(lambda other: ALL in {part, other})
        beat = threading.Thread(target=_keep, args=(lock, path, stop), daemon=True)
        beat.start()
        try:
            yield check
        finally:
            stop.set()
            beat.join(_JOIN_SECONDS)
    finally:
        lock.release()


def _keep(lock: Lock, path: AnyPath, stop: threading.Event) -> None:
    """Renew a lock until ``stop``, or until it is lost."""
    while not (stop.wait(_BEAT_SECONDS) or lock.lost):
        try:
            lock.renew()
        except Exception as error:  # noqa: BLE001 - the build has its own word on a storage that is away
            said = f"no heartbeat ({type(error).__name__}: {error})"
            sys.stderr.write(f"stepmill: {path}: {said}\n")
