"""On which line of its file a record begins."""

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
    """The lines of these records, from 1; without those of formats that have none, as Parquet and
    folders.
    """
    known = {id: int(hit[1]) for id in ids if (hit := _NUMBER.search(id))}
    wanted = {id for id in ids if re.search(r"#(row|item)=\d+$", id)}
    head = InputHead.of(shard.path) if wanted else None
    if head is None or head.keys.form == "table":
        return known
    records = (
        columns.records(shard, ())
        if head.keys.form or head.start[:1] in b"{["
        else scribe.csv_records(shard)
    )
    return known | _found(
        chunks(shard.path), ((each.id, each.raw or b"") for each in records), wanted
    )


def _found(
    data: Iterator[bytes], records: Iterable[tuple[str, bytes]], wanted: Collection[str]
) -> dict[str, int]:
    """Follow the records through the bytes of the file; held are some chunks and the longest
    record.
    """
    lines: dict[str, int] = {}
    buffer, at, line = bytearray(), 0, 1
    left = len(wanted)
    for id, raw in records:
        while (place := buffer.find(raw, at)) < 0 and (chunk := _next(data)):
            buffer += chunk
        if place < 0:
            return lines
        line += buffer.count(b"\n", at, place)
        if id in wanted:
            lines[id] = line
            left -= 1
            if not left:
                return lines
        line += buffer.count(b"\n", place, place + len(raw))
        at = place + len(raw)
        if at > _KEPT:
            del buffer[:at]
            at = 0
    return lines


def _next(data: Iterator[bytes]) -> bytes:
    try:
        return next(data, b"")
    except Truncated:
        return b""
