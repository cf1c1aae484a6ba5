"""Mends: what is set right, because only one thing can be meant."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from etl.stages.lint import moves
from etl.stages.lint.codes import CODES
from etl.stages.lint.sight import Sight
from etl.stages.targets import locate
from schemas.draft import StepDraft

MENDS: Final = ("off_by_one", "repeated_step")
"""Codes of what can be mended."""

LOCATE: Final = "locate"
"""The stage that has looked for targets before."""


def shift(stage: str, steps: Sequence[StepDraft], side: int) -> None:
    """Give each step the page of the one beside it, and find its target there.

    The step at the end has no page then, and is not trained on. Addresses go with the pages if
    that is how links lead to them.

    stage: name of the one that drops it. side: -1 for the page of the step before, 1 for that of
    the step after.
    """
    pages = [(each.step.page, each.step.axtree, each.step.url) for each in steps]
    before = _confirmed(steps)
    for at, step_draft in enumerate(steps):
        there = at + side
        html, axtree, _ = pages[there] if 0 <= there < len(steps) else ("", "", "")
        step_draft.step = step_draft.step.with_fields(html=html, axtree=axtree)
        if html or axtree:
            _locate_again(step_draft)
        else:
            _forget(step_draft)
            step_draft.drop(
                stage, CODES["off_by_one"].reason, "its page was not recorded, its neighbour's was"
            )
    urls = [step_draft.step.url for step_draft in steps]
    _set_urls(steps, [pages[max(0, min(at + side, len(pages) - 1))][2] for at in range(len(pages))])
    if _confirmed(steps) <= before:
        _set_urls(steps, urls)


def _set_urls(steps: Sequence[StepDraft], urls: Sequence[str]) -> None:
    for step_draft, url in zip(steps, urls, strict=True):
        step_draft.step = step_draft.step.with_fields(url=url)


def _confirmed(steps: Sequence[StepDraft]) -> int:
    """How often the next address is where an action leads."""
    sights = [Sight(step_draft, at) for at, step_draft in enumerate(steps)]
    pairs = itertools.pairwise(sights)
    return sum(moves.of_address(here, there).sign > 0 for here, there in pairs)


def _forget(step_draft: StepDraft) -> None:
    """Forget what is known of a step's target."""
    step_draft.element = step_draft.node = step_draft.destination = -1
    step_draft.ref = ""
    if step_draft.stage == LOCATE and step_draft.step.target:
        step_draft.stage = step_draft.reason = step_draft.detail = ""


def _locate_again(step_draft: StepDraft) -> None:
    if step_draft.step.target:
        _forget(step_draft)
        locate(step_draft, LOCATE)
