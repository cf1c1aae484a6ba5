"""Unroll: make one sample of each step that is trained on, with the steps before it as history.

The history holds each recorded step that the filter left, trained on or not, as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from etl.stages.outcome import failed, loops
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.reasons import OwnReason
from schemas.samples import Sample
from schemas.utf8 import held
from schemas.workflow import target_id
from tokenization.prompt import step_text


@dataclass(frozen=True)
class Unroll:
    """Turns workflows into samples: the last stage."""

    name: ClassVar[str] = "unroll"
    version: ClassVar[int] = 5
    about: ClassVar[str] = "how steps become samples"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    max_history: Annotated[int, "the most steps in the history, the latest; 0 for all"] = 0

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says how long the history is, for the data card."""
        latest = settings["max_history"]
        history = f"the {latest} steps before it" if latest else "all steps before it"
        return f"makes one sample of each step that is trained on, with {history} as text"

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Sample]:
        """Gives a sample of each step that is trained on, and drops the others in the tally."""
        for draft in rows:
            uid, samples = draft.uid, 0
            for step_draft, sample in self.steps(draft):
                step_id = draft.step_id(step_draft)
                domain = draft.domains[step_draft.place]
                if step_draft.reason:
                    tally.at(step_draft.stage).drop(
                        "step", step_id, step_draft.reason, step_draft.detail, uid, domain[0]
                    )
                    continue
                samples += 1
                chars = sample.characters
                pruned = chars if step_draft.pruned < 0 else step_draft.pruned
                tally.read("sample", step_id, uid, domain[0], "", pruned, chars)
                yield sample
            if not samples:
                tally.drop(
                    "workflow",
                    uid,
                    "no_samples",
                    "none of its steps is trained on",
                    "",
                    draft.domain,
                )

    def steps(self, draft: Draft) -> Iterator[tuple[StepDraft, Sample]]:
        """Each step, trained on or not, with the sample that it is; evaluation asks others too."""
        outcome = failed(draft.workflow), loops(draft.workflow)
        history: list[str] = []
        answer_before: tuple[str, ...] = ()
        for step_draft in draft.steps:
            domain = draft.domains[step_draft.place]
            answer = (
                step_draft.description,
                step_draft.step.action.kind,
                step_draft.start_tag,
                step_draft.step.url,
            )
            latest = tuple(history[-self.max_history :])
            repeat = answer == answer_before
            yield step_draft, _sample(draft, step_draft, latest, domain, repeat, outcome)
            history.append(
                step_text(
                    step_draft.number,
                    step_draft.description,
                    step_draft.step.action.kind,
                    target_id(step_draft.node, step_draft.ref),
                    step_draft.start_tag,
                )
            )
            answer_before = answer


def _sample(
    draft: Draft,
    step_draft: StepDraft,
    history: tuple[str, ...],
    domain: tuple[str, ...],
    repeat: bool,
    outcome: tuple[int, int],
) -> Sample:
    workflow, step = draft.workflow, step_draft.step
    return Sample(
        sample_id=draft.step_id(step_draft),
        workflow=draft.uid,
        step=step_draft.number,
        source=workflow.source,
        origin=workflow.origin,
        workflow_hash=draft.content_hash,
        objective=draft.objective,
        website=workflow.website,
        topic=workflow.topic,
        url=step.url,
        domain=domain[0],
        subdomain=domain[1],
        domain_from=domain[2],
        observation=held(step_draft, "observation"),
        history=history,
        action_kind=step.action.kind,
        action_value=step.action.value,
        description=step_draft.description,
        node=step_draft.node,
        target_html=step_draft.start_tag,
        raw_chars=step.characters,
        language_score=draft.language_score,
        reward=workflow.reward,
        repeat=repeat,
        workflow_meta=workflow.meta,
        step_meta=step.meta,
        whole=workflow.whole,
        observation_kind=step_draft.shown,
        ref=step_draft.ref,
        failed_steps=outcome[0],
        loops=outcome[1],
        failed=bool(step.error),
        fitted=step_draft.fitted,
    )
