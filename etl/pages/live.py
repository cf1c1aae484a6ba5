"""The page as scripts and locators have it: without what a browser reads and keeps out of the
document.

With scripts on, and recorded pages had them on, the content of ``noscript`` is no element and no
text. That of ``template`` is no part of the document either, unless it is a shadow root. Both end
where a browser has them end; one that is never closed ends with what is around it, because only a
recorder can have written it so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.pages.page import Inert, Live, Page
from etl.pages.reading import COMPILED
from etl.pages.tokens import END, START, Token

NOSCRIPT: Final = "noscript"
TEMPLATE: Final = "template"

_IN_NOTHING, _IN_NOSCRIPT, _IN_TEMPLATE, _IN_UNCLOSED = range(4)


def is_shadow_root(token: Token) -> bool:
    """Whether a ``template`` is the shadow root of the element around it. ``shadowroot`` is what
    Chrome wrote once.
    """
    attributes = token.attributes()
    return attributes.get("shadowrootmode", attributes.get("shadowroot", "")).lower() in (
        "open",
        "closed",
    )


def inert(page: Page) -> list[Inert]:
    """The inert content of a page, in order, none inside another. Linear in the page."""
    if page.inert is None:
        tokens = page.compiled
        if tokens is None:
            page.inert = list(_inert(page.tokens))
        else:
            with COMPILED:
                page.inert = [Inert(*found) for found in tokens.inert(is_shadow_root)]
    return page.inert


def in_document(page: Page, elements: Sequence[int]) -> list[int]:
    """Those of some elements of a page that are not inert."""
    if not elements or not (gaps := inert(page)):
        return list(elements)
    firsts = [gap.first for gap in gaps]
    found = []
    for element in elements:
        at = bisect_right(firsts, element) - 1
        if at < 0 or element >= firsts[at] + gaps[at].elements:
            found.append(element)
    return found


def live(page: Page) -> Live:
    """A page as scripts and locators have it. Linear in the page; the page itself if nothing in it
    is inert.
    """
    if page.live is None:
        gaps = inert(page)
        if gaps:
            page.live = Live(_without(page, gaps), _elements(page, gaps), list(_left_out(gaps)))
        else:
            page.live = Live(page, None, [])
        page.live.page.mode = page.mode
    return page.live


def _left_out(gaps: list[Inert]) -> Iterator[tuple[int, int]]:
    shift = 0  # tokens left out so far
    for gap in gaps:
        yield gap.opener - shift, gap.elements
        shift += gap.end - gap.opener - 1


def _elements(page: Page, gaps: list[Inert]) -> npt.NDArray[np.int64]:
    """Indices of the elements that are not inert."""
    stays = np.ones(page.elements, np.bool_)
    for gap in gaps:
        stays[gap.first : gap.first + gap.elements] = False
    return np.flatnonzero(stays)


def _without(page: Page, gaps: list[Inert]) -> Page:
    if (compiled := page.compiled) is not None:
        with COMPILED:
            made = compiled.without(gaps)
        if made is not None:
            return Page(*made)
    tokens: list[Token] = []
    flags: list[bytes] = []
    at = 0
    for gap in gaps:
        opener = page.tokens[gap.opener]
        tokens += page.tokens[at : gap.opener]
        tokens.append(Token(START, opener.tag, opener.markup, "", opener.odd, opener.literal))
        flags.append(page.flags[at : gap.opener + 1])
        at = gap.end
    tokens += page.tokens[at:]
    flags.append(page.flags[at:])
    return Page(tokens, b"".join(flags))


def _inert(tokens: Sequence[Token]) -> Iterator[Inert]:
    openers = [
        token.tag for token in tokens if token.kind == START and token.tag in (NOSCRIPT, TEMPLATE)
    ]
    if not openers:
        return
    last = {token.tag: place for place, token in enumerate(tokens) if token.kind == END}
    opened: list[str] = []  # with those inside a template that is inert
    around: Counter[str] = Counter()
    inside: Counter[str] = Counter()  # a template that is inert
    state, opener, depth, first, element = _IN_NOTHING, 0, 0, 0, 0
    for place, token in enumerate(tokens):
        kind, tag = token.kind, token.tag
        element += token.element
        ended = False
        if state == _IN_NOSCRIPT:
            ended = kind == END and tag == NOSCRIPT
        elif state == _IN_TEMPLATE:
            if kind == START:
                opened.append(tag)
                inside[tag] += 1
            elif kind == END and inside[tag]:
                _pop(opened, inside, tag)
            else:
                ended = kind == END and tag == TEMPLATE
        elif kind == START:
            opened.append(tag)
            around[tag] += 1
            if state == _IN_NOTHING and (
                tag == NOSCRIPT or (tag == TEMPLATE and not is_shadow_root(token))
            ):
                state = (
                    _IN_UNCLOSED
                    if last.get(tag, -1) < place
                    else _IN_NOSCRIPT
                    if tag == NOSCRIPT
                    else _IN_TEMPLATE
                )
                opener, depth, first = place, len(opened), element
        elif kind == END and around[tag]:
            _pop(opened, around, tag)
            ended = state == _IN_UNCLOSED and len(opened) < depth
        if ended:
            if state != _IN_UNCLOSED:
                inside.clear()
                around[opened[depth - 1]] -= 1
                del opened[depth - 1 :]
            if place > opener + 1 or tokens[opener].raw_text:
                yield Inert(opener, place, first, element - first)
            state = _IN_NOTHING
    if state != _IN_NOTHING and (len(tokens) > opener + 1 or tokens[opener].raw_text):
        yield Inert(opener, len(tokens), first, element - first)


def _pop(opened: list[str], counts: Counter[str], tag: str) -> None:
    """Close up to the innermost open element of a tag, which exists."""
    name = ""
    while name != tag:
        name = opened.pop()
        counts[name] -= 1
