"""The relations of a page's elements, by their indices: parents and siblings."""

from __future__ import annotations

from typing import NamedTuple

from etl.pages.page import Page
from etl.pages.tokens import END, START, OpenTags


class Kin(NamedTuple):
    """The relations of a page's elements."""

    # of each element its parent; -1 for none
    parents: list[int]
    # of each element the sibling before it; -1 for none
    before: list[int]
    # the number of pairs of an element and an ancestor; the page counts as one
    pairs_around: int
    # the number of pairs of an element and a sibling before it
    pairs_beside: int


def kin(page: Page) -> Kin:
    """The relations of a page's elements. Takes time linear in the page."""
    if (tokens := page.compiled) is not None:
        return Kin(*tokens.kin())
    parents: list[int] = []
    before: list[int] = []
    around = beside = 0
    # Of each open element: its index, its last child's, and the number of its children.
    opened = [[-1, -1, 0]]
    tags = OpenTags()
    for token in page.tokens:
        if token.element:
            parent = opened[-1]
            around += len(opened)
            beside += parent[2]
            parents.append(parent[0])
            before.append(parent[1])
            parent[1] = len(parents) - 1
            parent[2] += 1
            if token.kind == START:
                opened.append([len(parents) - 1, -1, 0])
                tags.open(token.tag)
        elif token.kind == END:
            for _ in range(tags.close(token.tag)):
                opened.pop()
    return Kin(parents, before, around, beside)
