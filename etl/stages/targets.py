"""Find the target of a step, in the page as it was written or in a page that is a text.

`etl.stages.locate` says by which rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from etl.pages import axtree, locators
from etl.pages.axtree import Tree
from etl.pages.live import in_document, inert, live
from etl.pages.page import Page
from etl.pages.reading import read
from schemas.actions import KINDS
from schemas.draft import StepDraft
from schemas.errors import PageError
from schemas.reasons import Reason
from schemas.workflow import Locator


def locate(step_draft: StepDraft, stage: str, *, without_element: bool = False) -> bool:
    """Find the target of a step; whether it was found or is not needed.

    Sets its ``element`` and ``node``. stage: name of the one that drops a step without target.
    without_element: a step whose action needs no element stays.
    """
    step = step_draft.step
    if not step.target:
        kind = KINDS.get(step.action.kind)
        if kind is not None and kind.element == "needed":
            step_draft.drop(
                stage,
                "target_unknown",
                f"a {step.action.kind} without any locator",
                override=True,
            )
        elif not without_element:
            step_draft.drop(stage, "no_element", step.action.kind)
        elif step.has_page:
            _read(step_draft, stage)
        return True
    if step_draft.observed == "axtree":
        return _locate_line(step_draft, stage)
    if not step.has_page:
        step_draft.drop(stage, "missing_dom", "the recording has no page for this step")
        return False
    page = _read(step_draft, stage)
    if page is None:
        return False
    reason, detail, element = find(page, step.target)
    if reason:
        step_draft.drop(stage, reason, detail, override=True)
        return False
    step_draft.element, step_draft.node = element, page.node(element)
    if step.action.kind == "change":
        kind_of_change = _CHANGES.get(page.tokens[page.position(element)].tag, "type")
        step_draft.step = step.with_fields(action=replace(step.action, kind=kind_of_change))
    return not step.destination or _locate_destination(step_draft, page, stage)


def _locate_line(step_draft: StepDraft, stage: str) -> bool:
    """Find the target of a step in a page that is a text; whether it was found."""
    step, tree = step_draft.step, axtree.read(step_draft.step.axtree)
    reason, detail, line = find_line(tree, step.target)
    if reason:
        step_draft.drop(stage, reason, detail, override=True)
        return False
    step_draft.element, step_draft.node = line, tree.node(line)
    step_draft.ref = tree.id(line)
    if step.action.kind == "change":
        kind_of_change = "select" if tree.is_list(line) else "type"
        step_draft.step = step.with_fields(action=replace(step.action, kind=kind_of_change))
    if not step.destination:
        return True
    reason, detail, line = find_line(tree, step.destination)
    if reason:
        step_draft.drop(stage, reason, f"where the drag ends: {detail}", override=True)
        return False
    step_draft.destination = line
    return True


def _locate_destination(step_draft: StepDraft, page: Page, stage: str) -> bool:
    """Find the element on which a drag ends; whether it was found."""
    reason, detail, element = find(page, step_draft.step.destination)
    if reason:
        step_draft.drop(stage, reason, f"where the drag ends: {detail}", override=True)
        return False
    step_draft.destination = element
    return True


def _read(step_draft: StepDraft, stage: str) -> Page | None:
    """The page of a step; None, and the step is dropped, if it has no element."""
    page = read(step_draft.step.page)
    if page.elements:
        return page
    step_draft.drop(
        stage,
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


def find_line(tree: Tree, target: tuple[Locator, ...]) -> tuple[Reason | Literal[""], str, int]:
    """The line that the first unequivocal locator finds, as `find` finds an element."""
    ids = [locator.value for locator in target if _names_line(locator)]
    if not ids:
        kinds = ", ".join(dict.fromkeys(locator.kind for locator in target))
        return "unsupported_locator", f"{kinds} finds no line of a text; a ref does", -1
    failures: list[tuple[Reason, str]] = []
    for id in ids:
        lines = tree.find(id)
        if len(lines) == 1:
            return "", "", lines[0]
        shown = f"ref {id[:200]!r}"
        if lines:
            failures.append(("target_ambiguous", f"{shown} matches {len(lines)} lines"))
        else:
            failures.append(("target_absent", f"{shown} matches none of {len(tree.lines)} lines"))
    return *max(failures), -1


def _names_line(locator: Locator) -> bool:
    return locator.kind == "ref" or (locator.kind == "attribute" and locator.name == "bid")


def _find_ref(_page: Page, locator: Locator) -> list[int]:
    """A ref is an id in a text."""
    raise PageError("unsupported_locator", f"ref {locator.value[:200]!r} names a line of a text")


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
    "ref": _find_ref,
}
