"""The chain of evaluation: a recorded workflow to one sample a step, asked or not.

The stages that shape a prompt are the recipe's own, with its settings: augment, locate, leaks,
prune, redact, unroll. Those that only choose what is worth training on (select, lint, quality,
rules, and the filter's rules) choose nothing here, because a benchmark's means are over all of its
steps. A step whose gold element the page shows is asked, whatever training thinks of its action.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from etl.build.recipes.recipe import Recipe
from etl.pages.reading import read
from etl.stages.enter import enter
from etl.stages.filter import Filter
from etl.stages.locate import Locate
from etl.stages.prune import Prune
from etl.stages.stage import Preparing, Stage
from etl.stages.unroll import Unroll
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.samples import Sample
from schemas.utf8 import held
from schemas.workflow import Workflow

_SHAPING: Final = frozenset(("augment", "locate", "leaks", "prune", "redact"))
"""Names of the stages that a step of an evaluation set goes through, between filter and unroll."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step that went through the chain."""

    step_draft: StepDraft
    sample: Sample

    @property
    def unasked(self) -> str:
        """Why nobody is asked about it; empty: it has a prompt."""
        return self.step_draft.reason


@dataclass(frozen=True)
class Chain:
    """The recipe's stages, as evaluation runs them."""

    recipe: Recipe
    # whether steps that need no element, or have no page, are asked too
    without_element: bool = False
    # whether every step has its page, also where training has none for want of a target
    with_pages: bool = False

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages from the filter to the one before unroll."""
        chosen: list[Stage] = [
            Filter(
                section_or_stack=False,
                instruction=False,
                duplicate_steps=False,
                no_objective=False,
                missing_dom=not self.without_element,
                observations=self.recipe.stage(Filter).observations,
                failed_actions=False,
                incomplete_history=False,
                min_english=0.0,
                max_non_ascii=1.0,
            )
        ]
        for stage in self.recipe.stages:
            if isinstance(stage, Locate):
                chosen.append(Locate(train_without_element=self.without_element))
            elif stage.name in _SHAPING:
                chosen.append(stage)
        return tuple(chosen)

    @cached_property
    def _unroll(self) -> Unroll:
        return self.recipe.stage(Unroll)

    @cached_property
    def prune(self) -> Prune:
        """The stage that prunes, whose rules tell what a page shows.

        Raises:
            ConfigError: the recipe prunes no pages.
        """
        for stage in self.recipe.stages:
            if isinstance(stage, Prune):
                return stage
        raise ConfigError(
            f"recipe {self.recipe.name}: what its pages show depends on the task, so it cannot say "
            "beforehand which elements they show; take a recipe without [observe]"
        )

    def __call__(
        self, workflow: Workflow, shown: Mapping[int, int] | None = None
    ) -> list[Recorded]:
        """Every step of a workflow, in order.

        shown: the gold node of steps whose page shows one, by place from 0: it is the target of
            these.

        Raises:
            RecordError: the workflow cannot go through a stage.
        """
        tally = Tally()
        draft = enter(workflow, tally, {})
        for stage in self.stages:
            if isinstance(stage, Preparing):
                stage.prepare(draft, tally)
        rows: Iterator[Any] = iter((draft,))
        for stage in self.stages:
            rows = stage(rows, tally)
            if isinstance(stage, Locate):
                rows = self._targeted(rows, shown or {})
            elif isinstance(stage, Prune) and self.with_pages:
                rows = self._shown(rows, stage)
        return [
            Recorded(step_draft, sample)
            for draft in rows
            for step_draft, sample in self._unroll.steps(draft)
        ]

    def _targeted(self, rows: Iterator[Draft], shown: Mapping[int, int]) -> Iterator[Draft]:
        """Give steps their gold element, and forget why training leaves them out."""
        for draft in rows:
            for step_draft in draft.steps:
                node = shown.get(step_draft.place)
                if node is not None:
                    step_draft.node = node
                    step_draft.element = read(step_draft.page).elements - 1 - node
                    step_draft.reason = step_draft.stage = step_draft.detail = ""
                elif self.without_element and step_draft.element < 0:
                    step_draft.reason = step_draft.stage = step_draft.detail = ""
            yield draft

    def _shown(self, rows: Iterator[Draft], stage: Prune) -> Iterator[Draft]:
        """Give each step its page as the rules leave it."""
        for draft in rows:
            for step_draft in draft.steps:
                if step_draft.step.has_page and not held(step_draft, "observation"):
                    pruned = stage.pruner.prune(read(step_draft.page))
                    step_draft.observation = held(pruned, "observation")
            yield draft
