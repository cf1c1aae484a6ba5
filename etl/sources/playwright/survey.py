"""A first look through a trace file: its calls, and where their pages are.

A trace file has a JSON object a line. The first says the version (``context-options``). A call is a
``before``, then ``input`` right before keys or the mouse are used, then ``after``; up to version 3,
and in some later files, one ``action`` at its end. Snapshots of the frames come between, and name
the moment: ``before@call@5``, ``input@call@5``, ``after@call@5``. From version 9 on they have the
call and its ``phase`` instead: ``before``, ``action``, ``after``.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from etl.inputs.mended import Mended, parse
from etl.inputs.streams import Truncated
from etl.sources.playwright.trees import References
from etl.tally import Odd
from schemas.errors import RecordError

VERSIONS: Final = range(3, 11)
"""Of the format: Playwright 1.16 (2021) to 1.65 (2026)."""

SKIPPED: Final = frozenset(
    "event object console log stdout stderr error screencast-frame screenshot aria-snapshot video "
    "resource-snapshot".split()
)
"""Types of lines that are neither calls nor pages."""

_HARMLESS: Final = re.compile(
    rf'\s*{{\s*"type"\s*:\s*"(?:{"|".join(sorted(SKIPPED | {"frame-snapshot"}))})"'.encode()
)
"""How lines begin whose loss leaves no gap between the actions."""

_MOST_HELD: Final = 2**20
"""Most bytes of calls that are held, in case that the whole file is refused."""

Lines = Iterable[tuple[int, bytes]]


@dataclass(slots=True)
class Call:
    """A call of the API."""

    # number of its line
    line: int
    # its bytes; empty once there are many
    raw: bytes
    id: str
    class_: str
    method: str
    params: dict[str, Any]
    # seconds, see `Survey.clock`
    time: float
    page: str
    # the page's address when it was called, if a snapshot told it
    url: str
    # names of its snapshots, the best first
    snapshots: list[str]
    # keys or the mouse were used
    input: bool = False
    error: str = ""
    # keys that are not known here
    unknown: dict[str, Any] = field(default_factory=dict)


class Broken(NamedTuple):
    """A line that cannot be read."""

    line: int
    error: RecordError
    raw: bytes


@dataclass(slots=True)
class Moment:
    """The snapshots of all frames with one name."""

    # the number of the last one in the file, from 0
    last: int
    # whether the main frame is among them
    main: bool
    frames: set[str]


CALL: Final = frozenset(
    "type callId startTime endTime apiName title class method params wallTime stepId stack pageId "
    "beforeSnapshot inputSnapshot afterSnapshot parentId group error result log point box "
    "attachments annotations".split()
)
"""Keys of a call's lines."""


class Survey:
    """What a trace file holds."""

    def __init__(self) -> None:
        # of the first line
        self.options: dict[str, Any] = {}
        self.version = 0
        self.calls: list[Call] = []
        self.broken: list[Broken] = []
        # (line, its type) of lines of an unknown type
        self.strange: list[tuple[int, str]] = []
        self.odd: list[Odd] = []
        self.references = References()
        # snapshots by name
        self.moments: dict[str, Moment] = {}
        # the file of a test runner, which tells the same calls once more
        self.of_tests = False
        # nothing after this time is certain to follow what came before it; None: all is
        self.ends: float | None = None
        # the numbers of the lines with snapshots
        self.lines = array("Q")
        self._held = 0
        self._by_id: dict[str, Call] = {}
        self._urls: dict[str, str] = {}
        self._time = float("-inf")

    @property
    def title(self) -> str:
        """The name that was given to the recording."""
        title = self.options.get("title")
        return title if isinstance(title, str) else ""

    def look(self, lines: Lines) -> None:
        """Look through the file. Reads on after lines that cannot be read.

        Raises: OSError.
        """
        number = 0
        try:
            for number, raw in lines:
                if raw.strip() and not self._line(number, raw):
                    return
        except Truncated as error:
            self._lose(Broken(number + 1, error, error.raw))

    def _line(self, number: int, raw: bytes) -> bool:
        """Take in a line; whether to read on."""
        try:
            event, made = event_of(raw)
            self.odd += made.odd
            if not self.version and not self._first(event):
                return False
            self._event(event, number, raw)
        except RecordError as error:
            self._lose(Broken(number, error, raw))
            return bool(self.version)
        return True

    def _lose(self, broken: Broken) -> None:
        self.broken.append(broken)
        if not _HARMLESS.match(broken.raw):
            self.ends = self._time if self.ends is None else self.ends
        self.references.lose()

    def _first(self, event: dict[str, Any]) -> bool:
        """Take in the first line; whether the file is to be read.

        Raises: `RecordError` ``missing_field`` or ``unknown_version``.
        """
        if event.get("class") == "Test" or event.get("origin") == "testRunner":
            self.options, self.of_tests = event, True
            return False
        if event.get("type") != "context-options":
            raise RecordError("missing_field", "the first line is no context-options")
        version = event.get("version")
        if not isinstance(version, int) or version not in VERSIONS:
            raise RecordError(
                "unknown_version", f"version {version!r}, not {VERSIONS[0]} to {VERSIONS[-1]}"
            )
        self.options, self.version = event, version
        return True

    def _event(self, event: dict[str, Any], number: int, raw: bytes) -> None:
        kind = event.get("type")
        if kind == "frame-snapshot":
            self._snapshot(event, number)
        elif kind in ("before", "action"):
            metadata = event.get("metadata")
            if isinstance(metadata, dict):
                event = _modern(metadata)
            if event and event.get("class") != "Test":
                self._call(event, number, raw)
        elif kind in ("input", "after"):
            if (call := self._by_id.get(_text(event, "callId"))) is not None:
                self._more(call, event)
        elif kind != "context-options" and kind not in SKIPPED:
            self.strange.append((number, str(kind)))

    def _snapshot(self, event: dict[str, Any], number: int) -> None:
        snapshot = snapshot_of(event)
        frame, name = snapshot["frameId"], moment_of(snapshot)
        self.references.add(frame, snapshot["html"])
        moment = self.moments.setdefault(name, Moment(0, False, set()))
        main = snapshot.get("isMainFrame") is True
        if frame not in moment.frames:
            moment.last, moment.main = len(self.lines), moment.main or main
            moment.frames.add(frame)
        if main:
            self._urls[_text(snapshot, "pageId")] = _text(snapshot, "frameUrl")
        self.lines.append(number)

    def _call(self, event: dict[str, Any], number: int, raw: bytes) -> None:
        params = event.get("params")
        page = _text(event, "pageId")
        self._held += len(raw)
        call = Call(
            line=number,
            raw=raw if self._held <= _MOST_HELD else b"",
            id=_text(event, "callId"),
            class_=_text(event, "class"),
            method=_text(event, "method"),
            params=params if isinstance(params, dict) else {},
            time=self._clock(event),
            page=page,
            # an `action` comes after the call, when the page may have changed
            url=self._urls.get(page, "") if event.get("type") == "before" else "",
            snapshots=[f"input@{_text(event, 'callId')}", f"before@{_text(event, 'callId')}"],
            unknown={key: event[key] for key in event.keys() - CALL},
        )
        self._time = max(self._time, call.time)
        self.calls.append(call)
        self._by_id[call.id] = call
        self._more(call, event)

    def _more(self, call: Call, event: dict[str, Any]) -> None:
        """Take in what a line says of a call."""
        for key in ("inputSnapshot", "beforeSnapshot"):
            if (name := _text(event, key)) and name not in call.snapshots:
                call.snapshots.append(name)
                call.snapshots.sort(key=lambda each: not each.startswith(("input@", "action@")))
        call.input = call.input or event.get("type") == "input" or "inputSnapshot" in event
        call.error = call.error or error_of(event.get("error"))
        call.unknown |= {key: event[key] for key in event.keys() - CALL}

    def _clock(self, event: dict[str, Any]) -> float:
        """When a call was made, in milliseconds that are the same for all files of a trace."""
        wall, start = _number(event.get("wallTime")), _number(event.get("startTime"))
        began, then = _number(self.options.get("wallTime")), self.options.get("monotonicTime")
        if wall:
            return wall
        return began + start - _number(then) if began and then else start


def event_of(raw: bytes) -> tuple[dict[str, Any], Mended]:
    """A line as an object.

    Raises: `RecordError` as `etl.inputs.mended.parse`, ``wrong_type`` if it is none.
    """
    event, made = parse(raw)
    if not isinstance(event, dict):
        raise RecordError("wrong_type", "the line is no object")
    return event, made


def snapshot_of(event: dict[str, Any]) -> dict[str, Any]:
    """The snapshot of a line.

    Raises: `RecordError` ``missing_field``.
    """
    snapshot = event.get("snapshot")
    if not isinstance(snapshot, dict) or not _text(snapshot, "frameId"):
        raise RecordError("missing_field", "snapshot.frameId: missing")
    if not isinstance(snapshot.get("html"), list):
        raise RecordError("missing_field", "snapshot.html: missing")
    return snapshot


def moment_of(snapshot: dict[str, Any]) -> str:
    """The name of the moment of a snapshot."""
    phase, call = _text(snapshot, "phase"), _text(snapshot, "callId")
    named = f"{'input' if phase == 'action' else phase}@{call}" if phase and call else ""
    return _text(snapshot, "snapshotName") or named


def snapshots(lines: Lines, survey: Survey) -> Iterator[dict[str, Any]]:
    """The snapshots of a file in order, as they were surveyed."""
    wanted = iter(survey.lines)
    next_ = next(wanted, None)
    with suppress(Truncated):
        for number, raw in lines:
            if number == next_:
                yield snapshot_of(event_of(raw)[0])
                next_ = next(wanted, None)
            if next_ is None:
                return


def error_of(error: Any) -> str:
    """The message of an error, which older versions nest deeper."""
    for _ in range(2):
        if isinstance(error, dict) and isinstance(error.get("error"), dict):
            error = error["error"]
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def _modern(metadata: dict[str, Any]) -> dict[str, Any]:
    """A call of version 3 with the keys of later ones; empty for one of the recorder's own."""
    if metadata.get("internal") or str(metadata.get("method", "")).startswith("tracing"):
        return {}
    event: dict[str, Any] = {
        "callId": metadata.get("id"),
        "class": metadata.get("type"),
    }
    for key in ("method", "params", "apiName", "startTime", "wallTime", "pageId", "error"):
        event[key] = metadata.get(key)
    snapshots = metadata.get("snapshots")
    for each in snapshots if isinstance(snapshots, list) else ():
        if isinstance(each, dict) and each.get("title") in ("before", "input", "action"):
            moment = "before" if each["title"] == "before" else "input"
            event[f"{moment}Snapshot"] = each.get("snapshotName")
    return event


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
