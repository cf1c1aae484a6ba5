"""What a publication does, change by change: written down as it is done, or, in a rehearsal,
instead of being done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.publish.files import Ready
from etl.publish.place import Place
from etl.terminal.words import counted


@dataclass
class Report:
    """place: what is changed. dry_run: whether it is left as it is. kept: files of the dataset that
    were there already.

    notes: what the user should know besides.
    """

    place: Place
    dry_run: bool = False
    created: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)
    tagged: str = ""
    kept: int = 0
    notes: list[str] = field(default_factory=list)

    def create(self, *, private: bool) -> None:
        """Make the place."""
        self.created = True
        if not self.dry_run:
            self.place.create(private=private)

    def commit(self, add: Sequence[Ready], remove: Sequence[str], message: str) -> None:
        """Change the place; a copy from a tag sends nothing."""
        added = [{"path": file.path, "bytes": 0 if file.at else file.size} for file in add]
        self.changes.append({"message": message, "add": added, "remove": list(remove)})
        if not self.dry_run:
            self.place.commit(add, remove, message)

    def tag(self, name: str) -> None:
        """Name the state that is reached."""
        self.tagged = name
        if not self.dry_run:
            self.place.tag(name)

    @property
    def bytes(self) -> int:
        """Of all files that are sent."""
        return sum(file["bytes"] for change in self.changes for file in change["add"])

    def as_json(self) -> dict[str, Any]:
        """Everything, with the commit that readers see at the end."""
        return {
            "place": self.place.name,
            "dry_run": self.dry_run,
            "created": self.created,
            "changes": self.changes,
            "tag": self.tagged,
            "bytes": self.bytes,
            "kept": self.kept,
            "commit": "" if self.dry_run else self.place.head,
            "notes": self.notes,
        }

    def as_text(self) -> str:
        """The same, a line for each operation."""
        lines = [f"create  {self.place.name}"] if self.created else []
        for change in self.changes:
            lines += [f"add     {file['path']}  {file['bytes']:,} bytes" for file in change["add"]]
            lines += [f"remove  {path}" for path in change["remove"]]
            lines.append(f"commit  {change['message']}")
        lines += [f"tag     {self.tagged}"] if self.tagged else []
        verb = "would be sent" if self.dry_run else "sent"
        files = sum(len(change["add"]) for change in self.changes)
        there = counted(self.kept, "file")
        done = (
            f"{self.place.name}: {counted(files, 'file')}, {self.bytes:,} bytes {verb}; there "
            f"already: {there}"
        )
        return "\n".join([*lines, done])
