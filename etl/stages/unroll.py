"""Unroll: make one sample of each step that is trained on, with the steps before it as history.

The history holds each recorded step that the filter left, trained on or not, as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from etl.tally import Tally
from schemas.reasons import OwnReason
from schemas.samples import Sample
from schemas.trail import Mark, Trail
from tokenization.prompt import step_text


@dataclass(frozen=True)
class Unroll:
    """Turns workflows into samples: the last stage."""

    name: ClassVar[str] = "unroll"
    version: ClassVar[int] = 3
    about: ClassVar[str] = "how steps become samples"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    max_history: Annotated[int, "the most steps in the history, the latest; 0 for all"] = 0

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says how long the history is, for the data card."""
        latest = settings["max_history"]
        history = f"the {latest} steps before it" if latest else "all steps before it"
        return f"makes one sample of each step that is trained on, with {history} as text"

    def __call__(self, rows: Iterator[Trail], tally: Tally) -> Iterator[Sample]:
        """Gives a sample of each step that is trained on, and drops the others in the tally."""
        for trail in rows:
            uid, samples = trail.uid, 0
            history: list[str] = []
            answer_before: tuple[str, ...] = ()
            for mark in trail.marks:
                step_id = trail.step_id(mark)
                domain = trail.domains[mark.place]
                answer = (mark.description, mark.step.action.kind, mark.start_tag, mark.step.url)
                if mark.reason:
                    tally.at(mark.stage).drop(
                        "step", step_id, mark.reason, mark.detail, uid, domain[0]
                    )
                else:
                    samples += 1
                    tally.read("sample", step_id, uid, domain[0])
                    latest = tuple(history[-self.max_history :])
                    yield _sample(trail, mark, latest, domain, answer == answer_before)
                history.append(
                    step_text(
                        mark.number,
                        mark.description,
                        mark.step.action.kind,
                        mark.node,
                        mark.start_tag,
                    )
                )
                answer_before = answer
            if not samples:
                tally.drop(
                    "workflow",
                    uid,
                    "no_samples",
                    "none of its steps is trained on",
                    "",
                    trail.domain,
                )


def _sample(
    trail: Trail, mark: Mark, history: tuple[str, ...], domain: tuple[str, ...], repeat: bool
) -> Sample:
    workflow, step = trail.workflow, mark.step
    return Sample(
        sample_id=trail.step_id(mark),
        workflow=trail.uid,
        step=mark.number,
        source=workflow.source,
        origin=workflow.origin,
        workflow_hash=trail.content_hash,
        objective=trail.objective,
        website=workflow.website,
        topic=workflow.topic,
        url=step.url,
        domain=domain[0],
        subdomain=domain[1],
        domain_from=domain[2],
        observation=mark.observation,
        history=history,
        action_kind=step.action.kind,
        action_value=step.action.value,
        description=mark.description,
        node=mark.node,
        target_html=mark.start_tag,
        raw_chars=len(step.html),
        language_score=trail.language_score,
        reward=workflow.reward,
        repeat=repeat,
        workflow_meta=workflow.meta,
        step_meta=step.meta,
        whole=workflow.whole,
    )
