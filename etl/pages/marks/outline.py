"""The tree of a page in numbers: which element is in which, and whose text is whose."""

from __future__ import annotations

from typing import Final, NamedTuple

from etl.pages.page import Page
from etl.pages.tokens import END, START

_MOST_CHILDREN: Final = 8  # of an element that are near it
_BESIDE: Final = 2  # elements on each side that are near one


class Outline(NamedTuple):
    """The tree of a page."""

    # of each element, the index of the one around it; -1: none
    parents: list[int]
    # of each token, the index of the element that holds the text after it; -1: none
    owners: list[int]
    # of each token, the index of the element that an end tag was written for; -1: none
    closed: list[int]
    # of each element, the place of the token with which it ends
    ends: list[int]

    def after(self, page: Page, element: int) -> int:
        """The index of the first element that begins after an element's end."""
        end = self.ends[element]
        return page.begun(end) if end > page.position(element) else element + 1

    def around(self, page: Page, element: int) -> list[int]:
        """The elements directly around an element, in document order.

        Its first children, the two before it and the two after it in the same element, and the
        element that holds nothing but it.
        """
        parent, after = self.parents[element], self.after(page, element)
        near = [each for each in range(element + 1, after) if self.parents[each] == element][
            :_MOST_CHILDREN
        ]
        if parent >= 0 and element == parent + 1 and self.after(page, parent) == after:
            near.append(parent)
        before = element
        for _ in range(_BESIDE):
            before -= 1
            while before > parent and self.parents[before] != parent:
                before = self.parents[before]
            if before <= parent:
                break
            near.append(before)
        for _ in range(_BESIDE):
            if after >= page.elements or self.parents[after] != parent:
                break
            near.append(after)
            after = self.after(page, after)
        return sorted(near)


def outline(page: Page) -> Outline:
    """The tree of a page. Takes time linear in the page."""
    parents: list[int] = []
    owners: list[int] = []
    closed: list[int] = []
    ends: list[int] = []
    opened: list[tuple[str, int]] = []
    counts: dict[str, int] = {}
    place = -1
    for place, token in enumerate(page.tokens):
        ended = -1
        if token.element:
            parents.append(opened[-1][1] if opened else -1)
            ends.append(place)
            if token.kind == START:
                opened.append((token.tag, len(parents) - 1))
                counts[token.tag] = counts.get(token.tag, 0) + 1
        elif token.kind == END and counts.get(token.tag):
            tag = ""
            while tag != token.tag:
                tag, ended = opened.pop()
                counts[tag] -= 1
                ends[ended] = place
        owners.append(opened[-1][1] if opened else -1)
        closed.append(ended)
    for _, element in opened:
        ends[element] = place + 1
    return Outline(parents, owners, closed, ends)
