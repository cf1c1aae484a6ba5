"""Failures of one thing among many: how it is named, refused and described."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from etl.files.hashes import digest
from schemas.reasons import Reason

Watch = Callable[[str], None]
"""Called with the name of what is worked on now, as `known_as` or `Refused` write it."""


def known_as(id: str) -> str:
    """The name that identifies a workflow or sample to pools: its id, or a hash of a long one."""
    return id if len(id) <= 128 else digest(id)


def unwatched(name: str) -> None:
    """Ignore the name: nobody watches."""


@dataclass(frozen=True)
class Refused:
    """Something that is not tried again: it killed its worker, or took too long."""

    # `known_as` of a workflow or sample; ``#3``: reading on after the third workflow of an input
    name: str
    reason: Reason
    # what happened, in words
    detail: str


def of_the_machine(error: Exception) -> bool:
    """Whether the machine caused an error, and not a record.

    A build must stop for a full disk or the like: to go on would leave out good records.
    """
    return isinstance(error, OSError) and error.errno is not None


def described(error: Exception) -> str:
    """One line about an exception, with the file and function that raised it.

    It holds no path, which would differ between machines.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {error}"[:500] + place
