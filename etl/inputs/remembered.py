"""What was found out about input files, kept beside the work: a file seen before is not read again
for its hash.

An optimisation, of which nothing reaches the dataset. A file is known again by its place and its
stamp (`etl.files.nodes.Stamp`): here its size, its times and its inode; elsewhere its size and its
ETag or time. What had changed within two seconds before it was read is not remembered, since it may
have changed again without a new time, as in git's index.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from etl.files import nodes
from etl.files.arrow import read_json, write_json
from etl.files.nodes import Stamp
from etl.files.storage import AnyPath
from etl.inputs.streams import Part
from schemas.errors import IntegrityError

_FORMAT: Final = 1
_FRESH: Final = 2.0  # seconds; the coarsest times of files there are


@dataclass(frozen=True)
class Facts:
    """Of one file. parts: of which it consists, none if it is one; cut: how it was cut
    (`etl.inputs.parts.Cutting`).
    """

    size: int
    sha256: str
    parts: list[Part] = field(default_factory=list)
    cut: str = ""


class Remembered:
    """The facts of earlier builds in this folder, by file; `save` keeps those that were asked for
    or added.
    """

    def __init__(self, path: AnyPath | None) -> None:
        self._path = path
        self._old: Mapping[str, Any] = _load(path) if path else {}
        self._new: dict[str, Any] = {}

    def get(self, place: str, stamp: Stamp, cut: str) -> Facts | None:
        """What is known of a file that has not changed since; None too if it must be cut and was
        not in this way.
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
        """Remember a file that was read from the time ``began`` on, unless it had changed only just
        before.
        """
        if stamp.mark and stamp.changed <= began - _FRESH:
            self._new[_key(place)] = {"stamp": [stamp.size, stamp.mark], **asdict(facts)}

    def save(self) -> None:
        """Write what is worth remembering, if it is not what was there."""
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
