"""rrweb recordings: files of events, each a session or several.

A session makes one workflow, of what was done in its windows (`etl.sources.rrweb.window`), in the
order of time.

- ``workflow_id`` is the file's name without extensions; if the events name several sessions, then
  ``/`` and the session's id.
- ``objective`` is empty: rrweb records none; ``--objectives FILE`` gives it by ``workflow_id``.
- ``step_id`` is the number of the step's first event in the file, from 0.
- ``url`` is the address of the last ``meta`` event, or of a later event of PostHog's or Sentry's
  that tells another one. rrweb alone records no address that changes without another document.
- A step's ``meta`` has the time in milliseconds, the first event as recorded, the number of its
  events, and masked text; the workflow's has the number of events of each kind, and what stood
  around the events.

The page is not known before the first snapshot, nor after an event that cannot be read or applied,
until the next snapshot: steps there have no page. If nobody knows whether such an event was an
action, later steps carry a gap.

Records are the recording itself, which stands for all events that make pages, each event of mouse,
fields and views, and other events that are part of a step. The others are counted in ``meta``. An
event that is earlier than one before it in its window by more than
`etl.sources.rrweb.events.in_time` mends is applied to the page if it only changes that, as the
player does; else it is dropped as ``step_out_of_order``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from etl.files.compressed import Holder
from etl.inputs.description import Format
from etl.inputs.extras import Extras
from etl.inputs.records import InputHead, InputShard
from etl.sources.rrweb import events as kinds
from etl.sources.rrweb.described import DESCRIBED
from etl.sources.rrweb.drafts import Draft
from etl.sources.rrweb.events import Broken, Event, events, in_time, looks_like_events
from etl.sources.rrweb.window import Window
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.recorded_actions import action
from schemas.workflow import Step, Workflow

_EXTENSIONS: Final = re.compile(r"(\.(jsonl?|ndjson|events|rrweb|gz|zst))+$", re.IGNORECASE)
_OF_PERSONS: Final = (kinds.MOUSE, kinds.SCROLL, kinds.INPUT)
"""Sources of events that are records."""
_KNOWN: Final = {
    kinds.MOUSE: frozenset(("source", "type", "id", "x", "y", "pointerType")),
    kinds.SCROLL: frozenset(("source", "id", "x", "y")),
    kinds.INPUT: frozenset(("source", "id", "text", "isChecked", "userTriggered")),
    kinds.MUTATION: frozenset(("source", "texts", "attributes", "removes", "adds")),
    -1: frozenset(("href", "width", "height")),
}
"""Source of an event that makes a step -> the keys of its data; -1: a ``meta`` event."""


@dataclass(frozen=True)
class Rrweb:
    """rrweb recordings."""

    name: ClassVar[str] = "rrweb"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it begins with events of rrweb, in any of their wrappings."""
        return looks_like_events(head.start)

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The sessions of a file. Memory holds their pages, compressed from
        `etl.files.compressed.PLAIN` on, and the latest events.
        """
        odd: list[Odd] = []
        sessions: dict[str, _Session] = {}
        holder = Holder()
        for event in in_time(events(shard, odd)):
            tally.note(odd)
            odd.clear()
            if isinstance(event, Broken):
                _quarantine(shard, tally, event.number, event.error, event.raw)
                for session in sessions.values():
                    session.lose(f"event {event.number} cannot be read")
                continue
            if event.session not in sessions:
                sessions[event.session] = _Session(holder)
            try:
                sessions[event.session].take(event)
            except RecordError as error:
                _quarantine(shard, tally, event.number, error, event.raw)
        tally.note(odd)
        stem = _EXTENSIONS.sub("", shard.name.rsplit("/", 1)[-1])
        for number, (id, session) in enumerate(sessions.items()):
            name = f"{stem}/{id}" if len(sessions) > 1 else stem
            record = f"{shard.name}#session={number}" if len(sessions) > 1 else shard.name
            workflow = session.workflow(name, shard, record, tally)
            if workflow is not None:
                yield workflow


def _quarantine(
    shard: InputShard, tally: Tally, number: int, error: RecordError, raw: bytes
) -> None:
    tally.quarantine(f"{shard.name}#event={number}", error.reason, error.detail, raw)


class _Session:
    """What is known of a session so far."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._windows: dict[str, Window] = {}
        # kind of event -> how many there were
        self._counts: Counter[str] = Counter()
        # numbers of the events that are records
        self._records: list[int] = []
        # number of an event that makes no step -> why, and what is wrong in this one case
        self._dropped: dict[int, tuple[Reason, str]] = {}
        self._snapshots = 0
        # what the history lacks from which event on
        self._gap: tuple[int, str] | None = None
        self._number = 0
        # what stood around the events, and unknown keys: the first value of each
        self._around: dict[str, Any] = {}
        self._unknown: Counter[str] = Counter()

    def take(self, event: Event) -> None:
        """The next event.

        Raises: `RecordError` if it cannot be applied; the page is not known then.
        """
        self._number = event.number
        self._counts[event.name] += 1
        self._keep(event)
        window = self._window(event)
        late = False
        if event.time is not None and event.type != kinds.CUSTOM:
            late = window.latest is not None and event.time < window.latest
            window.latest = window.latest if late else event.time
        try:
            self._apply(event, window, late)
        except RecordError:
            window.lose()
            raise

    def lose(self, gap: str) -> None:
        """An event cannot be read: it may have changed the pages, or been an action."""
        self._gap = self._gap or (self._number, gap)
        for window in self._windows.values():
            window.lose()

    def workflow(self, name: str, shard: InputShard, record: str, tally: Tally) -> Workflow | None:
        """The session as a workflow; None if it makes none. Enters all records."""
        for window in self._windows.values():
            window.finish()
        odd: list[Odd] = []
        drafts = self._in_order()
        steps = tuple(self._step(draft, odd) for draft in drafts)
        whole = Extras(odd)
        whole.declared({"events": dict(sorted(self._counts.items())), **self._around})
        lost = sum(window.lost for window in self._windows.values())
        tally.note([*odd, *(("unplaced_value", "data.id"),) * lost])
        reason: Reason | None = None
        if not self._snapshots:
            reason = "no_snapshot"
        elif not steps:
            reason = "workflow_without_steps"
        uid = "" if reason else f"{Rrweb.name}:{name}"
        tally.read("record", record, parent=uid)
        if reason:
            tally.drop("record", record, reason, f"{sum(self._counts.values())} events")
        for number in self._records:
            id = f"{shard.name}#event={number}"
            tally.read("record", id, parent=uid)
            if number in self._dropped:
                tally.drop("record", id, *self._dropped[number], parent=uid)
            elif reason:
                tally.drop("record", id, "workflow_dropped", parent=uid)
        if reason:
            return None
        return Workflow(name, "", steps, source=Rrweb.name, origin=record, meta=whole.text())

    def _keep(self, event: Event) -> None:
        """Keep what stood around an event, and its unknown keys."""
        for key, value in event.beyond.items():
            self._around.setdefault(key, value)

    def _window(self, event: Event) -> Window:
        if event.window not in self._windows:
            self._windows[event.window] = Window(self._drop, self._holder)
        return self._windows[event.window]

    def _drop(self, number: int, reason: Reason, detail: str) -> None:
        self._dropped[number] = reason, detail

    def _apply(self, event: Event, window: Window, late: bool) -> None:
        source = event.source
        if source in _OF_PERSONS:
            self._records.append(event.number)
            if late:
                self._drop(event.number, "step_out_of_order", f"{event.time} after {window.latest}")
                self._gap = self._gap or (event.number, f"event {event.number} came too late")
            elif source == kinds.MOUSE:
                window.mouse(event)
            elif source == kinds.SCROLL:
                window.scroll(event)
            else:
                window.enter(event)
        elif event.type == kinds.FULL_SNAPSHOT:
            self._snapshots += 1
            window.snapshot(event)
        elif event.type == kinds.META:
            if window.meta(event):
                self._records.append(event.number)
        elif event.type == kinds.DOM_CONTENT_LOADED:
            window.loads()
        elif event.type == kinds.CUSTOM:
            window.custom(event)
        elif source == kinds.MUTATION:
            if window.mutate(event):
                self._records.append(event.number)
        elif source in (kinds.MOUSE_MOVE, kinds.TOUCH_MOVE, kinds.DRAG):
            window.move(event)

    def _in_order(self) -> list[Draft]:
        """The steps of all windows in the order of time, else in the order of the file."""
        drafts = [draft for window in self._windows.values() for draft in window.drafts]
        if len(self._windows) == 1:
            return drafts
        timed = all(draft.event.time is not None for draft in drafts)
        return sorted(drafts, key=lambda each: ((each.event.time or 0) * timed, each.event.number))

    def _step(self, draft: Draft, odd: list[Odd]) -> Step:
        extras = Extras(odd)
        known = _KNOWN.get(draft.event.source, frozenset())
        extras.unknown(draft.event.data, known, "data.")
        kept: dict[str, Any] = {
            "time": draft.event.time,
            "event": {
                key: value
                for key, value in draft.event.data.items()
                if key in known and not isinstance(value, list)
            },
            "events": len(draft.numbers),
            "window": draft.event.window,
            "masked": draft.masked,
        }
        extras.declared({key: value for key, value in kept.items() if value not in (None, "")})
        gap = self._gap[1] if self._gap and draft.event.number > self._gap[0] else ""
        return Step(
            str(draft.event.number),
            draft.url,
            draft.html,
            action(draft.kind, draft.value, on_element=bool(draft.target)),
            draft.target,
            destination=draft.destination,
            gap=gap,
            meta=extras.text(),
        )
