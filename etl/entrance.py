"""The entrance of phase 1: workflows as they are read are entered in the ledger, and go on to the stages or do not.

Out stay, each with its reason, what is taken down, what came before in the same input, what is refused (it killed its
worker or took too long), and what has a page over the limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from etl.domains import domain_of
from etl.failures import Refused, known_as
from etl.fingerprint import content_hash, utf8
from etl.takedown import COPY, REASON, Takedown, domains_of, names_of
from etl.tally import Entry, Tally
from schemas.trail import Mark, Trail
from schemas.workflow import Workflow


@dataclass(slots=True)
class Met:
    """The workflows of an input shard by content and domain, and what the takedown list did (`etl.reports`).

    taken_workflows, taken_records: how many were taken down, by hash of each name by which they could be listed, and of
    each entry that they name. copies: taken down by their content alone.
    """

    contents: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    by: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)  # of what was taken down
    taken_workflows: Counter[str] = field(default_factory=Counter)
    taken_records: Counter[str] = field(default_factory=Counter)
    copies: int = 0

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
        else:
            self.copies += 1
        self.taken_workflows.update(names_of(trail))
        self.by |= by
        self.ids.add(trail.workflow.uid)
        for position, entry in enumerate(tally.entries[start:], start):
            if trail.uid in {entry.parent, entry.id}:
                tally.entries[position] = replace(entry, domain="", detail="", recorded="")
        trail.domain = ""
        tally.drop_workflow(trail, REASON, "" if listed else COPY)
        return True

    def strip(self, tally: Tally, takedown: Takedown) -> None:
        """Take the bytes and details of quarantined records that name something taken down."""
        stripped: set[str] = set()
        for position, record in enumerate(tally.quarantined):
            if named := takedown.in_record(record.id, record.detail, record.raw, ids=self.ids):
                self.by |= named & takedown.entries
                self.taken_records.update(named & takedown.entries)
                stripped.add(record.id)
                tally.quarantined[position] = record.without_content(REASON)
        if stripped:
            tally.entries[:] = [replace(e, detail="") if e.reason and e.id in stripped else e for e in tally.entries]


@dataclass
class Entrance:
    """Of one input shard. tally: its ledger as seen by reading. refused: by name. page_chars: the limit of a page."""

    tally: Tally
    met: Met
    takedown: Takedown
    refused: Mapping[str, Refused]
    page_chars: int
    seen: dict[str, str] = field(default_factory=dict)

    def admit(self, workflow: Workflow, start: int) -> Trail | None:
        """The trail of a workflow that goes on. start: line of the ledger from which on its records are entered."""
        known = self.seen.get(workflow.uid, "")
        trail = enter(workflow, self.tally, self.seen)
        if trail.uid != workflow.uid:
            _reparent(self.tally.entries, start, workflow.uid, trail.uid)
        if self.met.taken_down(trail, self.takedown, self.tally, start):
            return None
        if known == trail.content_hash:
            self.tally.drop_workflow(trail, "duplicate_workflow", "the same recording came before in this file")
        elif known:
            detail = "a workflow with the same id and other content came before in this file"
            self.tally.quarantine_workflow(trail, "conflicting_id", detail)
        elif (refusal := self.refused.get(known_as(trail.uid))) is not None:
            self.tally.quarantine_workflow(trail, refusal.reason, refusal.detail)
        elif (large := self._too_large(trail)) is not None:
            self.tally.quarantine_workflow(trail, "page_too_large", large)
        else:
            return trail
        return None

    def _too_large(self, trail: Trail) -> str | None:
        """Which page is over the limit, if one is."""
        for mark in trail.marks:
            if len(mark.step.html) > self.page_chars:
                return f"step {mark.number}: a page of {len(mark.step.html):,} characters, at most {self.page_chars:,}"
        return None


def enter(workflow: Workflow, tally: Tally, seen: dict[str, str]) -> Trail:
    """Enter a workflow and its steps in the ledger, with their domains.

    seen: content hash by uid of the shard's earlier workflows. One whose id came before gets an id of its own in the
    ledger (``uid~2``), so that every line of the ledger is about one thing; it stands there with an empty hash.
    """
    pages = [utf8(step.html) for step in workflow.steps]
    marks = _marks(workflow, pages)
    domains = [domain_of(step.url, workflow.website) for step in workflow.steps]
    hashed = content_hash(workflow, pages)
    trail = Trail(workflow, marks, hashed, " ".join(workflow.objective.split()), workflow.uid)
    while trail.uid in seen:
        repeat = int(trail.uid.removeprefix(workflow.uid).removeprefix("~") or 1)
        trail.uid = f"{workflow.uid}~{repeat + 1}"
    seen[trail.uid] = trail.content_hash if trail.uid == workflow.uid else ""
    trail.domains = [tuple(domain) for domain in domains]
    trail.domain = next((d.domain for d in domains if d.domain_from != "none"), "unknown")
    tally.read("workflow", trail.uid, "", trail.domain)
    for mark, domain in zip(marks, domains, strict=True):
        tally.read("step", trail.step_id(mark), trail.uid, domain.domain, mark.step.step_id)
    return trail


def _marks(workflow: Workflow, pages: Sequence[bytes]) -> list[Mark]:
    """The steps by the numbers they were recorded with, or else by their places."""
    marks: list[Mark] = []
    for place, (step, page) in enumerate(zip(workflow.steps, pages, strict=True)):
        number = step.number or place + 1
        repeat = marks[-1].repeat + 1 if marks and marks[-1].number == number else 0
        marks.append(Mark(number, step, page, repeat=repeat, place=place))
    return marks


def _reparent(entries: list[Entry], start: int, old: str, new: str) -> None:
    """Records of a workflow whose id came before belong to the id that it has in the ledger."""
    for position in range(start, len(entries)):
        if entries[position].unit == "record" and entries[position].parent == old:
            entries[position] = replace(entries[position], parent=new)
