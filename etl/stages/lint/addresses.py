"""Addresses: one that is missing, and one that changes without an action that leads there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from etl.stages.lint import moves
from etl.stages.lint.found import Found
from etl.stages.lint.sight import Sight, bounded, short


def empty(sights: Sequence[Sight]) -> Iterator[Found]:
    """Steps without an address, where others have one.

    The first steps of a recording may come before any page.
    """
    started = False
    with_address = sum(_named(sight) for sight in sights)
    for sight in sights:
        if _named(sight):
            started = True
        elif with_address * 2 >= len(sights) and sight.seen and (started or sight.has_target):
            evidence = f"{with_address} of {len(sights)} steps have one"
            yield Found(sight.at, "empty_url", evidence)


def _named(sight: Sight) -> bool:
    """Whether a step has an address; that of an empty tab is none of a page with its target."""
    url = sight.step.url.strip()
    return bool(url) and not (url == "about:blank" and sight.located)


def jumps(sights: Sequence[Sight]) -> Iterator[Found]:
    """Addresses that change after an action that leads nowhere, or while the page stays."""
    for before, here in itertools.pairwise(sights):
        move = moves.of_address(before, here)
        if move.sign < 0:
            yield Found(here.at, "url_jump", bounded(move.why))
        elif move.sign == 0 and moves.moved(before, here) and before.digest == here.digest != b"":
            says = f"{short(here.step.url)} has the page of {short(before.step.url)} to the byte"
            yield Found(here.at, "url_jump", bounded(says))
