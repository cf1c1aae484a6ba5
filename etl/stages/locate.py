"""Locate: find the element each action was taken on, in the page as it was written.

The locators of a step are tried in order, and the first that finds exactly one element counts.
Nothing is guessed. Where no locator does, the step is not trained on; its reason is
``target_ambiguous`` if one found several elements, else ``target_absent`` if one found none, else
the first locator's fault (``invalid_css``, ``invalid_xpath``, ``invalid_markup``,
``invalid_node``).

An action without locators is a page action (``no_element``), or lacks its target if its kind needs
one (``target_unknown``). A page without elements is ``empty_page``. These reasons replace those of
the filter, except those that lie in the action itself. A drag also needs the element on which it
ends, which is found in the same way.

In a page that is a text, a line an element, a ``ref`` counts, or a locator by the attribute
``bid``: BrowserGym writes the same ids into pages and trees.

The reference drops a whole workflow for one target that it does not find; ``drop_workflow`` does
the same here (``unlocated_target``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from etl.stages.targets import locate
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.reasons import OwnReason

UNLOCATED_TARGET: Final = OwnReason(
    "unlocated_target",
    "The target of one of its steps was not found, as the reference drops workflows.",
    "step 3: target_absent",
    ("locate.drop_workflow",),
)


@dataclass(frozen=True)
class Locate:
    """Finds the target of each step; a step without one gets the reason."""

    name: ClassVar[str] = "locate"
    version: ClassVar[int] = 5
    about: ClassVar[str] = "how the element of an action is found in its page"
    reasons: ClassVar[tuple[OwnReason, ...]] = (UNLOCATED_TARGET,)

    drop_workflow: Annotated[
        bool, "drop a whole workflow for one target that is not found, as the reference does"
    ] = False
    train_without_element: Annotated[
        bool, "train on page actions too (scroll, navigate), as samples without target"
    ] = False

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says what becomes of steps without an element, for the data card."""
        lost = "the step is history only"
        if settings["drop_workflow"]:
            lost = "its whole workflow is left out"
        bare = "are samples too" if settings["train_without_element"] else "are history only"
        return (
            "finds the element of each action in the page as recorded; if it is not found, "
            f"{lost}; page actions {bare}"
        )

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Sets ``element`` and ``node`` of each step whose target was found."""
        for draft in rows:
            lost = [step_draft for step_draft in draft.steps if not self._locate(step_draft)]
            if lost and self.drop_workflow:
                detail = f"step {lost[0].number}: {lost[0].reason}: {lost[0].detail}"
                tally.drop_workflow(draft, UNLOCATED_TARGET, detail)
                continue
            yield draft

    def _locate(self, step_draft: StepDraft) -> bool:
        """Find the target of a step; whether it was found or is not needed."""
        return locate(step_draft, self.name, without_element=self.train_without_element)
