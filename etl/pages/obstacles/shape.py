"""The outline of a page: what it says, and what one can do on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from etl.pages.live import live
from etl.pages.obstacles.outline import (
    ASIDE,
    BROWSER,
    BUTTON,
    CONTROL,
    FIELD,
    GONE,
    HEAD,
    LINK,
    MEDIA,
    TEXT,
    TITLE,
    WIDGET,
    Seen,
    outline,
)
from etl.pages.page import Page
from etl.pages.tokens import Token

TEXT_KEPT: Final = 4_000
"""The most characters of text that are kept."""
LONG: Final = 1_000
MUCH: Final = 6_000
MANY: Final = 150
"""A page with more characters of prose or of all text, or with more links or controls, is not
looked at further: it has content of its own.
"""
LARGE: Final = 3_000
"""A page with more elements is not looked at."""
_KEPT: Final = 8
"""The most headings, buttons and fields that are kept."""

_NO_FIELDS: Final = frozenset(("hidden", "checkbox", "radio", "range", "color", "file"))
_PRESSED: Final = frozenset(("submit", "button", "image", "reset"))


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


def shape_of(page: Page) -> Shape:
    """The outline of a page, up to the place where it has enough content of its own."""
    if page.elements > LARGE:
        return Shape(long=True)
    page = live(page).page
    seen = outline(page, LONG, MUCH, MANY)
    return Shape(long=True) if seen is None else _Walk(page).over(seen)


class _Walk:
    """A walk through what is seen of a page."""

    def __init__(self, page: Page) -> None:
        self._tokens = page.tokens
        self._shape = Shape()
        self._heading: list[str] = []
        self._button: list[str] = []
        self._title: list[str] = []
        self._text: list[str] = []

    def over(self, seen: Iterable[Seen]) -> Shape:
        """The outline of the page."""
        shape = self._shape
        shape.long = True
        for place, what in seen:
            if what & TEXT:
                self._say(place, what)
                if shape.prose > LONG or shape.characters > MUCH:
                    break
            elif place < 0:
                self._end(what)
            else:
                self._note(place, what)
                if shape.links + shape.controls > MANY:
                    break
        else:
            shape.long = False
        shape.title = " ".join(self._title)
        self._end(HEAD | BUTTON)
        shape.text = " ".join(self._text)[:TEXT_KEPT]
        return shape

    def _note(self, place: int, what: int) -> None:
        """Count an element."""
        shape = self._shape
        shape.by_browser |= bool(what & BROWSER)
        if what & GONE:
            return
        shape.widget |= bool(what & WIDGET)
        shape.links += bool(what & LINK)
        shape.pressed += bool(what & BUTTON)
        shape.media += bool(what & MEDIA)
        shape.controls += bool(what & CONTROL)
        if what & FIELD:
            self._field(self._tokens[place])

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

    def _say(self, place: int, inside: int) -> None:
        text = " ".join(self._tokens[place].text.split())
        if inside & TITLE:
            self._title += [text] if not self._title else []
            return
        shape = self._shape
        shape.characters += len(text) + 1
        if not inside & ASIDE:
            shape.prose += len(text) + 1
        if inside & HEAD:
            self._heading.append(text)
        if inside & BUTTON:
            self._button.append(text)
        if shape.characters < TEXT_KEPT * 2:
            self._text.append(text)

    def _end(self, what: int) -> None:
        """Keep the text of a heading or button that has ended."""
        if what & HEAD:
            self._add(self._shape.headings, " ".join(self._heading))
            self._heading.clear()
        if what & BUTTON:
            self._add(self._shape.buttons, " ".join(self._button))
            self._button.clear()

    @staticmethod
    def _add(texts: list[str], text: str) -> None:
        if text and len(texts) < _KEPT:
            texts.append(text)
