"""The ledger of one input shard: everything that was read, and every drop with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

import orjson

from schemas.draft import Draft
from schemas.findings import Finding, Replacement
from schemas.ledger import Oddity
from schemas.reasons import Reason
from schemas.workflow import Workflow

Odd = tuple[Oddity, str]
"""An oddity of a record that was read, and its place: a key or the path to one."""

MOST_ODD: Final = 1000
"""Most different oddities that are counted apart in one shard; more are counted as `OTHERS`."""
OTHERS: Final = "(others)"

Unit = Literal["record", "workflow", "step", "sample"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a shard's ledger: something was read, dropped or quarantined."""

    unit: Unit
    # unique within its shard and unit
    id: str
    # uid of the workflow it belongs to; empty for a workflow, or if it is not known
    parent: str = ""
    # the stage that made the entry
    stage: str = "read"
    # why it was dropped or quarantined; empty: it was read
    reason: Reason | Literal[""] = ""
    # what is wrong in this one case
    detail: str = ""
    domain: str = ""
    # the id that the recording gives a step
    recorded: str = ""
    # characters: of a step that was read, of its page; of a sample, of its observation as pruned
    chars: int = 0
    # characters of the observation in the sample
    final_chars: int = 0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read, or a workflow that could not be built."""

    id: str
    # the stage that gave it up
    stage: str
    reason: Reason
    # what is wrong in this one case
    detail: str
    # its bytes as they were; a workflow as JSON
    raw: bytes

    def without_content(self, reason: Reason) -> Quarantined:
        """The same without detail and bytes: only that it was there, and the reason."""
        return replace(self, reason=reason, detail="", raw=b"")


def as_record(workflow: Workflow) -> dict[str, Any]:
    """A workflow in our interchange format (`schemas.workflow`)."""
    record = asdict(workflow)
    del record["source"], record["origin"], record["whole"]
    for step in record["steps"]:
        del step["gap"]
        if not step["number"]:
            del step["number"]
    return record


@dataclass(slots=True)
class Tally:
    """The ledger of one shard, as one stage writes it."""

    # name of the stage
    stage: str = "read"
    entries: list[Entry] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    # how often each oddity was met
    odd: Counter[Odd] = field(default_factory=Counter)
    # entries of a recipe's lists that named something
    matched: set[str] = field(default_factory=set)
    # where recordings contradict themselves
    findings: list[Finding] = field(default_factory=list)
    # how many private values were replaced, by what `Replacement` has before the number
    replaced: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    # ids of the workflows in which they were, or in which there were none
    settled: set[str] = field(default_factory=set)

    def at(self, stage: str) -> Tally:
        """The same ledger for another stage."""
        return Tally(
            stage,
            self.entries,
            self.quarantined,
            self.odd,
            self.matched,
            self.findings,
            self.replaced,
            self.settled,
        )

    @property
    def replacements(self) -> list[Replacement]:
        """How often private values were replaced, in the order of what they were replaced in."""
        return [Replacement(*key, times) for key, times in sorted(self.replaced.items())]

    def note(self, odd: Iterable[Odd]) -> None:
        """Count oddities of a record that was read."""
        for kind, place in odd:
            oddity = kind, place[:200]
            if oddity not in self.odd and len(self.odd) >= MOST_ODD:
                oddity = kind, OTHERS
            self.odd[oddity] += 1

    def read(
        self,
        unit: Unit,
        id: str,
        parent: str = "",
        domain: str = "",
        recorded: str = "",
        chars: int = 0,
        final_chars: int = 0,
    ) -> None:
        """Enter one thing that was read.

        parent: uid of the workflow it belongs to, if any. recorded: the recording's id of a step.
        chars, final_chars: as in the ledger (`schemas.ledger`).
        """
        self.entries.append(
            Entry(
                unit,
                id,
                parent,
                domain=domain,
                recorded=recorded,
                chars=chars,
                final_chars=final_chars,
            )
        )

    def drop(
        self,
        unit: Unit,
        id: str,
        reason: Reason,
        detail: str = "",
        parent: str = "",
        domain: str = "",
    ) -> None:
        """Drop something that `read` has entered."""
        self.entries.append(Entry(unit, id, parent, self.stage, reason, detail, domain))

    def drop_workflow(self, draft: Draft, reason: Reason, detail: str = "") -> None:
        """Drop a whole workflow with its remaining steps."""
        uid = draft.uid
        self.drop("workflow", uid, reason, detail, "", draft.domain)
        for step_draft in draft.steps:
            self.drop(
                "step",
                draft.step_id(step_draft),
                reason,
                "its workflow was dropped",
                uid,
                draft.domain,
            )

    def quarantine_workflow(self, draft: Draft, reason: Reason, detail: str) -> None:
        """Drop a workflow that cannot be built, and keep it as JSON in our interchange format."""
        self.drop_workflow(draft, reason, detail)
        raw = orjson.dumps(as_record(draft.workflow))
        self.quarantined.append(Quarantined(draft.uid, self.stage, reason, detail, raw))

    def quarantine(self, id: str, reason: Reason, detail: str, raw: bytes) -> None:
        """Enter and drop a record that cannot be read, and keep its bytes.

        Do not call `read` for it too.
        """
        self.entries.append(Entry("record", id))
        self.entries.append(Entry("record", id, "", self.stage, reason, detail))
        self.quarantined.append(Quarantined(id, self.stage, reason, detail, raw))
