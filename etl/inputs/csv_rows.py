"""CSV as RFC 4180 has it, in UTF-8, with a header; repeated headers, which joined files have, are
skipped.

Rows are numbered from 1 behind the header. They end with LF or CRLF; where the header ends with CR
alone, all do.

CSV is split here and not by the csv module, whose limit of 128 kB a field can only be changed for
the whole process, and which takes a CR in a field for the end of the row: writers of LF put none in
quotes.
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
"""From a name in the header to what its column is called."""

_FIELD: Final = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"|([^,]*+)')
_IN_QUOTES: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_FIRST_BREAK: Final = re.compile(rb'(?:[^"\r\n]++|"[^"]*+")*+(\r+(?![\r\n])(?=.)|\r*\n)', re.DOTALL)
_ROWS: Final = {
    b"\n": re.compile(rb'(?:[^",\n][^,\n]*+|"[^"]*+(?:""[^"]*+)*+"(?=,|\r?\n|\r?\Z)|,)*+'),
    b"\r": re.compile(rb'(?:[^",\r][^,\r]*+|"[^"]*+(?:""[^"]*+)*+"(?=,|\r|\Z)|,)*+'),
}


class Line(NamedTuple):
    """A row of CSV. fields: its text; None for a blank line or a header. names: of the columns."""

    raw: bytes
    fields: list[str] | None
    names: list[str]
    broken: RecordError | None


class _Start(NamedTuple):
    """What the beginning of a file says of all of it: the header's fields,
    and what ends its rows.
    """

    header: list[str]
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
    """All rows. start: of the file, for a part that begins behind its header. wanted: the columns
    that must be there; the last ones of a row may be left out then.
    """
    header, ending = start or ([], b"")
    names = [name(column) for column in header]
    for raw, broken in rows(data, ending):
        # a header again, whatever its quotes and line break, is no longer than this
        long = (
            wanted and header and len(raw) > 2 * len("".join(header).encode()) + 3 * len(header) + 5
        )
        needed = (
            max((names.index(column) + 1 for column in wanted if column in names), default=1)
            if long
            else 0
        )
        row = fields(raw, needed) if broken is None else []
        if broken is None and (row in ([""], header) or not header):  # a blank line or a header
            if not header and row != [""]:
                header = row
                names = [name(column) for column in header]
            yield Line(raw, None, names, None)
        else:
            yield Line(raw, row, names, broken)


def header(start: bytes) -> list[str]:
    """The fields of the first row; none if it is no row of CSV. start: the beginning of a file."""
    for raw, problem in rows(iter((start,))):
        return [] if problem else fields(raw)
    return []


def _start(shard: InputShard) -> _Start:
    """The beginning of a file, of which little more is read."""
    data, ending = _ending(chunks(shard.path, block=nodes.SMALL_BLOCK))
    for raw, _ in rows(data, ending):
        if (row := fields(raw)) != [""]:
            return _Start(row, ending)
    return _Start([], ending)


def _ending(source: Iterator[bytes]) -> tuple[Iterator[bytes], bytes]:
    """The same bytes, and what ends the first row: LF, if that is not seen within `HEAD_BYTES`."""
    begun: list[bytes] = []
    cut: Truncated | None = None
    found = None
    while not found and sum(map(len, begun)) < HEAD_BYTES:
        try:
            begun.append(next(source))
        except StopIteration:
            break
        except Truncated as error:
            cut = error
            break
        found = _FIRST_BREAK.match(b"".join(begun))

    def again() -> Iterator[bytes]:
        yield from begun
        if cut is not None:
            raise cut
        yield from source

    return again(), b"\r" if found and found[1][-1:] == b"\r" else b"\n"


def rows(
    source: Iterator[bytes], ending: bytes = b""
) -> Iterator[tuple[bytes, RecordError | None]]:
    """The bytes of each row, and why it cannot be read, if so; time is linear in the bytes.

    A break behind a field in quotes, or outside of quotes, ends a row. Quotes within a field that
    does not begin with one are text. ending: LF or CR; empty: what ends the first row.
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
            found = buffer.find(ending, quoted.end())
            stop = len(buffer) if found < 0 else found
        if buffer[stop : stop + 1] == ending:
            yield buffer[start : stop + 1], problem
            start = stop + 1
            continue
        more = b""
        if cut is None:
            # as much again as there is: a row of many chunks is looked at again a few times only
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
    """At least ``count`` bytes and at least one chunk, unless the source ends; the error it ends
    with.
    """
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
    # a byte that is no UTF-8 must not hide whose row it is
    text = (
        raw.removeprefix(BOM)
        .removesuffix(b"\n")
        .removesuffix(b"\r")
        .decode(errors="surrogateescape")
    )
    found: list[str] = []
    position = 0
    while position <= len(text) and (hit := _FIELD.match(text, position)):
        found.append(hit[2] if hit[1] is None else hit[1].replace('""', '"'))
        position = hit.end() + 1
        if len(found) == count:
            break
    return found


def _problem(line: Line) -> RecordError | None:
    try:
        line.raw.decode()
    except UnicodeDecodeError as error:
        return RecordError("invalid_utf8", f"byte {error.start} of the row: {error.reason}")
    if len(line.fields or ()) != len(line.names):
        return RecordError(
            "broken_csv", f"{len(line.fields or ())} fields, the header has {len(line.names)}"
        )
    return None
