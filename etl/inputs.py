"""Open recordings: plain, gzip or zstandard, file or folder; recognise their beginning; split them into records.

Everything streams: memory is bounded by the largest record.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import pyarrow.parquet as pq
import zstandard

from schemas.errors import RecordError

HEAD_BYTES: Final = 64 * 1024
CHUNK_BYTES: Final = 256 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"


class Truncated(RecordError):
    """A compressed or structured input ends before its end; ``raw`` holds what could not be completed."""

    def __init__(self, reason: str, detail: str, raw: bytes = b"") -> None:
        super().__init__(reason, detail)
        self.raw = raw


def open_input(path: str | Path) -> IO[bytes]:
    """Open a file for reading, decompressed; gzip and zstandard are recognised by their magic, not by name."""
    raw = Path(path).open("rb")
    magic = raw.peek(4)[:4]  # type: ignore[attr-defined]
    if magic[:2] == GZIP_MAGIC:
        return gzip.GzipFile(fileobj=raw)
    if magic == ZSTD_MAGIC:
        decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
        return io.BufferedReader(_Zstd(raw, decompressor), CHUNK_BYTES)
    return raw


class _Zstd(io.RawIOBase):
    """A zstd stream that reports a missing end: the library's reader returns what it has and says nothing."""

    def __init__(self, raw: IO[bytes], decompressor: zstandard.ZstdDecompressor) -> None:
        self._raw = raw
        self._decompressor = decompressor
        self._frame = decompressor.decompressobj()
        self._pending = memoryview(b"")
        self._in_frame = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._pending:
            chunk = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = self._decompressor.decompressobj()
                self._in_frame = False
            chunk = chunk or self._raw.read(CHUNK_BYTES)
            if not chunk:
                if self._in_frame:
                    raise Truncated("truncated_zstd", "the zstandard frame has no end")
                return 0
            self._in_frame = True
            self._pending = memoryview(self._frame.decompress(chunk))
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def chunks(path: str | Path) -> Iterator[bytes]:
    """The decompressed bytes of a file. Raises `Truncated` where the compressed stream is broken or has no end."""
    with open_input(path) as stream:
        while True:
            try:
                chunk = stream.read1(CHUNK_BYTES)  # type: ignore[attr-defined]
            except EOFError as error:
                raise Truncated("truncated_gzip", "the gzip stream has no end") from error
            except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
                raise Truncated("broken_compression", str(error)) from error
            if not chunk:
                return
            yield chunk


def lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, bytes without the line break) of each line.

    Raises `Truncated` (``raw``: the incomplete last line) after all complete lines of a broken stream.
    """
    number = 0
    parts: list[bytes] = []
    try:
        for chunk in chunks(path):
            *complete, rest = chunk.split(b"\n")
            for line in complete:
                number += 1
                yield number, b"".join((*parts, line)).removesuffix(b"\r") if parts else line.removesuffix(b"\r")
                parts = []
            if rest:
                parts.append(rest)
    except Truncated as error:
        error.raw = b"".join(parts)
        raise
    if parts:
        yield number + 1, b"".join(parts)


_JSON_STOP: Final = re.compile(rb'[{}\[\],"]')
_JSON_STRING_END: Final = re.compile(rb'["\\]')


def json_items(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """(index from 0, bytes) of each element of a top-level JSON list, or of the one value that is no list.

    Only brackets and strings are looked at; each element is parsed by the caller, so that a broken element costs
    itself alone. Raises `Truncated` (``raw``: the incomplete element) when the input ends inside the list.
    """
    buffer = bytearray()
    source = chunks(path)
    depth = 0  # brackets open around the current position
    index = start = position = 0
    in_string = is_list = seen = False
    try:
        for chunk in source:
            buffer += chunk
            if not seen:
                stripped = bytes(buffer).lstrip(b"\xef\xbb\xbf \t\r\n")
                if not stripped:
                    continue
                seen = True
                is_list = stripped[:1] == b"["
                del buffer[: len(buffer) - len(stripped)]
                if is_list:
                    start = position = depth = 1
            if not is_list:
                continue
            while True:
                if in_string:
                    hit = _JSON_STRING_END.search(buffer, position)
                    if hit is None:
                        position = len(buffer)
                        break
                    if hit[0] == b"\\":
                        if hit.end() == len(buffer):
                            position = hit.start()
                            break
                        position = hit.end() + 1
                        continue
                    in_string = False
                    position = hit.end()
                    continue
                hit = _JSON_STOP.search(buffer, position)
                if hit is None:
                    position = len(buffer)
                    break
                position = hit.end()
                mark = hit[0]
                if mark == b'"':
                    in_string = True
                elif mark in b"{[":
                    depth += 1
                elif mark in b"}]":
                    depth -= 1
                if (mark == b"," and depth == 1) or depth == 0:
                    item = bytes(buffer[start : position - 1]).strip()
                    if item or depth:
                        yield index, item
                        index += 1
                    start = position
                    if depth == 0:
                        rest = bytes(buffer[position:]) + b"".join(source)
                        if rest.strip():
                            raise Truncated("broken_json", "text after the end of the list", rest.strip())
                        return
            del buffer[:start]
            position -= start
            start = 0
    except Truncated as error:
        error.raw = error.raw or bytes(buffer)
        raise
    if is_list:
        raise Truncated("truncated_json", "the list has no end", bytes(buffer).strip())
    if bytes(buffer).strip():
        yield 0, bytes(buffer).strip()


@dataclass(frozen=True)
class InputHead:
    """`etl.plan.Head` of a file or folder on disk."""

    path: Path
    name: str
    start: bytes = field(default=b"", repr=False)
    entries: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> InputHead:
        """Read the beginning of ``path``; an unreadable compressed stream gives what could be read of it."""
        if path.is_dir():
            return cls(path, path.name, entries=tuple(sorted(entry.name for entry in path.iterdir())))
        start = b""
        try:
            for chunk in chunks(path):
                start += chunk
                if len(start) >= HEAD_BYTES:
                    break
        except Truncated:
            pass  # reported when the file is read
        name = path.name
        for suffix in (".gz", ".zst"):
            name = name.removesuffix(suffix)
        return cls(path, name, start[:HEAD_BYTES])

    def parquet_columns(self) -> frozenset[str]:
        """Column names if this is a Parquet file, else empty."""
        if self.start[:4] != b"PAR1":
            return frozenset()
        return frozenset(pq.read_schema(self.path).names)
