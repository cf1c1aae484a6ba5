"""The page as scripts and locators see it: without the content that a browser keeps inert.

With scripts on, as in recorded pages, the content of ``noscript`` is not in the document. Nor is
that of ``template``, unless it is a shadow root. Both end where they end in a browser. One that is
never closed ends with the element around it, because only a recorder can have written it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.pages import compiled
from etl.pages.page import Inert, Live, Page
from etl.pages.tokens import END, START, OpenTags, Token, is_shadow_root

NOSCRIPT: Final = "noscript"
TEMPLATE: Final = "template"


def inert(page: Page) -> list[Inert]:
    """The inert content of a page, in order, none inside another. Takes time linear in the page."""
    if page.inert is None:
        page.inert = []
        for opener, end in _spans(page):
            if end > opener + 1 or page.tokens[opener].raw_text:
                first = page.begun(opener + 1)
                page.inert.append(Inert(opener, end, first, page.begun(end) - first))
    return page.inert


def in_document(page: Page, elements: Sequence[int]) -> list[int]:
    """Those elements that are not inert."""
    if not elements or not (gaps := inert(page)):
        return list(elements)
    firsts = [gap.first for gap in gaps]
    result = []
    for element in elements:
        at = bisect_right(firsts, element) - 1
        if at < 0 or element >= firsts[at] + gaps[at].elements:
            result.append(element)
    return result


def live(page: Page) -> Live:
    """A page without its inert content. Takes time linear in the page."""
    if not (gaps := inert(page)):
        return Live(page, None, [])  # not kept: a page that held itself would be freed late
    if page.live is None:
        page.live = Live(_without(page, gaps), _elements(page, gaps), list(_left_out(gaps)))
        page.live.page.mode = page.mode
    return page.live


def _left_out(gaps: list[Inert]) -> Iterator[tuple[int, int]]:
    shift = 0  # the number of tokens left out so far
    for gap in gaps:
        yield gap.opener - shift, gap.elements
        shift += gap.end - gap.opener - 1


def _elements(page: Page, gaps: list[Inert]) -> npt.NDArray[np.int64]:
    """The indices of the elements that are not inert."""
    stays = np.ones(page.elements, np.bool_)
    for gap in gaps:
        stays[gap.first : gap.first + gap.elements] = False
    return np.flatnonzero(stays)


def _without(page: Page, gaps: list[Inert]) -> Page:
    if (tokens := page.compiled) is not None:
        with compiled.LOCK:
            return Page(*tokens.without(gaps))
    kept: list[Token] = []
    at = 0
    for gap in gaps:
        opener = page.tokens[gap.opener]
        kept += page.tokens[at : gap.opener]
        kept.append(Token(START, opener.tag, opener.markup))
        at = gap.end
    kept += page.tokens[at:]
    return Page(kept, bytes([token.element for token in kept]))


def _spans(page: Page) -> Iterator[tuple[int, int]]:
    """The places of each inert ``noscript`` or ``template`` and of its end."""
    places = page.places(NOSCRIPT, TEMPLATE)
    last = {page.tokens[at].tag: at for at in places if page.tokens[at].kind == END}
    outer = _Outer(page.tokens)
    opener, end = -1, 0  # of the open ``noscript``; of the last inert content
    for place in places:
        token = page.tokens[place]
        if opener >= 0:
            if token.kind == END and token.tag == NOSCRIPT:
                yield opener, place
                outer.closed[opener] = place
                opener, end = -1, place
        elif place < end or token.kind == END or (token.tag == TEMPLATE and is_shadow_root(token)):
            continue
        elif last.get(token.tag, -1) < place:
            end = outer.end(place)
            yield place, end
        elif token.tag == NOSCRIPT:
            opener = place
        else:
            end = outer.closed[place] = _end_of_template(page.tokens, place)
            yield place, end


def _closes_nothing(opened: OpenTags, token: Token) -> bool:
    """Note a token; whether it is an end tag of no open element."""
    if token.kind == START:
        opened.open(token.tag)
    return token.kind == END and not opened.close(token.tag)


def _end_of_template(tokens: Sequence[Token], place: int) -> int:
    """The place of the end tag that closes a template, even if elements in it are open."""
    opened = OpenTags()
    for at in range(place + 1, len(tokens)):
        if _closes_nothing(opened, tokens[at]) and tokens[at].tag == TEMPLATE:
            return at
    return len(tokens)


class _Outer:
    """The elements around a place."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        # the places of the ends of inert elements, by their own places
        self.closed: dict[int, int] = {}
        self._tokens = tokens
        self._opened = OpenTags()
        self._at = 0

    def end(self, place: int) -> int:
        """Where an element that is never closed ends: with the one around it. Places ascend."""
        depth = len(self._tokens)
        while self._at < len(self._tokens):
            at = self._at
            self._at = self.closed.get(at, at) + 1
            if at not in self.closed:
                _closes_nothing(self._opened, self._tokens[at])
            if at == place:
                depth = len(self._opened.tags)
            elif at > place and len(self._opened.tags) < depth:
                return at
        return len(self._tokens)
