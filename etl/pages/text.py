"""The text inside an element, as people see it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Set
from typing import Final

from etl.pages.live import inert
from etl.pages.page import Page
from etl.pages.tokens import END, START

CHOICES: Final = frozenset(("select", "datalist"))
"""Elements whose text is all that can be chosen, one thing after the other: no text of what is
around them.
"""


def text_of(page: Page, element: int, limit: int, hidden: Set[str] = frozenset()) -> str:
    """The text inside an element, white space collapsed, cut at ``limit`` characters; none of
    scripts, of `CHOICES`, of what is no part of the document, and of ``hidden`` tags.
    """
    position = page.position(element)
    opener = page.tokens[position]
    hidden = hidden | CHOICES
    if opener.kind != START or opener.hides_text or opener.tag in hidden:
        return ""
    gaps = inert(page)
    gap = bisect_right(gaps, position, key=lambda gap: gap.opener)
    if gap and position < gaps[gap - 1].end:  # it stands in there, or holds it
        return ""
    parts: list[str] = []
    size = depth = 0
    inside, levels = "", 0  # the hidden element that is open, and how many of its tag
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
