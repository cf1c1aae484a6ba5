"""The controls of a page's forms, with their places in the text of the page.

Elements are those of `etl.pages.standard.read_plain`, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from string import ascii_lowercase
from typing import Final, NamedTuple

from turbohtml import TokenType

from etl.pages import compiled
from etl.pages.page import Page, with_lf
from etl.pages.reading import read_anew
from etl.pages.standard import library_pieces
from etl.pages.tokens import EMPTY, Token
from schemas.errors import PageError

CONTROLS: Final = frozenset(("input", "select", "textarea", "option"))
_AS_MARKUP: Final = re.compile(r"(?i)(</?(?:ifram|noscrip))([et])")
"""Elements whose content is markup here and text in the library, and their last letter."""


@dataclass
class Control:
    """An ``input``, ``select``, ``textarea`` or ``option``."""

    # in document order, from 0
    element: int
    # in lower case
    tag: str
    # names in lower case -> values, the last first
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


class _Tag(NamedTuple):
    """A start or end tag, or the end of the page, which has no name."""

    tag: str
    starts: bool
    # it is an element that ends with its start tag
    closed: bool
    # the number of elements before it
    element: int
    # of a start tag, in the order written
    attributes: dict[str, str]
    # where it begins and ends in the text
    at: int
    end: int
    # makes the text after the last tag before it
    text: Callable[[], str]


def controls(html: str) -> Controls:
    """The controls of a page. Takes time linear in the page.

    Raises: `PageError` "empty_page" for a page that has every name that could stand for a frame.
    """
    html = with_lf(html)
    page = read_anew(html)
    if page.compiled is None:
        return plain_controls(html)
    return _controls(html, page.elements, _compiled_tags(page, len(html)))


def plain_controls(html: str) -> Controls:
    """The same in plain Python: the specification. html: with LF at the end of each line."""
    tags = [*_plain_tags(html)]
    return _controls(html, tags[-1].element, tags)


def _controls(html: str, elements: int, tags: Iterable[_Tag]) -> Controls:
    """The controls of a page. tags: at least theirs, the one after each textarea's, and the end."""
    found: list[Control] = []
    inner: Control | None = None  # the control whose text comes next
    listed: Control | None = None  # the open list
    for tag in tags:
        if inner is not None:
            inner.text += tag.text()
            if inner.tag == "textarea" or tag.tag in ("option", "select", ""):
                inner.text_end, inner = tag.at, None
        if not tag.starts:
            listed = None if tag.tag == "select" else listed
        elif tag.tag in CONTROLS:
            # the last first: so they have always been written
            given = dict(reversed(tag.attributes.items()))
            one = Control(tag.element, tag.tag, given, tag.at, tag.end, "", tag.end)
            if tag.tag != "option":
                found.append(one)
            elif listed is not None:
                listed.options.append(one)
            listed = one if tag.tag == "select" else listed
            if tag.tag in ("option", "textarea") and not tag.closed:
                inner = one
    return Controls(html, elements, found)


def _compiled_tags(page: Page, size: int) -> Iterator[_Tag]:
    """Those tags that `_controls` needs, of a page that the engine has read.

    size: characters of the page.
    """
    tokens, before = page.tokens, 0
    for place, element, starts, tag, at, end in compiled.ENGINE.control_tags(page.compiled):
        token, text = tokens[place], partial(_text, tokens, before, place)
        yield _Tag(tag, starts, token.kind == EMPTY, element, token.attributes(), at, end, text)
        before = place
    rest = partial(_text, tokens, before, len(tokens))
    yield _Tag("", False, False, page.elements, {}, size, size, rest)


def _text(tokens: Sequence[Token], begin: int, end: int) -> str:
    return "".join([tokens[at].text for at in range(begin, end)])


def _plain_tags(html: str) -> Iterator[_Tag]:
    """All tags of a page, with the content of frames as markup.

    The library reads it as text, so that it is shown frames of another name. It says where tags
    are; what is in them, and between them, gets the right name back.
    """
    letter = _letter(html.lower())
    back = re.compile(f"(?i)(ifram|noscrip)({letter})")

    def restored(text: str) -> str:
        return back.sub(lambda hit: hit[1] + _like("te"[len(hit[1]) == len("ifram")], hit[2]), text)

    shown = _AS_MARKUP.sub(lambda hit: hit[1] + _like(letter, hit[2]), html)
    count, text = 0, ""
    for piece in library_pieces(shown):
        token = piece.token
        if token is None:
            text += restored(piece.text)
        elif token.type in (TokenType.START_TAG, TokenType.END_TAG):
            starts, end = token.type == TokenType.START_TAG, piece.at + len(token.source or "")
            given: dict[str, str] = {}
            for name, value in token.attrs or ():
                given.setdefault(restored(name), restored(value))
            closed, before = token.self_closing, partial(str, text)
            yield _Tag(token.tag or "", starts, closed, count, given, piece.at, end, before)
            count, text = count + starts, ""
    yield _Tag("", False, False, count, {}, len(html), len(html), partial(str, text))


def _letter(lower: str) -> str:
    """A last letter that makes names of frames into names that a page does not have."""
    for letter in ascii_lowercase:
        if letter not in "et" and f"ifram{letter}" not in lower and f"noscrip{letter}" not in lower:
            return letter
    raise PageError("empty_page", "a page with all names that are like iframe cannot be read")


def _like(letter: str, other: str) -> str:
    """A letter in the case of another."""
    return letter.upper() if other.isupper() else letter
