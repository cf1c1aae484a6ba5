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

The reference drops a whole workflow for one target that it does not find; ``drop_workflow`` does
the same here (``unlocated_target``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final, Literal

from etl.pages import locators
from etl.pages.live import in_document, inert, live
from etl.pages.page import Page
from etl.pages.reading import read
from etl.tally import Tally
from schemas.actions import KINDS
from schemas.draft import Draft, StepDraft
from schemas.errors import PageError
from schemas.reasons import OwnReason, Reason
from schemas.workflow import Locator

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
    version: ClassVar[int] = 4
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
        step = step_draft.step
        if not step.target:
            kind = KINDS.get(step.action.kind)
            if kind is not None and kind.element == "needed":
                step_draft.drop(
                    self.name,
                    "target_unknown",
                    f"a {step.action.kind} without any locator",
                    override=True,
                )
            elif not self.train_without_element:
                step_draft.drop(self.name, "no_element", step.action.kind)
            elif step.page:
                self._read(step_draft)
            return True
        if not step.page:
            step_draft.drop(self.name, "missing_dom", "the recording has no page for this step")
            return False
        page = self._read(step_draft)
        if page is None:
            return False
        reason, detail, element = find(page, step.target)
        if reason:
            step_draft.drop(self.name, reason, detail, override=True)
            return False
        step_draft.element, step_draft.node = element, page.node(element)
        if step.action.kind == "change":
            kind_of_change = _CHANGES.get(page.tokens[page.position(element)].tag, "type")
            step_draft.step = step.with_fields(action=replace(step.action, kind=kind_of_change))
        return not step.destination or self._locate_destination(step_draft, page)

    def _locate_destination(self, step_draft: StepDraft, page: Page) -> bool:
        """Find the element on which a drag ends; whether it was found."""
        reason, detail, element = find(page, step_draft.step.destination)
        if reason:
            step_draft.drop(self.name, reason, f"where the drag ends: {detail}", override=True)
            return False
        step_draft.destination = element
        return True

    def _read(self, step_draft: StepDraft) -> Page | None:
        """The page of a step; None, and the step is dropped, if it has no element."""
        page = read(step_draft.step.page)
        if page.elements:
            return page
        step_draft.drop(
            self.name,
            "empty_page",
            f"{step_draft.step.characters} characters without an element",
            override=True,
        )
        return None


_CHANGES: Final = {"select": "select"}
"""The kind of action that a change of an element's value is, by its tag; for other tags: type."""


def find(page: Page, target: tuple[Locator, ...]) -> tuple[Reason | Literal[""], str, int]:
    """The element that the first unequivocal locator finds: (reason, detail, element).

    Locators are looked up in the page as scripts see it (`etl.pages.live`).

    element: its index in document order, from 0; -1, with a reason, if no locator finds one.
    """
    failures: list[tuple[Reason, str]] = []
    for locator in target:
        shown = (
            f"{locator.kind} {locator.name + '=' if locator.name else ''}{locator.value[:200]!r}"
        )
        try:
            matches = _FINDERS[locator.kind](page, locator)
        except PageError as error:
            failures.append((error.reason, error.detail))
            continue
        if len(matches) == 1:
            return "", "", matches[0]
        if matches:
            failures.append(("target_ambiguous", f"{shown} matches {len(matches)} elements"))
        else:
            elements = page.elements - sum(gap.elements for gap in inert(page))
            failures.append(("target_absent", f"{shown} matches none of {elements} elements"))
    reasons = [reason for reason, _ in failures]
    preferred: tuple[Reason, ...] = ("target_ambiguous", "target_absent")
    for reason in preferred:
        if reason in reasons:
            return reason, failures[reasons.index(reason)][1], -1
    return *failures[0], -1


def _find_css(page: Page, locator: Locator) -> list[int]:
    seen = live(page)
    return seen.in_whole(locators.find_selector(seen.page, locator.value))


def _find_xpath(page: Page, locator: Locator) -> list[int]:
    seen = live(page)
    return seen.in_whole(locators.find_path(seen.page, locator.value))


def _find_attribute(page: Page, locator: Locator) -> list[int]:
    return in_document(page, locators.find_attribute(page, locator.name, locator.value))


def _find_markup(page: Page, locator: Locator) -> list[int]:
    return in_document(page, locators.find_markup(page, locator.value))


def _find_node(page: Page, locator: Locator) -> list[int]:
    """Node ids count all elements as written, from the end of the page."""
    try:
        node = int(locator.value)
    except ValueError as error:
        raise PageError("invalid_node", f"{locator.value[:200]!r} is not a number") from error
    return in_document(page, [page.elements - 1 - node]) if 0 <= node < page.elements else []


_FINDERS: Final[dict[str, Callable[[Page, Locator], list[int]]]] = {
    "css": _find_css,
    "xpath": _find_xpath,
    "attribute": _find_attribute,
    "node": _find_node,
    "markup": _find_markup,
}
