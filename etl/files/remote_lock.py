"""One build at a time in a folder on an object store: `etl.files.lock` where there is neither flock
nor a common clock.

A lock is an object that is put only if it is absent, and renewed and taken over only if it is as it
was last seen: of several that try, the store lets one win. Its age is told by the store's clock
alone: the time it notes for the lock against the time it notes for an object put just now.

S3 knows both conditions. Google, Azure and memory know the first; a renewal reads before it writes,
which leaves a gap of one request in which a lock whose owner stood still for ten minutes may be
taken over unnoticed until the next heartbeat. Elsewhere a lock counts if it is still there a few
seconds after it was put.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from upath import UPath

from etl.files import storage
from etl.files.owner import Owner
from schemas.errors import BuildError

_IF_MATCH: Final = frozenset({"s3", "s3a"})
_IF_ABSENT: Final = frozenset("s3 s3a gs gcs az abfs abfss adl memory".split())
_SETTLE_SECONDS: Final = 3.0


@contextmanager
def hold(
    folder: UPath, part: str, whole: str, stale: float, beat: float
) -> Iterator[Callable[[], None]]:
    """Hold the lock of one slice while the block runs; see `etl.files.lock.hold`.

    whole: the slice that overlaps every other. stale, beat: seconds of age for a takeover, and
    between heartbeats.
    """
    lock = _Lock(folder / f"{part}.lock", stale)
    lock.take()
    stop = threading.Event()
    try:
        for other in storage.files(folder, ".lock"):
            if isinstance(other, UPath) and other != lock.path and whole in {part, other.stem}:
                lock.clear(other)
        thread = threading.Thread(target=lock.keep, args=(stop, beat), daemon=True)
        thread.start()
        try:
            yield lock.check
        finally:
            stop.set()
            thread.join(_SETTLE_SECONDS)  # it may wait for a storage that is away
    finally:
        lock.release()


class _Lock:
    """path: of the object. stale: seconds without a heartbeat after which somebody else's is taken
    over.
    """

    def __init__(self, path: UPath, stale: float) -> None:
        self.path = path
        self._stale = stale
        self._mine = Owner.this(secrets.token_hex(8))
        self._lost = ""

    def take(self) -> None:
        """Put the lock. Raises `BuildError` if somebody alive holds it."""
        while not _create(self.path, self._mine.as_bytes()):
            seen = _seen(self.path)
            if seen is None:  # released meanwhile
                continue
            tag, owner = seen
            if owner.token == self._mine.token:  # a put that was tried again met itself
                return
            self._judge(self.path, owner)
            if _replace(self.path, tag, owner, self._mine):
                return

    def clear(self, other: UPath) -> None:
        """Remove the lock of a slice whose owner is gone. Raises `BuildError` if it is not."""
        seen = _seen(other)
        if seen is not None:
            self._judge(other, seen[1])
            storage.remove(other)

    def _judge(self, path: UPath, owner: Owner) -> None:
        if owner.dead():
            return
        age = _age(path)
        if age is not None and age < self._stale:
            raise owner.refusal(path.parent.parent, age)

    def keep(self, stop: threading.Event, seconds: float) -> None:
        """Renew the lock until ``stop``, or until it is found to be somebody else's."""
        while not stop.wait(seconds):
            try:
                self._renew()
            except Exception as error:  # noqa: BLE001 - the build has its own word on a storage that is away
                sys.stderr.write(
                    f"stepmill: {self.path}: no heartbeat ({type(error).__name__}: {error})\n"
                )
            if self._lost:
                return

    def _renew(self) -> None:
        seen = _seen(self.path)
        owner = seen[1] if seen else Owner()
        renewed = replace(self._mine, beat=owner.beat + 1)
        if (
            owner.token == self._mine.token
            and seen
            and _replace(self.path, seen[0], owner, renewed)
        ):
            return
        again = _seen(self.path)
        if again is None or again[1].token != self._mine.token:
            said = (
                f"host {again[1].host}, process {again[1].process} took"
                if again
                else "somebody removed"
            )
            self._lost = (
                f"{self.path}: {said} the lock of this build, which showed no sign of "
                "life for too long"
            )

    def check(self) -> None:
        """Raise `BuildError` if the lock was lost."""
        if self._lost:
            raise BuildError(f"{self._lost}. Wait for the other build, then run this command again")

    def release(self) -> None:
        """Remove the lock if it is still this process's own."""
        system, path = self.path.fs, self.path.path
        with suppress(
            Exception
        ):  # asked once: it counts as gone when its process is, or after ten minutes
            if Owner.of(system.cat_file(path)).token == self._mine.token:
                system.rm_file(path)


def _seen(path: UPath) -> tuple[str, Owner] | None:
    """(tag, owner) of a lock; the tag is asked for first: what was renewed meanwhile does not match
    it any more.
    """
    try:
        info = storage.attempt("read", path, lambda: path.fs.info(path.path))
        return str(info.get("ETag", "")), Owner.of(storage.read_bytes(path))
    except FileNotFoundError:
        return None


def _create(path: UPath, data: bytes) -> bool:
    """Put an object if it is absent; False if it is not, or may not have been."""
    if path.protocol not in _IF_ABSENT:
        if storage.exists(path):
            return False
        storage.attempt("written", path, lambda: path.fs.pipe_file(path.path, data))
        time.sleep(_SETTLE_SECONDS)
        return storage.read_bytes(path) == data
    return _conditional(path, lambda: path.fs.pipe_file(path.path, data, mode="create"))


def _replace(path: UPath, tag: str, old: Owner, new: Owner) -> bool:
    """Put an object over the one that was seen; False if it is another one by now."""
    if path.protocol in _IF_MATCH:
        return _conditional(
            path, lambda: path.fs.pipe_file(path.path, new.as_bytes(), IfMatch=tag), absent=True
        )
    if not storage.exists(path) or storage.read_bytes(path) != old.as_bytes():
        return False
    storage.attempt("written", path, lambda: path.fs.pipe_file(path.path, new.as_bytes()))
    return True


def _conditional(path: UPath, put: Callable[[], object], *, absent: bool = False) -> bool:
    """Whether a put was done; not if its condition was not met. absent: that there is nothing is
    such a case.
    """

    def tried() -> bool:
        try:
            put()
        except Exception as error:
            if _conflict(error) or (absent and isinstance(error, FileNotFoundError)):
                return False
            raise
        return True

    return storage.attempt("written", path, tried)


def _conflict(error: BaseException | None) -> bool:
    """Whether a condition was not met: 412, or 409 where another request was on its way."""
    while error is not None:
        response = getattr(error, "response", None)
        status = (
            response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if isinstance(response, dict)
            else None
        )
        if (
            isinstance(error, FileExistsError)
            or status in {409, 412}
            or getattr(error, "code", None) in {409, 412}
        ):
            return True
        error = error.__cause__
    return False


def _age(path: UPath) -> float | None:
    """Seconds since a lock was renewed, by the store's clock; None if it is gone."""
    clock = path.with_name(f"{secrets.token_hex(8)}.clock")
    try:
        storage.attempt(
            "written", clock, lambda: clock.fs.pipe_file(clock.path, b"what time is it")
        )
        now = _modified(clock)
    finally:
        storage.remove(clock)
    try:
        return max(0.0, (now - _modified(path)).total_seconds())
    except FileNotFoundError:
        return None


def _modified(path: UPath) -> datetime:
    when: datetime = storage.attempt("read", path, lambda: path.fs.modified(path.path))
    return when if when.tzinfo else when.replace(tzinfo=UTC)
