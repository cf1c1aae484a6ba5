"""Blank pages: no page, or one without content, where the other steps have pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from etl.pages.page import Page
from etl.stages.lint.found import Found
from etl.stages.lint.sight import Sight

_BARE: Final = frozenset(
    "html head body meta title link script style base noscript main div span br p".split()
)
"""Tags of pages in which nothing is to be seen without text."""

_MOST: Final = 40  # elements of a page in which nothing is to be seen


def blank(sights: Sequence[Sight]) -> Iterator[Found]:
    """Steps with a target and without a page to find it in."""
    seen = sum(sight.seen for sight in sights)
    for sight in sights:
        if not sight.has_target or sight.located or sight.step.error:
            continue
        if not sight.seen:
            if seen * 2 > len(sights):
                yield Found(sight.at, "blank_page", f"{seen} of {len(sights)} steps have a page")
        elif sight.is_text:
            if not sight.step.axtree.strip():
                yield Found(sight.at, "blank_page", "a text of white space")
        elif (page := sight.page) is not None and _is_bare(page):
            yield Found(sight.at, "blank_page", f"{page.elements} elements, and no text")


def _is_bare(page: Page) -> bool:
    """Whether a page has nothing to be seen."""
    if page.elements > _MOST:
        return False
    for token in page.tokens:
        if token.element and token.tag not in _BARE:
            return False
        if not token.hides_text and token.tag != "title" and token.text.strip():
            return False
    return True
