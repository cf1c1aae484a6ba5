"""The ledger of one input shard: everything that was read, and whatever went no further, with a
reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

import orjson

from schemas.ledger import Oddity
from schemas.reasons import Reason
from schemas.trail import Trail
from schemas.workflow import Workflow

Odd = tuple[Oddity, str]
"""Something that was read although it was not as its format has it, and where: a key or the path of
one.
"""

MOST_ODD: Final = 1000  # different ones of a shard that are told apart
OTHERS: Final = "(others)"

Unit = Literal["record", "workflow", "step", "sample"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a shard's ledger: something was read (``reason`` empty), dropped or quarantined.

    recorded: the id that the recording itself gives a step.
    """

    unit: Unit
    id: str
    parent: str = ""
    stage: str = "read"
    reason: Reason | Literal[""] = ""
    detail: str = ""
    domain: str = ""
    recorded: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read: its bytes as they were, and why."""

    id: str
    stage: str
    reason: Reason
    detail: str
    raw: bytes

    def without_content(self, reason: Reason) -> Quarantined:
        """What is kept of it where nothing may be kept but that it was there, and why."""
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
    """The ledger of one shard as seen by one stage. matched: entries of a recipe's lists that named
    something.
    """

    stage: str = "read"
    entries: list[Entry] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    odd: Counter[Odd] = field(default_factory=Counter)
    matched: set[str] = field(default_factory=set)

    def at(self, stage: str) -> Tally:
        """The same ledger, seen by another stage."""
        return Tally(stage, self.entries, self.quarantined, self.odd, self.matched)

    def note(self, odd: Iterable[Odd]) -> None:
        """Count oddities of a record that was read."""
        for kind, where in odd:
            what = kind, where[:200]
            if what not in self.odd and len(self.odd) >= MOST_ODD:
                what = kind, OTHERS
            self.odd[what] += 1

    def read(
        self, unit: Unit, id: str, parent: str = "", domain: str = "", recorded: str = ""
    ) -> None:
        """Enter one thing that was read. parent: the uid of the workflow it belongs to, if any."""
        self.entries.append(Entry(unit, id, parent, domain=domain, recorded=recorded))

    def drop(
        self,
        unit: Unit,
        id: str,
        reason: Reason,
        detail: str = "",
        parent: str = "",
        domain: str = "",
    ) -> None:
        """Something that was read goes no further; it must have been entered with `read`."""
        self.entries.append(Entry(unit, id, parent, self.stage, reason, detail, domain))

    def drop_workflow(self, trail: Trail, reason: Reason, detail: str = "") -> None:
        """A whole workflow goes no further, and its remaining steps with it."""
        uid = trail.uid
        self.drop("workflow", uid, reason, detail, "", trail.domain)
        for mark in trail.marks:
            self.drop(
                "step", trail.step_id(mark), reason, "its workflow was dropped", uid, trail.domain
            )

    def quarantine_workflow(self, trail: Trail, reason: Reason, detail: str) -> None:
        """A workflow that was read cannot be built: dropped, and kept as JSON in our interchange
        format.
        """
        self.drop_workflow(trail, reason, detail)
        raw = orjson.dumps(as_record(trail.workflow))
        self.quarantined.append(Quarantined(trail.uid, self.stage, reason, detail, raw))

    def quarantine(self, id: str, reason: Reason, detail: str, raw: bytes) -> None:
        """One record cannot be read. Enters it, drops it and keeps its bytes; do not call `read`
        for it as well.
        """
        self.entries.append(Entry("record", id))
        self.entries.append(Entry("record", id, "", self.stage, reason, detail))
        self.quarantined.append(Quarantined(id, self.stage, reason, detail, raw))
