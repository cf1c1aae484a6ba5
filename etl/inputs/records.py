"""What is in a recording: the elements of JSON lists, and the beginning of a file, by which formats
are recognised; and what a recording is called as one of a build's inputs.

Everything streams: memory is bounded by the largest record.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from etl.files import nodes
from etl.inputs.streams import BOM, Part, Truncated, chunks

HEAD_BYTES: Final = 64 * 1024

_JSON_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_JSON_REST_OF_STRING: Final = re.compile(_JSON_STRING, re.DOTALL)
_JSON_TO_COMMA: Final = re.compile(rb'(?:[^"{}\[\],]++|"' + _JSON_STRING + rb'")*+', re.DOTALL)
_JSON_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"' + _JSON_STRING + rb'")*+', re.DOTALL)


class _Elements:
    """Splits what follows the opening bracket of a JSON list into elements; looks only at brackets
    and strings.
    """

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
        """What no element has taken, and whether it is an element that only lacks the comma or
        bracket behind it.
        """
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
            if (
                mark == b'"'
            ):  # the end of a string, or the beginning of one whose end has not been read yet
                self._in_string = not self._in_string
                continue
            if mark != b",":
                self.depth += 1 if mark in b"{[" else -1
            return mark

    def _skip(self, pattern: re.Pattern[bytes]) -> None:
        if hit := pattern.match(self._buffer, self._position):
            self._position = hit.end()


def json_items(place: str | Path) -> Iterator[tuple[int, bytes]]:
    """(index from 0, bytes) of each element of a top-level JSON list, or of the one value that is
    no list.

    Only brackets and strings are looked at; each element is parsed by the caller, so that a broken
    element costs itself alone. Raises `Truncated` (``raw``: the incomplete element) when the input
    ends inside the list, after every element that is complete.
    """
    source = chunks(place)
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

    top: of the records themselves. nested: ``field.name``, of an object, or of the objects in a
    list, in a field. cut: no record ends within the head, so that others may follow. form: an
    object or lines of them; a list of them; Parquet; empty: none of these.
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
        complete = [
            _scan(part, top, nested)
            for part in (start.split(b"\n") if is_lines(start) else (start,))
        ]
        return cls(
            frozenset(top),
            frozenset(nested),
            not any(complete),
            "list" if start[:1] == b"[" else "objects",
        )


def is_lines(start: bytes) -> bool:
    """Whether this is the beginning of JSON lines rather than of one JSON value.

    A value over several lines breaks off within its first line, and no line but the first begins
    with ``{`` in the first column. A first line longer than ``start`` is read as a line: one value
    on one line is a line too.
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


@dataclass(frozen=True, slots=True)
class InputShard:
    """One input file, a part of one, or one folder that a format reads as one recording.

    name: path relative to the root it was given under, with ``/``; its identity in messages and
    order. path: path or URL where it can be read now; never stored in data. sha256: of the whole
    file. version: of what was hashed (`etl.files.nodes.version`); empty if it does not matter.
    size: bytes on disk; those of a file's parts add up to the file's. part: None for the whole
    input.
    """

    name: str
    path: str
    format: str
    size: int
    sha256: str
    version: str = ""
    part: Part | None = None

    @property
    def key(self) -> str:
        """Name of the shard's files in the work folder: a hash of its name, content and part."""
        text = f"{self.name}\0{self.sha256}" + (f"\0{astuple(self.part)}" if self.part else "")
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True)
class InputHead:
    """The beginning of a file or folder, for recognising its format.

    name: without ``.gz`` and ``.zst``. start: the first 64 KiB after decompression; empty for a
    folder. entries: names in the folder; empty for a file.
    """

    place: str | Path
    name: str
    start: bytes = field(default=b"", repr=False)
    entries: tuple[str, ...] = ()

    @classmethod
    def of(cls, place: str | Path) -> InputHead:
        """Read the beginning of a file or folder; a broken compressed stream gives what could be
        read of it.
        """
        return cls.at(nodes.node(place))

    @classmethod
    def at(cls, node: nodes.Node) -> InputHead:
        """The same of what was found in a folder."""
        if node.kind == "folder":
            return cls(
                node.place, node.name, entries=tuple(child.name for child in node.children())
            )
        start = b""
        try:
            for chunk in chunks(node.place, HEAD_BYTES, block=nodes.SMALL_BLOCK):
                start += chunk
                if len(start) >= HEAD_BYTES:
                    break
        except Truncated:
            pass  # reported when the file is read
        name = node.name
        for suffix in (".gz", ".zst"):
            name = name.removesuffix(suffix)
        return cls(node.place, name, start[:HEAD_BYTES])

    @cached_property
    def keys(self) -> Keys:
        """The names of the fields; none for anything but JSON, JSON lines and Parquet."""
        if self.start[:4] != b"PAR1":
            return Keys.of(self.start)
        try:
            with open_parquet(self.place) as file:
                return Keys(frozenset(file.schema_arrow.names), form="table")
        except BROKEN_PARQUET as error:
            if of_storage(error):
                raise
            return Keys()  # cut off or compressed as a whole: reported when the file is read


BROKEN_PARQUET: Final = (pa.ArrowException, OSError, ValueError)
"""What pyarrow raises for a file that is no Parquet, cut off or damaged; OSError also where it
cannot be read.
"""


def of_storage(error: Exception) -> bool:
    """Whether an error is the disk's or the network's, not the file's content."""
    return isinstance(error, OSError) and error.errno is not None


@contextmanager
def open_parquet(place: str | Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; of a remote one only what is asked for is read. Raises as
    `BROKEN_PARQUET` says.
    """
    if not nodes.remote(place) and nodes.readable(str(place)) == str(place):
        with pq.ParquetFile(place) as file:
            yield file
        return
    with (
        nodes.open_binary(place, block=nodes.SMALL_BLOCK) as stream,
        pq.ParquetFile(stream) as file,
    ):
        yield file
