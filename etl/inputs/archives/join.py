"""Pages for the steps of a recording that holds none, from archives, by address and time.

Of the captures of an address the best match counts: the same address, else the same but for the
fragment, else the same after normalising (`etl.inputs.archives.urls`). Of these a step whose time
is known takes the last one at or before it, else the first one after it. A step without a time
takes the first one. A redirect is followed within the archives; a capture that leads to no page
gives way to the next one.

A step's time is ``timestamp`` in its ``meta``: milliseconds since 1970, or a text as
2026-01-31T12:00:00Z. Where a page came from is kept there too, as ``page``.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from etl.files import entries, nodes, storage
from etl.files.entries import Node
from etl.files.storage import AnyPath
from etl.inputs.archives import times
from etl.inputs.archives.body import page_of
from etl.inputs.archives.capture import UNKNOWN_TIME, ArchiveFault, Capture
from etl.inputs.archives.index import Archive, Counted, Index, Row, build
from etl.inputs.archives.kinds import READERS, VERSION, kind_of
from etl.inputs.archives.urls import MATCHES, Match, match
from etl.inputs.archives.warc import library
from etl.inputs.facts import Report, examine
from etl.inputs.remembered import Remembered
from etl.tally import Odd
from schemas.draft import Draft, StepDraft
from schemas.errors import BuildError, ConfigError
from schemas.workflow import Step

_HOPS: Final = 10
"""How many redirects are followed."""
_HELD_BYTES: Final = 32 * 2**20
"""At most this much of pages is kept, and one page: steps in a row are often on one page."""
_SUFFIX: Final = ".arrow"


class Joined(NamedTuple):
    """A page that was found for a step."""

    html: bytes
    # the capture that has it
    capture: Capture
    # of the archive, as it was given
    archive: str
    match: Match
    # how many captures of that match there are
    captures: int


@dataclass(frozen=True)
class Found:
    """The files that were given, hashed."""

    archives: tuple[Archive, ...] = ()
    # how many files hold no pages, by the ending of their names
    others: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        """The hash of their contents, in hex; it names the index."""
        lines = [f"{VERSION}", *(f"{each.name}\0{each.sha256}" for each in self.archives)]
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def find(
    given: Sequence[str], remembered: Remembered | None = None, progress: Report = lambda _: None
) -> Found:
    """The files with pages under some places, hashed, in the order of their names.

    remembered: hashes that are known already; takes in those that are found.

    Raises:
        ConfigError: a place does not exist, or holds no file with pages; or the package that reads
            it is not installed.
        OSError: a file cannot be read.
    """
    known, others = remembered or Remembered(None), Counter[str]()
    archives: dict[str, Archive] = {}
    for each in given:
        there = False
        for root in nodes.expand(each):
            for name, node in _files(root, root.name, frozenset()):
                if not (kind := kind_of(node)):
                    others[name.rpartition(".")[2][:20] if "." in name else ""] += 1
                    continue
                there = True
                if kind in ("warc", "wacz"):
                    library()  # said before anything is read
                facts = examine(node, "", None, known, progress)
                place = node.place
                if not nodes.remote(place):  # workers may have another working directory
                    place = str(nodes.local(place).absolute())
                archives[node.real or node.place] = Archive(
                    place, name, kind, facts.sha256, facts.size, entries.version([node])
                )
        if not there:
            raise ConfigError(
                f"--pages {each}: it holds no pages that are read (WARC, ARC, WACZ, HAR, MHTML, "
                "saved HTML)"
            )
    ordered = sorted(archives.values(), key=lambda each: (each.name, each.sha256, each.place))
    return Found(tuple(ordered), others)


def _files(node: Node, name: str, without: frozenset[Any]) -> Iterator[tuple[str, Node]]:
    """The files at a node with their names, in order."""
    if node.kind == "file":
        yield name, node
    if node.kind != "folder" or (within := nodes.within(node, without)) is None:
        return
    for child in node.children():
        yield from _files(child, f"{name}/{child.name}", within)


@dataclass
class Pages:
    """Archives that pages are joined from. It can be sent to other processes.

    Raises: `ConfigError`, as `find` does, when it is first used.
    """

    # paths, globs and URLs, as they were given
    given: tuple[str, ...]
    _found: Found | None = None
    # where the index lies; None until it is made
    _path: AnyPath | None = None
    _index: Index | None = field(default=None, repr=False, compare=False)
    _held: OrderedDict[tuple[int, str], bytes] = field(
        default_factory=OrderedDict, repr=False, compare=False
    )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_index": None, "_held": OrderedDict()}

    def found(self, remembered: Remembered | None = None) -> Found:
        """The files, looked for once."""
        if self._found is None:
            self._found = find(self.given, remembered)
        return self._found

    def settings(self) -> dict[str, Any]:
        """What decides the output."""
        return {"archives": self.found().digest, "version": VERSION}

    def indexed(
        self, folder: AnyPath, progress: Report = lambda _: None
    ) -> list[tuple[str, str, Counted]]:
        """Make the index in a folder, unless it is there; says what reading each file found.

        Older indexes there are taken over from, and removed.
        """
        path = folder / f"{self.found().digest}{_SUFFIX}"
        if not storage.exists(path):
            older = [each for each in storage.files(folder, _SUFFIX) if each != path]
            build(path, self.found().archives, older, progress)
            for each in older:
                storage.remove(each)
        self._path, self._index = path, None
        return self._opened().counted()

    def existing(self, folder: AnyPath) -> bool:
        """Take the index that was made in a folder, if it is of the files as they are now."""
        path = folder / f"{self.found().digest}{_SUFFIX}"
        if not storage.exists(path):
            return False
        self._path, self._index = path, None
        return True

    def join(self, draft: Draft) -> list[Odd]:
        """Give the steps of a recording that holds no page theirs; says what is worth counting.

        A recording that holds pages and lacks some stays as it is.

        Raises: `BuildError` if an archive has changed; OSError if it cannot be read.
        """
        odd: list[Odd] = []
        bare = not any(step.has_page for step in draft.workflow.steps)
        for step_draft in draft.steps if bare else ():
            step = step_draft.step
            if not step.url:
                continue
            joined = self._joined(step_draft, step)
            if joined is None:
                continue
            step_draft.step = step.with_fields(html=joined.html, meta=_noted(step.meta, joined))
            if joined.match != "exact":
                odd.append(("page_by_like_url", joined.match))
            if joined.captures > 1 and _time(step) == UNKNOWN_TIME:
                odd.append(("page_of_several", ""))
        return odd

    def _joined(self, step_draft: StepDraft, step: Step) -> Joined | None:
        """The page of a step; None if there is none, or none that can be read."""
        fault = ""
        for row, how, captures in self._choices(step.url, _time(step)):
            try:
                html = self._text(row)
            except ArchiveFault as error:
                name = self.found().archives[row.file].name
                fault = fault or f"{step.url}: {name}: {error}"
                continue
            if html.strip():
                archive = self.found().archives[row.file].name
                return Joined(html, row.capture, archive, how, captures)
        if fault:
            step_draft.drop("read", "no_page", fault)
        return None

    def _choices(self, url: str, time: int) -> Iterator[tuple[Row, Match, int]]:
        """The pages of an address, redirects followed, the best first; with match and number."""
        by_match: dict[Match, list[Row]] = {}
        for row in self._opened().of(url):
            by_match.setdefault(match(url, row.capture.url), []).append(row)
        for how in MATCHES:
            rows = by_match.get(how, [])
            for row in _ordered(rows, time):
                page = self._followed(row, time, frozenset((url,)))
                if page is not None:
                    yield page, how, len(rows)

    def _followed(self, row: Row, time: int, seen: frozenset[str]) -> Row | None:
        """The page to which a capture leads; None if it leads to none."""
        to = row.capture.to
        if not to:
            return row
        if to in seen or len(seen) > _HOPS:
            return None
        there = self._opened().of(to)
        best = [row for how in MATCHES for row in there if match(to, row.capture.url) == how]
        for each in _ordered(best[:1] and _alike(to, best), time):
            if (page := self._followed(each, time, seen | {to})) is not None:
                return page
        return None

    def _text(self, row: Row) -> bytes:
        """A page as UTF-8.

        Raises: `ArchiveFault`; `BuildError` if the archive has changed; OSError.
        """
        key = (row.file, repr(row.capture.place))
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        archive = self.found().archives[row.file]
        now = entries.version([nodes.node(archive.place, anew=True)])
        if archive.version and now != archive.version:
            raise BuildError(
                f"{archive.place}: it changed after it was hashed; once nothing writes to it any "
                "more, run the same command again"
            )
        html = page_of(READERS[archive.kind].body(archive.place, row.capture.place))
        self._held[key] = html
        while len(self._held) > 1 and sum(map(len, self._held.values())) > _HELD_BYTES:
            self._held.popitem(last=False)
        return html

    def _opened(self) -> Index:
        if self._index is None:
            assert self._path is not None, "the index is made before pages are joined"
            self._index = Index(self._path)
        return self._index


def _alike(url: str, rows: Sequence[Row]) -> list[Row]:
    """Those rows that match as well as the first does."""
    how = match(url, rows[0].capture.url)
    return [row for row in rows if match(url, row.capture.url) == how]


def _ordered(rows: Sequence[Row], time: int) -> list[Row]:
    """Captures in the order in which they are tried.

    time: of the step. The last one at or before it, then earlier ones, then later ones. If it is
    not known, pages before redirects, the earliest first.
    """
    if time == UNKNOWN_TIME:
        return sorted(rows, key=lambda row: (bool(row.capture.to), _or_last(row.capture.time)))
    before = [row for row in rows if UNKNOWN_TIME < row.capture.time <= time]
    after = [row for row in rows if row.capture.time > time]
    others = [row for row in rows if row.capture.time == UNKNOWN_TIME]
    before.sort(key=lambda row: -row.capture.time)
    after.sort(key=lambda row: row.capture.time)
    return [*before, *after, *others]


def _or_last(time: int) -> float:
    return float("inf") if time == UNKNOWN_TIME else time


def _time(step: Step) -> int:
    """The time of a step, or `UNKNOWN_TIME`."""
    if '"timestamp"' not in step.meta:
        return UNKNOWN_TIME
    try:
        meta = orjson.loads(step.meta)
    except orjson.JSONDecodeError:
        return UNKNOWN_TIME
    return times.of_meta(meta.get("timestamp")) if isinstance(meta, dict) else UNKNOWN_TIME


def _noted(meta: str, joined: Joined) -> str:
    """A step's ``meta`` with where its page came from."""
    page: dict[str, Any] = {
        "archive": joined.archive,
        "url": joined.capture.url,
        "match": joined.match,
        "captures": joined.captures,
    }
    if joined.capture.time != UNKNOWN_TIME:
        page["time"] = joined.capture.time
    try:
        known = orjson.loads(meta or "{}")
    except orjson.JSONDecodeError:
        known = {}
    return orjson.dumps({**known, "page": page}, option=orjson.OPT_SORT_KEYS).decode()
