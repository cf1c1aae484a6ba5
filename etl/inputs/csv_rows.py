"""CSV by RFC 4180, in UTF-8, with a header. Repeated headers, as in joined files, are skipped.

Rows are numbered from 1 after the header. They end with LF or CRLF. If the header ends with CR
alone, all rows do.

The csv module does not serve here. Its limit of 128 kB a field can only be changed for the whole
process, and it ends a row at a CR in a field, which writers of LF do not quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from etl.files import nodes
from etl.inputs.columns import Record
from etl.inputs.records import HEAD_BYTES, InputShard
from etl.inputs.streams import BOM, Truncated, chunks
from schemas.errors import RecordError

Name = Callable[[str], str]
"""A name in the header -> the name of its column."""

_FIELD: Final = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"|([^,]*+)')
_IN_QUOTES: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_FIRST_BREAK: Final = re.compile(rb'(?:[^"\r\n]++|"[^"]*+")*+(\r+(?![\r\n])(?=.)|\r*\n)', re.DOTALL)
_ROWS: Final = {
    b"\n": re.compile(rb'(?:[^",\n][^,\n]*+|"[^"]*+(?:""[^"]*+)*+"(?=,|\r?\n|\r?\Z)|,)*+'),
    b"\r": re.compile(rb'(?:[^",\r][^,\r]*+|"[^"]*+(?:""[^"]*+)*+"(?=,|\r|\Z)|,)*+'),
}


class Line(NamedTuple):
    """A row of CSV."""

    # its bytes, with the line break
    raw: bytes
    # its texts; None for a blank line or a header
    fields: list[str] | None
    # of the columns
    names: list[str]
    # why it cannot be read; None: it can
    broken: RecordError | None


class _Start(NamedTuple):
    """What the beginning of a file says of all of it."""

    # the header's fields
    header: list[str]
    # the byte that ends its rows: LF or CR
    ending: bytes


def records(shard: InputShard, name: Name) -> Iterator[Record]:
    """The rows of a file or its part, in order; a broken one carries its problem."""
    number, start = 0, None
    if shard.part and shard.part.start:
        number, start = shard.part.first, _start(shard)
    for line in lines(chunks(shard.path, part=shard.part), name, start):
        if line.fields is None:
            continue
        number += 1
        fields: dict[str, Any] = dict(zip(line.names, line.fields, strict=False))
        problem = line.broken or _problem(line)
        yield Record(f"{shard.name}#row={number}", fields, line.raw, problem)


def lines(
    data: Iterator[bytes], name: Name, start: _Start | None = None, wanted: tuple[str, ...] = ()
) -> Iterator[Line]:
    """All rows, with blank lines and headers.

    start: of the file, for a part that begins after the header.
    wanted: columns that the caller needs; the fields after the last of them may be left out.
    """
    header, ending = start or ([], b"")
    names = [name(column) for column in header]
    for raw, broken in rows(data, ending):
        if broken is not None:
            yield Line(raw, [], names, broken)
            continue
        needed = 0
        if wanted and header and len(raw) > _longest(header):
            needed = max(
                (names.index(column) + 1 for column in wanted if column in names), default=1
            )
        row = fields(raw, needed)
        if header and row not in ([""], header):
            yield Line(raw, row, names, None)
            continue
        if not header and row != [""]:
            header = row
            names = [name(column) for column in header]
        yield Line(raw, None, names, None)


def _longest(header: list[str]) -> int:
    """Most bytes of a row that repeats the header, with any quotes and line break."""
    return 2 * len("".join(header).encode()) + 3 * len(header) + 5


def header(start: bytes) -> list[str]:
    """The fields of the first row; empty if it is not CSV.

    start: the beginning of a file.
    """
    for raw, problem in rows(iter((start,))):
        return [] if problem else fields(raw)
    return []


def _start(shard: InputShard) -> _Start:
    """The header and the row ending of a file. Reads little more than the header."""
    data, ending = _ending(chunks(shard.path, block=nodes.SMALL_BLOCK))
    for raw, _ in rows(data, ending):
        if (row := fields(raw)) != [""]:
            return _Start(row, ending)
    return _Start([], ending)


def _ending(source: Iterator[bytes]) -> tuple[Iterator[bytes], bytes]:
    """The same bytes, and the byte that ends the first row.

    It is LF if the row does not end within `HEAD_BYTES`.
    """
    begun: list[bytes] = []
    cut: Truncated | None = None
    first_break = None
    while not first_break and sum(map(len, begun)) < HEAD_BYTES:
        try:
            begun.append(next(source))
        except StopIteration:
            break
        except Truncated as error:
            cut = error
            break
        first_break = _FIRST_BREAK.match(b"".join(begun))

    def again() -> Iterator[bytes]:
        yield from begun
        if cut is not None:
            raise cut
        yield from source

    return again(), b"\r" if first_break and first_break[1][-1:] == b"\r" else b"\n"


def rows(
    source: Iterator[bytes], ending: bytes = b""
) -> Iterator[tuple[bytes, RecordError | None]]:
    """The bytes of each row, and why it cannot be read, or None. Takes time linear in the bytes.

    A line break outside of quotes ends a row. Quotes within a field that does not begin with one
    are text. ending: LF or CR; empty: the byte that ends the first row.
    """
    if not ending:
        source, ending = _ending(source)
    pattern = _ROWS[ending]
    buffer = b""
    start = 0
    cut: Truncated | None = None
    while True:
        hit = pattern.match(buffer, start)
        stop = hit.end() if hit else start
        problem: RecordError | None = None
        if quoted := _IN_QUOTES.match(buffer, stop):
            problem = RecordError("broken_csv", "text behind the closing quote of a field")
            end = buffer.find(ending, quoted.end())
            stop = len(buffer) if end < 0 else end
        if buffer[stop : stop + 1] == ending:
            yield buffer[start : stop + 1], problem
            start = stop + 1
            continue
        more = b""
        if cut is None:
            # As much again as is there, so that a row of many chunks is matched only a few times.
            more, cut = _take(source, len(buffer) - start)
        if more:
            buffer, start = buffer[start:] + more, 0
            continue
        rest = buffer[start:]
        if stop < len(buffer):
            problem = RecordError("truncated_csv", "a field in quotes has no end")
        if rest or cut is not None:
            yield rest, cut or problem
        return


def _take(source: Iterator[bytes], count: int) -> tuple[bytes, Truncated | None]:
    """At least ``count`` bytes and one chunk, unless the source ends; and its error, if any."""
    parts: list[bytes] = []
    size = 0
    try:
        for chunk in source:
            parts.append(chunk)
            size += len(chunk)
            if size >= count:
                break
    except Truncated as error:
        return b"".join(parts), error
    return b"".join(parts), None


def fields(raw: bytes, count: int = 0) -> list[str]:
    """The texts of a row, or its first ``count``."""
    # A byte that is not UTF-8 must not hide to which workflow the row belongs.
    line = raw.removeprefix(BOM).removesuffix(b"\n").removesuffix(b"\r")
    text = line.decode(errors="surrogateescape")
    texts: list[str] = []
    position = 0
    while position <= len(text) and (hit := _FIELD.match(text, position)):
        texts.append(hit[2] if hit[1] is None else hit[1].replace('""', '"'))
        position = hit.end() + 1
        if len(texts) == count:
            break
    return texts


def _problem(line: Line) -> RecordError | None:
    """Why a row that was split cannot be used, or None."""
    try:
        line.raw.decode()
    except UnicodeDecodeError as error:
        return RecordError("invalid_utf8", f"byte {error.start} of the row: {error.reason}")
    if len(line.fields or ()) != len(line.names):
        return RecordError(
            "broken_csv", f"{len(line.fields or ())} fields, the header has {len(line.names)}"
        )
    return None
