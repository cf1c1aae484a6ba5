"""Facts about input files, kept in the work folder, so that an unchanged file is not read again.

Only an optimisation: nothing of it reaches the dataset. A file is identified by its place and its
stamp (`etl.files.entries.Stamp`): on this machine its size, times and inode; elsewhere its size and
its ETag or time. A file that changed within two seconds before it was read is not remembered: it
may have changed again without a new time, as in git's index.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from etl.files import nodes
from etl.files.arrow import read_json, write_json
from etl.files.entries import Stamp
from etl.files.storage import AnyPath
from etl.inputs.streams import Part
from schemas.errors import IntegrityError

_FORMAT: Final = 1
_FRESH: Final = 2.0  # seconds; the coarsest resolution of files' times


@dataclass(frozen=True)
class Facts:
    """What is known of one file."""

    # bytes on disk
    size: int
    # of its bytes on disk, in hex
    sha256: str
    # empty if it is one part
    parts: list[Part] = field(default_factory=list)
    # the name of the `Cutting` by which parts were looked for; empty if none were
    cut: str = ""


class Remembered:
    """The facts that earlier builds in this folder found, by file."""

    def __init__(self, path: AnyPath | None) -> None:
        self._path = path
        self._old: Mapping[str, Any] = _load(path) if path else {}
        self._new: dict[str, Any] = {}

    def get(self, place: str, stamp: Stamp, cut: str) -> Facts | None:
        """The facts of a file; None if there are none, or it has changed since.

        cut: how the file must be cut, empty if not at all. None too if it was cut in another way.
        """
        entry = self._old.get(_key(place))
        if entry is None or not stamp.mark or entry["stamp"] != [stamp.size, stamp.mark]:
            return None
        if cut and entry["cut"] != cut:
            return None
        self._new[_key(place)] = entry
        parts = [Part(**part) for part in entry["parts"]] if cut else []
        return Facts(entry["size"], entry["sha256"], parts, cut)

    def put(self, place: str, stamp: Stamp, facts: Facts, began: float) -> None:
        """Remember a file, unless it changed just before it was read.

        began: when reading began, in seconds since the epoch.
        """
        if stamp.mark and stamp.changed <= began - _FRESH:
            self._new[_key(place)] = {"stamp": [stamp.size, stamp.mark], **asdict(facts)}

    def save(self) -> None:
        """Write the facts that were asked for or added, if they differ from those on disk."""
        if self._path and self._new != self._old:
            write_json(self._path, {"format": _FORMAT, "files": self._new})


def _key(place: str) -> str:
    return place if nodes.remote(place) else os.path.realpath(place)


def _load(path: AnyPath) -> Mapping[str, Any]:
    try:
        kept = read_json(path)
    except (FileNotFoundError, IntegrityError):
        return {}
    return dict(kept["files"]) if isinstance(kept, dict) and kept.get("format") == _FORMAT else {}
