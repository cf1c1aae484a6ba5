"""The heart: what a stage, a source and a plan are.

A `Plan` is a source, a tuple of stages and the type of the rows that come out. `Plan.build` runs it over one
input shard: the unit of work, of resume and of failure. Everything read is entered in the shard's `Tally`;
whatever does not reach the output leaves through it too, with a reason.

A stage is a callable from rows to rows. Row-wise stages (the default) are run over one row at a time, so that
an exception costs exactly that row, which is quarantined; a stage with ``rowwise = False`` sees the whole stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from schemas.workflow import Workflow

Unit = Literal["record", "workflow", "step", "sample"]


@dataclass(frozen=True, slots=True)
class InputShard:
    """One input file, or one folder that a format reads as one recording.

    name: path relative to the root it was given under, with ``/``; its identity in messages and order.
    path: where it can be read now; never stored in data. size: bytes on disk. sha256: of those bytes.
    """

    name: str
    path: str
    format: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a shard's ledger: something was read (``reason`` empty), dropped or quarantined."""

    unit: Unit
    id: str
    parent: str = ""
    stage: str = "read"
    reason: str = ""
    detail: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read: its bytes as they were, and why."""

    id: str
    stage: str
    reason: str
    detail: str
    raw: bytes


@dataclass(slots=True)
class Tally:
    """The ledger of one shard as seen by one stage."""

    stage: str = "read"
    entries: list[Entry] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)

    def at(self, stage: str) -> Tally:
        """The same ledger, seen by another stage."""
        return Tally(stage, self.entries, self.quarantined)

    def read(self, unit: Unit, id: str, parent: str = "", domain: str = "") -> None:
        """Enter one thing that was read. parent: the uid of the workflow it belongs to, if any."""
        self.entries.append(Entry(unit, id, parent, domain=domain))

    def drop(self, unit: Unit, id: str, reason: str, detail: str = "", parent: str = "", domain: str = "") -> None:
        """Something that was read goes no further; it must have been entered with `read`."""
        self.entries.append(Entry(unit, id, parent, self.stage, reason, detail, domain))

    def quarantine(self, id: str, reason: str, detail: str, raw: bytes) -> None:
        """One record cannot be read. Enters it, drops it and keeps its bytes; do not call `read` for it as well."""
        self.entries.append(Entry("record", id))
        self.entries.append(Entry("record", id, "", self.stage, reason, detail))
        self.quarantined.append(Quarantined(id, self.stage, reason, detail, raw))


class Source(Protocol):
    """One recording format. A frozen dataclass; its fields are its configuration and its fingerprint."""

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes

    def recognise(self, head: Head) -> bool:
        """Whether these bytes are in this format; decided from content, the file's name is at most a hint."""
        ...

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The shard's workflows in order, streamed. Every record read is entered in ``tally``."""
        ...


class Head(Protocol):
    """The beginning of an input, for recognising its format."""

    name: str  # file or folder name without .gz and .zst
    start: bytes  # the first 64 KiB after decompression; empty for a folder
    entries: tuple[str, ...]  # names in the folder; empty for a file

    def parquet_columns(self) -> frozenset[str]:
        """Column names if this is a Parquet file, else empty."""
        ...


class Stage(Protocol):
    """One step of the pipeline. A frozen dataclass; its fields are its configuration and its fingerprint."""

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes

    def __call__(self, rows: Iterator[Any], tally: Tally) -> Iterator[Any]: ...
