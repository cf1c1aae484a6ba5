"""The entrance of phase 1: enters each workflow in the ledger, and admits it to the stages or not.

Four kinds of workflow stay out, each with its reason: those taken down, those that came before in
the same input, those refused (they killed their worker or took too long), and those with a page
over the limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from etl.build.pools.failures import Refused, known_as
from etl.decisions.takedown import COPY, Takedown, domains_of, names_of
from etl.stages.enter import enter
from etl.tally import Entry, Tally
from schemas.draft import Draft
from schemas.reasons import TAKEN_DOWN
from schemas.workflow import Workflow


@dataclass(slots=True)
class Met:
    """The workflows of an input shard by content and domain, and what the takedown list did.

    `etl.build.samples` writes all but ``ids`` into the report of its bundle.
    """

    # content hashes of the workflows that stay
    contents: set[str] = field(default_factory=set)
    # domains of the workflows that stay
    domains: set[str] = field(default_factory=set)
    # content hashes of the workflows that the list names
    removed: set[str] = field(default_factory=set)
    # hashes of the list's entries that took effect
    by: set[str] = field(default_factory=set)
    # ids of the workflows taken down
    ids: set[str] = field(default_factory=set)
    # the number of workflows taken down, by hash of each name by which they could be listed
    taken_workflows: Counter[str] = field(default_factory=Counter)
    # the number of records stripped, by hash of each entry that they name
    taken_records: Counter[str] = field(default_factory=Counter)
    # the number of workflows taken down by their content alone
    copies: int = 0

    def add(self, other: Met) -> None:
        """Take in those of another input shard, without ``ids``."""
        self.contents |= other.contents
        self.domains |= other.domains
        self.removed |= other.removed
        self.by |= other.by
        if other.taken_workflows or other.taken_records:  # of most files nothing is taken down
            self.taken_workflows.update(other.taken_workflows)
            self.taken_records.update(other.taken_records)
        self.copies += other.copies

    def taken_down(self, draft: Draft, takedown: Takedown, tally: Tally, start: int) -> bool:
        """Drop a workflow if the list takes it down; returns whether it does.

        Its lines of the ledger, from ``start`` on, keep only their ids.
        """
        listed = takedown.listed(draft)
        by = listed or takedown.copied(draft)
        if not by:
            self.contents.add(draft.content_hash)
            self.domains |= domains_of(draft)
            return False
        if listed:
            self.removed.add(draft.content_hash)
        else:
            self.copies += 1
        self.taken_workflows.update(names_of(draft))
        self.by |= by
        self.ids.add(draft.workflow.uid)
        for position, entry in enumerate(tally.entries[start:], start):
            if draft.uid in {entry.parent, entry.id}:
                tally.entries[position] = replace(entry, domain="", detail="", recorded="", chars=0)
        draft.domain = ""
        tally.drop_workflow(draft, TAKEN_DOWN, "" if listed else COPY)
        return True

    def strip(self, tally: Tally, takedown: Takedown) -> None:
        """Remove the bytes and details of quarantined records that name something taken down."""
        stripped: set[str] = set()
        for position, record in enumerate(tally.quarantined):
            if named := takedown.in_record(record.id, record.detail, record.raw, ids=self.ids):
                self.by |= named & takedown.entries
                self.taken_records.update(named & takedown.entries)
                stripped.add(record.id)
                tally.quarantined[position] = record.without_content(TAKEN_DOWN)
        if stripped:
            for position, entry in enumerate(tally.entries):
                if entry.reason and entry.id in stripped:
                    tally.entries[position] = replace(entry, detail="")


@dataclass
class Entrance:
    """The entrance of one input shard."""

    # the shard's ledger, at the stage that reads
    tally: Tally
    met: Met
    takedown: Takedown
    # what is not tried again, by its name (`etl.build.pools.failures`)
    refused: Mapping[str, Refused]
    # the most characters that a page may have
    page_chars: int
    # the content hash of each workflow so far, by id
    seen: dict[str, str] = field(default_factory=dict)

    def admit(self, workflow: Workflow, start: int) -> Draft | None:
        """The draft of a workflow that goes on to the stages; None for one that stays out.

        start: the position in the ledger of the first of its records.
        """
        earlier = self.seen.get(workflow.uid, "")
        draft = enter(workflow, self.tally, self.seen)
        if draft.uid != workflow.uid:
            _reparent(self.tally.entries, start, workflow.uid, draft.uid)
        if self.met.taken_down(draft, self.takedown, self.tally, start):
            return None
        if earlier == draft.content_hash:
            self.tally.drop_workflow(
                draft, "duplicate_workflow", "the same recording came before in this file"
            )
        elif earlier:
            detail = "a workflow with the same id and other content came before in this file"
            self.tally.quarantine_workflow(draft, "conflicting_id", detail)
        elif (refusal := self.refused.get(known_as(draft.uid))) is not None:
            self.tally.quarantine_workflow(draft, refusal.reason, refusal.detail)
        elif (large := too_large(draft, self.page_chars)) is not None:
            self.tally.quarantine_workflow(draft, "page_too_large", large)
        else:
            return draft
        return None


def too_large(draft: Draft, page_chars: int) -> str | None:
    """A line about the first page over the limit; None if all are within it."""
    for step_draft in draft.steps:
        step = step_draft.step
        if max(step.size, len(step.axtree)) <= page_chars:
            continue
        if (size := max(step.characters, len(step.axtree))) > page_chars:
            return (
                f"step {step_draft.number}: a page of {size:,} characters, at most {page_chars:,}"
            )
    return None


def _reparent(entries: list[Entry], start: int, old: str, new: str) -> None:
    """Give the records of a workflow whose id came before the id it has in the ledger."""
    for position in range(start, len(entries)):
        if entries[position].unit == "record" and entries[position].parent == old:
            entries[position] = replace(entries[position], parent=new)
