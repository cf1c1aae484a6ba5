"""Filter: the reference pipeline's rules for what is worth training on, each a switch with its own
reason.

Whole workflows go for: ``section_or_stack`` (one of their rows has that kind), ``no_objective``,
``not_english`` (the objective's language), ``non_ascii`` (the share of such letters in the
objective), ``low_reward``, ``no_steps_left``. Steps go, and leave no trace in the history, for:
``instruction`` rows and exact duplicates (``duplicate_step``: every field equal, its id included).
Steps stay in the history but are not trained on for: ``missing_description`` (off by default: most
formats have none, and the unroll stage writes one), ``missing_dom``, ``failed_action``,
``history_incomplete`` (steps before it are missing in the recording, or in an unknown order), and
for actions that cannot be an answer: ``unknown_action`` (a kind that is on no list),
``unreadable_action``, ``incomplete_action``.

English is told by `etl.stages.language`: the stored ``language_score`` is the probability that the
objective is English rather than the likeliest other language. The limit is low on purpose: an
objective goes only if its words speak clearly for another language. Names and codes do not count,
and short objectives without evidence ("Export PDF") stay, as a few short ones in related languages
do ("Editar perfil").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from etl.stages.language import english
from etl.stages.wording import flaw
from etl.tally import Tally
from schemas.reasons import Reason
from schemas.trail import Mark, Trail
from schemas.workflow import Step

_LAYOUT_KINDS: Final = frozenset(("section", "stack"))


@dataclass(frozen=True)
class Filter:
    """The rules as switches.

    ``min_english``: least probability that the objective is English, which is 0.5 without evidence;
    0 turns the rule off; ``max_non_ascii``: greatest share of non-ASCII letters, 1 turns it off;
    ``min_reward``: workflows with a known reward under it go, None turns it off.
    """

    name: ClassVar[str] = "filter"
    version: ClassVar[int] = 3

    section_or_stack: bool = True
    instruction: bool = True
    duplicate_steps: bool = True
    no_objective: bool = True
    missing_description: bool = False
    missing_dom: bool = True
    failed_actions: bool = True
    incomplete_history: bool = True
    min_english: float = 0.01
    max_non_ascii: float = 0.3
    min_reward: float | None = None

    def __call__(self, rows: Iterator[Trail], tally: Tally) -> Iterator[Trail]:
        """Rows in, rows out; drops are entered in the tally."""
        for trail in rows:
            trail.language_score = english(trail.objective) if trail.objective else -1.0
            reason, detail = self._reason(trail)
            if reason:
                tally.drop_workflow(trail, reason, detail)
                continue
            self._thin(trail, tally)
            if not trail.marks:
                tally.drop_workflow(trail, "no_steps_left", "no step is left after filtering")
                continue
            for mark in trail.marks:
                self._judge(mark)
            yield trail

    def _reason(self, trail: Trail) -> tuple[Reason | Literal[""], str]:
        kinds = {mark.step.action.kind for mark in trail.marks}
        if self.section_or_stack and kinds & _LAYOUT_KINDS:
            return (
                "section_or_stack",
                f"it has rows of kind {', '.join(sorted(kinds & _LAYOUT_KINDS))}",
            )
        if self.no_objective and not trail.objective:
            return "no_objective", ""
        if trail.objective and trail.language_score < self.min_english:
            return "not_english", f"probability of English {trail.language_score:.4f}"
        share = non_ascii_share(trail.objective)
        if share > self.max_non_ascii:
            return "non_ascii", f"{share:.2f} of the objective's letters are not ASCII"
        reward = trail.workflow.reward
        if self.min_reward is not None and reward is not None and reward < self.min_reward:
            return "low_reward", f"reward {reward}"
        return "", ""

    def _thin(self, trail: Trail, tally: Tally) -> None:
        """Remove the steps that leave no trace in the history."""
        first: dict[object, Step] = {}
        others: set[Step] = set()
        kept: list[Mark] = []
        for mark in trail.marks:
            reason: Reason | Literal[""] = ""
            if self.instruction and mark.step.action.kind == "instruction":
                reason = "instruction"
            elif self.duplicate_steps and _seen(mark.step, first, others):
                reason = "duplicate_step"
            if reason:
                tally.drop("step", trail.step_id(mark), reason, "", trail.uid, trail.domain)
            else:
                kept.append(mark)
        trail.marks = kept

    def _judge(self, mark: Mark) -> None:
        reason, detail = flaw(mark.step)
        if reason:
            mark.drop(self.name, reason, detail)
        if self.incomplete_history and mark.step.gap:
            mark.drop(self.name, "history_incomplete", mark.step.gap)
        if self.missing_dom and not mark.step.html:
            mark.drop(self.name, "missing_dom", "the recording has no page for this step")
        if self.missing_description and not mark.step.action.description:
            mark.drop(self.name, "missing_description")
        if self.failed_actions and mark.step.error:
            mark.drop(self.name, "failed_action", mark.step.error[:500])


def _seen(step: Step, first: dict[object, Step], others: set[Step]) -> bool:
    """Whether an equal step came before; enters it. All but the page is looked at first: pages take
    long to hash.

    first: the first step that says the same but for its page; others: later ones.
    """
    said = (step.step_id, step.url, step.action, step.target, step.error, len(step.html))
    earlier = first.get(said)
    if earlier is None:
        first[said] = step
        return False
    if earlier == step or step in others:
        return True
    others.add(step)
    return False


def non_ascii_share(text: str) -> float:
    """Share of the letters of a text that are not ASCII; 0 for a text without letters."""
    letters = [char for char in text if char.isalpha()]
    return sum(not char.isascii() for char in letters) / len(letters) if letters else 0.0
