"""Takedown: keep listed workflows and domains out of everything that a build writes.

A workflow is taken down for one of three reasons:

- its id is listed (``source:id`` or the recording's own; its repeats, ``id~2``, go too);
- a domain of it is listed; one step on the domain, or the recording's website, is enough, because
  its pages are in the same recording;
- it is the same recording as a workflow that is taken down, under any id.

Only ids are kept of it, in the ledger: its own and those of its steps and records, dropped as
``taken_down`` without domain and detail. So the statistics say how many things were taken down, but
not where. What is published holds only a hash of the list.

A record that could not be read is known by its bytes alone. If its id, detail or bytes name an
entry of the list, or a workflow that was taken down from the same input, it keeps its line in the
quarantine and loses bytes and detail. Bytes are searched as they are, decompressed, and without the
zeros of UTF-16; ids and hosts must stand by themselves (`etl.pages.mentions`). A page of another
workflow that merely links to a listed domain stays. Names of inputs stay, and are published.
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
from schemas.draft import Draft
from schemas.errors import ConfigError
from schemas.reasons import TAKEN_DOWN

COPY: Final = "the same recording as one that is taken down"
SETTING: Final = "takedown"

_AT_MOST: Final = 2**28
"""The most bytes of one decompressed record that are searched."""
_REPEAT: Final = re.compile(r"~\d+$")
_BEFORE: Final = rb"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))"
"""Before an id: no letter or digit that makes it part of a longer one, unless that ends an escape.
"""


@dataclass(frozen=True)
class Takedown:
    """The list of what is taken down.

    Raises:
        ConfigError: a domain is not registrable, or an id is empty.
    """

    # ids of workflows
    workflows: frozenset[str] = field(default_factory=frozenset)
    # registrable domains
    domains: frozenset[str] = field(default_factory=frozenset)
    # content hashes of the workflows that these two take down; found by a build, never given, and
    # used to identify copies under other ids
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
        """Hash of the list, which is published; it shows no name. Empty for an empty list."""
        return _digest("\n".join(sorted(self.lines(of_list=True)))) if self else ""

    @cached_property
    def state(self) -> str:
        """Hash of the list and the contents: all that decides what an input shard loses."""
        return _digest("\n".join(sorted(self.lines(of_list=False)))) if self else ""

    @cached_property
    def entries(self) -> frozenset[str]:
        """One hash for each entry of the list and of the contents.

        Reports name by these hashes the entries that took something down.
        """
        return frozenset(map(_digest, self.lines(of_list=False)))

    def lines(self, of_list: bool) -> Iterator[str]:
        """The entries as lines of a file. of_list: leave the contents out."""
        yield from (f"workflow {name}" for name in self.workflows)
        yield from (f"domain {name}" for name in self.domains)
        if not of_list:
            yield from (f"content {name}" for name in self.contents)

    def with_contents(self, contents: Iterable[str]) -> Self:
        """The same list, with the content hashes of the workflows that it takes down."""
        return replace(self, contents=frozenset(contents))

    def names(self, uid: str) -> bool:
        """Whether a workflow is listed by its id."""
        return not self.workflows.isdisjoint(_ids(uid))

    def listed(self, draft: Draft) -> frozenset[str]:
        """The hashes of the entries that take a workflow down; empty if none does."""
        return names_of(draft) & self.entries

    def copied(self, draft: Draft) -> frozenset[str]:
        """The hash of the content that takes a workflow down; empty if it is not a copy."""
        if draft.content_hash not in self.contents:
            return _NONE
        return frozenset({_digest(f"content {draft.content_hash}")})

    def in_record(self, *texts: str | bytes, ids: Iterable[str] = ()) -> frozenset[str]:
        """The hashes of the entries that a record's texts and bytes name.

        ids: of workflows that are also searched for.
        """
        if not self:
            return _NONE
        workflows = {*self.workflows, *ids}
        entries = set()
        for raw in {form for text in texts for form in _forms(text)}:
            text = raw.decode("utf-8", "replace")
            entries |= {f"domain {name}" for name in mentioned(text, self.domains)}
            entries |= {f"workflow {name}" for name in workflows if _stands_in(name, raw)}
        return frozenset(map(_digest, entries))

    def as_json(self) -> dict[str, list[str]]:
        """The list as the work folder keeps it."""
        return {"workflows": sorted(self.workflows), "domains": sorted(self.domains)}


NOTHING: Final = Takedown()
"""An empty list."""

_NONE: Final[frozenset[str]] = frozenset()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _registrable(domain: str) -> str:
    """The registrable domain of a host or URL; empty for an empty text."""
    if not domain.strip():
        return ""
    return domain_of(domain if "://" in domain else f"https://{domain}/", "").domain


def _ids(uid: str) -> set[str]:
    """The ids by which a list may name a workflow.

    With or without its source, and with or without the number of a repeat.
    """
    ids = set()
    for id in (uid, _REPEAT.sub("", uid)):
        ids |= {id, id.partition(":")[2]}
    return ids - {""}


def names_of(draft: Draft) -> frozenset[str]:
    """One hash for each entry that would take a workflow down, as in `Takedown.entries`."""
    entries = {f"workflow {id}" for id in _ids(draft.uid)}
    entries |= {f"domain {name}" for name in domains_of(draft)}
    return frozenset(map(_digest, entries))


def domains_of(draft: Draft) -> frozenset[str]:
    """The domains of a workflow: those of its steps and of its website."""
    domains = {domain[0] for domain in draft.domains}
    if website := draft.workflow.website.strip().lower():
        domains |= {website, _registrable(website)}
    return frozenset(domains - {UNKNOWN})


def _forms(text: str | bytes) -> Iterator[bytes]:
    """The forms in which a text or bytes are searched.

    As they are, decompressed, and each of these without the zeros of UTF-16.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    forms = [raw, *_decompressed(raw)]
    yield from forms
    yield from (form.replace(b"\0", b"") for form in forms if b"\0" in form)


def _decompressed(raw: bytes) -> Iterator[bytes]:
    """The content of gzip or zstd bytes, as far as they can be read; nothing for other bytes."""
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
    """Whether bytes name an id, by itself and not within a longer word.

    The id is looked for with and without its source, plain and as JSON writes it.
    """
    names = {id, id.partition(":")[2]} - {""}
    forms = set(names)
    for name in names:
        forms |= {json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
    for form in forms:
        raw = form.encode("utf-8", "surrogatepass")
        if raw in text and re.search(_BEFORE + re.escape(raw) + rb"(?![0-9A-Za-z])", text):
            return True
    return False


def differs(
    takedown: Takedown, by: Iterable[str], seen: tuple[Iterable[str], Iterable[str]],
    ledger: pl.DataFrame,
    quarantine: Iterable[tuple[Any, ...]],
) -> bool:  # fmt: skip
    """Whether this list would change a bundle that was built under another list.

    by: the hashes of the entries that took something down from it.
    seen: the contents and the domains of the workflows that were not taken down.
    ledger: its ledger.
    quarantine: texts and bytes of each quarantined record that still has them.
    """
    if not takedown.entries.issuperset(by):
        return True
    contents, domains = seen
    if not (takedown.contents.isdisjoint(contents) and takedown.domains.isdisjoint(domains)):
        return True
    workflows = ledger.filter(pl.col("unit") == "workflow")
    taken = workflows.filter(pl.col("reason") == TAKEN_DOWN)
    others = workflows.join(taken, on=["shard", "id"], how="anti")
    if any(takedown.names(uid) for uid in others["id"].unique()):
        return True
    return any(takedown.in_record(*texts) for texts in quarantine)


def keep(path: AnyPath, takedown: Takedown) -> None:
    """Write the list for later commands that read the build; an empty one leaves no file."""
    if not takedown:
        storage.remove(path)
    elif kept(path) != takedown:
        write_json(path, takedown.as_json())


def kept(path: AnyPath) -> Takedown:
    """The list under which a folder was last built; empty if there is no file."""
    lists = _kept(path)
    return Takedown(frozenset(lists["workflows"]), frozenset(lists["domains"]))


def _kept(path: AnyPath) -> dict[str, Any]:
    return read_json(path) if storage.exists(path) else {"workflows": (), "domains": ()}


@dataclass(frozen=True)
class Matches:
    """What a list took down.

    A record whose bytes are gone counts for the entries that were on the list when it was read.
    """

    # by entry, as a line of a file: the number of workflows, and of records that could not be read
    entries: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    # the number of workflows that were taken down for their content alone
    copies: int = 0
    # by entry that matches nothing: what may be meant
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def none(self) -> list[str]:
        """The entries that match nothing."""
        return sorted(entry for entry, counts in self.entries.items() if not any(counts))

    def lines(self, most: int) -> Iterator[str]:
        """Lines for people. most: the most entries that are listed."""
        matching = {entry: counts for entry, counts in sorted(self.entries.items()) if any(counts)}
        if self.entries:
            yield f"takedown: {len(matching):,} of {len(self.entries):,} entries match something"
        for entry, (workflows, records) in list(matching.items())[:most]:
            parts = []
            if workflows:
                parts.append(counted(workflows, "workflow"))
            if records:
                parts.append(f"{counted(records, 'record')} that could not be read")
            yield f"  {entry}: {', '.join(parts)}"
        if len(matching) > most:
            yield f"  and {len(matching) - most:,} more entries"
        if self.copies:
            yield f"  also {counted(self.copies, 'copy')} under other ids"

    def as_json(self) -> dict[str, Any]:
        """The same for programs, without hints."""
        entries = [
            {"entry": entry, "workflows": counts[0], "records": counts[1]}
            for entry, counts in sorted(self.entries.items())
        ]
        return {"entries": entries, "copies": self.copies}


def matches_of(takedown: Takedown, reports: Iterable[Mapping[str, Any]]) -> Matches:
    """What a list took down, from the reports of all input shards.

    reports: `etl.build.samples.ShardReport` as JSON.
    """
    if not takedown:
        return Matches()
    workflows, records, copies = Counter[str](), Counter[str](), 0
    for report in reports:
        workflows.update(report["taken_workflows"])
        records.update(report["taken_records"])
        copies += report["copies"]
    entries = {}
    for line in takedown.lines(of_list=True):
        entry = _digest(line)
        entries[line] = (workflows[entry], records[entry])
    return Matches(entries, copies)


def keep_matches(path: AnyPath, takedown: Takedown, matches: Matches) -> None:
    """Write into the list's file what it took down; an empty list has no file."""
    if takedown:
        effect = {"matches": matches.entries, "copies": matches.copies, "hints": matches.hints}
        write_json(path, takedown.as_json() | effect)


def kept_matches(path: AnyPath) -> Matches:
    """What the list took down when a folder was last built."""
    lists = _kept(path)
    entries = {line: (counts[0], counts[1]) for line, counts in lists.get("matches", {}).items()}
    return Matches(entries, lists.get("copies", 0), lists.get("hints", {}))


def parse(path: str) -> Takedown:
    """Read a list from a file with lines ``workflow ID`` or ``domain NAME``.

    A ``#`` at the beginning of a line or after a space begins a comment.

    Raises:
        ConfigError: the file cannot be read, or a line is not an entry; it names the line.
    """
    entries = named(path, "takedown.file", {"workflow": "ID", "domain": "NAME"})
    try:
        return Takedown(entries["workflow"], entries["domain"])
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
