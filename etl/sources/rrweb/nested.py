"""Values in JSON of any size that lie within lists and objects around them, one by one.

Recorders' exports wrap the same events in many ways: a list, lines, ``{"events": [...]}``, lists in
lists. Only brackets, strings and the keys of the objects around are looked at, so memory is bounded
by the largest value. The caller parses each value.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final, NamedTuple

import orjson

from etl.inputs.records import is_lines
from etl.inputs.streams import BOM, Truncated, chunks, lines

MAX_LISTS: Final = 4
"""The most lists within each other that are opened; what is deeper is one value."""

_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_REST_OF_STRING: Final = re.compile(_STRING, re.DOTALL)
_COLON: Final = re.compile(rb"\s*+(:?)\s*+")
_TO_TOKEN: Final = re.compile(rb'[^"{}\[\]]*+')
_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"' + _STRING + rb'")*+', re.DOTALL)
"""Passes whole strings, too."""


def _shallow(depth: int) -> bytes:
    """A pattern of an object or list that is nested at most this deep."""
    inside = rb'[^"{}\[\]]++|"' + _STRING + rb'"'
    within = inside if depth == 1 else inside + b"|" + _shallow(depth - 1)
    return rb"[{\[](?:" + within + rb")*+[}\]]"


_SHALLOW: Final = re.compile(_shallow(8), re.DOTALL)
"""Passes most events at once, many times faster than bracket by bracket."""
_BETWEEN: Final = re.compile(rb"[\s,]*+")
_SCALAR: Final = re.compile(rb"[^\s,{}\[\]\"]++")


class Value(NamedTuple):
    """One value."""

    raw: bytes
    # the number of the list that holds it, in the order in which lists begin; 0: none does
    place: int
    # the fields of the objects around it, as far as they stood before it; inner ones win
    around: Mapping[str, Any]


class _List(NamedTuple):
    """A list that has been opened."""

    number: int
    # what is known of the objects around it
    around: Mapping[str, Any]
    # the object that goes on after it; None: a list or nothing does
    owner: _Object | None


class _Object:
    """An object that is being read, or a list that is not opened."""

    __slots__ = ("around", "begun", "holds", "opened", "path")

    def __init__(self, around: Mapping[str, Any]) -> None:
        self.around = around
        # the brackets that are open, from its own
        self.opened = bytearray()
        # keys of the objects that are open
        self.path: list[str] = []
        # its text so far, without the lists that were opened
        self.begun = bytearray()
        # whether one of its lists was opened
        self.holds = False


def nested_values(place: str, start: bytes, lists: Set[str]) -> Iterator[Value | Truncated]:
    """The values of a file, and in their places what cannot be read: `Truncated`.

    start: the beginning of the file, decompressed. lists: paths of keys, joined by dots, whose
    lists are opened wherever they stand in an object; ``*`` stands for any key.

    Raises: OSError.
    """
    reader = Reader(lists)
    try:
        if _of_lines(start):
            for _, line in lines(place):
                yield from reader.of_line(line)
        else:
            for chunk in chunks(place):
                yield from reader.feed(chunk)
            yield from reader.end("truncated_json", "the text ends within a value")
    except Truncated as error:
        held = reader.held() or error.raw
        yield Truncated(error.reason, error.detail, held)


def _of_lines(start: bytes) -> bool:
    """Whether each line of a text is read by itself: its first line is a whole value."""
    first, newline, rest = start.removeprefix(BOM).lstrip().partition(b"\n")
    if not newline or not rest.strip():
        return False
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return is_lines(start)
    return True


class Reader:
    """Finds the values in pieces of JSON."""

    def __init__(self, lists: Set[str]) -> None:
        self._wanted = {tuple(path.split(".")) for path in lists}
        self._depth = max(map(len, self._wanted))
        keys = {(path[-2], b"{") if path[-1] == "*" else (path[-1], b"[") for path in self._wanted}
        # what an object has that holds one of these lists
        self._hint = re.compile(
            b"|".join(
                b'"' + re.escape(name.encode()) + rb'"\s*+:\s*+' + re.escape(opens)
                for name, opens in sorted(keys)
            )
        )
        self._numbers = itertools.count(1)
        self._buffer = bytearray()
        self._at = 0
        # how much of the string that has begun is known to belong to it
        self._scanned = 0
        self._lists: list[_List] = []
        self._object: _Object | None = None

    def of_line(self, line: bytes) -> Iterator[Value | Truncated]:
        """The values of a line, which stands alone."""
        yield from self.feed(line)
        yield from self.end("truncated_json", "the line ends within a value")

    def feed(self, piece: bytes) -> Iterator[Value | Truncated]:
        """The values that a piece completes."""
        self._buffer += piece
        while True:
            found = self._next()
            if found is None:
                break
            if found.raw:
                yield found
        del self._buffer[: self._at]
        self._at = 0

    def held(self) -> bytes:
        """The text of the value that is not complete; empty if there is none."""
        rest = bytes(self._buffer[self._at :])
        if self._object is not None:
            return bytes(self._object.begun) + rest
        return rest.strip().lstrip(b", \t\r\n")

    def end(self, reason: Any, detail: str) -> Iterator[Value | Truncated]:
        """What is left at the end of the text, and begin anew."""
        last = self.held()
        if last and self._object is None and not self._lists and _is_whole(last):
            yield Value(last, 0, {})
        elif last and _is_whole(last) and self._object is None:
            yield Value(last, self._lists[-1].number, self._lists[-1].around)
            yield Truncated(reason, detail, b"")
        elif last or self._object is not None or self._lists:
            yield Truncated(reason, detail, last)
        self._buffer.clear()
        self._lists.clear()
        self._object, self._at, self._scanned = None, 0, 0

    def _next(self) -> Value | None:
        """The next value; one without text if something else was passed; None: more is needed."""
        if self._object is not None:
            return self._in_object(self._object)
        around: Mapping[str, Any] = self._lists[-1].around if self._lists else {}
        number = self._lists[-1].number if self._lists else 0
        if hit := _BETWEEN.match(self._buffer, self._at):
            self._at = hit.end()
        mark = bytes(self._buffer[self._at : self._at + 1])
        if not mark:
            return None
        if mark == b"\xef" and self._buffer.startswith(BOM, self._at):
            self._at += len(BOM)
        elif mark == b"[" and len(self._lists) < MAX_LISTS:
            self._at += 1
            self._lists.append(_List(next(self._numbers), around, None))
        elif mark in (b"{", b"["):
            hit = _SHALLOW.match(self._buffer, self._at)
            if hit is not None and not self._hint.search(hit[0]):
                return self._take(hit.end(), number, around)
            self._object = _Object(around)
        elif mark == b"]" and self._lists:
            self._at += 1
            self._object = self._lists.pop().owner
        elif mark == b'"':
            end = self._string_end(self._at)
            return None if end < 0 else self._take(end, number, around)
        else:
            hit = _SCALAR.match(self._buffer, self._at)
            end = hit.end() if hit else self._at + 1
            if end >= len(self._buffer):
                return None
            return self._take(end, number, around)
        return Value(b"", 0, around)

    def _take(self, end: int, number: int, around: Mapping[str, Any]) -> Value:
        raw = bytes(self._buffer[self._at : end])
        self._at = end
        return Value(raw, number, around)

    def _string_end(self, at: int) -> int:
        """Where the string that begins here ends, after its quote; -1 if more is needed.

        A string that comes in many pieces is looked at once.
        """
        hit = _REST_OF_STRING.match(self._buffer, at + 1 + self._scanned)
        assert hit is not None
        if self._buffer[hit.end() : hit.end() + 1] == b'"':
            self._scanned = 0
            return hit.end() + 1
        self._scanned = hit.end() - at - 1
        return -1

    def _in_object(self, owner: _Object) -> Value | None:
        """Go on in an object, or a deep list, until it ends or a list in it opens."""
        buffer, start, at = self._buffer, self._at, self._at
        while True:
            keys = len(owner.opened) <= self._depth and b"[" not in owner.opened
            hit = (_TO_TOKEN if keys or self._scanned else _TO_BRACKET).match(buffer, at)
            at = hit.end() if hit else at
            mark = bytes(buffer[at : at + 1])
            if mark == b'"':
                end = self._string_end(at)
                if end < 0 or (keys and (end := self._after_key(owner, at, end)) < 0):
                    break
                at = end
                if keys and self._opens(owner, at):
                    self._open_list(owner, start, at)
                    return Value(b"", 0, owner.around)
            elif mark in (b"{", b"["):
                owner.opened += mark
                at += 1
            elif mark:
                at += 1
                del owner.opened[-1:]
                del owner.path[len(owner.opened) :]
                if not owner.opened:
                    return self._close(owner, start, at)
            else:
                break
        owner.begun += buffer[start:at]
        self._at = at
        return None

    def _after_key(self, owner: _Object, at: int, end: int) -> int:
        """Note a string if it is a key; where its value begins, -1 if more is needed.

        at: where the string begins. end: where it ends.
        """
        hit = _COLON.match(self._buffer, end)
        assert hit is not None
        if hit.end() >= len(self._buffer):
            self._scanned = end - at - 2
            return -1
        if not hit[1]:
            return end
        owner.path[len(owner.opened) - 1 :] = [
            self._buffer[at + 1 : end - 1].decode(errors="replace")
        ]
        return hit.end()

    def _opens(self, owner: _Object, at: int) -> bool:
        """Whether a list begins here that is to be opened."""
        if self._buffer[at : at + 1] != b"[" or len(self._lists) >= MAX_LISTS:
            return False
        path = owner.path
        return any(
            len(path) == len(wanted)
            and all(name in ("*", key) for name, key in zip(wanted, path, strict=True))
            for wanted in self._wanted
        )

    def _open_list(self, owner: _Object, start: int, at: int) -> None:
        owner.begun += self._buffer[start:at]
        around = {**owner.around, **_fields(owner)}
        self._lists.append(_List(next(self._numbers), around, owner))
        owner.begun += b"null"
        owner.holds = True
        self._object = None
        self._at = at + 1

    def _close(self, owner: _Object, start: int, at: int) -> Value:
        raw = bytes(owner.begun + self._buffer[start:at])
        self._at = at
        self._object = None
        if owner.holds:
            return Value(b"", 0, owner.around)
        number = self._lists[-1].number if self._lists else 0
        return Value(raw, number, owner.around)


def _is_whole(raw: bytes) -> bool:
    """Whether a text is one whole value."""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True


def _fields(owner: _Object) -> dict[str, Any]:
    """The fields of an object up to where it is read, and of the inner ones around that place.

    ``key`` is the key of the list that begins there.
    """
    closing = bytes(owner.opened).translate(bytes.maketrans(b"{[", b"}]"))[::-1]
    try:
        fields = orjson.loads(bytes(owner.begun) + b"null" + closing)
    except orjson.JSONDecodeError:
        return {}
    found: dict[str, Any] = {}
    for key in owner.path[:-1]:
        found |= {name: value for name, value in fields.items() if name != key}
        fields = fields[key]
    found |= {name: value for name, value in fields.items() if name != owner.path[-1]}
    found["key"] = owner.path[-1]
    return found
