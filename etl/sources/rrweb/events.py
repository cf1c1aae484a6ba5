"""The events of an rrweb recording, out of all that tools wrap around them, in the order of time.

What is known of the layouts comes from rrweb's types, packer and player, PostHog's and Sentry's
exports. An event is ``{type, data, timestamp}``. It may lie in lists, lines, and objects with a
list of events (`LISTS`), be one of PostHog's ``{"window_id": ..., "data": event}`` or
``["window", event]``, or be packed:

- rrweb's packer writes an event as a string, the bytes of a zlib stream of its JSON as characters
  up to U+00FF. It marks the event inside with ``"v": "v1"``.
- PostHog writes ``"cv": "2024-10"`` into an event whose ``data``, or some lists in it, are such
  strings of gzip streams.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from etl.inputs.mended import parse
from etl.inputs.records import InputShard, Keys, start_of
from etl.inputs.streams import Truncated
from etl.sources.rrweb.nested import Reader, Value, nested_values
from etl.tally import Odd
from schemas.errors import RecordError

LISTS: Final = frozenset(
    f"{before}{name}"
    for before in ("", "data.")
    for name in ("events", "snapshots", "snapshotsByWindowId.*", "snapshots_by_window_id.*")
) | {"data"}
"""Paths of the lists of events in objects around them."""

LATE: Final = 512
"""How many events of a window are held back, so that late ones find their place."""
LATE_BYTES: Final = 4 * 1024 * 1024
"""At most this many bytes of JSON are held back of a window."""
MAX_UNPACKED: Final = 256 * 1024 * 1024
"""The most bytes that a packed event may have."""

DOM_CONTENT_LOADED, LOAD, FULL_SNAPSHOT, INCREMENTAL, META, CUSTOM, PLUGIN, ASSET = range(8)
"""Types of events."""
(MUTATION, MOUSE_MOVE, MOUSE, SCROLL, RESIZE, INPUT, TOUCH_MOVE, MEDIA, STYLE_RULE, CANVAS, FONT,
 LOG, DRAG, STYLE, SELECTION, ADOPTED_STYLE, CUSTOM_ELEMENT) = range(17)  # fmt: skip
"""Sources of incremental events."""

TYPES: Final = (
    "dom_content_loaded", "load", "full_snapshot", "incremental", "meta", "custom", "plugin",
    "asset",
)  # fmt: skip
SOURCES: Final = (
    "mutation", "mouse_move", "mouse", "scroll", "resize", "input", "touch_move", "media",
    "style_rule", "canvas", "font", "log", "drag", "style", "selection", "adopted_style",
    "custom_element",
)  # fmt: skip

_WINDOW: Final = ("window_id", "windowId", "$window_id")
_SESSION: Final = ("session_id", "sessionId", "$session_id")
_EVENT: Final = frozenset(
    ("type", "data", "timestamp", "delay", "v", "cv", "key", *_WINDOW, *_SESSION)
)  # fmt: skip
_BARE: Final = frozenset(("type", "data", "timestamp", "delay"))
_LISTS_OF_MUTATION: Final = ("texts", "attributes", "removes", "adds")


@dataclass(slots=True)
class Event:
    """One event."""

    # its place among the events of the file, from 0
    number: int
    type: int
    data: dict[str, Any]
    # milliseconds; None: not recorded
    time: float | None
    window: str
    session: str
    # its bytes
    raw: bytes
    # its unknown keys, and what stands around the first event of a list
    beyond: dict[str, Any]

    @property
    def source(self) -> int:
        """What kind of incremental event it is; -1 for other events."""
        return int(self.data["source"]) if self.type == INCREMENTAL else -1

    @property
    def name(self) -> str:
        """What kind of event it is, in words."""
        if self.type != INCREMENTAL:
            return TYPES[self.type]
        return SOURCES[self.source] if self.source < len(SOURCES) else f"source {self.source}"


@dataclass(slots=True)
class Broken:
    """An event that cannot be read."""

    number: int
    error: RecordError
    raw: bytes


def events(shard: InputShard, odd: list[Odd]) -> Iterator[Event | Broken]:
    """The events of a file in the order in which they are written.

    odd: receives unknown keys, and what was mended.

    Raises: OSError.
    """
    number = 0
    outer = _Outer()
    for value in nested_values(shard.path, start_of(shard.path), LISTS):
        if isinstance(value, Truncated):
            yield Broken(number, value, value.raw)
            number += 1
            continue
        try:
            found = _read(value, number, outer, odd)
        except RecordError as error:
            yield Broken(number, error, value.raw)
            number += 1
            continue
        yield from found
        number += len(found)


def looks_like_events(start: bytes) -> bool:
    """Whether a file is a recording of rrweb, by its beginning.

    All whole values in it must be events, or around events, and one must be such as only rrweb
    writes. If none is whole, the keys of the first one decide.
    """
    if not _may_be(start):
        return False
    told, number, outer = False, 0, _Outer()
    reader = Reader(LISTS)
    held: list[Value | Truncated] = [*reader.feed(start.removeprefix(b"\xef\xbb\xbf"))]
    for value in held[:50]:
        if isinstance(value, Truncated):
            return False
        try:
            found = _read(value, number, outer, [])
        except RecordError:
            return told
        number += len(found)
        told = told or any(map(_telling, found))
    return told or (not number and _begins(reader.held()))


def in_time(found: Iterator[Event | Broken]) -> Iterator[Event | Broken]:
    """The events of each window in the order of time, as far as late ones are not too late.

    Of each window the latest `LATE` events are held back, up to `LATE_BYTES`. An event without a
    time keeps its place after the one before it, and so do the tools' own events: Sentry writes
    these in seconds. What cannot be read comes after all events that were written before it.
    """
    waiting: dict[tuple[str, str], _Waiting] = {}
    for each in found:
        if isinstance(each, Broken):
            for held in waiting.values():
                yield from held.rest()
            yield each
            continue
        held = waiting.setdefault((each.session, each.window), _Waiting())
        yield from held.push(each)
    for held in waiting.values():
        yield from held.rest()


class _Waiting:
    """The events of one window that are held back."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Event]] = []
        self._bytes = 0
        self._latest = float("-inf")

    def push(self, event: Event) -> Iterator[Event]:
        """Hold an event back; gives those that need not wait any more."""
        timed = event.time is not None and event.type != CUSTOM
        time = event.time if timed and event.time is not None else self._latest
        self._latest = time
        heapq.heappush(self._heap, (time, event.number, event))
        self._bytes += len(event.raw)
        while len(self._heap) > LATE or (self._bytes > LATE_BYTES and len(self._heap) > 1):
            yield self._pop()

    def rest(self) -> Iterator[Event]:
        """All of them."""
        while self._heap:
            yield self._pop()

    def _pop(self) -> Event:
        event = heapq.heappop(self._heap)[2]
        self._bytes -= len(event.raw)
        return event


def _may_be(start: bytes) -> bool:
    """Whether it is worth a look."""
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] in b"{[" and head:
        named = b'"type' in start.replace(b"\\", b"") and b'"data' in start.replace(b"\\", b"")
        return named or b'"x' in head[:256]
    return head[:2] in (b'"x', b'"{')


def _begins(raw: bytes) -> bool:
    """Whether this is the beginning of one long event: a snapshot of a page."""
    keys = Keys.of(raw)
    return "data" in keys.top and "data.node" in keys.nested and b'"childNodes"' in raw


def _telling(event: Event) -> bool:
    """Whether an event is such as only rrweb writes."""
    if event.type == FULL_SNAPSHOT:
        node = event.data.get("node")
        return isinstance(node, dict) and "childNodes" in node
    if event.type == META:
        return isinstance(event.data.get("href"), str)
    return event.type == INCREMENTAL


@dataclass(slots=True)
class _Outer:
    """What stands around the events of a list."""

    # the list's number
    place: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    # it has not been given to an event yet
    new: bool = False

    def enter(self, value: Value) -> None:
        """Note the list that holds a value."""
        if value.place != self.place or not value.place:
            self.place, self.fields, self.new = value.place, value.around, bool(value.around)


def _read(value: Value, number: int, outer: _Outer, odd: list[Odd]) -> list[Event]:
    """The events in a value: mostly one; none in what only stands around events.

    Raises: `RecordError` if it is no event.
    """
    fields, made = parse(value.raw)
    odd.extend(made.odd)
    outer.enter(value)
    if isinstance(fields, str):
        unpacked = _unpacked(fields)
        if unpacked is None:
            if not value.place:
                raise RecordError("wrong_type", "a text that is no packed event")
            outer.fields = {**outer.fields, "window_id": fields}
            return []
        fields = unpacked
    if not isinstance(fields, dict):
        raise RecordError("wrong_type", "it is no object")
    if "type" not in fields and ("segment_id" in fields or not fields):
        return []
    inner, around = fields.get("data"), outer.fields
    beyond = _beyond(around, odd) if outer.new else {}
    outer.new = False
    if "type" not in fields and isinstance(inner, dict) and "type" in inner:
        own = {key: each for key, each in fields.items() if key != "data"}
        beyond |= _beyond(own, odd)
        around = {**around, **own}
        fields = inner
    return [_event(fields, around, beyond | _beyond(fields, odd), number, value.raw)]


def _event(
    fields: dict[str, Any],
    around: Mapping[str, Any],
    beyond: dict[str, Any],
    number: int,
    raw: bytes,
) -> Event:
    """An event out of its fields.

    Raises: `RecordError` ``missing_field`` or ``wrong_type``.
    """
    if missing := [key for key in ("type", "data") if key not in fields]:
        raise RecordError("missing_field", ", ".join(missing))
    kind, data, time = fields["type"], fields["data"], fields.get("timestamp")
    if type(kind) is not int or not 0 <= kind < len(TYPES):
        raise RecordError("wrong_type", "type is no type of an event")
    if time is not None and (type(time) not in (int, float)):
        raise RecordError("wrong_type", "timestamp is no number")
    if fields.get("cv") is not None:
        data = _uncompressed(kind, data)
    if data is None and kind in (DOM_CONTENT_LOADED, LOAD):
        data = {}
    if not isinstance(data, dict):
        raise RecordError("wrong_type", "data is no object")
    if kind == INCREMENTAL and (type(data.get("source")) is not int or data["source"] < 0):
        raise RecordError("wrong_type", "data.source is no kind of event")
    window, session = _named(fields, around, _WINDOW), _named(fields, around, _SESSION)
    return Event(number, kind, data, time, window, session, raw, beyond)


def _beyond(fields: Mapping[str, Any], odd: list[Odd]) -> dict[str, Any]:
    """Unknown keys of an event, or of what stands around it; each is counted."""
    if fields.keys() <= _EVENT:
        return {}
    found = {key: value for key, value in fields.items() if key not in _EVENT}
    odd.extend(("unknown_key", key) for key in found)
    return found


def _named(fields: Mapping[str, Any], around: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The id of an event's window or session; empty if it has none."""
    if not around and fields.keys() <= _BARE:
        return ""
    for each in (fields, around):
        for name in names:
            if isinstance(each.get(name), str | int):
                return str(each[name])
    return str(around["key"]) if names is _WINDOW and _by_window(around) else ""


def _by_window(around: Mapping[str, Any]) -> bool:
    return around.get("key") not in (None, "events", "snapshots", "data")


def _unpacked(text: str) -> dict[str, Any] | None:
    """The event in a string, as JSON or packed; None if there is none.

    Raises: `RecordError` if it is packed and damaged.
    """
    if text[:1] == "{":
        fields, _ = parse(text)
        return fields if isinstance(fields, dict) else None
    if text[:1] != "x" or len(text) < 8:
        return None
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    if int.from_bytes(raw[:2], "big") % 31:
        return None  # not the header of a zlib stream
    fields, _ = parse(_inflated(raw, zlib.MAX_WBITS))
    if not isinstance(fields, dict) or fields.get("v") != "v1":
        raise RecordError("wrong_type", "a packed event that is not marked as v1")
    return fields


def _uncompressed(kind: int, data: Any) -> Any:
    """The data of an event that PostHog compressed.

    Raises: `RecordError` if it is damaged.
    """
    if isinstance(data, str):
        return _gunzipped(data)
    if isinstance(data, dict) and kind == INCREMENTAL:
        lists = {
            key: _gunzipped(data[key])
            for key in _LISTS_OF_MUTATION
            if isinstance(data.get(key), str)
        }
        return data | lists
    return data


def _gunzipped(text: str) -> Any:
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise RecordError("broken_compression", "characters beyond U+00FF") from error
    return parse(_inflated(raw, zlib.MAX_WBITS | 16))[0]


def _inflated(raw: bytes, wbits: int) -> bytes:
    """A whole zlib or gzip stream.

    Raises: `RecordError` if it is damaged, does not end, or is longer than `MAX_UNPACKED`.
    """
    stream = zlib.decompressobj(wbits)
    try:
        made = stream.decompress(raw, MAX_UNPACKED)
    except zlib.error as error:
        raise RecordError("broken_compression", str(error)) from error
    if not stream.eof:
        raise RecordError("broken_compression", "the packed event has no end or is too long")
    return made
