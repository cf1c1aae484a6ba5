"""The start tags of a page, in document order, for sources that compare two forms of one page."""

from __future__ import annotations

from itertools import compress
from typing import NamedTuple

from etl.pages.reading import read
from etl.pages.tokens import Token


class Element(NamedTuple):
    """An element of a page."""

    # in lower case
    tag: str
    # its start tag as written
    markup: str
    token: Token

    def attributes(self) -> dict[str, str]:
        """Names in lower case -> values."""
        return self.token.attributes()


def elements(html: str) -> list[Element]:
    """All elements of a page as written, in document order. Node ids count them from the end."""
    page = read(html)
    found = compress(page.tokens, page.flags)
    return [Element(token.tag, token.markup, token) for token in found]
