"""A lock on this machine's disk: a file whose modification time is the heartbeat."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from etl.files.owner import Owner


class LocalLock:
    """A file. stale: seconds without a heartbeat after which somebody else's is taken over."""

    def __init__(self, path: Path, stale: float) -> None:
        self.lost = ""  # on its own disk a process loses it only by standing still for ten minutes
        self._path, self._stale = path, stale

    def take(self) -> None:
        """Write it, with its folder. Raises `BuildError` if somebody alive holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._judging():
            self._clear(self._path)
            self._path.write_bytes(Owner.this().as_bytes())

    def clear(self, overlapping: Callable[[str], bool]) -> None:
        """Remove other locks whose owners are gone. Raises `BuildError` if one is not."""
        with self._judging():
            for other in sorted(self._path.parent.glob("*.lock")):
                if other != self._path and overlapping(other.stem):
                    self._clear(other)

    def renew(self) -> None:
        """Set its time."""
        with suppress(FileNotFoundError):
            os.utime(self._path)

    def release(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Judging and taking over is one step: of several that find a lock stale, one gets it."""
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
