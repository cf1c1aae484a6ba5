"""A workflow on its way through the stages: `Trail`, and its steps with what has been found out
about them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from schemas.reasons import Reason
from schemas.workflow import Step, Workflow

OF_ACTION: Final = frozenset({"unknown_action", "unreadable_action", "incomplete_action"})
"""Reasons that lie in the action itself: nothing that is found out about its element says more."""


@dataclass(slots=True)
class Mark:
    """A step and what the stages found out about it.

    number: within the workflow, from 1: as recorded, where steps are numbered, else counting every
    recorded step. repeat: how many steps before it have the same number. place: among the recorded
    steps, from 0. utf8: of the recorded page. reason: why it is not trained on (empty: it is),
    found by ``stage``; it stays in the history all the same. element: the target's index in
    document order. node: our id of it, counted from the end. start_tag: as it stands in the
    observation. destination: index of the element that a drag ends on. All are -1 or empty until
    set.
    """

    number: int
    step: Step
    utf8: bytes | None = None
    stage: str = ""
    reason: Reason | Literal[""] = ""
    detail: str = ""
    element: int = -1
    node: int = -1
    start_tag: str = ""
    observation: str = ""
    description: str = ""
    destination: int = -1
    repeat: int = 0
    place: int = 0

    def drop(self, stage: str, reason: Reason, detail: str = "", override: bool = False) -> None:
        """Not trained on; the first reason counts, unless a later one says more (``override``).
        What a recipe excludes is excluded, whatever else is wrong with it.
        """
        settled = self.reason in OF_ACTION or self.reason.startswith("excluded_")
        if not self.reason or (override and not settled):
            self.stage, self.reason, self.detail = stage, reason, detail


@dataclass(slots=True)
class Trail:
    """A workflow and the marks of its steps;
    domain and the rest are worked out when it is entered.
    """

    workflow: Workflow
    marks: list[Mark]
    content_hash: str
    objective: str
    uid: str  # the workflow's, or one of its own if that came before
    domain: str = "unknown"
    language_score: float = -1.0
    domains: list[tuple[str, ...]] = field(
        default_factory=list
    )  # (domain, subdomain, domain_from) a recorded step

    def step_id(self, mark: Mark) -> str:
        """The id of a step, and of the sample made of it."""
        return f"{self.uid}/{mark.number}" + (f"~{mark.repeat + 1}" if mark.repeat else "")
