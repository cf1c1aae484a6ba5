"""Tasks of recordings, put together with those of a benchmark's list.

A recording is of the task whose id it has, or the number of in the name of its episode
(``webarena.7``). Where a benchmark has no list, each recording is a task of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from etl.decisions.benchmarks.files import Listed, Task

_NUMBER: Final = re.compile(r"\.(\d+)(?=_|$)")


@dataclass(frozen=True)
class Recorded:
    """The tasks of some recordings."""

    name: str
    # as the user calls it; empty: that of the list, else by the files
    version: str
    tasks: tuple[Task, ...]
    # of the files' bytes
    sha256: tuple[str, ...]


def joined(listed: Sequence[Listed], recorded: Sequence[Recorded]) -> list[Listed]:
    """The benchmarks in lists, with the first pages of their recordings; then those without lists.

    A recording of a listed task gives its page only; one of another task is a task of its own.
    """
    every = {(each.name, each.version): each for each in listed}
    for each in recorded:
        mine = [key for key in every if key[0] == each.name and each.version in ("", key[1])]
        for key in mine:
            every[key] = _with_pages(every[key], each)
        if not mine:
            version = each.version or hashlib.sha256("".join(each.sha256).encode()).hexdigest()[:12]
            every[each.name, version] = Listed(each.name, version, each.tasks, each.sha256)
    return [every[key] for key in sorted(every)]


def _with_pages(listed: Listed, recorded: Recorded) -> Listed:
    tasks = {task.id: task for task in listed.tasks}
    for each in recorded.tasks:
        id = next((name for name in _names(each.id) if name in tasks), "")
        if not id:
            tasks[each.id] = each
        elif not tasks[id].skeleton:
            tasks[id] = replace(tasks[id], skeleton=each.skeleton, shapes=each.shapes)
    hashes = tuple(sorted({*listed.sha256, *recorded.sha256}))
    return Listed(listed.name, listed.version, tuple(tasks[id] for id in sorted(tasks)), hashes)


def _names(id: str) -> Iterator[str]:
    """The ids that a list may have for a recording."""
    yield id
    yield id.rpartition("/")[2]
    yield from (str(int(number)) for number in _NUMBER.findall(id))
