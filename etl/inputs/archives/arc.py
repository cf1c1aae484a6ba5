"""ARC files, which came before WARC: a line about each response, and the response.

FastWARC does not read them. A page's place is the byte of its response after decompression, and
its length; a compressed file is read from its beginning up to there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from etl.inputs.archives import times
from etl.inputs.archives.capture import PAGE_BYTES, ArchiveFault, Body, Capture, Faults
from etl.inputs.archives.http import HEAD_BYTES, body_of, outcome, parsed
from etl.inputs.archives.spans import BROKEN, check_storage, part_of, passed
from etl.inputs.streams import open_input

_LINE: Final = re.compile(rb"(\S+) (\S+) (\d{14}) (\S+)(?: .*)? (\d{1,15})\r?\n?")
_LINE_BYTES: Final = 16 * 1024


@dataclass(frozen=True)
class Arc:
    """ARC files."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """The pages and redirects of a file."""
        at = 0
        try:
            with open_input(place) as stream:
                while line := stream.readline(_LINE_BYTES):
                    at += len(line)
                    if not line.strip():
                        continue
                    if (hit := _LINE.fullmatch(line)) is None:
                        faults.add("broken_record", f"byte {at:,}: {line[:60]!r} begins no record")
                        return
                    size = int(hit[5])
                    yield from _captured(hit, stream, at, size, faults)
                    at += size
        except BROKEN as error:
            check_storage(error)
            faults.add("broken_record", f"after byte {at:,}: {error}")

    def body(self, place: str, at: list[Any]) -> Body:
        """A page of the file."""
        start, size = at
        if size > PAGE_BYTES:
            raise ArchiveFault("page_too_large", f"{size:,} bytes")
        raw = part_of(place, start, size)
        _, headers, begin = parsed(raw)
        return body_of(raw[begin:], headers)


def _captured(
    hit: re.Match[bytes], stream: IO[bytes], at: int, size: int, faults: Faults
) -> Iterator[Capture]:
    """The page or redirect of a record; reads it to its end."""
    url, time = hit[1].decode("utf-8", "replace"), times.of_digits(hit[3].decode())
    start = stream.read(min(size, HEAD_BYTES))
    status, headers, head = parsed(start)
    what, to = outcome(url, status, headers) if status else ("not_a_page", "")
    if what == "page" and size <= head:
        what = "no_body"
    missing = size - len(start) - passed(stream, size - len(start))
    if missing:
        faults.add("truncated_record", f"{url}: {missing:,} bytes are missing")
    elif what == "redirect":
        yield Capture(url, time, [at, size], to)
    elif what == "page":
        yield Capture(url, time, [at, size])
    else:
        faults.leave_out(what)
