"""Which elements an observation lacks at a place: what `Observation.expand` shows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection

from etl.pages.compact import Compactor
from etl.pages.compact.choose import LEAST
from etl.pages.page import Page
from schemas.errors import AnswerError


def cut_at(page: Page, compactor: Compactor, shown: Collection[int], at: int) -> list[int]:
    """The elements that were cut at an element, in document order.

    An element with a line stands for the mark right after it, else for the one right before it. Any
    other stands for the place where its line would be, marked or not. Elements that say nothing
    or are hidden, which marks do not count, are only those of a place where nothing else was cut.
    shown: the elements that have lines.

    Raises:
        AnswerError: ``nothing_cut``.
    """
    lines = sorted(shown)
    counted: list[list[int]] = [[] for _ in range(len(lines) + 1)]
    silent: list[list[int]] = [[] for _ in range(len(lines) + 1)]
    for element, quiet in compactor.elements(page):
        place = bisect_left(lines, element)  # how many lines stand before it
        if place == len(lines) or lines[place] != element:
            (silent if quiet else counted)[place].append(element)
    place = bisect_left(lines, at)
    if at in shown:
        for beside in (place + 1, place):
            if len(counted[beside]) >= LEAST:
                return counted[beside]
        raise AnswerError("nothing_cut", "no mark stands next to the line of that node")
    if cut := counted[place] or silent[place]:
        return cut
    raise AnswerError("nothing_cut", "where the line of that node would stand, nothing was cut")
