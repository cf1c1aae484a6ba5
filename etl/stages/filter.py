"""Filter: the reference pipeline's rules for what is worth training on.

Each rule is a switch and has its own reason. A rule has one of three effects:

- The whole workflow is dropped: ``section_or_stack`` (one of its rows has that kind),
  ``no_objective``, ``not_english`` (by the objective's language), ``non_ascii`` (by the share of
  such letters in the objective), ``low_reward``, ``no_steps_left``.
- A step is dropped and leaves no trace in the history: ``instruction``, and ``duplicate_step``
  (every field equal, its id included).
- A step stays in the history and is not trained on: ``missing_description`` (off by default: most
  formats have no descriptions, and the prune stage writes them), ``missing_dom`` (``no_page`` if
  the whole recording holds none), ``observation_not_taken`` (its page was recorded only in a kind
  that the recipe does not take), ``failed_action``, ``history_incomplete`` (earlier steps are
  missing, or their order is unknown), and three for actions that cannot be an answer:
  ``unknown_action`` (a kind on no list), ``unreadable_action``, ``incomplete_action``.

`etl.stages.language` scores English: the stored ``language_score`` is the probability that the
objective is English rather than the likeliest other language. The limit is low on purpose: an
objective is dropped only if its words speak clearly for another language. Names and codes do not
count. Short objectives without evidence stay ("Export PDF"), and so do a few short ones in related
languages ("Editar perfil").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

from etl.stages.language import english
from etl.stages.wording import flaw
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.reasons import OwnReason, Reason
from schemas.workflow import OBSERVATION_KINDS, Step

SECTION_OR_STACK: Final = OwnReason(
    "section_or_stack",
    "It has rows that lay out a guide and are no actions.",
    "a row of kind section",
    ("filter.section_or_stack",),
)
NO_OBJECTIVE: Final = OwnReason(
    "no_objective",
    "The recording does not say what its user wants.",
    '"objective": ""',
    ("filter.no_objective",),
)
NOT_ENGLISH: Final = OwnReason(
    "not_english",
    "The objective's words speak clearly for another language, by a small model.",
    "Acheter du lait",
    ("filter.min_english",),
)
NON_ASCII: Final = OwnReason(
    "non_ascii",
    "Too many of the objective's letters are not ASCII.",
    "an objective in Greek",
    ("filter.max_non_ascii",),
)
LOW_REWARD: Final = OwnReason(
    "low_reward",
    "Its reward is known and under the limit.",
    "reward 0.0 with filter.min_reward = 1",
    ("filter.min_reward",),
)
NO_STEPS_LEFT: Final = OwnReason(
    "no_steps_left",
    "All of its steps left no trace: instructions and exact repetitions.",
    "a workflow of instruction rows",
    ("filter.instruction", "filter.duplicate_steps"),
)
INSTRUCTION: Final = OwnReason(
    "instruction",
    "The row tells its reader something and is no action.",
    "a row of kind instruction",
    ("filter.instruction",),
)
DUPLICATE_STEP: Final = OwnReason(
    "duplicate_step",
    "The same step came before in its workflow, equal in every field, its id too.",
    "a row that was exported twice",
    ("filter.duplicate_steps",),
)
MISSING_DESCRIPTION: Final = OwnReason(
    "missing_description",
    "The recording does not describe the action.",
    '"description": ""',
    ("filter.missing_description",),
)
OBSERVATION_NOT_TAKEN: Final = OwnReason(
    "observation_not_taken",
    "Its page was recorded only in a kind that the recipe does not take.",
    "an accessibility tree, where the recipe takes html",
    ("filter.observations",),
)
FAILED_ACTION: Final = OwnReason(
    "failed_action",
    "The recording says that the action failed.",
    "element is not visible",
    ("filter.failed_actions",),
)

_LAYOUT_KINDS: Final = frozenset(("section", "stack"))


@dataclass(frozen=True)
class Filter:
    """The rules as switches.

    An objective without evidence of its language has a probability of English of 0.5.
    """

    name: ClassVar[str] = "filter"
    version: ClassVar[int] = 4
    about: ClassVar[str] = "which workflows and steps are left out before pages are looked at"
    reasons: ClassVar[tuple[OwnReason, ...]] = (
        SECTION_OR_STACK,
        NO_OBJECTIVE,
        NOT_ENGLISH,
        NON_ASCII,
        LOW_REWARD,
        NO_STEPS_LEFT,
        INSTRUCTION,
        DUPLICATE_STEP,
        MISSING_DESCRIPTION,
        OBSERVATION_NOT_TAKEN,
        FAILED_ACTION,
    )

    section_or_stack: Annotated[bool, "drop workflows that have rows of these kinds"] = True
    instruction: Annotated[bool, "drop rows that only instruct"] = True
    duplicate_steps: Annotated[bool, "drop steps that are equal in every field, id included"] = True
    no_objective: Annotated[bool, "drop workflows without an objective"] = True
    missing_description: Annotated[bool, "do not train on steps without a description"] = False
    missing_dom: Annotated[bool, "do not train on steps without a page"] = True
    observations: Annotated[
        tuple[str, ...],
        "the kinds of observation that are taken, the first that a step has: html, axtree",
    ] = ("html",)
    failed_actions: Annotated[
        bool, "do not train on steps that are known to have failed; they stay in the history"
    ] = True
    incomplete_history: Annotated[
        bool, "do not train on steps after a gap, whose history would be false"
    ] = True
    min_english: Annotated[
        float, "least probability that the objective is English; 0 turns the rule off"
    ] = 0.01
    max_non_ascii: Annotated[
        float, "greatest share of letters of the objective that are not ASCII; 1 turns the rule off"
    ] = 0.3
    min_reward: Annotated[
        float | None, "drop workflows with a known reward under this; off unless given"
    ] = None

    def __post_init__(self) -> None:
        kinds = self.observations
        if not kinds or not set(kinds) <= set(OBSERVATION_KINDS) or len(set(kinds)) < len(kinds):
            raise ConfigError(
                f"filter.observations: {list(kinds)} is not a list of some of "
                f"{', '.join(OBSERVATION_KINDS)}, each once"
            )

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Names the rules that are on, for the data card."""
        on = sorted(f"`{name}`" for name, value in settings.items() if value is True)
        english, foreign = settings["min_english"], settings["max_non_ascii"]
        if english > 0:
            on.append(
                "objectives that speak for another language (probability of English under "
                f"{english:g})"
            )
        if foreign < 1:
            on.append(f"objectives with more than {foreign:.0%} non-ASCII letters")
        least = settings["min_reward"]
        if least is not None:
            on.append(f"workflows with a known reward under {least:g}")
        rules = f"leaves out, or does not train on, what these rules are about: {', '.join(on)}"
        return rules if least is not None else f"{rules}; workflows of any reward stay"

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Passes on what the rules leave, and enters each drop in the tally."""
        for draft in rows:
            draft.language_score = english(draft.objective) if draft.objective else -1.0
            reason, detail = self._reason(draft)
            if reason:
                tally.drop_workflow(draft, reason, detail)
                continue
            self._thin(draft, tally)
            if not draft.steps:
                tally.drop_workflow(draft, NO_STEPS_LEFT, "no step is left after filtering")
                continue
            bare = not any(step.has_page or step.axtree for step in draft.workflow.steps)
            for step_draft in draft.steps:
                self._judge(step_draft, bare)
            yield draft

    def _reason(self, draft: Draft) -> tuple[Reason | Literal[""], str]:
        """Why a whole workflow is dropped, with the detail; both empty if it is not."""
        kinds = {step_draft.step.action.kind for step_draft in draft.steps}
        layout = sorted(kinds & _LAYOUT_KINDS)
        if self.section_or_stack and layout:
            return SECTION_OR_STACK, f"it has rows of kind {', '.join(layout)}"
        if self.no_objective and not draft.objective:
            return NO_OBJECTIVE, ""
        if draft.objective and draft.language_score < self.min_english:
            return NOT_ENGLISH, f"probability of English {draft.language_score:.4f}"
        share = non_ascii_share(draft.objective)
        if share > self.max_non_ascii:
            return NON_ASCII, f"{share:.2f} of the objective's letters are not ASCII"
        reward = draft.workflow.reward
        if self.min_reward is not None and reward is not None and reward < self.min_reward:
            return LOW_REWARD, f"reward {reward}"
        return "", ""

    def _thin(self, draft: Draft, tally: Tally) -> None:
        """Remove the steps that leave no trace in the history."""
        first: dict[object, Step] = {}
        others: set[Step] = set()
        kept: list[StepDraft] = []
        for step_draft in draft.steps:
            reason: Reason | Literal[""] = ""
            if self.instruction and step_draft.step.action.kind == "instruction":
                reason = INSTRUCTION
            elif self.duplicate_steps and _seen(step_draft.step, first, others):
                reason = DUPLICATE_STEP
            if reason:
                tally.drop("step", draft.step_id(step_draft), reason, "", draft.uid, draft.domain)
            else:
                kept.append(step_draft)
        draft.steps = kept

    def _judge(self, step_draft: StepDraft, bare: bool) -> None:
        """Take a step out of training if a rule says so. bare: the recording holds no page."""
        reason, detail = flaw(step_draft.step)
        if reason:
            step_draft.drop(self.name, reason, detail)
        if self.incomplete_history and step_draft.step.gap:
            step_draft.drop(self.name, "history_incomplete", step_draft.step.gap)
        self._observe(step_draft)
        if self.missing_dom and not (step_draft.step.has_page or step_draft.step.axtree):
            if bare:
                step_draft.drop(
                    self.name, "no_page", step_draft.step.url or "its address is not known"
                )
            else:
                step_draft.drop(self.name, "missing_dom", "the recording has no page for this step")
        if self.missing_description and not step_draft.step.action.description:
            step_draft.drop(self.name, MISSING_DESCRIPTION)
        if self.failed_actions and step_draft.step.error:
            step_draft.drop(self.name, FAILED_ACTION, step_draft.step.error[:500])

    def _observe(self, step_draft: StepDraft) -> None:
        """Leave the step only the kind of observation that is taken."""
        step = step_draft.step
        recorded = [
            kind for kind, page in (("html", step.has_page), ("axtree", step.axtree)) if page
        ]
        taken = next((kind for kind in self.observations if kind in recorded), "")
        if recorded and not taken:
            step_draft.drop(
                self.name,
                OBSERVATION_NOT_TAKEN,
                f"the recording has {', '.join(recorded)}, the recipe takes "
                f"{', '.join(self.observations)}",
            )
        for kind in recorded:
            if kind != taken:
                step_draft.step = step_draft.step.with_fields(**{kind: ""})


def _seen(step: Step, first: dict[object, Step], others: set[Step]) -> bool:
    """Whether an equal step came before; remembers this one.

    Pages take long to hash, so all other fields are compared first.

    first: the first step with these fields, by fields. others: later steps with the fields of an
        earlier one and another page.
    """
    without_page = (step.step_id, step.url, step.action, step.target, step.error, len(step.utf8))
    earlier = first.get(without_page)
    if earlier is None:
        first[without_page] = step
        return False
    if earlier == step or step in others:
        return True
    others.add(step)
    return False


def non_ascii_share(text: str) -> float:
    """Share of the letters of a text that are not ASCII; 0 for a text without letters."""
    letters = [char for char in text if char.isalpha()]
    return sum(not char.isascii() for char in letters) / len(letters) if letters else 0.0
