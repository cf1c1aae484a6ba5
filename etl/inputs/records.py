"""Input shards, the heads of files by which formats are recognised, and the elements of JSON lists.

Everything streams: memory is bounded by the largest record.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from etl.files import nodes
from etl.files.entries import Node, readable
from etl.inputs.archives import zips
from etl.inputs.streams import BOM, Part, Truncated, chunks, is_compressed

HEAD_BYTES: Final = 64 * 1024

_JSON_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_JSON_REST_OF_STRING: Final = re.compile(_JSON_STRING, re.DOTALL)
_JSON_TO_COMMA: Final = re.compile(rb'(?:[^"{}\[\],]++|"' + _JSON_STRING + rb'")*+', re.DOTALL)
_JSON_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"' + _JSON_STRING + rb'")*+', re.DOTALL)


class Elements:
    """Splits a JSON list, after its opening bracket, into elements.

    Looks only at brackets and strings.

    base: the number of bytes before the first that is fed.
    """

    def __init__(self, base: int = 0) -> None:
        self._base = base
        # the byte at which the last element began, with the white space before it
        self.begin = base
        # its bytes, with white space around it
        self.size = 0
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
                self.begin, self.size = self._base + start, self._position - 1 - start
                if item or self.depth:
                    yield item
                start = self._position
        del self._buffer[:start]
        self._base += start
        self._position -= start

    @property
    def pending(self) -> int:
        """The number of bytes of the element that is not complete yet."""
        return len(self._buffer)

    def rest(self) -> tuple[bytes, bool]:
        """The bytes after the last element, and whether they are a complete element.

        Such an element only lacks the comma or bracket after it.
        """
        item = bytes(self._buffer).strip()
        return item, self.depth == 1 and not self._in_string and item[-1:] in {b"}", b"]", b'"'}

    def _next_mark(self) -> bytes:
        """Move past the next comma or bracket and return it; empty if more input is needed."""
        while True:
            between = _JSON_TO_COMMA if self.depth == 1 else _JSON_TO_BRACKET
            self._skip(_JSON_REST_OF_STRING if self._in_string else between)
            mark = bytes(self._buffer[self._position : self._position + 1])
            if not mark or mark == b"\\":  # the escaped character has not been read yet
                return b""
            self._position += 1
            if mark == b'"':  # the end of a string, or the start of one without its end so far
                self._in_string = not self._in_string
                continue
            if mark != b",":
                self.depth += 1 if mark in b"{[" else -1
            return mark

    def _skip(self, pattern: re.Pattern[bytes]) -> None:
        if hit := pattern.match(self._buffer, self._position):
            self._position = hit.end()


def json_items(place: str | Path) -> Iterator[tuple[int, bytes]]:
    """(index from 0, bytes) of each element of a JSON list; of a value that is no list, itself.

    Looks only at brackets and strings. The caller parses each element, so that a broken one costs
    nothing else.

    Raises: `Truncated`, whose ``raw`` is the incomplete element, after all complete ones, if the
    input ends inside the list.
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
    elements = Elements()
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
    after = elements.rest()[0]
    for chunk in source:  # one chunk is enough: the text after the list may have any length
        after = after or chunk.strip()
        if after:
            break
    if after:
        raise Truncated("broken_json", "text after the end of the list", after)


def _single_item(first: bytes, source: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The one value of an input that is not a list."""
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
    """The keys of a file's first records, by which its format is recognised."""

    # keys of the records themselves
    top: frozenset[str] = frozenset()
    # `field.key`: keys of an object in a field, or of the objects in a list in a field
    nested: frozenset[str] = frozenset()
    # no record ends within the head, so it may have more keys
    cut: bool = False
    # `objects`: an object, or lines of them; `list`: a list; `table`: Parquet; empty: none of these
    form: Form = ""

    @classmethod
    def of(cls, start: bytes) -> Keys:
        """The keys in the beginning of JSON or JSON lines; a broken line loses only its own."""
        start = start.removeprefix(BOM).lstrip()
        if start[:1] not in {b"{", b"["}:
            return cls()
        top: set[str] = set()
        nested: set[str] = set()
        complete = False
        for part in start.split(b"\n") if is_lines(start) else (start,):
            complete |= _parsed(part, top, nested) or _scan(part, top, nested)
        form: Form = "list" if start[:1] == b"[" else "objects"
        return cls(frozenset(top), frozenset(nested), not complete, form)


def is_lines(start: bytes) -> bool:
    """Whether this is the beginning of JSON lines rather than of one JSON value.

    The first line of a value over several lines is incomplete, and none of its other lines begins
    with ``{`` in the first column. If the first line is longer than ``start``, the answer is yes:
    one value on one line is a line too.
    """
    first, _, rest = start.removeprefix(BOM).lstrip().partition(b"\n")
    return first[:1] == b"{" and (not rest or first.rstrip()[-1:] == b"}" or rest[:1] == b"{")


_JSON_TOKEN: Final = re.compile(rb'"(' + _JSON_STRING + rb')("?)(\s*+:)?|[{}\[\]]', re.DOTALL)


_PLAIN_KEY: Final = re.compile(r"[ !#-.0-\[\]-~]*")
"""A key that nobody escapes; others are taken as they are written."""


def _parsed(line: bytes, top: set[str], nested: set[str]) -> bool:
    """Collect the keys of a line if it is a whole record, which a parser finds sooner than `_scan`.

    Returns whether it is one.
    """
    if line.rstrip()[-1:] != b"}":
        return False
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict):
        return False
    inside = {
        f"{parent}.{key}"
        for parent, value in record.items()
        for each in (value if isinstance(value, list) else (value,))
        if isinstance(each, dict)
        for key in each
    }
    if not all(map(_PLAIN_KEY.fullmatch, (*record, *inside))):
        return False
    top.update(record)
    nested |= inside
    return True


def _scan(start: bytes, top: set[str], nested: set[str]) -> bool:
    """Collect the keys in ``start``; whether it holds a complete record.

    Deeper than the wanted keys it looks only at brackets, which is several times faster.
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
            return complete  # a bracket within a string that has no end does not count
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
class InputShard:
    """One input file, a part of one, or one folder that a format reads as one recording."""

    # path relative to the root it was given under, with `/`: identifies it in messages and order
    name: str
    # path or URL where it can be read now; never stored in data
    path: str
    # name of the source that reads it
    format: str
    # bytes on disk; the sizes of a file's parts add up to the file's
    size: int
    # of the whole file or folder, in hex
    sha256: str
    # of the files that were hashed (`etl.files.entries.version`); empty if it does not matter
    version: str = ""
    # None for the whole input
    part: Part | None = None

    @cached_property
    def key(self) -> str:
        """The name of its files in the work folder: a hash of name, content and part, in hex."""
        text = f"{self.name}\0{self.sha256}" + (f"\0{astuple(self.part)}" if self.part else "")
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def start_of(place: str | Path) -> bytes:
    """The first 64 KiB of a file after decompression; of a broken stream what could be read.

    Raises: OSError if it cannot be read.
    """
    held = nodes.held_content(place)
    if held is not None and not is_compressed(held[:4]):
        return held[:HEAD_BYTES]
    start = b""
    with suppress(Truncated):  # reported when the file is read
        for chunk in chunks(place, HEAD_BYTES, block=nodes.SMALL_BLOCK):
            start += chunk
            if len(start) >= HEAD_BYTES:
                break
    return start[:HEAD_BYTES]


@dataclass(frozen=True)
class InputHead:
    """The beginning of a file or folder, by which its format is recognised."""

    place: str | Path
    # without `.gz` and `.zst`
    name: str
    # the first 64 KiB after decompression; empty for a folder
    start: bytes = field(default=b"", repr=False)
    # names in the folder; empty for a file
    entries: tuple[str, ...] = ()

    @classmethod
    def of(cls, place: str | Path) -> InputHead:
        """Read the beginning of a file or folder.

        Of a broken compressed stream it is what could be read.

        Raises: OSError if it cannot be read.
        """
        return cls.at(nodes.node(place))

    @classmethod
    def at(cls, node: Node) -> InputHead:
        """As `of`, for a file or folder that was listed before."""
        if node.kind == "folder":
            return cls(
                node.place, node.name, entries=tuple(child.name for child in node.children())
            )
        name = node.name
        for suffix in (".gz", ".zst"):
            name = name.removesuffix(suffix)
        return cls(node.place, name, start_of(node.place))

    @cached_property
    def keys(self) -> Keys:
        """The keys of the first records; none for files other than JSON, JSON lines and Parquet.

        Raises: OSError if a Parquet file cannot be read.
        """
        if self.start[:4] != b"PAR1":
            return Keys.of(self.start)
        try:
            with open_parquet(self.place) as file:
                return Keys(frozenset(file.schema_arrow.names), form="table")
        except BROKEN_PARQUET as error:
            if of_storage(error):
                raise
            return Keys()  # cut off, or compressed as a whole: reported when the file is read

    @cached_property
    def zipped(self) -> tuple[str, ...]:
        """The names of the files in a zip archive; none if it is no archive, or damaged.

        Raises: OSError if it cannot be read.
        """
        return zips.names(self.place) if self.start[:4] in zips.ZIP_MAGIC else ()


BROKEN_PARQUET: Final = (pa.ArrowException, OSError, ValueError)
"""Errors of pyarrow for a file that is damaged, cut off or not Parquet.

OSError stands for a file that cannot be read, too (`of_storage`).
"""


def of_storage(error: Exception) -> bool:
    """Whether an error is the disk's or the network's, not the file's content."""
    return isinstance(error, OSError) and error.errno is not None


@contextmanager
def open_parquet(place: str | Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file. Of a remote one only the wanted ranges are read.

    Raises: `BROKEN_PARQUET`.
    """
    if not nodes.remote(place) and readable(str(place)) == str(place):
        with pq.ParquetFile(place) as file:
            yield file
        return
    with (
        nodes.open_binary(place, block=nodes.SMALL_BLOCK) as stream,
        pq.ParquetFile(stream) as file,
    ):
        yield file
