"""A lock on an object store, which has neither flock nor a clock in common with us.

The lock is an object. It is put only if it is absent, and renewed or taken over only if it has not
changed since it was last read; of several processes that try, the store lets one win. Its age is
measured by the store's clock alone: the time of the lock against that of an object put just now.

S3 knows both conditions. Google, Azure and memory know the first only, so a renewal reads before it
writes. In between, another process may take over a lock whose owner stood still for ten minutes;
the owner notices at the next heartbeat. On other stores a lock counts if it is still there a few
seconds after it was put.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from upath import UPath

from etl.files.owner import Owner
from etl.files.remote import files
from etl.files.remote.errors import of_output

_IF_MATCH: Final = frozenset({"s3", "s3a"})
_IF_ABSENT: Final = frozenset("s3 s3a gs gcs az abfs abfss adl memory".split())
_SETTLE_SECONDS: Final = 3.0


class RemoteLock:
    """A lock object.

    stale: seconds without a heartbeat after which somebody else's lock is taken over.
    """

    def __init__(self, path: UPath, stale: float) -> None:
        self.lost = ""
        self._path, self._stale = path, stale
        self._mine = Owner.this(secrets.token_hex(8))

    def take(self) -> None:
        """Put the lock.

        Raises:
            BuildError: a process that is alive holds it, or the store cannot be reached.
        """
        while not _create(self._path, self._mine.as_bytes()):
            seen = _seen(self._path)
            if seen is None:  # it was released meanwhile
                continue
            if self._is_mine(seen):  # a retried put met the object of its first try
                return
            tag, owner = seen
            self._judge(self._path, owner)
            if _replace(self._path, tag, owner, self._mine):
                return

    def clear(self, overlapping: Callable[[str], bool]) -> None:
        """Remove the overlapping locks of processes that are gone.

        Raises:
            BuildError: a process that is alive holds one.
        """
        for name in files.listing(self._path.parent):
            other = self._path.parent / name
            if other == self._path or not name.endswith(".lock") or not overlapping(other.stem):
                continue
            if seen := _seen(other):
                self._judge(other, seen[1])
                files.remove(other)

    def _judge(self, path: UPath, owner: Owner) -> None:
        if owner.dead():
            return
        age = _age(path)
        if age is not None and age < self._stale:
            raise owner.refusal(path.parent.parent, age)

    def renew(self) -> None:
        """Put the lock again with the next beat, or note in ``lost`` that somebody else has it."""
        seen = _seen(self._path)
        if seen and self._is_mine(seen):
            tag, owner = seen
            if _replace(self._path, tag, owner, replace(self._mine, beat=owner.beat + 1)):
                return
        again = _seen(self._path)
        if again and self._is_mine(again):
            return
        happened = "somebody removed"
        if again:
            happened = f"host {again[1].host}, process {again[1].process} took"
        self.lost = (
            f"{self._path}: {happened} the lock of this build, which showed no sign of life for "
            "too long"
        )

    def _is_mine(self, seen: tuple[str, Owner]) -> bool:
        return seen[1].token == self._mine.token

    def release(self) -> None:
        """Remove the lock, if this process still holds it."""
        system, path = self._path.fs, self._path.path
        # No retry: a lock that stays counts as gone when its process is, or after ten minutes.
        with suppress(Exception):
            if Owner.of(system.cat_file(path)).token == self._mine.token:
                system.rm_file(path)


def _seen(path: UPath) -> tuple[str, Owner] | None:
    """The tag and the owner of a lock; None if there is none.

    The tag is read first, so it does not match a lock that is renewed in between.
    """
    try:
        info = of_output("read", path, lambda: path.fs.info(path.path))
        return str(info.get("ETag", "")), Owner.of(files.read_bytes(path))
    except FileNotFoundError:
        return None


def _create(path: UPath, data: bytes) -> bool:
    """Put an object if it is absent; False if it is there, or may have been."""
    if path.protocol not in _IF_ABSENT:
        if files.exists(path):
            return False
        of_output("written", path, lambda: path.fs.pipe_file(path.path, data))
        time.sleep(_SETTLE_SECONDS)
        return files.read_bytes(path) == data
    return _conditional(path, lambda: path.fs.pipe_file(path.path, data, mode="create"))


def _replace(path: UPath, tag: str, old: Owner, new: Owner) -> bool:
    """Replace the lock that was read; False if it has changed since."""
    if path.protocol in _IF_MATCH:
        return _conditional(
            path, lambda: path.fs.pipe_file(path.path, new.as_bytes(), IfMatch=tag), absent=True
        )
    if not files.exists(path) or files.read_bytes(path) != old.as_bytes():
        return False
    of_output("written", path, lambda: path.fs.pipe_file(path.path, new.as_bytes()))
    return True


def _conditional(path: UPath, put: Callable[[], object], *, absent: bool = False) -> bool:
    """Put an object on a condition; False if that was not met.

    absent: an object that is gone does not meet it either.
    """

    def attempt() -> bool:
        try:
            put()
        except Exception as error:
            if _conflict(error) or (absent and isinstance(error, FileNotFoundError)):
                return False
            raise
        return True

    return of_output("written", path, attempt)


def _conflict(error: BaseException | None) -> bool:
    """Whether a condition was not met: 412, or 409 if another request was under way."""
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
        of_output("written", clock, lambda: clock.fs.pipe_file(clock.path, b"what time is it"))
        now = _modified(clock)
    finally:
        files.remove(clock)
    try:
        return max(0.0, (now - _modified(path)).total_seconds())
    except FileNotFoundError:
        return None


def _modified(path: UPath) -> datetime:
    when: datetime = of_output("read", path, lambda: path.fs.modified(path.path))
    return when if when.tzinfo else when.replace(tzinfo=UTC)
