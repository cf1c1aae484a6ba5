"""The bytes of a response as a page in UTF-8: as it was sent, compressed and encoded.

- A body that is said to be chunked and is not stays as it is: many archives have taken the chunks
  away and kept the header.
- A byte order mark tells the character set. Without one the header does, else the page's ``meta``.
  Without any it is UTF-8 if it is valid, else Windows-1252, as browsers take it.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Callable
from typing import Any, Final

import zstandard

from etl.inputs.archives.capture import PAGE_BYTES, ArchiveFault, Body
from etl.pages.source import as_browsers_build
from schemas.errors import MissingExtra

_META_BYTES: Final = 4096
"""Bytes at the beginning of a page in which its ``meta`` may name the character set."""
_META: Final = re.compile(
    rb"""<meta[^>]+?charset\s*=\s*["']?\s*([\w:.-]+)|<\?xml[^>]+?encoding\s*=\s*["']([\w:.-]+)""",
    re.IGNORECASE,
)
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?\s*([\w:.-]+)""", re.IGNORECASE)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_AS_BROWSERS: Final = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949",
    "shift_jis": "cp932", "big5": "big5hkscs", "utf-16": "utf-16-le", "utf-7": "cp1252",
}  # fmt: skip
"""Python's names of encodings that browsers read as another one, and that one."""
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,200}\r?\n")


def page_of(body: Body) -> bytes:
    """A page as UTF-8; of one that a server sent, the tree that a browser builds of it.

    Raises: `ArchiveFault` and MissingExtra, as `text_of` does.
    """
    text = text_of(body)
    return text if body.is_tree or not text.strip() else as_browsers_build(text)


def text_of(body: Body) -> bytes:
    """A page as UTF-8.

    Raises: `ArchiveFault` for an encoding that is unknown or broken, and a page that is too large;
    MissingExtra.
    """
    raw = body.raw
    if not body.is_text:
        raw = unchunked(raw) if "chunked" in body.transfer_encoding.lower() else raw
        names = [name.strip().lower() for name in body.content_encoding.split(",") if name.strip()]
        for name in reversed(names):
            raw = _decompressed(raw, name)
    if len(raw) > PAGE_BYTES:
        raise ArchiveFault("page_too_large", f"{len(raw):,} bytes")
    if body.is_text:
        return raw
    text = raw.decode(_encoding(raw, body.content_type), "replace").removeprefix("\ufeff")
    return text.encode("utf-8", "replace")


def unchunked(raw: bytes) -> bytes:
    """A body without the sizes of its chunks; as it is if it has none."""
    parts: list[bytes] = []
    at = 0
    while hit := _SIZE.match(raw, at):
        size = int(hit[1], 16)
        if not size:
            return b"".join(parts)
        parts.append(raw[hit.end() : hit.end() + size])
        at = hit.end() + size
        at += 2 if raw[at : at + 2] == b"\r\n" else 1
    # cut off within the chunks, or none
    return b"".join(parts) if parts and at >= len(raw) else raw


def _decompressed(raw: bytes, name: str) -> bytes:
    """A body without one content encoding.

    Raises: `ArchiveFault`; MissingExtra.
    """
    if name in ("identity", "none", "utf-8", "binary"):
        return raw
    if name not in _DECODERS:
        raise ArchiveFault("unknown_encoding", f"content-encoding {name[:40]!r}")
    try:
        return _DECODERS[name](raw)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        if name == "gzip" and raw[:2] != b"\x1f\x8b":
            return raw  # an archive that kept the header of what it has decompressed
        raise ArchiveFault("broken_encoding", f"{name}: {error}") from error


def _inflated(raw: bytes, bits: int) -> bytes:
    parts: list[bytes] = []
    left = PAGE_BYTES + 1
    while raw:  # one stream after the other
        stream = zlib.decompressobj(bits)
        while raw and not stream.eof and left > 0:
            parts.append(stream.decompress(raw, left))
            left -= len(parts[-1])
            raw = stream.unconsumed_tail
        raw = stream.unused_data
        if left <= 0:
            raise ArchiveFault("page_too_large", f"over {PAGE_BYTES:,} bytes after decompression")
        if parts and raw[:2] != b"\x1f\x8b":
            break
    return b"".join(parts)


def _gunzipped(raw: bytes) -> bytes:
    return _inflated(raw, 31)


def _deflated(raw: bytes) -> bytes:
    try:
        return _inflated(raw, 15)
    except zlib.error:
        return _inflated(raw, -15)


def _unzstd(raw: bytes) -> bytes:
    stream = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(raw)
    found = stream.read(PAGE_BYTES + 1)
    if len(found) > PAGE_BYTES:
        raise ArchiveFault("page_too_large", f"over {PAGE_BYTES:,} bytes after decompression")
    return found


def _unbrotli(raw: bytes) -> bytes:
    try:
        import brotli
    except ImportError as error:
        raise MissingExtra("brotli", "archives", "a page that is compressed with Brotli") from error
    stream: Any = brotli.Decompressor()
    parts: list[bytes] = []
    left = PAGE_BYTES + 1
    try:
        parts.append(stream.process(raw, output_buffer_limit=left))
        while not stream.is_finished() and not stream.can_accept_more_data() and left > 0:
            left -= len(parts[-1])
            parts.append(stream.process(b"", output_buffer_limit=max(left, 1)))
    except brotli.error as error:
        raise ArchiveFault("broken_encoding", f"br: {error}") from error
    if left <= 0:
        raise ArchiveFault("page_too_large", f"over {PAGE_BYTES:,} bytes after decompression")
    if not stream.is_finished():
        raise ArchiveFault("broken_encoding", "br: the stream has no end")
    return b"".join(parts)


_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _deflated,
    "br": _unbrotli,
    "zstd": _unzstd,
}


def _encoding(raw: bytes, content_type: str) -> str:
    """The Python name of a page's character set, which always exists."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return name
    header = _CHARSET.search(content_type)
    if header is not None and (found := _known(header[1])):
        return found
    meta = _META.search(raw[:_META_BYTES])
    if meta is not None and (found := _known((meta[1] or meta[2]).decode("ascii", "replace"))):
        # a meta that could be read as ASCII is not in UTF-16
        return "utf-8" if found.startswith("utf-16") else found
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _known(label: str) -> str:
    """Python's name for the encoding that browsers use for a label; empty if it is unknown."""
    try:
        name = codecs.lookup(label).name
        b"".decode(name)
    except (LookupError, ValueError):
        return ""
    return _AS_BROWSERS.get(name, name)
