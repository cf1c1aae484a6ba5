"""The visible text inside an element."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Set
from typing import Final

from etl.pages.live import inert
from etl.pages.page import Page
from etl.pages.tokens import END, START

CHOICES: Final = frozenset(("select", "datalist"))
"""Elements whose text is a list of choices, which is not text of the elements around them."""


def text_of(page: Page, element: int, limit: int, hidden: Set[str] = frozenset()) -> str:
    """The text inside an element, at most ``limit`` characters, with single spaces.

    It leaves out scripts and the like, `CHOICES`, inert content, and elements of ``hidden`` tags.
    """
    position = page.position(element)
    opener = page.tokens[position]
    hidden = hidden | CHOICES
    if opener.kind != START or opener.hides_text or opener.tag in hidden:
        return ""
    gaps = inert(page)
    gap = bisect_right(gaps, position, key=lambda gap: gap.opener)
    if gap and position < gaps[gap - 1].end:  # the element is inert, or its content is
        return ""
    parts: list[str] = []
    size = depth = 0
    inside, levels = "", 0  # the open hidden tag, and the number of open elements of it
    place = position
    while place < len(page.tokens):
        token = page.tokens[place]
        if token.tag == opener.tag:
            depth += (token.kind == START) - (token.kind == END)
        if depth == 0 or size > limit:
            break
        if gap < len(gaps) and gaps[gap].opener == place:
            place = gaps[gap].end
            gap += 1
            continue
        place += 1
        if inside:
            if token.tag == inside:
                levels += (token.kind == START) - (token.kind == END)
            if levels:
                continue
            inside = ""
        elif token.kind == START and token.tag in hidden:
            inside, levels = token.tag, 1
            continue
        text = "" if token.hides_text else " ".join(token.text.split())
        if text:
            parts.append(text)
            size += len(text) + 1
    return " ".join(parts)[:limit]
