"""Open recordings: plain, gzip or zstandard, file or folder; recognise their beginning; split them into records.

Everything streams: memory is bounded by the largest record.
"""

from __future__ import annotations

import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Final, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from schemas.errors import RecordError

HEAD_BYTES: Final = 64 * 1024
CHUNK_BYTES: Final = 256 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # what pzstd puts before its first frame
ZSTD_PIECE: Final = 4 * 1024  # compressed bytes fed at once: repeated pages shrink 1,000-fold, and come out at once
BOM: Final = b"\xef\xbb\xbf"


class Truncated(RecordError):
    """A compressed or structured input ends before its end; ``raw`` holds what could not be completed."""

    def __init__(self, reason: str, detail: str, raw: bytes = b"") -> None:
        super().__init__(reason, detail)
        self.raw = raw


def open_input(path: str | Path) -> IO[bytes]:
    """Open a file for reading, decompressed; gzip and zstandard are recognised by their magic, not by name."""
    raw = Path(path).open("rb")  # noqa: SIM115 -- the caller closes what is returned, and that closes this
    magic = raw.peek(4)[:4]
    if magic[:2] == GZIP_MAGIC:
        unzipped = gzip.GzipFile(fileobj=raw)
        unzipped.myfileobj = raw  # type: ignore[assignment]  # so that closing it closes the file too
        return cast("IO[bytes]", unzipped)
    if magic == ZSTD_MAGIC or ZSTD_SKIPPABLE.fullmatch(magic):
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
            chunk = chunk or self._raw.read(ZSTD_PIECE)
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


def chunks(path: str | Path, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The decompressed bytes of a file, at most ``size`` at once.

    Raises `Truncated` where the compressed stream is broken or has no end.
    """
    with open_input(path) as stream:
        while True:
            try:
                chunk = stream.read1(size)  # type: ignore[attr-defined]
            except EOFError as error:
                raise Truncated("truncated_gzip", "the gzip stream has no end") from error
            except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
                raise Truncated("broken_compression", str(error)) from error
            if not chunk:
                return
            yield chunk


def lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, bytes) of each line, without its line break and the byte order mark.

    Raises `Truncated` (``raw``: the incomplete last line) after all complete lines of a broken stream.
    """
    number = 0
    parts: list[bytes] = []
    try:
        for chunk in chunks(path):
            for line in chunk.splitlines(keepends=True):
                parts.append(line)
                if line.endswith(b"\n"):
                    number += 1
                    yield number, _bare(number, parts)
                    parts = []
    except Truncated as error:
        error.raw = b"".join(parts)
        raise
    if parts:
        yield number + 1, _bare(number + 1, parts)


def _bare(number: int, parts: list[bytes]) -> bytes:
    line = b"".join(parts)
    return (line.removeprefix(BOM) if number == 1 else line).removesuffix(b"\n").removesuffix(b"\r")


_JSON_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_JSON_REST_OF_STRING: Final = re.compile(_JSON_STRING, re.DOTALL)
_JSON_TO_COMMA: Final = re.compile(rb'(?:[^"{}\[\],]++|"' + _JSON_STRING + rb'")*+', re.DOTALL)
_JSON_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"' + _JSON_STRING + rb'")*+', re.DOTALL)


class _Elements:
    """Splits what follows the opening bracket of a JSON list into elements; looks only at brackets and strings."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._in_string = False
        self.depth = 1  # brackets open at the position; 0 after the end of the list

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The elements that ``chunk`` completes."""
        self._buffer += chunk
        start = 0
        while self.depth and (mark := self._next_mark()):
            if (mark == b"," and self.depth == 1) or not self.depth:
                item = bytes(self._buffer[start : self._position - 1]).strip()
                if item or self.depth:
                    yield item
                start = self._position
        del self._buffer[:start]
        self._position -= start

    def rest(self) -> tuple[bytes, bool]:
        """What no element has taken, and whether it is an element that only lacks the comma or bracket behind it."""
        item = bytes(self._buffer).strip()
        return item, self.depth == 1 and not self._in_string and item[-1:] in {b"}", b"]", b'"'}

    def _next_mark(self) -> bytes:
        """Move behind the next comma or bracket and return it; empty: more input is needed."""
        while True:
            between = _JSON_TO_COMMA if self.depth == 1 else _JSON_TO_BRACKET
            self._skip(_JSON_REST_OF_STRING if self._in_string else between)
            mark = bytes(self._buffer[self._position : self._position + 1])
            if not mark or mark == b"\\":  # what the backslash escapes has not been read yet
                return b""
            self._position += 1
            if mark == b'"':  # the end of a string, or the beginning of one whose end has not been read yet
                self._in_string = not self._in_string
                continue
            if mark != b",":
                self.depth += 1 if mark in b"{[" else -1
            return mark

    def _skip(self, pattern: re.Pattern[bytes]) -> None:
        if hit := pattern.match(self._buffer, self._position):
            self._position = hit.end()


def json_items(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """(index from 0, bytes) of each element of a top-level JSON list, or of the one value that is no list.

    Only brackets and strings are looked at; each element is parsed by the caller, so that a broken element costs
    itself alone. Raises `Truncated` (``raw``: the incomplete element) when the input ends inside the list, after
    every element that is complete.
    """
    source = chunks(path)
    first = b""
    try:
        for chunk in source:
            first += chunk
            if first.removeprefix(BOM).strip() and not BOM.startswith(first):
                break
        first = first.removeprefix(BOM).lstrip()
    except Truncated as error:
        error.raw = first
        raise
    if first[:1] == b"[":
        yield from _list_items(first[1:], source)
    else:
        yield from _single_item(first, source)


def _list_items(first: bytes, source: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The elements of the list whose opening bracket has been taken off ``first``."""
    elements = _Elements()
    numbers = itertools.count()
    try:
        for chunk in itertools.chain((first,), source):
            for item in elements.feed(chunk):
                yield next(numbers), item
            if not elements.depth:
                break
        else:
            raise Truncated("truncated_json", "the list has no end")
    except Truncated as error:
        item, complete = elements.rest()
        if complete:
            yield next(numbers), item
        error.raw = b"" if complete else item
        raise
    behind = elements.rest()[0]
    for chunk in source:  # kept up to one chunk: what is behind the list may be of any length
        behind = behind or chunk.strip()
        if behind:
            break
    if behind:
        raise Truncated("broken_json", "text after the end of the list", behind)


def _single_item(first: bytes, source: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The one value of an input that is no list."""
    parts = [first]
    try:
        parts.extend(source)
    except Truncated as error:
        error.raw = b"".join(parts).strip()
        raise
    if item := b"".join(parts).strip():
        yield 0, item


Form = Literal["", "objects", "list", "table"]


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of the fields of a file's first records, by which its format is recognised.

    top: of the records themselves. nested: ``field.name``, of an object, or of the objects in a list, in a field.
    cut: no record ends within the head, so that others may follow. form: an object or lines of them; a list of them;
    Parquet; empty: none of these.
    """

    top: frozenset[str] = frozenset()
    nested: frozenset[str] = frozenset()
    cut: bool = False
    form: Form = ""

    @classmethod
    def of(cls, start: bytes) -> Keys:
        """Of the beginning of JSON or JSON lines; a broken line costs its own keys alone."""
        start = start.removeprefix(BOM).lstrip()
        if start[:1] not in {b"{", b"["}:
            return cls()
        top: set[str] = set()
        nested: set[str] = set()
        complete = [_scan(part, top, nested) for part in (start.split(b"\n") if is_lines(start) else (start,))]
        return cls(frozenset(top), frozenset(nested), not any(complete), "list" if start[:1] == b"[" else "objects")


def is_lines(start: bytes) -> bool:
    """Whether this is the beginning of JSON lines rather than of one JSON value.

    A value over several lines breaks off within its first line, and no line but the first begins with ``{`` in the
    first column. A first line longer than ``start`` is read as a line: one value on one line is a line too.
    """
    first, _, rest = start.removeprefix(BOM).lstrip().partition(b"\n")
    return first[:1] == b"{" and (not rest or first.rstrip()[-1:] == b"}" or rest[:1] == b"{")


_JSON_TOKEN: Final = re.compile(rb'"(' + _JSON_STRING + rb')("?)(\s*+:)?|[{}\[\]]', re.DOTALL)


def _scan(start: bytes, top: set[str], nested: set[str]) -> bool:
    """Collect the keys in ``start``; returns whether it holds a complete record.

    Where no key is wanted only brackets are looked at, which is several times faster.
    """
    base = 2 if start[:1] == b"[" else 1  # brackets open within a record
    opened = bytearray()
    position = 0
    parent = ""
    complete = False
    while True:
        depth = len(opened)
        if depth > base + 2 or (depth == base + 2 and opened[-2:] != b"[{"):
            position = hit.end() if (hit := _JSON_TO_BRACKET.match(start, position)) else position
        token = _JSON_TOKEN.search(start, position)
        if token is None or (token[1] is not None and not token[2]):
            return complete  # what looks like a bracket in a string without end is none
        position = token.end()
        if token[0] in b"{[":
            opened += token[0]
        elif token[0] in b"}]":
            del opened[-1:]
            complete |= token[0] == b"}" and len(opened) == base - 1
        elif token[3] and depth == base:
            parent = token[1].decode(errors="replace")
            top.add(parent)
        elif token[3] and (opened[base:] == b"{" or opened[base:] == b"[{"):
            nested.add(f"{parent}.{token[1].decode(errors='replace')}")


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
            for chunk in chunks(path, HEAD_BYTES):
                start += chunk
                if len(start) >= HEAD_BYTES:
                    break
        except Truncated:
            pass  # reported when the file is read
        name = path.name
        for suffix in (".gz", ".zst"):
            name = name.removesuffix(suffix)
        return cls(path, name, start[:HEAD_BYTES])

    @cached_property
    def keys(self) -> Keys:
        """The names of the fields; none for anything but JSON, JSON lines and Parquet."""
        if self.start[:4] != b"PAR1":
            return Keys.of(self.start)
        try:
            return Keys(frozenset(pq.read_schema(self.path).names), form="table")
        except (pa.ArrowException, OSError, ValueError):
            return Keys()  # cut off or compressed as a whole: reported when the file is read
