"""The line of its file on which a record begins."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from etl.inputs import columns
from etl.inputs.records import InputHead, InputShard
from etl.inputs.streams import Truncated, chunks
from etl.sources import scribe

_NUMBER: Final = re.compile(r"#line=(\d+)$")
_KEPT: Final = 2**20


def lines_of(shard: InputShard, ids: Collection[str]) -> dict[str, int]:
    """Record id -> its line, from 1; nothing for those without lines: Parquet, folders."""
    numbered = {id: int(hit[1]) for id in ids if (hit := _NUMBER.search(id))}
    wanted = {id for id in ids if re.search(r"#(row|item)=\d+$", id)}
    head = InputHead.of(shard.path) if wanted else None
    if head is None or head.entries or head.keys.form == "table":
        return numbered
    if head.keys.form or head.start[:1] in b"{[":
        records = columns.records(shard, ())
    else:
        records = scribe.csv_records(shard)
    pairs = ((each.id, each.raw or b"") for each in records)
    return numbered | _counted(chunks(shard.path), pairs, wanted)


def _counted(
    data: Iterator[bytes], records: Iterable[tuple[str, bytes]], wanted: Collection[str]
) -> dict[str, int]:
    """Find each record in the bytes of the file and count the lines before it.

    Some chunks and the longest record are held in memory.
    """
    lines: dict[str, int] = {}
    buffer, at, line = bytearray(), 0, 1
    pending = len(wanted)
    for id, raw in records:
        while (place := buffer.find(raw, at)) < 0 and (chunk := _next(data)):
            buffer += chunk
        if place < 0:
            return lines
        line += buffer.count(b"\n", at, place)
        if id in wanted:
            lines[id] = line
            pending -= 1
            if not pending:
                return lines
        line += buffer.count(b"\n", place, place + len(raw))
        at = place + len(raw)
        if at > _KEPT:
            del buffer[:at]
            at = 0
    return lines


def _next(data: Iterator[bytes]) -> bytes:
    """The next chunk; empty at the end, and where the file is truncated."""
    try:
        return next(data, b"")
    except Truncated:
        return b""
