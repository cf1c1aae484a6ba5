"""The outline of a page: what it says, and what one can do on it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from etl.pages.live import live
from etl.pages.page import Page
from etl.pages.tokens import END, START, VOID_TAGS, Token

TEXT: Final = 4_000
"""The most characters of text that are kept."""
LONG: Final = 1_000
MUCH: Final = 6_000
MANY: Final = 150
"""A page with more characters of prose or of all text, or with more links or controls, is not
looked at further: it has content of its own.
"""
LARGE: Final = 3_000
"""A page with more elements is not looked at."""
_HEADINGS: Final = 8
"""The most headings, buttons and fields that are kept."""

_HEADING: Final = frozenset(("h1", "h2", "h3"))
_MEDIA: Final = frozenset(
    ("img", "svg", "video", "canvas", "iframe", "object", "embed", "picture", "audio", "frame")
)
_AROUND: Final = frozenset(("nav", "footer"))
"""Elements with the links that all pages of a site have."""
_NO_FIELDS: Final = frozenset(("hidden", "checkbox", "radio", "range", "color", "file"))
_PRESSED: Final = frozenset(("submit", "button", "image", "reset"))
_WIDGET: Final = re.compile(
    r"(?i)captcha|turnstile|cf-challenge|cf_chl|challenge-(?:form|platform|stage|running|error)"
    r"|arkose|geetest"
)
"""Words in the markup of elements that ask for a proof of being human."""
_MARKS: Final = (
    *(b"aptcha", b"APTCHA", b"turnstile", b"challenge", b"cf_chl", b"arkose", b"geetest"),
    *(b"main-frame-error", b"errorPageContainer", b"netErrorButtonContainer", b"neterror"),
)
"""Without any of these in its bytes, a page need not be searched for `_WIDGET` and `_BROWSER`."""
_HIDDEN_STYLE: Final = re.compile(r"(?i)display\s*:\s*none|visibility\s*:\s*hidden")
_DRAWN: Final = re.compile(r"(?i)background|border")
"""In an element's own style: it is a picture even without content."""
_BROWSER: Final = re.compile(
    r"""(?i)\bid=["']?(?:main-frame-error|errorPageContainer|netErrorButtonContainer)\b"""
    r"""|\bclass=["']?neterror\b"""
)
"""Marks of the pages that browsers show in place of one they could not load."""

_NO_PROSE: Final = ("a", "button", "title", "select", *sorted(_HEADING), *sorted(_AROUND))
"""Elements whose text is no prose."""
_LINK, _BUTTON, _TITLE, _HEAD, _AWAY, _GONE, _FRAME = 1, 2, 4, 8, 16, 32, 64
_ASIDE: Final = _LINK | _BUTTON | _AWAY | _HEAD


@dataclass
class Shape:
    """What a page says, and what one can do on it. All counts are of what it shows."""

    title: str = ""
    # of its first headings
    headings: list[str] = field(default_factory=list)
    # of its first buttons
    buttons: list[str] = field(default_factory=list)
    # the number of its buttons
    pressed: int = 0
    # its first characters, without the title
    text: str = ""
    # characters of text outside links, buttons, navigation and footer
    prose: int = 0
    # characters of all its text
    characters: int = 0
    links: int = 0
    # pictures, films, frames, and elements with a ground or border of their own
    media: int = 0
    # names by which text fields are known, passwords left out
    fields: list[str] = field(default_factory=list)
    # for a password that exists, and for a new one
    passwords: int = 0
    new_passwords: int = 0
    # boxes to tick, lists, areas of text
    controls: int = 0
    # it has an element that asks for a proof of being human
    widget: bool = False
    # a browser made it in place of the page
    by_browser: bool = False
    # it has content of its own; the rest was not looked at
    long: bool = False


def shape_of(page: Page, utf8: bytes) -> Shape:
    """The outline of a page, up to the place where it has enough content of its own.

    utf8: the page as written.
    """
    if page.elements > LARGE:
        return Shape(long=True)
    page = live(page).page
    if page.compiled is not None and page.compiled.is_long(_NO_PROSE, LONG, MUCH, MANY):
        return Shape(long=True)
    shape = _Walk(False).over(page)
    if not shape.long and any(mark in utf8 for mark in _MARKS):
        return _Walk(True).over(page)
    return shape


class _Walk:
    """A walk through the tokens of a page; holds the open elements."""

    def __init__(self, marked: bool) -> None:
        self._marked = marked
        self._shape = Shape()
        self._tags: list[str] = []
        # what the open elements are, each with those around it
        self._inside: list[int] = [0]
        self._open: Counter[str] = Counter()
        self._heading: list[str] = []
        self._button: list[str] = []
        self._title: list[str] = []
        self._text: list[str] = []

    def over(self, page: Page) -> Shape:
        """The outline of the page."""
        shape = self._shape
        shape.long = True
        for token in page.tokens:
            if token.kind == END:
                self._close(token.tag)
            elif token.element:
                self._begin(token)
            text = token.raw_text
            if text and not text.isspace() and not token.hides_text:
                self._say(" ".join(token.text.split()))
                if shape.prose > LONG or shape.characters > MUCH:
                    break
            elif shape.links + shape.controls > MANY:
                break
        else:
            shape.long = False
        shape.title = " ".join(self._title)
        self._end(_HEAD | _BUTTON)
        shape.text = " ".join(self._text)[:TEXT]
        return shape

    def _begin(self, token: Token) -> None:
        tag, shape, around = token.tag, self._shape, self._inside[-1]
        what = around
        markup = token.markup
        if self._marked and not around & _FRAME and _BROWSER.search(markup):
            shape.by_browser = True
        if ("hidden" in markup or "none" in markup or "HIDDEN" in markup) and _is_hidden(token):
            what |= _GONE
        if not what & _GONE:
            if self._marked and not shape.widget and _WIDGET.search(markup):
                shape.widget = True
            what |= self._note(token, tag, markup)
        if token.kind == START and tag not in VOID_TAGS:
            self._tags.append(tag)
            self._open[tag] += 1
            self._inside.append(what)

    def _note(self, token: Token, tag: str, markup: str) -> int:
        """Count an element that is shown; what its content is."""
        shape = self._shape
        if tag == "a":
            shape.links += 1
            return _LINK
        if tag == "button":
            shape.pressed += 1
            return _BUTTON
        if tag == "title":
            return _TITLE
        if tag in _HEADING:
            return _HEAD
        if tag in _AROUND:
            return _AWAY
        if "background" in markup or "border" in markup:
            shape.media += bool(_DRAWN.search(token.attributes().get("style", "")))
        if tag in _MEDIA:
            shape.media += 1
            return _FRAME if tag in ("iframe", "frame") else 0
        if tag == "input":
            self._field(token)
        elif tag in ("select", "textarea"):
            shape.controls += 1
            return _AWAY if tag == "select" else 0
        return 0

    def _field(self, token: Token) -> None:
        shape, attributes = self._shape, token.attributes()
        kind = attributes.get("type", "text").lower()
        complete = attributes.get("autocomplete", "").lower()
        names = ("name", "id", "autocomplete", "placeholder", "aria-label")
        known_as = " ".join([kind, *(attributes.get(name, "") for name in names)]).lower()
        if kind in _PRESSED:
            shape.pressed += 1
            self._add(shape.buttons, attributes.get("value", "") or attributes.get("alt", ""))
        elif kind == "password":
            shape.new_passwords += "new-password" in complete
            shape.passwords += "new-password" not in complete
        elif kind not in _NO_FIELDS:
            self._add(shape.fields, known_as)
        elif kind != "hidden":
            shape.controls += 1

    def _say(self, text: str) -> None:
        inside = self._inside[-1]
        if inside & _TITLE:
            self._title += [text] if not self._title else []
            return
        if inside & _GONE:
            return
        shape = self._shape
        shape.characters += len(text) + 1
        if not inside & _ASIDE:
            shape.prose += len(text) + 1
        if inside & _HEAD:
            self._heading.append(text)
        if inside & _BUTTON:
            self._button.append(text)
        if shape.characters < TEXT * 2:
            self._text.append(text)

    def _close(self, tag: str) -> None:
        if not self._open[tag]:
            return
        last = ""
        before = self._inside[-1]
        while last != tag:
            last = self._tags.pop()
            self._open[last] -= 1
            self._inside.pop()
        self._end(before & ~self._inside[-1])

    def _end(self, what: int) -> None:
        """Keep the text of a heading or button that has ended."""
        if what & _HEAD:
            self._add(self._shape.headings, " ".join(self._heading))
            self._heading.clear()
        if what & _BUTTON:
            self._add(self._shape.buttons, " ".join(self._button))
            self._button.clear()

    @staticmethod
    def _add(texts: list[str], text: str) -> None:
        if text and len(texts) < _HEADINGS:
            texts.append(text)


def _is_hidden(token: Token) -> bool:
    """Whether an element says of itself that it is not shown."""
    attributes = token.attributes()
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    if token.tag == "input" and attributes.get("type", "").lower() == "hidden":
        return True
    return bool(_HIDDEN_STYLE.search(attributes.get("style", "")))
