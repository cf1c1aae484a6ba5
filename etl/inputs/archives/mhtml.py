"""MHTML files: a page as a browser saved it, in a mail message with all that it needs.

The page's address is ``Snapshot-Content-Location``, or that of its part. Each part that is HTML is
a page of its own, such as those in frames. A page's place is the byte and the length of its part.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import IO, Any, Final

from etl.inputs.archives import times
from etl.inputs.archives.capture import PAGE_BYTES, ArchiveFault, Body, Capture, Faults, is_html
from etl.inputs.archives.spans import BROKEN, check_storage, part_of
from etl.inputs.streams import open_input

_LINE_BYTES: Final = 2**20
_HEAD_LINES: Final = 200
_BOUNDARY: Final = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)

Headers = dict[str, str]
"""Headers in lower case."""


@dataclass(frozen=True)
class Mhtml:
    """MHTML files."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """The pages of a file."""
        try:
            with open_input(place) as stream:
                yield from _captures(stream, faults)
        except BROKEN as error:
            check_storage(error)
            faults.add("broken_record", str(error))

    def body(self, place: str, at: list[Any]) -> Body:
        """A page of the file."""
        start, size, kind, encoding = at
        raw = part_of(place, start, size)
        try:
            if encoding == "quoted-printable":
                raw = quopri.decodestring(raw)
            elif encoding == "base64":
                raw = base64.b64decode(raw)
        except (binascii.Error, ValueError) as error:
            raise ArchiveFault("broken_encoding", f"{encoding}: {error}") from error
        return Body(raw, kind, is_tree=True)


def _captures(stream: IO[bytes], faults: Faults) -> Iterator[Capture]:
    whole, at = _headers(stream)
    given = _BOUNDARY.search(whole.get("content-type", ""))
    if given is None:
        faults.add("broken_record", "its parts have no boundary")
        return
    boundary = b"--" + (given[1] or given[2]).encode()
    snapshot, time = (
        whole.get("snapshot-content-location", ""),
        times.of_mail(whole.get("date", "")),
    )
    at, _, more = _part_end(stream, at, boundary)
    first = True
    while more:
        headers, size = _headers(stream)
        start = at + size
        at, end, more = _part_end(stream, start, boundary)
        if not is_html(headers.get("content-type", "")):
            faults.leave_out("not_a_page")
            continue
        location = headers.get("content-location", "")
        url = snapshot if first and snapshot else location
        first = False
        encoding = headers.get("content-transfer-encoding", "").strip().lower()
        if end - start > 2 * PAGE_BYTES:
            faults.add("page_too_large", f"{url[:200]}: {end - start:,} bytes")
        elif not url:
            faults.leave_out("no_address")
        elif end < 0:
            faults.add("truncated_record", f"{url[:200]}: it has no end")
        else:
            kind = headers["content-type"]
            yield Capture(url, time, [start, end - start, kind, encoding])


def _headers(stream: IO[bytes]) -> tuple[Headers, int]:
    """The headers at which a stream is, and the number of their bytes."""
    lines: list[bytes] = []
    for _ in range(_HEAD_LINES):
        line = stream.readline(_LINE_BYTES)
        lines.append(line)
        if not line.strip():
            break
    message = BytesHeaderParser(policy=compat32).parsebytes(b"".join(lines))
    found: Headers = {}
    for name, value in message.items():
        found.setdefault(name.lower(), re.sub(r"\s*[\r\n]+\s*", " ", str(value)).strip())
    return found, sum(map(len, lines))


def _part_end(stream: IO[bytes], at: int, boundary: bytes) -> tuple[int, int, bool]:
    """Pass over a part: the byte after its boundary, the byte where it ends, whether more follow.

    The part ends at -1 if the file ends before it.
    """
    before = 0  # bytes of the line break before a boundary, which belongs to it
    while line := stream.readline(_LINE_BYTES):
        if line.startswith(boundary):
            rest = line[len(boundary) :].strip()
            if rest in (b"", b"--"):
                return at + len(line), at - before, rest == b""
        at += len(line)
        before = 2 if line.endswith(b"\r\n") else 1 if line.endswith(b"\n") else 0
    return at, -1, False
