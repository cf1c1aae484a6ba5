"""WARC files, plain or compressed by record, as FastWARC reads them.

A page's place is the byte at which its record begins, and the number of records to pass over from
there. That is 0, unless the file is compressed as a whole: such a file is read from its beginning
for every page.

After a broken record reading goes on where the next one begins, if one is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from etl.files import nodes
from etl.inputs.archives import times
from etl.inputs.archives.capture import PAGE_BYTES, ArchiveFault, Body, Capture, Faults, is_html
from etl.inputs.archives.http import HEAD_BYTES, body_of, outcome, parsed
from etl.inputs.archives.spans import BROKEN, check_storage
from schemas.errors import MissingExtra

Opened = Callable[[], IO[bytes]]
"""Opens the bytes of a WARC file, which can be moved in."""

_COMPRESSED: Final = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
"""How gzip, zstandard and LZ4 begin."""
_PLAIN: Final = b"WARC/1."
_MOST_BROKEN: Final = 1000
"""After this many broken records a file is given up."""
_STEP: Final = 2**20


def library() -> Any:
    """FastWARC.

    Raises: MissingExtra.
    """
    try:
        from fastwarc import warc
    except ImportError as error:
        raise MissingExtra("fastwarc", "archives", "reading web archives (WARC)") from error
    return warc


@dataclass(frozen=True)
class Warc:
    """WARC files by themselves."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """The pages and redirects of a file."""
        yield from captures(lambda: nodes.open_binary(place), faults)

    def body(self, place: str, at: list[Any]) -> Body:
        """A page of the file."""
        return body(lambda: nodes.open_binary(place), at)


def captures(opened: Opened, faults: Faults) -> Iterator[Capture]:
    """The pages and redirects of a WARC file.

    Raises: OSError of the storage; MissingExtra.
    """
    start = 0
    for _ in range(_MOST_BROKEN):
        last = start
        try:
            with opened() as stream, opened() as beside:
                positions = _Positions(beside, start)
                for record in _records(stream, start):
                    last = record.stream_pos
                    at = positions.of(record.stream_pos)
                    yield from _captured(record, at, faults)
        except BROKEN as error:
            check_storage(error)
            faults.add("broken_record", f"after byte {last:,}: {error}")
        else:
            return
        with opened() as stream:
            start = _next_record(stream, last + 1)
        if start < 0:
            return


def body(opened: Opened, at: list[Any]) -> Body:
    """The page whose record is at a place.

    Raises: `ArchiveFault`; OSError of the storage; MissingExtra.
    """
    start, skip = at
    try:
        with opened() as stream:
            for number, record in enumerate(_records(stream, start)):
                if number == skip:
                    return _body(record)
    except BROKEN as error:
        check_storage(error)
        raise ArchiveFault("broken_record", str(error)) from error
    raise ArchiveFault("broken_record", "it is not where it was")


def _records(stream: IO[bytes], start: int) -> Iterator[Any]:
    """The records that may hold pages, from a byte on."""
    warc = library()
    kinds = (
        warc.WarcRecordType.response | warc.WarcRecordType.resource | warc.WarcRecordType.revisit
    )
    if start:
        stream.seek(start)
    yield from warc.ArchiveIterator(stream, record_types=kinds, parse_http=False)


class _Positions:
    """The places of records: by themselves, or counted from the last one that has its own.

    stream: of the file, apart from the one that is read. start: the byte at which reading begins.
    """

    def __init__(self, stream: IO[bytes], start: int) -> None:
        self._stream = stream
        self._own, self._passed = start, -1

    def of(self, position: int) -> list[Any]:
        """The place of the next record. position: as the library tells it."""
        if position > self._own and self._begins(position):
            self._own, self._passed = position, 0
        else:
            self._passed += 1
        return [self._own, self._passed]

    def _begins(self, position: int) -> bool:
        """Whether a record, or the compressed stream of one, begins at a byte."""
        self._stream.seek(position)
        return self._stream.read(8).startswith((_PLAIN, *_COMPRESSED))


def _captured(record: Any, at: list[Any], faults: Faults) -> Iterator[Capture]:
    """The page or redirect that a record is, if it is one."""
    headers = record.headers
    url = (headers.get("WARC-Target-URI") or "").strip("<> ")
    time = times.of_iso(headers.get("WARC-Date"))
    kind = str(record.record_type)
    if not url:
        faults.add("broken_record", f"a {kind} at byte {at[0]:,} without an address")
    elif kind == "revisit":
        to = (headers.get("WARC-Refers-To-Target-URI") or "").strip("<> ")
        if to and to != url:
            yield Capture(url, time, at, to)
        else:  # the earlier capture of this address has the page
            faults.leave_out("revisit")
    elif kind == "resource":
        if not is_html(headers.get("Content-Type") or ""):
            faults.leave_out("not_a_page")
        elif _whole(record, 0, url, faults):
            yield Capture(url, time, at)
    else:
        yield from _response(record, url, time, at, faults)


def _response(record: Any, url: str, time: int, at: list[Any], faults: Faults) -> Iterator[Capture]:
    start = record.reader.read(HEAD_BYTES)
    status, found, head = parsed(start)
    what, to = outcome(url, status, found) if status else ("not_a_page", "")
    if what == "page" and record.content_length <= head:
        what = "no_body"
    if what == "redirect":
        yield Capture(url, time, at, to)
    elif what != "page":
        faults.leave_out(what)
    elif _whole(record, len(start), url, faults):
        yield Capture(url, time, at)


def _whole(record: Any, read: int, url: str, faults: Faults) -> bool:
    """Whether a record is all there. read: how many of its bytes have been read."""
    left: int = record.content_length - read
    while left > 0 and (passed := record.consume(min(left, _STEP))):
        left -= passed
    if left > 0:
        faults.add("truncated_record", f"{url}: {left:,} bytes are missing")
    return left <= 0


def _body(record: Any) -> Body:
    """The page in a record."""
    parts: list[bytes] = []
    left = PAGE_BYTES + HEAD_BYTES
    while left > 0 and (part := record.reader.read(min(left, _STEP))):
        parts.append(part)
        left -= len(part)
    raw = b"".join(parts)
    if left <= 0:
        raise ArchiveFault("page_too_large", f"over {PAGE_BYTES:,} bytes")
    if str(record.record_type) == "resource":
        return Body(raw, record.headers.get("Content-Type") or "")
    _, headers, start = parsed(raw)
    return body_of(raw[start:], headers)


def _next_record(stream: IO[bytes], start: int) -> int:
    """The first byte from ``start`` on at which a record may begin; -1 if there is none."""
    stream.seek(0)
    head = stream.read(4)
    mark = next((each for each in _COMPRESSED if head.startswith(each)), b"\n" + _PLAIN)
    stream.seek(start)
    before = b""
    while chunk := stream.read(_STEP):
        data = before + chunk
        if (found := data.find(mark)) >= 0:
            return start - len(before) + found + (mark[:1] == b"\n")
        before = data[1 - len(mark) :]
        start += len(chunk)
    return -1
