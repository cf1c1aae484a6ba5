"""The controls of a page's forms, with their places in the text of the page.

Elements are those of `etl.pages.standard.read_plain`, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Final

from turbohtml import TokenType

from etl.pages.page import with_lf
from etl.pages.standard import Piece, library_pieces
from schemas.errors import PageError

CONTROLS: Final = frozenset(("input", "select", "textarea", "option"))
_AS_MARKUP: Final = re.compile(r"(?i)(</?(?:ifram|noscrip))[et]")
"""Elements whose content is markup here and text in the library, but for their last letter."""


@dataclass
class Control:
    """An ``input``, ``select``, ``textarea`` or ``option``."""

    # in document order, from 0
    element: int
    # in lower case
    tag: str
    # names in lower case -> values
    attributes: dict[str, str]
    # of the start tag in the text
    start: int
    # behind the start tag
    end: int
    # of a textarea or an option
    text: str = ""
    # behind its text
    text_end: int = -1
    # of a list
    options: list[Control] = field(default_factory=list)


@dataclass(frozen=True)
class Controls:
    """The controls of a page."""

    # the page with LF at the end of each line, in which the places are
    html: str
    # of the page
    elements: int
    # in document order, an option only within its list
    found: list[Control]


def controls(html: str) -> Controls:
    """The controls of a page. Takes time linear in the page.

    Raises: `PageError` "empty_page" for a page that has every name that could stand for a frame.
    """
    html = with_lf(html)
    count = 0
    found: list[Control] = []
    inner: Control | None = None  # the control whose text comes next
    listed: Control | None = None  # the open list
    for piece in _pieces(html):
        token = piece.token
        if token is None:
            if inner is not None:
                inner.text += piece.text
            continue
        if token.type not in (TokenType.START_TAG, TokenType.END_TAG):
            continue
        tag, starts = token.tag or "", token.type == TokenType.START_TAG
        if inner is not None and (inner.tag == "textarea" or tag in ("option", "select")):
            inner.text_end, inner = piece.at, None
        if not starts:
            listed = None if tag == "select" else listed
            continue
        if tag in CONTROLS:
            given = dict(reversed(token.attrs or ()))
            end = piece.at + len(token.source or "")
            one = Control(count, tag, given, piece.at, end, "", end)
            if tag != "option":
                found.append(one)
            elif listed is not None:
                listed.options.append(one)
            listed = one if tag == "select" else listed
            if tag in ("option", "textarea") and not token.self_closing:
                inner = one
        count += 1
    if inner is not None:
        inner.text_end = len(html)
    return Controls(html, count, found)


def _pieces(html: str) -> Iterator[Piece]:
    """The library's tokens, with the content of frames as markup; places are those in the page."""
    lower = html.lower()
    for letter in ascii_lowercase:
        if letter not in "et" and f"ifram{letter}" not in lower and f"noscrip{letter}" not in lower:
            return library_pieces(_AS_MARKUP.sub(rf"\g<1>{letter}", html))
    raise PageError("empty_page", "a page with all names that are like iframe cannot be read")
