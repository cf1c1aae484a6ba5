"""One build at a time in a folder, by a lock file per slice of the work.

The file holds the host, the process and a heartbeat. A build of everything holds the slice ``all``.
The n processes of ``--shard i/n`` hold a slice each and share the folder; finishing takes all
slices. A lock is taken over if its process is dead on this host, or if its heartbeat, which a
thread renews, is ten minutes old. `etl.files.local_lock` and `etl.files.remote.lock` take and renew
a lock.
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
"""The slice that overlaps every other."""

STALE_SECONDS: Final = 600
_BEAT_SECONDS: Final = 30.0
_JOIN_SECONDS: Final = 3.0
"""At the end, the thread may still be waiting for a storage that does not answer."""


class Lock(Protocol):
    """A lock file of this process."""

    # what happened to the lock, if this process no longer holds it; else empty
    lost: str

    def take(self) -> None:
        """Take the lock.

        Raises:
            BuildError: a process that is alive holds it.
        """

    def clear(self, overlapping: Callable[[str], bool]) -> None:
        """Remove other locks in the folder whose slices overlap and whose processes are gone.

        Raises:
            BuildError: a process that is alive holds one.
        """

    def renew(self) -> None:
        """Renew the heartbeat, or note in ``lost`` that somebody else has the lock."""

    def release(self) -> None:
        """Give the lock back, if this process still holds it."""


_lock: Callable[[AnyPath, float], Lock] = either(LocalLock, RemoteLock)


@contextmanager
def hold(
    folder: AnyPath, part: str = ALL, stale: float = STALE_SECONDS
) -> Iterator[Callable[[], None]]:
    """Hold the lock of one slice while the block runs.

    stale: seconds without a heartbeat after which a lock is taken over. Yields a function to call
    from time to time: it raises `BuildError` if the lock was lost.

    Raises:
        BuildError: another process works on this slice, or on one that overlaps it; the message
            names its host and process.
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
        except Exception as error:  # noqa: BLE001 - the build itself reports the failure
            happened = f"no heartbeat ({type(error).__name__}: {error})"
            sys.stderr.write(f"stepmill: {path}: {happened}\n")
