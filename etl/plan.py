"""The heart: what a source, a stage and a plan are.

A `Plan` is the sources it can read and a tuple of stages from `Trail` to `Sample`. `Plan.build` runs it over one input
shard: the unit of work, of resume and of failure. Everything read is entered in the shard's `Tally`; whatever does not
reach the output leaves through it too, with a reason.

A stage is a callable from rows to rows, run over one workflow at a time, so that an exception costs exactly that
workflow: it is quarantined with its content, and the build goes on.
"""

from __future__ import annotations

import hashlib
import itertools
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol

import orjson
import pyarrow as pa
import xxhash

from etl import storage
from etl.domains import domain_of
from etl.inputs import Keys
from etl.shards import ArrowWriter, atomic, write_json, write_table
from etl.storage import AnyPath
from etl.streams import Part
from etl.takedown import COPY, Takedown, domains_of
from etl.takedown import REASON as TAKEN_DOWN
from schemas.errors import RecordError
from schemas.ledger import LEDGER_SCHEMA, LIGHT_SCHEMA, QUARANTINE_SCHEMA
from schemas.samples import SAMPLE_SCHEMA, Sample
from schemas.trail import Mark, Trail
from schemas.workflow import Workflow

Unit = Literal["record", "workflow", "step", "sample"]

PAGE_CHARS: Final = 256 * 2**20
NOTHING: Final = Takedown()


@dataclass(frozen=True, slots=True)
class InputShard:
    """One input file, a part of one, or one folder that a format reads as one recording.

    name: path relative to the root it was given under, with ``/``; its identity in messages and order.
    path: path or URL where it can be read now; never stored in data. sha256: of the whole file.
    size: bytes on disk; those of a file's parts add up to the file's. part: None for the whole input.
    """

    name: str
    path: str
    format: str
    size: int
    sha256: str
    part: Part | None = None

    @property
    def key(self) -> str:
        """Name of the shard's files in the work folder: a hash of its name, content and part."""
        text = f"{self.name}\0{self.sha256}" + (f"\0{astuple(self.part)}" if self.part else "")
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a shard's ledger: something was read (``reason`` empty), dropped or quarantined."""

    unit: Unit
    id: str
    parent: str = ""
    stage: str = "read"
    reason: str = ""
    detail: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read: its bytes as they were, and why."""

    id: str
    stage: str
    reason: str
    detail: str
    raw: bytes


@dataclass(slots=True)
class Tally:
    """The ledger of one shard as seen by one stage."""

    stage: str = "read"
    entries: list[Entry] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)

    def at(self, stage: str) -> Tally:
        """The same ledger, seen by another stage."""
        return Tally(stage, self.entries, self.quarantined)

    def read(self, unit: Unit, id: str, parent: str = "", domain: str = "") -> None:
        """Enter one thing that was read. parent: the uid of the workflow it belongs to, if any."""
        self.entries.append(Entry(unit, id, parent, domain=domain))

    def drop(self, unit: Unit, id: str, reason: str, detail: str = "", parent: str = "", domain: str = "") -> None:
        """Something that was read goes no further; it must have been entered with `read`."""
        self.entries.append(Entry(unit, id, parent, self.stage, reason, detail, domain))

    def drop_workflow(self, trail: Trail, reason: str, detail: str = "") -> None:
        """A whole workflow goes no further, and its remaining steps with it."""
        uid = trail.uid
        self.drop("workflow", uid, reason, detail, "", trail.domain)
        for mark in trail.marks:
            self.drop("step", trail.step_id(mark), reason, "its workflow was dropped", uid, trail.domain)

    def quarantine_workflow(self, trail: Trail, reason: str, detail: str) -> None:
        """A workflow that was read cannot be built: dropped, and kept as JSON in our interchange format."""
        self.drop_workflow(trail, reason, detail)
        raw = orjson.dumps(asdict(trail.workflow))
        self.quarantined.append(Quarantined(trail.uid, self.stage, reason, detail, raw))

    def quarantine(self, id: str, reason: str, detail: str, raw: bytes) -> None:
        """One record cannot be read. Enters it, drops it and keeps its bytes; do not call `read` for it as well."""
        self.entries.append(Entry("record", id))
        self.entries.append(Entry("record", id, "", self.stage, reason, detail))
        self.quarantined.append(Quarantined(id, self.stage, reason, detail, raw))


class Source(Protocol):
    """One recording format. A frozen dataclass; its fields are its configuration and its fingerprint."""

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes

    def recognise(self, head: Head) -> bool:
        """Whether these bytes are in this format; decided from content, the file's name is at most a hint."""
        ...

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The shard's workflows in order, streamed. Every record read is entered in ``tally``."""
        ...


class Head(Protocol):
    """The beginning of an input, for recognising its format."""

    @property
    def name(self) -> str:
        """File or folder name without ``.gz`` and ``.zst``."""
        ...

    @property
    def start(self) -> bytes:
        """The first 64 KiB after decompression; empty for a folder."""
        ...

    @property
    def entries(self) -> tuple[str, ...]:
        """Names in the folder; empty for a file."""
        ...

    @property
    def keys(self) -> Keys:
        """Names of the fields of the first records, in JSON, JSON lines or Parquet; else none."""
        ...


class Stage(Protocol):
    """One step of the pipeline. A frozen dataclass; its fields are its configuration and its fingerprint."""

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes

    def __call__(self, rows: Iterator[Any], tally: Tally) -> Iterator[Any]:
        """Rows in, rows out; what goes no further is entered in ``tally``."""
        ...


Watch = Callable[[str], None]
"""Told what is worked on now, by a name that `Refused` knows."""


def known_as(id: str) -> str:
    """The name by which a workflow or sample is watched and refused: of a very long id a hash."""
    return id if len(id) <= 128 else digest(id)


def unwatched(name: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Refused:
    """Something that is not tried again: it killed its worker, or took too long.

    name: of a workflow's uid or a sample's id (`known_as`); ``#3`` is reading on after the third workflow of an input.
    """

    name: str
    reason: str
    detail: str


@dataclass(slots=True)
class Met:
    """The workflows of an input shard by content and domain, and what the takedown list did: see `ShardReport`."""

    contents: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    by: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)  # of what was taken down

    def taken_down(self, trail: Trail, takedown: Takedown, tally: Tally, start: int) -> bool:
        """Whether a workflow is taken down; if so it is dropped, and its lines from ``start`` on say but ids."""
        listed = takedown.listed(trail)
        by = listed or takedown.copied(trail)
        if not by:
            self.contents.add(trail.content_hash)
            self.domains |= domains_of(trail)
            return False
        if listed:
            self.removed.add(trail.content_hash)
        self.by |= by
        self.ids.add(trail.workflow.uid)
        for position, entry in enumerate(tally.entries[start:], start):
            if trail.uid in {entry.parent, entry.id}:
                tally.entries[position] = replace(entry, domain="", detail="")
        trail.domain = ""
        tally.drop_workflow(trail, TAKEN_DOWN, "" if listed else COPY)
        return True

    def strip(self, tally: Tally, takedown: Takedown) -> None:
        """Take the bytes and details of quarantined records that name something taken down."""
        stripped: set[str] = set()
        for position, record in enumerate(tally.quarantined):
            if named := takedown.in_record(record.id, record.detail, record.raw, ids=self.ids):
                self.by |= named & takedown.entries
                stripped.add(record.id)
                tally.quarantined[position] = without_content(record)
        if stripped:
            tally.entries[:] = [replace(e, detail="") if e.reason and e.id in stripped else e for e in tally.entries]


def without_content(record: Quarantined) -> Quarantined:
    """What is kept of a quarantined record that names something taken down."""
    return replace(record, reason=TAKEN_DOWN, detail="", raw=b"")


@dataclass(frozen=True)
class ShardReport:
    """What was written for one shard; a pure function of the shard, the plan and the takedown list.

    settings, takedown: hashes of what it was made with. contents, domains: of the workflows that were read, less those
    taken down. removed: contents of what the takedown list took down; by: hashes of its entries that took effect.
    """

    key: str
    name: str
    format: str
    settings: str
    takedown: str
    rows: int
    contents: tuple[str, ...]
    domains: tuple[str, ...]
    removed: tuple[str, ...]
    by: tuple[str, ...]
    drops: tuple[tuple[str, str, str, str, int], ...]  # unit, stage, reason, domain, how many
    files: dict[str, str]  # path under the work folder -> sha256


@dataclass(frozen=True)
class Plan:
    """Sources by format name, and the stages that a workflow goes through.

    libraries: versions of those that shape the output. page_chars: a workflow with a longer page is quarantined.
    """

    sources: Mapping[str, Source]
    stages: tuple[Stage, ...]
    libraries: Mapping[str, str] = field(default_factory=dict)
    page_chars: int = PAGE_CHARS

    def build(
        self,
        shard: InputShard,
        work: AnyPath,
        takedown: Takedown = NOTHING,
        refused: Sequence[Refused] = (),
        watch: Watch = unwatched,
    ) -> ShardReport:
        """Read, filter, locate, prune and unroll one input shard to ``work/samples``, ``ledger`` and ``quarantine``.

        takedown: what must not be kept. refused: what is quarantined untried. watch: told the workflow worked on.
        """
        tally, key, met = Tally(), shard.key, Met()
        samples, light = f"samples/{key}.arrow", f"light/{key}.arrow"
        with atomic(work / samples) as stream, atomic(work / light) as light_stream:
            writer, light_writer = ArrowWriter(stream, SAMPLE_SCHEMA), ArrowWriter(light_stream, LIGHT_SCHEMA)
            for sample in self._samples(shard, tally, takedown, met, {r.name: r for r in refused}, watch):
                writer.add((getattr(sample, name) for name in _SAMPLE_FIELDS), len(sample.observation) + 1024)
                light_writer.add(light_row(sample), 256)
            writer.close()
            light_writer.close()
        met.strip(tally, takedown)
        files = {samples: stream.sha256.hexdigest(), light: light_stream.sha256.hexdigest()}
        for folder, rows, schema in (
            ("ledger", tally.entries, LEDGER_SCHEMA),
            ("quarantine", tally.quarantined, QUARANTINE_SCHEMA),
        ):
            name = f"{folder}/{shard.key}.arrow"
            if rows:
                columns = {column: [getattr(row, column, key) for row in rows] for column in schema.names}
                files[name] = write_table(work / name, pa.table(columns, schema=schema))
            else:  # of an earlier try
                storage.remove(work / name)
        drops = Counter((e.unit, e.stage, e.reason, e.domain) for e in tally.entries if e.reason)
        counted = tuple((*what, count) for what, count in sorted(drops.items()))
        made_with = (self.fingerprints[shard.format], takedown.state)
        contents, domains, removed, by = (tuple(sorted(n)) for n in (met.contents, met.domains, met.removed, met.by))
        report = ShardReport(
            key, shard.name, shard.format, *made_with, writer.rows, contents, domains, removed, by, counted, files
        )
        write_json(work / "samples" / f"{shard.key}.json", asdict(report))
        return report

    def _samples(
        self,
        shard: InputShard,
        tally: Tally,
        takedown: Takedown,
        met: Met,
        refused: Mapping[str, Refused],
        watch: Watch,
    ) -> Iterator[Sample]:
        seen: dict[str, str] = {}
        rows = self.sources[shard.format].read(shard, tally.at("read"))
        for count in itertools.count():
            entered = len(tally.entries)
            place = f"#{count}"
            watch(place)
            if place in refused:
                tally.at("read").quarantine(shard.name, refused[place].reason, refused[place].detail, b"")
                return
            try:
                workflow = next(rows, None)
            except Exception as error:
                if of_the_machine(error):
                    raise
                # A defect of ours, not of the record: sources quarantine what they cannot read.
                tally.at("read").quarantine(shard.name, "source_crashed", described(error), b"")
                return
            if workflow is None:
                return
            known = seen.get(workflow.uid, "")
            trail = enter(workflow, tally.at("read"), seen)
            if trail.uid != workflow.uid:
                _reparent(tally.entries, entered, workflow.uid, trail.uid)
            at_read = tally.at("read")
            if met.taken_down(trail, takedown, at_read, entered):
                continue
            if known == trail.content_hash:
                at_read.drop_workflow(trail, "duplicate_workflow", "the same recording came before in this file")
            elif known:
                detail = "a workflow with the same id and other content came before in this file"
                at_read.quarantine_workflow(trail, "conflicting_id", detail)
            elif (refusal := refused.get(known_as(trail.uid))) is not None:
                at_read.quarantine_workflow(trail, refusal.reason, refusal.detail)
            elif (large := self._too_large(trail)) is not None:
                at_read.quarantine_workflow(trail, "page_too_large", large)
            else:
                watch(known_as(trail.uid))
                yield from self._through(trail, tally)

    def _too_large(self, trail: Trail) -> str | None:
        """Which page is over the limit, if one is."""
        for mark in trail.marks:
            if len(mark.step.html) > self.page_chars:
                return f"step {mark.number}: a page of {len(mark.step.html):,} characters, at most {self.page_chars:,}"
        return None

    def _through(self, trail: Trail, tally: Tally) -> list[Sample]:
        """One workflow through all stages; an exception takes back what they entered for it."""
        entered = len(tally.entries)
        marks = list(trail.marks)
        rows: Iterator[Any] = iter((trail,))
        for stage in self.stages:
            rows = stage(rows, tally.at(stage.name))
        try:
            return list(rows)
        except Exception as error:
            if of_the_machine(error):
                raise
            del tally.entries[entered:]
            trail.marks = marks
            reason = error.reason if isinstance(error, RecordError) else "stage_crashed"
            tally.at(self._stage_of(error)).quarantine_workflow(trail, reason, described(error))
            return []

    def _stage_of(self, error: Exception) -> str:
        """The stage whose code was running."""
        modules = {type(stage).__module__: stage.name for stage in self.stages}
        names = [
            modules.get(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__)
        ]
        return next((name for name in reversed(names) if name), "read")

    def settings(self) -> dict[str, Any]:
        """Everything of the plan that decides its output: versions and fields."""
        parts: dict[str, Any] = {f"source {name}": source for name, source in sorted(self.sources.items())}
        parts |= {f"stage {stage.name}": stage for stage in self.stages}
        settings: dict[str, Any] = {
            name: {"version": part.version} | {field.name: plain(getattr(part, field.name)) for field in fields(part)}
            for name, part in parts.items()
        }
        return settings | {"libraries": dict(self.libraries), "page_chars": self.page_chars}

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """By format, the hash of all settings that decide what becomes of an input in it."""
        settings = self.settings()
        shared = {name: value for name, value in settings.items() if not name.startswith("source ")}
        return {name: digest({**shared, "source": settings[f"source {name}"]}) for name in self.sources}


_SAMPLE_FIELDS: Final = tuple(SAMPLE_SCHEMA.names)


def light_row(sample: Sample) -> tuple[Any, ...]:
    """What the index and the statistics ask of a sample: a row with `LIGHT_SCHEMA`."""
    texts = (sample.observation, sample.objective, sample.url, sample.description, sample.target_html, *sample.history)
    return (
        sample.sample_id,
        sample.workflow,
        sample.step,
        sample.workflow_hash,
        xxhash.xxh3_128_hexdigest(orjson.dumps(sample)),
        sample.domain,
        sample.subdomain,
        sample.website,
        sample.objective,
        sum(map(len, texts)),
        sample.raw_chars,
        len(sample.observation),
    )


def digest(value: Any) -> str:
    """A hash of settings as JSON knows them."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=20).hexdigest()


def plain(value: Any) -> Any:
    """A setting as JSON knows it; what is named by a hash of its content stands for itself by that."""
    if hasattr(value, "sha256"):
        return value.sha256
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, frozenset | set):
        return sorted(value)
    return value


def enter(workflow: Workflow, tally: Tally, seen: dict[str, str]) -> Trail:
    """Enter a workflow and its steps in the ledger, with their domains.

    seen: content hash by uid of the shard's earlier workflows. One whose id came before gets an id of its own in the
    ledger (``uid~2``), so that every line of the ledger is about one thing; it stands there with an empty hash.
    """
    marks = [Mark(number, step) for number, step in enumerate(workflow.steps, 1)]
    domains = [domain_of(step.url, workflow.website) for step in workflow.steps]
    trail = Trail(workflow, marks, content_hash(workflow), " ".join(workflow.objective.split()), workflow.uid)
    while trail.uid in seen:
        repeat = int(trail.uid.removeprefix(workflow.uid).removeprefix("~") or 1)
        trail.uid = f"{workflow.uid}~{repeat + 1}"
    seen[trail.uid] = trail.content_hash if trail.uid == workflow.uid else ""
    trail.domains = [tuple(domain) for domain in domains]
    trail.domain = next((d.domain for d in domains if d.domain_from != "none"), "unknown")
    tally.read("workflow", trail.uid, "", trail.domain)
    for mark, domain in zip(marks, domains, strict=True):
        tally.read("step", trail.step_id(mark), trail.uid, domain.domain)
    return trail


def _reparent(entries: list[Entry], start: int, old: str, new: str) -> None:
    """Records of a workflow whose id came before belong to the id that it has in the ledger."""
    for position in range(start, len(entries)):
        if entries[position].unit == "record" and entries[position].parent == old:
            entries[position] = replace(entries[position], parent=new)


def content_hash(workflow: Workflow) -> str:
    """Hash of what a workflow says, without ids and where it was read: equal for the same recording in two formats."""
    digest = xxhash.xxh3_128()
    for text in (workflow.objective, workflow.website, workflow.topic, repr(workflow.reward)):
        _add(digest, text)
    for step in workflow.steps:
        action = step.action
        for text in (step.url, step.html, action.kind, action.value, action.description, step.error):
            _add(digest, text)
        for locator in step.target:
            _add(digest, f"{locator.kind}\0{locator.name}\0{locator.value}")
    return digest.hexdigest()


def _add(digest: xxhash.xxh3_128, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def of_the_machine(error: Exception) -> bool:
    """Whether an error is of the disk or the like, and not of a record: to go on would leave out what is good."""
    return isinstance(error, OSError) and error.errno is not None


def described(error: Exception) -> str:
    """One line: the exception and where in our code it came from; no path, which would differ between machines."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {error}"[:500] + place
