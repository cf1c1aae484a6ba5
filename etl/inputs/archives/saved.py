"""Saved pages: HTML files that say which address they were saved from.

The address is what the file says, in this order: the comment ``saved from url`` of browsers, the
comment of SingleFile, the canonical link, ``og:url``, the base. Besides, every page on this machine
has the address of its file (``file://``). Nothing is taken from names of folders.

A page with such a comment was written by a browser, from its tree. Any other may be what a server
sent, so the tree is built of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from etl.files import nodes
from etl.inputs.archives import times
from etl.inputs.archives.capture import PAGE_BYTES, ArchiveFault, Body, Capture, Faults
from etl.inputs.archives.spans import BROKEN, check_storage
from etl.inputs.records import start_of
from etl.inputs.streams import open_input

_HTML: Final = re.compile(
    rb"(?is)(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*>\s*+)?(?:<!--(?>.*?-->)\s*+)*+"
    rb"<(?:!doctype\s+html|html|head|body)\b"
)
_SAVED: Final = re.compile(rb"<!--\s*saved from url=(?:\(\d+\))?(\S+)\s*-->")
_SINGLE_FILE: Final = re.compile(
    rb"<!--\s*Page saved with SingleFile\s+url:\s*(\S+)(?:\s+saved date:\s*([^\r\n]+))?"
)
_TAG: Final = re.compile(rb"<(link|meta|base)\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(rb"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
_BODY: Final = re.compile(rb"(?i)<body\b")
_DATE: Final = re.compile(r"\w{3} (\w{3} \d{1,2} \d{4} \d\d:\d\d:\d\d) GMT([+-]\d{4})")


def looks_like_page(start: bytes) -> bool:
    """Whether a file begins as a page does."""
    return _HTML.match(start) is not None


@dataclass(frozen=True)
class Saved:
    """HTML files by themselves."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """The page, under each address that it has."""
        start = start_of(place)
        url, time = _address(start)
        at = ["tree"] if _SAVED.search(start) or _SINGLE_FILE.search(start) else []
        if url:
            yield Capture(url, time, at)
        if not nodes.remote(place):
            own = nodes.local(place).absolute().as_uri()
            if own != url:
                yield Capture(own, time, at)
        elif not url:
            faults.leave_out("no_address")

    def body(self, place: str, at: list[Any]) -> Body:
        """The page."""
        try:
            with open_input(place) as stream:
                raw = stream.read(PAGE_BYTES + 1)
        except BROKEN as error:
            check_storage(error)
            raise ArchiveFault("broken_record", str(error)) from error
        if len(raw) > PAGE_BYTES:
            raise ArchiveFault("page_too_large", f"over {PAGE_BYTES:,} bytes")
        return Body(raw, is_tree=bool(at))


def _address(start: bytes) -> tuple[str, int]:
    """The address from which a page was saved, and the time; empty and unknown if it says none."""
    if hit := _SINGLE_FILE.search(start):
        return _text(hit[1]), _time(_text(hit[2] or b""))
    if (hit := _SAVED.search(start)) and _is_address(_text(hit[1])):
        return _text(hit[1]), -1
    body = _BODY.search(start)
    found: dict[str, str] = {}
    for tag in _TAG.finditer(start[: body.start() if body else len(start)]):
        name = tag[1].lower()
        attributes = {
            key.lower(): _text(double or single or bare)
            for key, double, single, bare in _ATTRIBUTE.findall(tag[2])
        }
        href = attributes.get(b"href", "")
        if name == b"link" and "canonical" in attributes.get(b"rel", "").lower().split():
            found.setdefault("canonical", href)
        elif name == b"meta" and attributes.get(b"property", "").lower() == "og:url":
            found.setdefault("og:url", attributes.get(b"content", ""))
        elif name == b"base":
            found.setdefault("base", href)
    for key in ("canonical", "og:url", "base"):
        if _is_address(found.get(key, "")):
            return found[key], -1
    return "", -1


def _text(raw: bytes) -> str:
    return html.unescape(raw.decode("utf-8", "replace")).strip()


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https", "file") and bool(
        parts.netloc or parts.scheme == "file"
    )


def _time(text: str) -> int:
    """Of a text as JavaScript writes a date."""
    hit = _DATE.search(text)
    return times.of_javascript(hit[1], hit[2]) if hit else -1
