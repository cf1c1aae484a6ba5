"""The order of a workflow's steps and the holes in it, by the numbers that were recorded with them.

A step behind a hole has a false history, so it says so (`schemas.workflow.Step.gap`), and so do all
steps behind it. Recorders count from 0 or from 1; here steps count from 1, so what was counted from
0 has one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schemas.workflow import Step


def in_order(
    steps: Sequence[Step], numbers: Sequence[int | None], first: int | None = None
) -> tuple[Step, ...]:
    """The steps in the order of their numbers, equal ones as they came; in the order given, if one
    has no number.

    first: the number that the format begins with; None: 0 or 1. A step without an id goes by its
    number, or else by its place from 0.
    """
    known = [number for number in numbers if number is not None]
    if not known:
        return tuple(_known_as(step, str(place)) for place, step in enumerate(steps))
    if len(known) < len(steps):
        return _by_place(steps, numbers, first)
    begin = first if first is not None else min(1, *known)
    ordered: list[Step] = []
    due, gap = begin, ""
    for number, step in sorted(zip(known, steps, strict=True), key=lambda pair: pair[0]):
        if number > due and not gap:
            gap = (
                f"step {due} is missing"
                if number == due + 1
                else f"steps {due} to {number - 1} are missing"
            )
        due = number + 1
        ordered.append(replace(_known_as(step, str(number)), number=number - begin + 1, gap=gap))
    return tuple(ordered)


def _by_place(
    steps: Sequence[Step], numbers: Sequence[int | None], first: int | None
) -> tuple[Step, ...]:
    """Steps of which some have no number. Their order is right as far as the others' numbers agree
    with it.
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
        replace(_known_as(step, str(place)), gap=gap if place >= right else "")
        for place, step in enumerate(steps)
    )


def _known_as(step: Step, name: str) -> Step:
    return step if step.step_id else replace(step, step_id=name)
