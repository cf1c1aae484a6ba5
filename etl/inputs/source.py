"""What a source is: one recording format, recognised by content and read to workflows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol

from etl.inputs.description import Format
from etl.inputs.records import InputHead, InputShard
from etl.tally import Tally
from schemas.workflow import Workflow


class Source(Protocol):
    """One recording format: a frozen dataclass whose fields enter the fingerprint."""

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes
    described: ClassVar[Format | None]  # for people; None if nobody writes files of it

    def recognise(self, head: InputHead) -> bool:
        """Whether a file is in this format. Its content decides; its name is at most a hint."""
        ...

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The shard's workflows in order, streamed. Enters every record in ``tally``."""
        ...
