"""All checks on a workflow, in order: what explains other findings comes before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from etl.stages.lint import addresses, order
from etl.stages.lint.blank import blank
from etl.stages.lint.clock import late
from etl.stages.lint.found import Found
from etl.stages.lint.markers import markers
from etl.stages.lint.sight import Sight
from etl.stages.lint.targets import targets
from etl.stages.lint.typed import typed
from etl.stages.lint.words import descriptions


class Checked(NamedTuple):
    """The contradictions of a workflow."""

    # by place of the step, then as they were found
    found: list[Found]
    # -1 or 1 if the page of each step is at the one before or after; 0 if none is off
    side: int


def check(sights: Sequence[Sight]) -> Checked:
    """Look for contradictions in a workflow. sights: its steps, with their targets located."""
    found = [*addresses.empty(sights), *blank(sights), *markers(sights)]
    bare = {each.at for each in found if each.code == "blank_page"}
    found += order.repeated(sights)
    again = {each.at for each in found if each.code == "repeated_step"}
    shift = order.Shift(sights)
    side, off = shift.whole()
    if side:  # explains all that does not fit
        return Checked(_sorted([*(each for each in found if each.at not in again), *off]), side)
    off = [each for each in shift.single() if each.at not in again]
    found += off
    wrong = bare | {each.at for each in off}
    found += [each for each in descriptions(sights) if each.at not in wrong]
    turned = [
        each for each in order.swapped(sights) if not {each.at, each.at + 1} & (wrong | again)
    ]
    timed = {at for each in turned for at in (each.at, each.at + 1)}
    turned += [each for each in late(sights) if each.at not in timed]
    found += turned
    wrong |= {at for each in turned for at in (each.at, each.at + 1)}
    found += [each for each in targets(sights) if each.at not in wrong]
    found += [each for each in typed(sights) if not {each.at, each.at + 1} & (wrong | again)]
    after = {at + 1 for at in wrong - bare}
    found += [each for each in addresses.jumps(sights) if each.at not in wrong | after]
    return Checked(_sorted(found), 0)


def _sorted(found: Sequence[Found]) -> list[Found]:
    return sorted(found, key=lambda each: each.at)
