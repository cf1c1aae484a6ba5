"""Takedown: workflows and domains that must not be in anything a build keeps.

A workflow is taken down by its id (``source:id`` or the recording's own; repeats of it, ``id~2``,
too), by a domain (one step on it, or the recording's website, is enough, because its pages stand in
the same recording), or because it is the same recording as one that is, under whatever id. Nothing
of it is kept but ids in the ledger: its own and those of its steps and records, dropped as
``taken_down``, without domain and detail. So the statistics say how many things were taken down,
and not where; what is published holds only a hash of the list.

Of what could not be read only the bytes are known. A quarantined record whose id, detail or bytes
name something on the list, or a workflow that was taken down from the same input, keeps its line
and loses bytes and detail. Bytes are looked into as they are, decompressed, and without the zeros
of UTF-16; ids and hosts must stand by themselves (`etl.pages.mentions`). A page of another workflow
that merely links to a domain on the list stays. Inputs keep their names, and these are published.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self

import polars as pl
import zstandard

from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.side_files import named
from etl.files.storage import AnyPath
from etl.pages.domain import UNKNOWN, domain_of
from etl.pages.mentions import mentioned
from etl.terminal.words import counted
from schemas.errors import ConfigError
from schemas.reasons import TAKEN_DOWN
from schemas.trail import Trail

COPY: Final = "the same recording as one that is taken down"
SETTING: Final = "takedown"

_AT_MOST: Final = 2**28  # bytes of one record that are looked into
_REPEAT: Final = re.compile(r"~\d+$")
_BEFORE: Final = rb"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))"
"""Before an id: nothing that would make it part of a longer one; the end of an escape is no such
thing.
"""


@dataclass(frozen=True)
class Takedown:
    """workflows: ids. domains: registrable domains. Errors: ConfigError for a domain that is not
    registrable.

    contents: content hashes of what these two take down, found out by a build and never given; by
    them copies under other ids are known.
    """

    workflows: frozenset[str] = field(default_factory=frozenset)
    domains: frozenset[str] = field(default_factory=frozenset)
    contents: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for domain in sorted(self.domains):
            registrable = _registrable(domain)
            if domain == UNKNOWN or not registrable:
                raise ConfigError(
                    f"takedown: {domain!r} is no domain; list workflows without one by their ids"
                )
            if registrable != domain:
                raise ConfigError(
                    f"takedown: {domain} is no registrable domain; did you mean {registrable}?"
                )
        for name in sorted(self.workflows):
            if not name.strip():
                raise ConfigError(
                    "takedown: an empty id would name no workflow; remove it from the list"
                )

    def __bool__(self) -> bool:
        return bool(self.workflows or self.domains)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the list; empty for an empty one. It tells no name, and is what is published."""
        return _digest("\n".join(sorted(self.lines(of_list=True)))) if self else ""

    @cached_property
    def state(self) -> str:
        """Hash of all that decides what one input shard loses: the list and the contents."""
        return _digest("\n".join(sorted(self.lines(of_list=False)))) if self else ""

    @cached_property
    def entries(self) -> frozenset[str]:
        """A hash for each thing on the list and each of the contents; reports say by them what took
        effect.
        """
        return frozenset(map(_digest, self.lines(of_list=False)))

    def lines(self, of_list: bool) -> Iterator[str]:
        """The entries as they stand in a file; of_list: without the contents."""
        yield from (f"workflow {name}" for name in self.workflows)
        yield from (f"domain {name}" for name in self.domains)
        if not of_list:
            yield from (f"content {name}" for name in self.contents)

    def with_contents(self, contents: Iterable[str]) -> Self:
        """The same list, knowing what it takes down."""
        return replace(self, contents=frozenset(contents))

    def names(self, uid: str) -> bool:
        """Whether a workflow is listed by its id."""
        return not self.workflows.isdisjoint(_ids(uid))

    def listed(self, trail: Trail) -> frozenset[str]:
        """The entries of the list that take a workflow down; none if it is not on the list."""
        return names_of(trail) & self.entries

    def copied(self, trail: Trail) -> frozenset[str]:
        """The entry of the contents that takes a workflow down; none if it is no copy."""
        return (
            frozenset({_digest(f"content {trail.content_hash}")})
            if trail.content_hash in self.contents
            else _NONE
        )

    def in_record(self, *texts: str | bytes, ids: Iterable[str] = ()) -> frozenset[str]:
        """The entries that what is known of a record names. ids: of workflows that are looked for
        besides.
        """
        if not self:
            return _NONE
        found = set()
        for text in {form for given in texts for form in _forms(given)}:
            said = text.decode("utf-8", "replace")
            found |= {f"domain {name}" for name in mentioned(said, self.domains)}
            found |= {
                f"workflow {name}" for name in {*self.workflows, *ids} if _stands_in(name, text)
            }
        return frozenset(map(_digest, found))

    def as_json(self) -> dict[str, list[str]]:
        """The list as it is kept in the work folder."""
        return {"workflows": sorted(self.workflows), "domains": sorted(self.domains)}


NOTHING: Final = Takedown()


_NONE: Final[frozenset[str]] = frozenset()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _registrable(domain: str) -> str:
    return (
        domain_of(domain if "://" in domain else f"https://{domain}/", "").domain
        if domain.strip()
        else ""
    )


def _ids(uid: str) -> set[str]:
    """By what a list may call a workflow: whole or without its source, as it is or without the
    number of a repeat.
    """
    return {form for id in (uid, _REPEAT.sub("", uid)) for form in (id, id.partition(":")[2])} - {
        ""
    }


def names_of(trail: Trail) -> frozenset[str]:
    """A hash for each entry that would take a workflow down, as in `Takedown.entries`."""
    names = {f"workflow {id}" for id in _ids(trail.uid)} | {
        f"domain {name}" for name in domains_of(trail)
    }
    return frozenset(map(_digest, names))


def domains_of(trail: Trail) -> frozenset[str]:
    """All domains of a workflow: of its steps, and of the website that it says it is of."""
    found = {domain[0] for domain in trail.domains}
    if website := trail.workflow.website.strip().lower():
        found |= {website, _registrable(website)}
    return frozenset(found - {UNKNOWN})


def _forms(text: str | bytes) -> Iterator[bytes]:
    """A text or bytes as they may have to be read: as they are, decompressed, without the zeros of
    UTF-16.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    forms = [raw, *_decompressed(raw)]
    yield from forms
    yield from (form.replace(b"\0", b"") for form in forms if b"\0" in form)


def _decompressed(raw: bytes) -> Iterator[bytes]:
    """What can be had of compressed bytes that may be cut or broken."""
    if raw[:2] == b"\x1f\x8b":
        yield _as_far_as_it_goes(zlib.decompressobj(wbits=31).decompress, raw)
    elif raw[:4] == b"\x28\xb5\x2f\xfd":
        yield _as_far_as_it_goes(
            zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj().decompress, raw
        )


def _as_far_as_it_goes(decompress: Callable[[bytes], bytes], raw: bytes) -> bytes:
    whole = bytearray()
    try:
        for start in range(0, len(raw), 4096):
            whole += decompress(raw[start : start + 4096])
            if len(whole) > _AT_MOST:
                break
    except (zlib.error, zstandard.ZstdError):
        pass  # what came before is there
    return bytes(whole)


def _stands_in(id: str, text: bytes) -> bool:
    """Whether bytes name an id, whole or without its source, plain or as JSON writes it; not within
    a longer word.
    """
    names = {id, id.partition(":")[2]} - {""}
    forms = names | {
        json.dumps(name, ensure_ascii=plain)[1:-1] for name in names for plain in (True, False)
    }
    return any(
        form in text and re.search(_BEFORE + re.escape(form) + rb"(?![0-9A-Za-z])", text)
        for form in (form.encode("utf-8", "surrogatepass") for form in forms)
    )


def differs(
    takedown: Takedown, by: Iterable[str], seen: tuple[Iterable[str], Iterable[str]],
    ledger: pl.DataFrame,
    quarantine: Iterable[tuple[Any, ...]],
) -> bool:  # fmt: skip
    """Whether an input shard that was built under another list would come out otherwise under this
    one.

    by: entries that took something down. seen: contents and domains of what was not taken down.
    ledger: its rows; quarantine: texts and bytes of each of its quarantined records that is whole.
    """
    if not takedown.entries.issuperset(by):
        return True
    contents, domains = seen
    if not (takedown.contents.isdisjoint(contents) and takedown.domains.isdisjoint(domains)):
        return True
    workflows = ledger.filter(pl.col("unit") == "workflow")
    marked = set(workflows.filter(pl.col("reason") == TAKEN_DOWN)["id"])
    if any(takedown.names(uid) for uid in workflows["id"].unique() if uid not in marked):
        return True
    return any(takedown.in_record(*texts) for texts in quarantine)


def keep(path: AnyPath, takedown: Takedown) -> None:
    """Note the list, for what looks at the build later; an empty one leaves no file."""
    if not takedown:
        storage.remove(path)
    elif kept(path) != takedown:
        write_json(path, takedown.as_json())


def kept(path: AnyPath) -> Takedown:
    """The list by which a folder was built last."""
    lists = _kept(path)
    return Takedown(frozenset(lists["workflows"]), frozenset(lists["domains"]))


def _kept(path: AnyPath) -> dict[str, Any]:
    return read_json(path) if storage.exists(path) else {"workflows": (), "domains": ()}


@dataclass(frozen=True)
class Matches:
    """What a list took down. entries: of each of its entries, as in a file, how many workflows, and
    how many records that could not be read. copies: workflows that were taken down for their
    content alone. hints: for entries that match nothing.

    Of a record whose bytes are gone, those entries count that were on the list when it was read.
    """

    entries: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    copies: int = 0
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def none(self) -> list[str]:
        """The entries that match nothing."""
        return sorted(entry for entry, counts in self.entries.items() if not any(counts))

    def lines(self, most: int) -> Iterator[str]:
        """For people, with at most so many entries."""
        matching = {entry: counts for entry, counts in sorted(self.entries.items()) if any(counts)}
        if self.entries:
            yield f"takedown: {len(matching):,} of {len(self.entries):,} entries match something"
        for entry, (workflows, records) in list(matching.items())[:most]:
            found = [counted(workflows, "workflow")] if workflows else []
            found += [f"{counted(records, 'record')} that could not be read"] if records else []
            yield f"  {entry}: {', '.join(found)}"
        if len(matching) > most:
            yield f"  and {len(matching) - most:,} more entries"
        if self.copies:
            yield f"  besides: {counted(self.copies, 'copy')} under other ids"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        entries = [
            {"entry": entry, "workflows": counts[0], "records": counts[1]}
            for entry, counts in sorted(self.entries.items())
        ]
        return {"entries": entries, "copies": self.copies}


def matches_of(takedown: Takedown, reports: Iterable[Mapping[str, Any]]) -> Matches:
    """What a list took down. reports: of all input shards (`etl.build.samples.ShardReport`), as
    JSON.
    """
    if not takedown:
        return Matches()
    workflows, records, copies = Counter[str](), Counter[str](), 0
    for report in reports:
        workflows.update(report["taken_workflows"])
        records.update(report["taken_records"])
        copies += report["copies"]
    lines = takedown.lines(of_list=True)
    return Matches(
        {line: (workflows[_digest(line)], records[_digest(line)]) for line in lines}, copies
    )


def keep_matches(path: AnyPath, takedown: Takedown, matches: Matches) -> None:
    """Note beside the list what it took down."""
    if takedown:
        known = {"matches": matches.entries, "copies": matches.copies, "hints": matches.hints}
        write_json(path, takedown.as_json() | known)


def kept_matches(path: AnyPath) -> Matches:
    """What the list took down when a folder was built last."""
    lists = _kept(path)
    found = {line: (counts[0], counts[1]) for line, counts in lists.get("matches", {}).items()}
    return Matches(found, lists.get("copies", 0), lists.get("hints", {}))


def parse(path: str) -> Takedown:
    """A list from a file: lines ``workflow ID`` or ``domain NAME``; a ``#`` at the beginning or
    after a space begins a remark.

    Raises `ConfigError` with the line that it does not understand.
    """
    found = named(path, "takedown.file", {"workflow": "ID", "domain": "NAME"})
    try:
        return Takedown(found["workflow"], found["domain"])
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
