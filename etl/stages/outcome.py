"""How a recording went: how many of its steps failed, and how many go in circles."""

from __future__ import annotations

from collections import defaultdict

import xxhash

from schemas.utf8 import utf8_of
from schemas.workflow import Action, Locator, Step, Workflow

_Done = tuple[str, Action, tuple[Locator, ...], tuple[Locator, ...]]


def failed(workflow: Workflow) -> int:
    """The number of steps of which the recording says that they failed."""
    return sum(bool(step.error) for step in workflow.steps)


def loops(workflow: Workflow) -> int:
    """The number of steps that repeat an earlier one on the same page.

    The action, its element and the address are the same, and so is the page, byte for byte: this is
    counted in every build, so it costs next to nothing. Steps without a page do not count.
    """
    alike: defaultdict[_Done, list[Step]] = defaultdict(list)
    for step in workflow.steps:
        if step.has_page or step.axtree:
            alike[step.url, step.action, step.target, step.destination].append(step)
    return sum(len(steps) - len({*map(_page, steps)}) for steps in alike.values() if len(steps) > 1)


def _page(step: Step) -> int:
    """A hash of a step's page."""
    return xxhash.xxh3_128_intdigest(step.utf8 if step.has_page else utf8_of(step.axtree))
