"""A lock on a disk of this machine: a file whose modification time is the heartbeat."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from etl.files.owner import Owner


class LocalLock:
    """A lock file.

    stale: seconds without a heartbeat after which somebody else's lock is taken over.
    """

    def __init__(self, path: Path, stale: float) -> None:
        # On its own disk, a process loses its lock only if it stands still for ``stale`` seconds.
        self.lost = ""
        self._path, self._stale = path, stale

    def take(self) -> None:
        """Write the file, and its folder.

        Raises:
            BuildError: a process that is alive holds the lock.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._judging():
            self._clear(self._path)
            self._path.write_bytes(Owner.this().as_bytes())

    def clear(self, overlapping: Callable[[str], bool]) -> None:
        """Remove the overlapping locks of processes that are gone.

        Raises:
            BuildError: a process that is alive holds one.
        """
        with self._judging():
            for other in sorted(self._path.parent.glob("*.lock")):
                if other != self._path and overlapping(other.stem):
                    self._clear(other)

    def renew(self) -> None:
        """Set the modification time of the file."""
        with suppress(FileNotFoundError):
            os.utime(self._path)

    def release(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Make judging and taking over one step: of several that find a stale lock, one gets it."""
        with (self._path.parent / ".guard").open("ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _clear(self, path: Path) -> None:
        try:
            owner = Owner.of(path.read_bytes())
            age = max(0.0, time.time() - path.stat().st_mtime)
        except FileNotFoundError:
            return
        if not owner.dead() and age < self._stale:
            raise owner.refusal(path.parent.parent, age)
        path.unlink(missing_ok=True)
