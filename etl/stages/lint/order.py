"""Order: pages that are a step too early or too late, and steps that are swapped or repeat.

That a page is a step off shows in a target that is not in its own page but in the neighbour's, and
in a field that holds what is typed only now, or not yet what was typed before. If this is so for
several steps, in one direction, and nothing speaks against it, then all pages of the workflow are
off, and each step can have the page that fits. If one step has its neighbour's page to the byte,
then its own page is lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from etl.stages.lint import fields, moves
from etl.stages.lint.found import Found
from etl.stages.lint.moves import Move
from etl.stages.lint.sight import Sight, bounded, short

_SIDES: Final = {-1: "before", 1: "after"}
_AGAIN: Final = frozenset(
    "scroll scroll_to press key_down key_up wait observe go_back go_forward hover focus blur "
    "mouse_move mouse_down mouse_up".split()
)
"""Kinds of actions that people do several times on a page that stays as it is."""


def repeated(sights: Sequence[Sight]) -> Iterator[Found]:
    """Steps that do the same as the one before, on a page that is the same to the byte."""
    for before, here in itertools.pairwise(sights):
        if _same_step(before, here) and here.action.kind not in _AGAIN and not _opens(here):
            evidence = f"step {before.draft.number} is the same {here.action.kind} on the same page"
            yield Found(here.at, "repeated_step", evidence, "leave it out")


def _same_step(one: Sight, other: Sight) -> bool:
    return (
        one.action == other.action
        and one.step.target == other.step.target
        and one.has_target
        and one.step.url == other.step.url
        and not one.step.error
        and one.digest == other.digest != b""
    )


def _opens(sight: Sight) -> bool:
    """Whether a second click may close what the first has opened, without a trace in the page."""
    return sight.target is not None and sight.target.tag in ("select", "option")


class Shift:
    """Looks for pages that are a step off."""

    def __init__(self, sights: Sequence[Sight]) -> None:
        self._sights = sights

    def whole(self) -> tuple[int, list[Found]]:
        """How far the step's own page is from its place, if that is so for all steps.

        -1: the step before has it; 1: the step after; 0: pages are where they belong.
        """
        for side in (-1, 1):
            supports = [
                (sight, why) for sight in self._sights if (why := self._support(sight, side))
            ]
            if len(supports) >= 2 and not any(self._against(each, side) for each in self._sights):
                mend = f"take the page of the step {_SIDES[side]}, for all steps"
                found = [
                    Found(
                        sight.at,
                        "off_by_one",
                        bounded(f"{why}; so it is in {len(supports)} steps"),
                        mend,
                    )
                    for sight, why in supports
                ]
                return side, found
        return 0, []

    def single(self) -> Iterator[Found]:
        """Steps that have a neighbour's page to the byte, and not their own."""
        for sight in self._sights:
            if not sight.seen or sight.step.error:
                continue
            for side in (-1, 1):
                other = self._beside(sight, side)
                if other is None or other.digest != sight.digest or _same_step(sight, other):
                    continue
                if why := self._copied(sight, other, side):
                    says = f"it has the page of step {other.draft.number} to the byte; {why}"
                    yield Found(sight.at, "off_by_one", bounded(says))
                    break

    def _copied(self, sight: Sight, other: Sight, side: int) -> str:
        """Why a page belongs to a neighbour alone; empty if it may be both."""
        if sight.has_target and sight.lost and other.located:
            if self._elsewhere(sight):
                return "the target is not in it, but in another page"
            if moves.moved(sight, other):
                return "the target is not in it, and the address is another"
        if side > 0:
            return ""
        after, earlier = self._beside(sight, 1), self._beside(other, -1)
        if after is None:
            return ""
        if other.has_target and not other.located:
            return ""
        if (
            other.action.kind not in moves.STILL
            and moves.moved(other, sight)
            and (earlier is None or moves.moved(earlier, sight))
            and not moves.moved(sight, after)
            and after.digest != sight.digest
        ):
            return f"the address is another: {short(sight.step.url)}"
        if moves.of_field(other, sight).sign < 0 and moves.of_field(other, after).sign > 0:
            return f"{short(other.action.value)!r} shows only in the next one"
        return ""

    def _elsewhere(self, sight: Sight) -> bool:
        """Whether the target is in another page of the workflow."""
        seen = {sight.digest, b""}
        for other in self._sights:
            if other.digest not in seen:
                seen.add(other.digest)
                if not sight.find_in(other):
                    return True
        return False

    def _beside(self, sight: Sight, side: int) -> Sight | None:
        at = sight.at + side
        return self._sights[at] if 0 <= at < len(self._sights) and self._sights[at].seen else None

    def _support(self, sight: Sight, side: int) -> str:
        """Why a step's page should be its neighbour's; empty if nothing says so."""
        other = self._beside(sight, side)
        if not 0 <= sight.at + side < len(self._sights):
            at_end = sight.seen and not sight.step.error and sight.has_target and sight.lost
            return "its target is in no page" if at_end else ""
        if other is None or not sight.seen or sight.step.error or other.digest == sight.digest:
            return ""
        number = other.draft.number
        if sight.has_target and sight.lost:
            fits = not sight.find_in(other)
            return f"its target is in the page of step {number} alone" if fits else ""
        if side < 0:
            early = _already(other, sight)
            return f"its page holds {short(sight.action.value)!r} already" if early else ""
        before = self._beside(sight, -1)
        if before is None or before.action.kind != "type":
            return ""
        if moves.of_field(before, sight).sign < 0 and moves.of_field(before, other).sign > 0:
            return f"{short(before.action.value)!r} shows only in the page of step {number}"
        return ""

    def _against(self, sight: Sight, side: int) -> bool:
        """Whether a step needs the page that it has."""
        other = self._beside(sight, side)
        if other is None or not sight.located or other.digest == sight.digest:
            return False
        return bool(sight.find_in(other))


def _already(before: Sight, here: Sight) -> bool:
    """Whether a page holds what is typed in it only now, and the page before does not."""
    if here.action.kind != "type" or not here.located or here.is_text:
        return False
    page, other = here.page, before.page
    if page is None or other is None:
        return False
    element, wanted = here.draft.element, here.action.value
    held = fields.held(page, element)
    if held is None or len(fields.plain(wanted)) < 2 or fields.plain(held) != fields.plain(wanted):
        return False
    there = fields.same_field(page, element, other)
    return there >= 0 and not fields.alike(wanted, fields.held(other, there) or "")


def swapped(sights: Sequence[Sight]) -> Iterator[Found]:
    """Neighbours whose moves contradict each other, and agree the other way round."""
    skip = -1
    for here, after in itertools.pairwise(sights):
        if here.at <= skip or not (here.seen and after.seen) or here.digest == after.digest:
            continue
        around = sights[max(0, here.at - 1) : here.at], sights[after.at + 1 : after.at + 2]
        recorded, other = (
            [*around[0], here, after, *around[1]],
            [*around[0], after, here, *around[1]],
        )
        why = moves.undone(here, after).why or _led_astray(here, after, recorded, other)
        if not why:
            continue
        shown = _moves(other)
        if all(move.sign > 0 for move in shown) and shown:
            says = f"{why}; the other way round the two steps agree"
            mend = f"take step {after.draft.number} before step {here.draft.number}"
            yield Found(here.at, "out_of_order", bounded(says), mend)
            skip = after.at


def _led_astray(
    here: Sight, after: Sight, recorded: Sequence[Sight], other: Sequence[Sight]
) -> str:
    """Why addresses speak for another order of two steps; empty if they do not.

    The second leads to the first, and how the first was come to is not known.
    """
    if moves.of_address(after, here).sign <= 0:
        return ""
    against = next((move.why for move in _addresses(recorded) if move.sign < 0), "")
    return against if all(move.sign >= 0 for move in _addresses(other)) else ""


def _addresses(sights: Sequence[Sight]) -> list[Move]:
    """What addresses show, links that lead elsewhere too."""
    return [
        moves.of_address(before, here) if not (away := moves.elsewhere(before, here)).sign else away
        for before, here in itertools.pairwise(sights)
    ]


def _moves(sights: Sequence[Sight]) -> list[Move]:
    """All that the moves from each step to the next show."""
    shown: list[Move] = []
    for before, here in itertools.pairwise(sights):
        shown += moves.of_both(before, here)
        if (back := moves.undone(before, here)).sign:
            shown.append(back)
    return shown
