"""A page that was read: its tokens, and the places of its elements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from etl.pages.tokens import END, START, Token


class Inert(NamedTuple):
    """Content that a browser keeps out of the document."""

    # the place of the start tag around it, whose text belongs to it
    opener: int
    # the place of the first token after it
    end: int
    # the index of its first element
    first: int
    # the number of its elements
    elements: int


class Page:
    """A page as written. It must not be changed, because `read` shares pages."""

    __slots__ = ("_starts", "elements", "flags", "inert", "live", "mode", "observation", "tokens")

    def __init__(self, tokens: Sequence[Token], flags: bytes) -> None:
        self.tokens = tokens
        # a byte per token, 1 where an element begins
        self.flags = flags
        # the number of elements
        self.elements = flags.count(1)
        # the last one or its UTF-8, and the pruner that wrote it
        self.observation: tuple[Any, object] = "", None
        # both are filled by `etl.pages.live`
        self.inert: list[Inert] | None = None
        self.live: Live | None = None
        # of `etl.pages.doctype`
        self.mode = ""
        self._starts: npt.NDArray[np.int64] | None = None

    @property
    def compiled(self) -> Any:
        """The engine's ``Tokens``; None if it has not read the page."""
        return None if isinstance(self.tokens, list) else self.tokens

    def same(self, other: Page) -> bool:
        """Whether it is the same as another, as written; False unless the engine has read both."""
        if self.elements != other.elements or self.compiled is None or other.compiled is None:
            return False
        return bool(self.compiled.same(other.compiled))

    def node(self, element: int) -> int:
        """The node id of an element: its index counted from the end, 0 for the last element."""
        return self.elements - 1 - element

    def position(self, element: int) -> int:
        """The place of an element's start tag in ``tokens``.

        Raises:
            IndexError: the page has no element of this index.
        """
        if not 0 <= element < self.elements:
            raise IndexError(f"element {element} of {self.elements}")
        return int(self.positions[element])

    @property
    def positions(self) -> npt.NDArray[np.int64]:
        """The places of all start tags in ``tokens``."""
        if self._starts is None:
            self._starts = np.flatnonzero(np.frombuffer(self.flags, np.bool_))
        return self._starts

    def begun(self, place: int) -> int:
        """The number of elements that begin before a place in ``tokens``."""
        return int(self.positions.searchsorted(place))

    def places(self, *tags: str) -> list[int]:
        """The places of the start and end tags of these names."""
        if (tokens := self.compiled) is not None:
            return list(tokens.places(tags))
        each = enumerate(self.tokens)
        return [at for at, token in each if token.tag in tags and token.kind in (START, END)]

    def having(self, tag: str, text: str, most: int = 0) -> list[tuple[int, Token]]:
        """The elements of a tag that may have a text in an attribute's value, with their tokens.

        Their markup holds the text or a character reference. tag: empty for any tag. text: without
        U+FFFD, which may have been written as NUL. most: the number of the first ones that are
        given; 0 for all.
        """
        if (tokens := self.compiled) is not None:
            return list(tokens.having(tag, text, most))
        found = (
            (element, token)
            for element, token in enumerate(compress(self.tokens, self.flags))
            if tag in ("", token.tag) and (text in token.markup or "&" in token.markup)
        )
        return list(islice(found, most or None))

    def with_attribute(self, name: str, value: str) -> list[int]:
        """The indices of the elements whose attribute ``name``, in lower case, is ``value``."""
        if (tokens := self.compiled) is not None:
            return list(tokens.with_attribute(name, value))
        elements = self.having("", "" if "\ufffd" in value else value)
        return [element for element, token in elements if token.attributes().get(name) == value]


class Live(NamedTuple):
    """A page without its inert content."""

    page: Page
    # the index of each element in the whole page; None if nothing is left out
    elements: npt.NDArray[np.int64] | None
    # in order: (the place of a start tag in ``page``, the number of elements left out after it)
    gaps: list[tuple[int, int]]

    def in_whole(self, elements: Sequence[int]) -> list[int]:
        """The indices of some elements in the whole page."""
        return list(elements) if self.elements is None else self.elements[list(elements)].tolist()

    def of_whole(self, element: int) -> int:
        """The index of an element of the whole page here; -1 if it is inert."""
        if self.elements is None:
            return element
        at = int(np.searchsorted(self.elements, element))
        return at if at < len(self.elements) and self.elements[at] == element else -1


def with_lf(html: str) -> str:
    """A page with LF at the end of each line, as in the standard's preprocessing."""
    return html.replace("\r\n", "\n").replace("\r", "\n") if "\r" in html else html
