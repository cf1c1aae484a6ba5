"""The entrance of phase 1: workflows as they are read are entered in the ledger, and go on to the
stages or do not.

Out stay, each with its reason, what is taken down, what came before in the same input, what is
refused (it killed its worker or took too long), and what has a page over the limit.
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
    """The workflows of an input shard by content and domain, and what the takedown list did
    (`etl.build.samples`).

    taken_workflows, taken_records: how many were taken down, by hash of each name by which they
    could be listed, and of each entry that they name. copies: taken down by their content alone.
    """

    contents: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    by: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)  # of what was taken down
    taken_workflows: Counter[str] = field(default_factory=Counter)
    taken_records: Counter[str] = field(default_factory=Counter)
    copies: int = 0

    def taken_down(self, draft: Draft, takedown: Takedown, tally: Tally, start: int) -> bool:
        """Whether a workflow is taken down; if so it is dropped, and its lines from ``start`` on
        say but ids.
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
                tally.entries[position] = replace(entry, domain="", detail="", recorded="")
        draft.domain = ""
        tally.drop_workflow(draft, TAKEN_DOWN, "" if listed else COPY)
        return True

    def strip(self, tally: Tally, takedown: Takedown) -> None:
        """Take the bytes and details of quarantined records that name something taken down."""
        stripped: set[str] = set()
        for position, record in enumerate(tally.quarantined):
            if named := takedown.in_record(record.id, record.detail, record.raw, ids=self.ids):
                self.by |= named & takedown.entries
                self.taken_records.update(named & takedown.entries)
                stripped.add(record.id)
                tally.quarantined[position] = record.without_content(TAKEN_DOWN)
        if stripped:
            tally.entries[:] = [
                replace(e, detail="") if e.reason and e.id in stripped else e for e in tally.entries
            ]


@dataclass
class Entrance:
    """Of one input shard. tally: its ledger as seen by reading. refused: by name. page_chars: the
    limit of a page.
    """

    tally: Tally
    met: Met
    takedown: Takedown
    refused: Mapping[str, Refused]
    page_chars: int
    seen: dict[str, str] = field(default_factory=dict)

    def admit(self, workflow: Workflow, start: int) -> Draft | None:
        """The draft of a workflow that goes on. start: line of the ledger from which on its records
        are entered.
        """
        known = self.seen.get(workflow.uid, "")
        draft = enter(workflow, self.tally, self.seen)
        if draft.uid != workflow.uid:
            _reparent(self.tally.entries, start, workflow.uid, draft.uid)
        if self.met.taken_down(draft, self.takedown, self.tally, start):
            return None
        if known == draft.content_hash:
            self.tally.drop_workflow(
                draft, "duplicate_workflow", "the same recording came before in this file"
            )
        elif known:
            detail = "a workflow with the same id and other content came before in this file"
            self.tally.quarantine_workflow(draft, "conflicting_id", detail)
        elif (refusal := self.refused.get(known_as(draft.uid))) is not None:
            self.tally.quarantine_workflow(draft, refusal.reason, refusal.detail)
        elif (large := self._too_large(draft)) is not None:
            self.tally.quarantine_workflow(draft, "page_too_large", large)
        else:
            return draft
        return None

    def _too_large(self, draft: Draft) -> str | None:
        """Which page is over the limit, if one is."""
        for step_draft in draft.steps:
            size = len(step_draft.step.html)
            if size > self.page_chars:
                return (
                    f"step {step_draft.number}: a page of {size:,} characters, at most "
                    f"{self.page_chars:,}"
                )
        return None


def _reparent(entries: list[Entry], start: int, old: str, new: str) -> None:
    """Records of a workflow whose id came before belong to the id that it has in the ledger."""
    for position in range(start, len(entries)):
        if entries[position].unit == "record" and entries[position].parent == old:
            entries[position] = replace(entries[position], parent=new)
