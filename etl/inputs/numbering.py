"""The order of a workflow's steps, and the gaps in it, by their recorded numbers.

A step after a gap has a false history, so it carries the gap (`schemas.workflow.Step.gap`), as do
all steps after it. Recorders count from 0 or from 1. Here steps count from 1: numbers that begin
with 0 are raised by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.workflow import Step


def in_order(
    steps: Sequence[Step], numbers: Sequence[int | None], first: int | None = None
) -> tuple[Step, ...]:
    """The steps in the order of their numbers.

    Steps with the same number keep their order, and so do all steps if one of them has no number. A
    step without an id takes its number as id, or without one its place, from 0.

    first: the number with which the format begins; None: 0 or 1.
    """
    recorded = [number for number in numbers if number is not None]
    if not recorded:
        return tuple(_with_id(step, str(place)) for place, step in enumerate(steps))
    if len(recorded) < len(steps):
        return _by_place(steps, numbers, first)
    begin = first if first is not None else min(1, *recorded)
    ordered: list[Step] = []
    due, gap = begin, ""
    for number, step in sorted(zip(recorded, steps, strict=True), key=lambda pair: pair[0]):
        if number == due + 1 and not gap:
            gap = f"step {due} is missing"
        elif number > due and not gap:
            gap = f"steps {due} to {number - 1} are missing"
        due = number + 1
        ordered.append(_with_id(step, str(number)).with_fields(number=number - begin + 1, gap=gap))
    return tuple(ordered)


def _by_place(
    steps: Sequence[Step], numbers: Sequence[int | None], first: int | None
) -> tuple[Step, ...]:
    """Steps of which some have no number, in the order given.

    The order is right as far as the numbers agree with it; later steps carry a gap.
    """
    begin, right, gap = first, 0, ""
    for place, number in enumerate(numbers):
        if number is None:
            continue
        begin = number - place if begin is None else begin
        if number != begin + place or begin not in (0, 1):
            gap = f"step {number} stands in place {place + 1}, and others have no number"
            break
        right = place + 1
    return tuple(
        _with_id(step, str(place)).with_fields(gap=gap if place >= right else "")
        for place, step in enumerate(steps)
    )


def _with_id(step: Step, name: str) -> Step:
    """The step with this id, if it has none."""
    return step if step.step_id else step.with_fields(step_id=name)
