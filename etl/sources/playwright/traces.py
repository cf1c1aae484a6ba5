"""Playwright traces: ``trace.zip``, the folder that it holds, or one ``.trace`` file of it.

A trace is one workflow, whatever number of tabs and browser contexts it has, and the calls of
Playwright's API are its records. Each is a step (`etl.sources.playwright.calls`), or dropped as
``not_an_action``. They come in the order of time.

- The page of a step is the snapshot right before keys or the mouse were used (``input@...``), where
  there is one: the recorder takes it after it has waited for the element and before it acts. The
  snapshot at the beginning of the call (``before@...``) may still lack the element. It is the page
  of calls that wait for no element, and of those that failed while they waited.
- The target is the element that the recorder marked in that snapshot, else what the call's selector
  finds there.
- The objective is the title that the recording was given. A test runner puts file and line before
  it, which are left out; the whole title is then kept as ``meta``.
- What a test runner tells of the same calls once more (``test.trace``) is not read.
- Network traffic, pictures and sources are not read.

A line that cannot be read is quarantined. If it may have been a call, calls after it are dropped as
``after_broken_record``, since their history would lack a step. If it was a snapshot, later ones
that refer to it make no page, and their steps have none.

Each file is read twice. The first look finds the calls, and which parts of which snapshots are
named later; the second builds the pages. Memory holds one snapshot, those parts, and the workflow,
whose pages are compressed from `etl.files.compressed.PLAIN` on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final

from etl.files import nodes
from etl.files.compressed import Holder
from etl.files.entries import Node
from etl.inputs.archives.zips import open_zip
from etl.inputs.description import Format
from etl.inputs.extras import Extras
from etl.inputs.records import InputHead, InputShard, start_of
from etl.inputs.streams import BOM, Truncated, lines
from etl.sources.playwright.calls import action_of, kind_of, locators
from etl.sources.playwright.described import DESCRIBED
from etl.sources.playwright.pages import Rendered, Snapshot, render
from etl.sources.playwright.survey import Call, Lines, Survey, event_of, moment_of, snapshots
from etl.sources.playwright.trees import Trees
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.workflow import Step, Workflow

_TRACE: Final = re.compile(r"(?:.*/)?[^/]*\.trace(?:\.gz|\.zst)?", re.DOTALL)
_OF_FOLDER: Final = re.compile(
    r".*\.(?:trace|network|stacks)(?:\.gz|\.zst)?|resources|screencast|screenshots|aria|src"
)
"""The names in a folder that is one trace."""

_ENDING: Final = re.compile(r"(?:\.(?:zip|trace|gz|zst))+$")
_GENERIC: Final = re.compile(r"(?:[0-9]+-)?trace|test")
_LOCATION: Final = re.compile(r"[^\u203a]*:[0-9]+ \u203a (?=.)")
"""What a test runner puts before a title: ``shop.spec.ts:19 > ``, with another kind of arrow."""

_COLOURS: Final = re.compile("\x1b\\[[0-9;]*m")
_LOOKED_AT: Final = 8
"""Trace files of an archive that are opened to recognise it."""
_MOST_FILES: Final = 1000
_MOST_PAGES: Final = 4 * 2**30
"""Characters of the pages of a trace; a small file may describe any number of large pages."""


@dataclass(frozen=True)
class Playwright:
    """Playwright traces, zipped or not."""

    name: ClassVar[str] = "playwright"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether a trace file begins as such: the file itself, or one in the archive or folder."""
        if names := [name for name in head.zipped if _TRACE.fullmatch(name)]:
            try:
                with open_zip(head.place) as archive:
                    return any(_begins(archive.start(n, 2**16)) for n in names[:_LOOKED_AT])
            except Truncated:
                return False
        if head.entries and all(map(_OF_FOLDER.fullmatch, head.entries)):
            files = [file for file in _files_of(str(head.place)) if _TRACE.fullmatch(file.name)]
            return any(_begins(start_of(file.place)) for file in files[:_LOOKED_AT])
        return _begins(head.start)

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The shard's one workflow."""
        with ExitStack() as opened:
            try:
                files = _trace_files(shard, opened)
            except Truncated as error:
                tally.quarantine(shard.name, error.reason, error.detail, _start(shard.path))
                return
            recording = _Recording(shard, tally)
            for name, read in files:
                recording.look(name, read)
            yield from recording.workflow()


def _begins(start: bytes) -> bool:
    """Whether a text begins as a trace file does, of any version."""
    line = start.removeprefix(BOM).lstrip().partition(b"\n")[0]
    if not line.startswith(b"{") or b"context-options" not in line:
        return False
    try:
        event = event_of(line)[0]
    except RecordError:
        return False
    return event.get("type") == "context-options" and type(event.get("version")) is int


def _files_of(folder: str) -> list[Node]:
    return sorted(nodes.files_at(nodes.node(folder)), key=lambda file: file.name)


def _start(place: str) -> bytes:
    with nodes.open_binary(place) as stream:
        return stream.read(2**16)


Read = Callable[[], Lines]


def _trace_files(shard: InputShard, opened: ExitStack) -> list[tuple[str, Read]]:
    """The trace files of an input, each with a way to read its lines.

    opened: closes an archive.

    Raises: `Truncated`, as `open_zip` does; OSError.
    """
    if nodes.node(shard.path).kind == "folder":
        files = [file for file in _files_of(shard.path) if _TRACE.fullmatch(file.name)]
        return [(f"{shard.name}/{file.name}", partial(lines, file.place)) for file in files]
    if not InputHead.of(shard.path).start.startswith(b"PK"):
        return [(shard.name, partial(lines, shard.path))]
    archive = opened.enter_context(open_zip(shard.path))
    names = sorted(name for name in archive.names if _TRACE.fullmatch(name))
    if len(names) > _MOST_FILES:
        raise Truncated("zip_too_large", f"{len(names)} trace files")
    return [(f"{shard.name}/{name}", partial(archive.lines, name)) for name in names]


@dataclass(slots=True)
class _File:
    """A trace file that was looked through."""

    name: str
    read: Read
    survey: Survey


@dataclass(slots=True)
class _Recording:
    """One trace: its files, and what becomes of their calls."""

    shard: InputShard
    tally: Tally
    files: list[_File] = field(default_factory=list)

    @property
    def workflow_id(self) -> str:
        """The file's name; one that all traces have comes with the folder's."""
        *folders, name = self.shard.name.split("/")
        name = _ENDING.sub("", name)
        return f"{folders[-1]}/{name}" if folders and _GENERIC.fullmatch(name) else name

    @property
    def uid(self) -> str:
        return f"{Playwright.name}:{self.workflow_id}"

    def look(self, name: str, read: Read) -> None:
        """Look through a trace file, and quarantine what cannot be read of it."""
        survey = Survey()
        survey.look(read())
        self.tally.note(survey.odd)
        for broken in survey.broken:
            where = f"{name}#line={broken.line}"
            self.tally.quarantine(where, broken.error.reason, broken.error.detail, broken.raw)
        if survey.of_tests:
            self._drop(name, "not_a_step", "what a test runner tells of the same calls")
        else:
            self.files.append(_File(name, read, survey))
        for line, kind in survey.strange:
            self._drop(f"{name}#line={line}", "unknown_event", kind)

    def workflow(self) -> Iterator[Workflow]:
        """The workflow, if there is a step in it."""
        calls = self._in_order()
        if calls and not any(file.survey.lines for file in self.files):
            for file, call in calls:
                where = f"{file.name}#line={call.line}"
                detail = f"{call.class_}.{call.method}"
                self.tally.quarantine(where, "no_snapshots", detail, call.raw)
            return
        steps = self._steps(calls)
        if not steps:
            raw = b"\n".join(call.raw for _, call in calls if call.raw)
            self.tally.quarantine(self.shard.name, "workflow_without_steps", "no action", raw)
            return
        title = next((file.survey.title for file in self.files if file.survey.title), "")
        objective = _LOCATION.sub("", title, count=1)
        yield Workflow(
            workflow_id=self.workflow_id,
            objective=objective,
            steps=tuple(steps),
            source=Playwright.name,
            origin=self.shard.name,
            meta=self._meta(title if title != objective else ""),
        )

    def _in_order(self) -> list[tuple[_File, Call]]:
        """All calls by their time; those of one time in the order of the files."""
        calls = [(file, call) for file in self.files for call in file.survey.calls]
        return sorted(calls, key=lambda pair: pair[1].time)

    def _steps(self, calls: list[tuple[_File, Call]]) -> list[Step]:
        """The steps of the calls, which are all entered in the tally."""
        ends = min((f.survey.ends for f in self.files if f.survey.ends is not None), default=None)
        acting: list[tuple[_File, Call]] = []
        for file, call in calls:
            where = f"{file.name}#line={call.line}"
            called = f"{call.class_}.{call.method}"
            if ends is not None and call.time > ends:
                self._drop(where, "after_broken_record", called)
            elif kind_of(call.class_, call.method, call.params, input_=call.input) is None:
                self._drop(where, "not_an_action", called)
            else:
                self.tally.read("record", where, parent=self.uid)
                acting.append((file, call))
        pages: dict[tuple[str, int], Rendered] = {}
        characters, holder = 0, Holder()
        for file in self.files:
            for call, page in _pages(file, [call for of, call in acting if of is file]):
                characters += len(page.html)
                kept = Rendered(page.url)
                if characters <= _MOST_PAGES:
                    kept = page._replace(html=holder.hold(page.html))
                pages[file.name, call.line] = kept
        return [
            self._step(file, call, pages.pop((file.name, call.line), None)) for file, call in acting
        ]

    def _step(self, file: _File, call: Call, page: Rendered | None) -> Step:
        kind = kind_of(call.class_, call.method, call.params, input_=call.input)
        assert kind is not None, "only acting calls come here"
        page = page or Rendered(call.url)
        target, destination = locators(kind, call.params)
        if page.target is not None and kind.element:
            target = (page.target, *target)
        options = file.survey.options.get("options")
        base = options.get("baseURL") if isinstance(options, dict) else ""
        act = action_of(kind, call.params, base if isinstance(base, str) else "", page.url)
        odd: list[Odd] = []
        extras = Extras(odd)
        extras.declared({"call": f"{call.class_}.{call.method}", "params": call.params})
        extras.unknown(call.unknown, frozenset())
        self.tally.note(odd)
        return Step(
            step_id=call.id,
            url=page.url,
            html=page.html,
            action=act,
            target=target,
            error=_COLOURS.sub("", call.error),
            destination=destination,
            meta=extras.text(),
        )

    def _meta(self, title: str) -> str:
        found: dict[str, Any] = {"title": title} if title else {}
        for file in self.files:
            for key in ("version", "playwrightVersion", "browserName"):
                if file.survey.options.get(key):
                    found.setdefault(key, file.survey.options[key])
        extras = Extras([])
        extras.declared(found)
        return extras.text()

    def _drop(self, where: str, reason: Reason, detail: str) -> None:
        self.tally.read("record", where, parent=self.uid)
        self.tally.drop("record", where, reason, detail, parent=self.uid)


def _pages(file: _File, calls: list[Call]) -> Iterator[tuple[Call, Rendered]]:
    """The pages of calls, each as soon as the snapshots of all its frames have been read."""
    survey = file.survey
    wanted: dict[str, list[Call]] = {}
    for call in calls:
        moments = (name for name in call.snapshots if name in survey.moments)
        if (name := next((n for n in moments if survey.moments[n].main), None)) is not None:
            wanted.setdefault(name, []).append(call)
    trees = Trees(survey.references)
    frames: dict[str, dict[str, Snapshot]] = {}
    mains: dict[str, Snapshot] = {}
    for number, fields in enumerate(snapshots(file.read(), survey)):
        frame, name = fields["frameId"], moment_of(fields)
        tree = trees.add(frame, fields["html"])
        if name not in wanted or frame in frames.setdefault(name, {}):
            continue
        found = Snapshot(
            frame, str(fields.get("frameUrl") or ""), str(fields.get("doctype") or ""), tree
        )
        frames[name][frame] = found
        if fields.get("isMainFrame") is True:
            mains.setdefault(name, found)
        if number == survey.moments[name].last and name in mains:
            main, others = mains.pop(name), frames.pop(name)
            for call in wanted.pop(name):
                marks = {"", call.id, name}
                try:
                    yield call, render(main, others, marks)
                except RecordError:
                    yield call, Rendered(main.url)
