"""What a user is told about a file in no known format."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

WRITE_OURS: Final = "write `workflows` from it (stepmill example workflows shows how)"


class Stranger(NamedTuple):
    """A file that no source reads."""

    # a word to count by
    kind: str
    # what the file is
    says: str
    # what to do
    advice: str
    # name of the format that it is most like; empty if it is like none
    nearest: str = ""
    # keys that it lacks for that format, each with a key of the file that may be meant, or empty
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """What it is and what to do, on one line."""
        return f"{self.says}; {self.advice}"

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        return {
            **self._asdict(),
            "missing": [{"key": key, "like": like} for key, like in self.missing],
        }
