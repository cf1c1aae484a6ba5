"""What readers of archives find: pages and redirects, and what they cannot read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from schemas.errors import StepmillError

UNKNOWN_TIME: Final = -1
PAGE_BYTES: Final = 256 * 2**20
"""The most bytes that a page may have, before and after decompression."""
SHOWN: Final = 5
"""How many faults of a file are named; all are counted."""


class Capture(NamedTuple):
    """A page in an archive, or a redirect to another address."""

    # as the archive writes it
    url: str
    # milliseconds since 1970, or `UNKNOWN_TIME`
    time: int
    # where it lies, in a form of the reader's, as values for JSON
    place: list[Any]
    # where a redirect leads; empty for a page
    to: str = ""


class Body(NamedTuple):
    """A page as it lies in an archive."""

    raw: bytes
    # the header of that name; empty if there is none
    content_type: str = ""
    content_encoding: str = ""
    # how the bytes were sent; chunked, or empty
    transfer_encoding: str = ""
    # the browser has decoded them to UTF-8
    is_text: bool = False
    # it is a browser's tree, as it was saved; else what a server sent
    is_tree: bool = False


class ArchiveFault(StepmillError):
    """A part of an archive cannot be read."""

    def __init__(self, what: str, detail: str) -> None:
        """what: a word to count by. detail: what is wrong in this one case."""
        super().__init__(f"{what}: {detail}")
        self.what, self.detail = what, detail

    def __reduce__(self) -> tuple[type[ArchiveFault], tuple[str, str]]:
        return type(self), (self.what, self.detail)


@dataclass
class Faults:
    """What could not be read in a file, and what was left out."""

    counts: Counter[str] = field(default_factory=Counter)
    # a line about each of the first
    lines: list[str] = field(default_factory=list)

    def add(self, what: str, detail: str) -> None:
        """Count one, by a word."""
        self.counts[what] += 1
        if len(self.lines) < SHOWN:
            self.lines.append(f"{what}: {detail[:300]}")

    def leave_out(self, what: str) -> None:
        """Count what is no page, and so was not to be read."""
        self.counts[what] += 1


class Reader(Protocol):
    """One kind of archive."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """What a file holds, in its order. Counts what cannot be read in ``faults``.

        Raises: OSError of the storage; MissingExtra.
        """
        ...

    def body(self, place: str, at: list[Any]) -> Body:
        """A page of the file. at: the place of its capture.

        Raises: `ArchiveFault`; OSError of the storage; MissingExtra.
        """
        ...


def is_html(content_type: str) -> bool:
    """Whether a response is a page by its header."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml")
