"""A workflow on its way through the stages (`Draft`), and its steps (`StepDraft`).

Stages fill in what they find out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from schemas.reasons import Reason
from schemas.utf8 import held, held_text, opened
from schemas.workflow import ObservationKind, Step, Workflow

OF_ACTION: Final = frozenset({"unknown_action", "unreadable_action", "incomplete_action"})
"""Reasons that lie in the action itself. No later reason about its element replaces them."""


@dataclass
class StepDraft:
    """A step and what the stages found out about it."""

    # number within the workflow, from 1: as recorded, where steps are numbered, else counting every
    # recorded step
    number: int
    step: Step
    # the stage that gave the reason
    stage: str = ""
    # why the step is not trained on, though it stays in the history; empty: it is trained on
    reason: Reason | Literal[""] = ""
    # what is wrong with this step
    detail: str = ""
    # index of the target in document order, from 0; -1 until it is located
    element: int = -1
    # our id of the target, its index counted from the end; -1 until it is located
    node: int = -1
    # id of the target in a text observation, as it stands there; empty for a page
    ref: str = ""
    # of the target, as it stands in the observation
    start_tag: str = ""
    # the pruned page, or the page as text (`schemas.utf8`)
    observation: str = ""
    # the observation is a text made of the page, a line an element
    lines: bool = False
    # tokens of that text and what was taken from it, as JSON; empty: nothing was measured
    fitted: str = ""
    # characters of the observation as pruning left it; -1: no later stage may rewrite it
    pruned: int = -1
    # the page as the stages before pruning changed it; empty: as it was recorded (`schemas.utf8`)
    cleaned: str = ""
    # what the step does, in words
    description: str = ""
    # index of the element on which a drag ends, in document order; -1 until it is located
    destination: int = -1
    # the number of steps before it with the same number
    repeat: int = 0
    # among the recorded steps, from 0
    place: int = 0

    @property
    def page(self) -> str | bytes:
        """The page as it is pruned, a text or its UTF-8; made anew if it is compressed."""
        cleaned = opened(held(self, "cleaned"))
        return cleaned or self.step.page

    @property
    def observed(self) -> ObservationKind:
        """The kind of its observation, once the filter has chosen one."""
        return "axtree" if self.step.axtree and not self.step.has_page else "html"

    @property
    def shown(self) -> ObservationKind:
        """The kind of its observation as a model sees it."""
        return "lines" if self.lines else self.observed

    def drop(self, stage: str, reason: Reason, detail: str = "", override: bool = False) -> None:
        """Take the step out of training; it stays in the history.

        The first reason counts, unless a later one says more (``override``). A recipe's exclusion
        and a reason that lies in the action are never overridden.
        """
        settled = self.reason in OF_ACTION or self.reason.startswith("excluded_")
        if not self.reason or (override and not settled):
            self.stage, self.reason, self.detail = stage, reason, detail


held_text(StepDraft, "observation")
held_text(StepDraft, "cleaned")


@dataclass(slots=True)
class Draft:
    """A workflow and what the stages found out about its steps."""

    workflow: Workflow
    steps: list[StepDraft]
    # hash of the recording's content without its ids
    content_hash: str
    # the recorded one, or the one that an augmentation put in its place
    objective: str
    # the workflow's uid, or one of its own if another workflow has that
    uid: str
    # the workflow's, from its first page that has one
    domain: str = "unknown"
    # probability that the objective is English, 0 to 1; -1 until it is scored
    language_score: float = -1.0
    # (domain, subdomain, domain_from) of each recorded step
    domains: list[tuple[str, ...]] = field(default_factory=list)

    def step_id(self, step_draft: StepDraft) -> str:
        """The id of a step, and of the sample made of it."""
        return f"{self.uid}/{step_draft.number}" + (
            f"~{step_draft.repeat + 1}" if step_draft.repeat else ""
        )
