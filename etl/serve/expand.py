"""Which elements an observation lacks at a place: what `Observation.expand` shows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection

from etl.pages.compact import Compactor
from etl.pages.page import Page
from schemas.errors import AnswerError


def cut_at(compactor: Compactor, page: Page, shown: Collection[int], at: int) -> list[int]:
    """The elements that were cut at an element, in document order.

    An element with a line stands for what was cut right before and right after the line; any other
    for what was cut where its line would be. Elements that say nothing or are hidden, which marks
    do not count, are only those of a place where nothing else was cut. shown: the elements that
    have lines.

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
    places = (place, place + 1) if at in shown else (place,)
    for cut in (counted, silent):
        if found := [element for each in places for element in cut[each]]:
            return found
    raise AnswerError("nothing_cut", "nothing was cut there")
