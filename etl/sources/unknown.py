"""Files in no known format: entered in the ledger, so that nothing goes missing without a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from etl import files
from etl.inputs import InputHead, InputShard
from etl.tally import Tally
from schemas.workflow import Workflow


@dataclass(frozen=True)
class Unknown:
    """Reads nothing: drops the file as one record, ``unknown_format`` or ``not_a_file``."""

    name: ClassVar[str] = "unknown"
    version: ClassVar[int] = 1

    def recognise(self, head: InputHead) -> bool:
        """Never: a file is unknown when all other sources have declined."""
        return False

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """No workflows."""
        tally.read("record", shard.name)
        if files.node(shard.path).kind == "file":
            tally.drop("record", shard.name, "unknown_format", f"{shard.size} bytes; no source recognises it")
        else:
            tally.drop("record", shard.name, "not_a_file", "a pipe, socket, device, or a link that leads nowhere")
        yield from ()
