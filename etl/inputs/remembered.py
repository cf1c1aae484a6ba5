"""Facts about input files, kept in the work folder, so that an unchanged file is not read again.

Only an optimisation: nothing of it reaches the dataset. A file is identified by its place and its
stamp (`etl.files.entries.Stamp`): on this machine its size, times and inode; elsewhere its size and
its ETag or time. A file that changed within two seconds before it was read is not remembered: it
may have changed again without a new time, as in git's index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from etl.files.arrow import read_json, write_json
from etl.files.entries import Node
from etl.files.storage import AnyPath
from etl.inputs.streams import Part
from schemas.errors import IntegrityError

_FORMAT: Final = 2
FRESH: Final = 2.0
"""The coarsest resolution of files' times, in seconds."""


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
    # the name of its format; empty if nobody asked
    format: str = ""


class Remembered:
    """The facts that earlier builds in this folder found, by file.

    path: of the file that keeps them; None: nothing is kept. sources: identifies what recognised
    the files: formats that other sources found are forgotten.
    """

    def __init__(self, path: AnyPath | None, sources: str = "") -> None:
        self._path, self._sources = path, sources
        kept = self._load() if path else {}
        self._old: Mapping[str, Any] = kept.get("files", {})
        self._same_sources = kept.get("sources") == sources
        self._new: dict[str, Any] = {}

    def get(self, node: Node, format: str, cut: str) -> Facts | None:
        """The facts of a file; None if there are none, or it has changed since.

        format: its name, to be remembered too. cut: how the file must be cut, empty if not at all.
        None too if it was cut in another way.
        """
        entry = self._entry(node)
        if entry is None or (cut and entry["cut"] != cut):
            return None
        if entry["format"] != format:
            entry = {**entry, "format": format}
        self._new[_key(node)] = entry
        parts = [Part(**part) for part in entry["parts"]] if cut else []
        return Facts(entry["size"], entry["sha256"], parts, cut, format)

    def format_of(self, node: Node) -> str:
        """The name of a file's format; empty if it is not known, or the file has changed since."""
        entry = self._entry(node) if self._same_sources else None
        return "" if entry is None else entry["format"]

    def put(self, node: Node, facts: Facts, began: float) -> None:
        """Remember a file, unless it changed just before it was read.

        began: when reading began, in seconds since the epoch.
        """
        stamp = node.stamp
        if stamp.mark and stamp.changed <= began - FRESH:
            self._new[_key(node)] = {
                "stamp": [stamp.size, stamp.mark],
                "size": facts.size,
                "sha256": facts.sha256,
                "parts": [asdict(part) for part in facts.parts],
                "cut": facts.cut,
                "format": facts.format,
            }

    def save(self) -> None:
        """Write the facts that were asked for or added, if they differ from those on disk."""
        if self._path and (self._new != self._old or not self._same_sources):
            values = {"format": _FORMAT, "sources": self._sources, "files": self._new}
            write_json(self._path, values)

    def _entry(self, node: Node) -> Mapping[str, Any] | None:
        entry: Mapping[str, Any] | None = self._old.get(_key(node))
        stamp = node.stamp
        if entry is None or not stamp.mark or entry["stamp"] != [stamp.size, stamp.mark]:
            return None
        return entry

    def _load(self) -> Mapping[str, Any]:
        assert self._path is not None
        try:
            kept = read_json(self._path)
        except (FileNotFoundError, IntegrityError):
            return {}
        return kept if isinstance(kept, dict) and kept.get("format") == _FORMAT else {}


def _key(node: Node) -> str:
    return node.real or node.place
