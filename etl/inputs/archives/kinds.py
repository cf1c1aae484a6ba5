"""What a file with pages is, by its content, and what reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs.archives import zips
from etl.inputs.archives.arc import Arc
from etl.inputs.archives.capture import Reader
from etl.inputs.archives.har import Har
from etl.inputs.archives.mhtml import Mhtml
from etl.inputs.archives.saved import Saved, looks_like_page
from etl.inputs.archives.warc import Warc
from etl.inputs.archives.zipped import Wacz, ZippedHar
from etl.inputs.records import start_of

READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "warc": Warc(),
        "arc": Arc(),
        "wacz": Wacz(),
        "har": Har(),
        "zipped_har": ZippedHar(),
        "mhtml": Mhtml(),
        "html": Saved(),
    }
)
"""All readers, by the kind of file."""
VERSION: Final = 1
"""Raised when what readers find, or how pages are chosen, changes."""

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_HAR: Final = re.compile(rb'\s*\{\s*"log"\s*:\s*\{')
_MHTML: Final = re.compile(
    rb"(?is)(?:[\w-]+:[^\n]*\n|[ \t][^\n]*\n){0,30}?Content-Type:\s*multipart/related"
)


def kind_of(node: Node) -> str:
    """The kind of a file; empty if it holds no pages.

    Raises: OSError if it cannot be read.
    """
    with nodes.open_binary(node.place, block=nodes.SMALL_BLOCK) as stream:
        magic = stream.read(4)
    if magic in _ZIP:
        return _kind_of_zip(node.place)
    start = start_of(node.place)
    if start.startswith(b"WARC/"):
        return "warc"
    if start.startswith(b"filedesc://"):
        return "arc"
    start = start.removeprefix(b"\xef\xbb\xbf")
    if _HAR.match(start):
        return "har"
    if _MHTML.match(start):
        return "mhtml"
    return "html" if looks_like_page(start) else ""


def _kind_of_zip(place: str) -> str:
    names = [name.lower() for name in zips.names(place)]
    if any(name.endswith((".warc", ".warc.gz")) for name in names):
        return "wacz"
    return "zipped_har" if any(name.endswith(".har") for name in names) else ""
