"""Files in no known format: entered in the ledger, so that nothing is lost silently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from etl.inputs import strangers
from etl.inputs.description import Format
from etl.inputs.records import InputHead, InputShard
from etl.sources.known import FORMATS
from etl.tally import Tally
from schemas.workflow import Workflow


@dataclass(frozen=True)
class Unknown:
    """Drops a file as one record, and says what it is.

    A file of a kind that is known has a reason of its own, such as ``no_pages_in_format``.
    """

    name: ClassVar[str] = "unknown"
    version: ClassVar[int] = 3
    described: ClassVar[Format | None] = None

    def recognise(self, head: InputHead) -> bool:
        """Never: a file is unknown if all other sources decline."""
        return False

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """No workflows. Enters the file in ``tally`` and drops it."""
        tally.read("record", shard.name)
        stranger = strangers.meet(shard.path, FORMATS.values())
        tally.drop("record", shard.name, stranger.reason, f"{stranger.kind}: {stranger.text}")
        yield from ()
