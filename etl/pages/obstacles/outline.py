"""What is seen of a page, in order: elements that count, texts, the ends of headings and buttons.

`plain_outline` is the specification; the engine does the same, and stops where a page has more than
is looked at. It asks `kind_of` once for each start tag that it remembers and that has a word which
may tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from etl.pages import compiled
from etl.pages.page import Page
from etl.pages.tokens import END, START, VOID_TAGS, Token

LINK: Final = 1
BUTTON: Final = 2
TITLE: Final = 4
HEAD: Final = 8
AWAY: Final = 16
"""In an element with the links that all pages of a site have, or the options of a list."""
GONE: Final = 32
"""Hidden, by what the markup says of itself or of an element around it."""
FRAME: Final = 64
TEXT: Final = 128
CONTROL: Final = 256
FIELD: Final = 512
MEDIA: Final = 1024
"""A picture, a film, a frame, or an element with a ground or border of its own."""
BROWSER: Final = 2048
"""Made by a browser, in place of a page that it could not load."""
WIDGET: Final = 4096
"""It asks for a proof of being human."""

ASIDE: Final = LINK | BUTTON | AWAY | HEAD
"""Text inside is no prose."""
CARRIED: Final = LINK | BUTTON | TITLE | HEAD | AWAY | GONE | FRAME
"""What an element is, its content is in."""
COUNTED: Final = LINK | BUTTON | CONTROL | FIELD | MEDIA | WIDGET
ENDED: Final = HEAD | BUTTON

Seen = tuple[int, int]
"""A place and what is there. An element: what it is (with `GONE`, only `BROWSER` counts). A text:
`TEXT` and what it is in. The end of headings and buttons: -1 and which of them.
"""

_BY_TAG: Final = {
    "a": LINK,
    "button": BUTTON,
    "title": TITLE,
    **dict.fromkeys(("h1", "h2", "h3"), HEAD),
    **dict.fromkeys(("nav", "footer"), AWAY),
    **dict.fromkeys(
        ("img", "svg", "picture", "canvas", "object", "embed", "video", "audio"), MEDIA
    ),
    **dict.fromkeys(("iframe", "frame"), MEDIA | FRAME),
    "input": FIELD,
    "select": CONTROL | AWAY,
    "textarea": CONTROL,
}
_UNDRAWN: Final = LINK | BUTTON | TITLE | HEAD
_WIDGET: Final = re.compile(
    r"(?ai)captcha|turnstile|cf-challenge|cf_chl|challenge-(?:form|platform|stage|running|error)"
    r"|arkose|geetest"
)
"""Words in the markup of elements that ask for a proof of being human."""
_BROWSER: Final = re.compile(
    r"""(?ai)\bid=["']?(?:main-frame-error|errorPageContainer|netErrorButtonContainer)\b"""
    r"""|\bclass=["']?neterror\b"""
)
"""Marks of the pages that browsers show in place of one they could not load."""
_MARKS: Final = (
    *("captcha", "turnstile", "challenge", "cf_chl", "arkose", "geetest"),
    *("main-frame-error", "errorpagecontainer", "neterrorbuttoncontainer", "neterror"),
)
"""Without any of these, in lower case, markup need not be searched for `_WIDGET` and `_BROWSER`."""
_HIDDEN_STYLE: Final = re.compile(r"(?ai)display\s*:\s*none|visibility\s*:\s*hidden")
_DRAWN: Final = re.compile(r"(?ai)background|border")
"""In an element's own style: it is a picture even without content."""


def outline(page: Page, prose: int, characters: int, links: int) -> Iterable[Seen] | None:
    """What is seen of a page; None if it is certain to have more of these than given.

    characters: of all its text. links: and controls.
    """
    if page.compiled is None:
        return plain_outline(page)
    with compiled.LOCK:
        found: list[Seen] | None = page.compiled.outline(kind_of, prose, characters, links)
    return found


def kind_of(token: Token) -> int:
    """What an element is, by its start tag alone."""
    markup, what = token.markup, _BY_TAG.get(token.tag, 0)
    if token.is_bare:
        return what
    small = markup.lower()
    if ("hidden" in small or "none" in small or "&" in small) and _is_hidden(token):
        what |= GONE
    drawn = "background" in small or "border" in small
    if drawn and not what & _UNDRAWN and what != AWAY and _is_drawn(token):
        what |= MEDIA
    if any(mark in small for mark in _MARKS):
        what |= BROWSER if _BROWSER.search(markup) else 0
        what |= WIDGET if _WIDGET.search(markup) else 0
    return what


def _is_hidden(token: Token) -> bool:
    """Whether an element says of itself that it is not shown."""
    attributes = token.attributes()
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    if token.tag == "input" and attributes.get("type", "").lower() == "hidden":
        return True
    return bool(_HIDDEN_STYLE.search(attributes.get("style", "")))


def _is_drawn(token: Token) -> bool:
    return bool(_DRAWN.search(token.attributes().get("style", "")))


def plain_outline(page: Page) -> Iterator[Seen]:
    """The whole outline of a page, in plain Python: the specification."""
    return _Walk().over(page)


class _Walk:
    """A walk through the tokens of a page; holds the open elements."""

    def __init__(self) -> None:
        self._tags: list[str] = []
        # what the open elements are, each with those around it
        self._inside: list[int] = [0]
        self._open: Counter[str] = Counter()

    def over(self, page: Page) -> Iterator[Seen]:
        """What is seen of the page."""
        for place, token in enumerate(page.tokens):
            if token.kind == END:
                if ended := self._close(token.tag) & ENDED:
                    yield -1, ended
            elif token.element:
                around = self._inside[-1]
                what = kind_of(token) | around & GONE
                gone = what & GONE
                if (what & BROWSER and not around & FRAME) or (what & COUNTED and not gone):
                    yield place, what & ~(BROWSER if around & FRAME else 0)
                if token.kind == START and token.tag not in VOID_TAGS:
                    self._open_one(token.tag, gone | around if gone else what & CARRIED | around)
            text, inside = token.raw_text, self._inside[-1]
            shown = inside & TITLE or not inside & GONE
            if text and shown and not token.hides_text and not text.isspace():
                yield place, TEXT | inside

    def _open_one(self, tag: str, what: int) -> None:
        self._tags.append(tag)
        self._open[tag] += 1
        self._inside.append(what)

    def _close(self, tag: str) -> int:
        """Close an element and those in it; what the place is no longer in."""
        if not self._open[tag]:
            return 0
        last = ""
        before = self._inside[-1]
        while last != tag:
            last = self._tags.pop()
            self._open[last] -= 1
            self._inside.pop()
        return before & ~self._inside[-1]
