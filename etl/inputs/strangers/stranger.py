"""What is said of a file in no known format."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

WRITE_OURS: Final = "write `workflows` from it (stepmill example workflows shows how)"


class Stranger(NamedTuple):
    """A file that no source reads.

    kind: a word to count by. says: what the file is. advice: what to do. nearest: the format that
    it is most like, if it is like any; missing: the keys that it lacks for that, each with the
    key that may be meant by it (empty if there is none).
    """

    kind: str
    says: str
    advice: str
    nearest: str = ""
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """One line."""
        return f"{self.says}; {self.advice}"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            **self._asdict(),
            "missing": [{"key": key, "like": like} for key, like in self.missing],
        }
