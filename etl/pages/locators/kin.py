"""How the elements of a page stand to each other, by their indices."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from etl.pages import END, START, Page


class Kin(NamedTuple):
    """By element: the one around it and the one before it in the same parent, -1 for none. And how
    many pairs there are of an element and any around it, and of an element and any before it in the
    same parent.
    """

    parents: list[int]
    before: list[int]
    pairs_around: int
    pairs_beside: int


def kin(page: Page) -> Kin:
    """How the elements of a page stand to each other, in time linear in the page."""
    if (tokens := page.compiled) is not None:
        return Kin(*tokens.kin())
    parents: list[int] = []
    before: list[int] = []
    around = beside = 0
    opened = [
        [-1, -1, 0]
    ]  # of each open element: its index, that of its last child, how many children
    names = [""]
    open_names: Counter[str] = Counter()
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
                names.append(token.tag)
                open_names[token.tag] += 1
        elif token.kind == END and open_names[token.tag]:
            name = ""
            while name != token.tag:
                name = names.pop()
                opened.pop()
                open_names[name] -= 1
    return Kin(parents, before, around, beside)
