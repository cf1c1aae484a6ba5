"""The report of a publication: every change, as it is made, or would be in a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.publish.files import Ready
from etl.publish.place import Place
from etl.terminal.words import counted


@dataclass
class Report:
    """Makes the changes of a publication and notes them; in a dry run it only notes them."""

    place: Place
    """The place that is changed."""
    dry_run: bool = False
    """Whether to leave the place as it is."""
    created: bool = False
    """Whether the place was created."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """The commits: ``message``, the files to ``add`` with their bytes, the paths to ``remove``."""
    tagged: str = ""
    """The tag that was set."""
    kept: int = 0
    """The number of files of the dataset that were there already."""
    notes: list[str] = field(default_factory=list)
    """Warnings for the user."""

    def create(self, *, private: bool) -> None:
        """Create the place."""
        self.created = True
        if not self.dry_run:
            self.place.create(private=private)

    def commit(self, add: Sequence[Ready], remove: Sequence[str], message: str) -> None:
        """Add and remove files; a copy from a tag sends no bytes."""
        added = [{"path": file.path, "bytes": 0 if file.at else file.size} for file in add]
        self.changes.append({"message": message, "add": added, "remove": list(remove)})
        if not self.dry_run:
            self.place.commit(add, remove, message)

    def tag(self, name: str) -> None:
        """Tag the state that is reached."""
        self.tagged = name
        if not self.dry_run:
            self.place.tag(name)

    @property
    def bytes(self) -> int:
        """The size of all files that are sent."""
        return sum(file["bytes"] for change in self.changes for file in change["add"])

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; ``commit`` is the one that readers see at the end."""
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
        """The report as text, one line for each operation."""
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
