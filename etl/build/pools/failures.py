"""What goes wrong with one thing of many: what it is known by, why it is not tried again, how its
error is told.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from etl.files.hashes import digest
from schemas.reasons import Reason

Watch = Callable[[str], None]
"""Told what is worked on now, by a name that `Refused` knows."""


def known_as(id: str) -> str:
    """The name by which a workflow or sample is watched and refused: of a very long id a hash."""
    return id if len(id) <= 128 else digest(id)


def unwatched(name: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Refused:
    """Something that is not tried again: it killed its worker, or took too long.

    name: of a workflow's uid or a sample's id (`known_as`); ``#3`` is reading on after the third
    workflow of an input.
    """

    name: str
    reason: Reason
    detail: str


def of_the_machine(error: Exception) -> bool:
    """Whether an error is of the disk or the like, and not of a record: to go on would leave out
    what is good.
    """
    return isinstance(error, OSError) and error.errno is not None


def described(error: Exception) -> str:
    """One line: the exception and where in our code it came from; no path, which would differ
    between machines.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {error}"[:500] + place
