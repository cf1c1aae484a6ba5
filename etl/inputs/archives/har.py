"""HAR files: the network traffic of a browser, as its tools save it.

An entry is read alone, so memory is bounded by the largest. A page's place is the byte of its entry
and its length, both after decompression. The browser has decoded bodies already; in base64 they
are the bytes that were sent. Bodies beside the HAR, in an archive, are found by name
(`etl.inputs.archives.zipped`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from etl.inputs.archives import times
from etl.inputs.archives.capture import PAGE_BYTES, ArchiveFault, Body, Capture, Faults
from etl.inputs.archives.http import outcome
from etl.inputs.archives.spans import BROKEN, check_storage, part_of
from etl.inputs.mended import parse
from etl.inputs.records import Elements
from etl.inputs.streams import open_input
from schemas.errors import RecordError

_ENTRIES: Final = re.compile(rb'"entries"\s*:\s*\[')
_SHORT: Final = 64
"""More bytes than the beginning of the list has."""
_CHUNK: Final = 2**18
_WRONG: Final = (RecordError, KeyError, TypeError, AttributeError, ValueError)
"""Errors of an entry that is no JSON, or not as it should be."""
_NOT_PAGES: Final = frozenset(
    ("xhr", "fetch", "script", "stylesheet", "image", "ping", "websocket")
)
"""Types that Chromium notes for what it asked for other than a page."""


@dataclass(frozen=True)
class Har:
    """HAR files by themselves."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """The pages and redirects of a file."""
        try:
            with open_input(place) as stream:
                yield from captures(stream, faults)
        except BROKEN as error:
            check_storage(error)
            faults.add("broken_record", str(error))

    def body(self, place: str, at: list[Any]) -> Body:
        """A page of the file."""
        start, size = at
        found, _ = body_of_entry(part_of(place, start, size))
        if found is None:
            raise ArchiveFault("no_body", "the page's text is not in the HAR")
        return found


def captures(stream: IO[bytes], faults: Faults, *, beside: bool = False) -> Iterator[Capture]:
    """The pages and redirects of a HAR.

    beside: whether bodies may be in files beside it.
    """
    for start, size, raw in _entries(stream, faults):
        try:
            capture = _captured(parse(raw)[0], [start, size], faults, beside)
        except _WRONG as error:
            faults.add("broken_record", f"the entry at byte {start:,}: {error!r}")
            continue
        if capture is not None:
            yield capture


def _entries(stream: IO[bytes], faults: Faults) -> Iterator[tuple[int, int, bytes]]:
    """The entries of a HAR, each with the byte at which it begins, and its length."""
    head, base = b"", 0
    while (hit := _ENTRIES.search(head)) is None:
        chunk = stream.read(_CHUNK)
        if not chunk:
            faults.add("broken_record", "it has no entries")
            return
        base += max(0, len(head) - _SHORT)
        head = head[-_SHORT:] + chunk
    elements = Elements(base + hit.end())
    chunk = head[hit.end() :]
    while True:
        for raw in elements.feed(chunk):
            yield elements.begin, elements.size, raw
        if not elements.depth:
            return
        if elements.pending > 2 * PAGE_BYTES:
            faults.add("page_too_large", f"an entry of over {2 * PAGE_BYTES:,} bytes")
            return
        chunk = stream.read(_CHUNK)
        if not chunk:
            faults.add("truncated_record", "the list of entries has no end")
            return


def _captured(entry: Any, at: list[Any], faults: Faults, beside: bool) -> Capture | None:
    """The page or redirect that an entry is, if it is one."""
    request, response = entry["request"], entry["response"]
    url, time = request["url"], times.of_iso(entry.get("startedDateTime"))
    if not isinstance(url, str) or not isinstance(response["status"], int):
        raise TypeError("url or status")
    content = response.get("content") or {}
    headers = {"content-type": str(content.get("mimeType") or ""),
               "location": str(response.get("redirectURL") or "")}  # fmt: skip
    for header in response.get("headers") or ():
        headers.setdefault(str(header["name"]).lower(), str(header["value"]))
        if str(header["name"]).lower() == "location":
            headers["location"] = headers["location"] or str(header["value"])
    what, to = outcome(url, response["status"], headers)
    if what == "redirect":
        return Capture(url, time, at, to)
    if what == "page" and str(entry.get("_resourceType") or "").lower() in _NOT_PAGES:
        what = "not_a_page"
    if what == "page" and not content.get("text") and not (beside and _file_of(content)):
        what = "no_body"
    if what != "page":
        faults.leave_out(what)
        return None
    return Capture(url, time, at)


def body_of_entry(raw: bytes) -> tuple[Body | None, str]:
    """The page in an entry, if it is there, and the name of the file beside it that has it.

    Raises: `ArchiveFault`.
    """
    try:
        entry: Any = parse(raw)[0]
        content = entry["response"]["content"]
        text, kind = content.get("text"), str(content.get("mimeType") or "")
    except _WRONG as error:
        raise ArchiveFault("broken_record", str(error)) from error
    if not isinstance(text, str) or not text:
        return None, _file_of(content)
    if content.get("encoding") != "base64":
        return Body(text.encode("utf-8", "replace"), kind, is_text=True), ""
    try:
        return Body(base64.b64decode(text), kind), ""
    except (binascii.Error, ValueError) as error:
        raise ArchiveFault("broken_encoding", f"base64: {error}") from error


def _file_of(content: Any) -> str:
    """The name of the file with the body, as Playwright notes it."""
    return str(content.get("_file") or content.get("_sha1") or "")
