"""Typed text: the field holds something else afterwards, or nothing has changed.

A field that is emptied, masked, cut or completed is right, and so is one that is gone with its
page, or never shows what is typed. That nothing changed counts only where the recorder is known to
record what fields hold.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from etl.stages.lint import moves
from etl.stages.lint.found import Found
from etl.stages.lint.sight import Sight, bounded


def typed(sights: Sequence[Sight]) -> Iterator[Found]:
    """Steps whose typed text is lost."""
    pairs = [
        (here, there, moves.of_field(here, there))
        for here, there in itertools.pairwise(sights)
        if here.action.kind == "type"
    ]
    shows = any(move.sign > 0 for _, _, move in pairs)
    for here, there, move in pairs:
        if move.sign >= 0 or moves.moved(here, there):
            continue
        stays = move.why.endswith("stays as it was")
        if stays and not (shows and here.digest == there.digest):
            continue
        later = sights[there.at :]
        if not any(moves.holds(each, here.action.value) for each in later if each.seen):
            yield Found(here.at, "lost_text", bounded(move.why))
