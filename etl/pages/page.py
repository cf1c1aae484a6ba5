"""A page that was read: its tokens, and where its elements are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from etl.pages.tokens import Token


class Inert(NamedTuple):
    """Content that is no part of the document. opener: the place of the start tag, whose text is
    content too; end: of the first token that is not; first, elements: index of its first element,
    and how many there are.
    """

    opener: int
    end: int
    first: int
    elements: int


class CompiledTokens(Protocol):
    """What the tokens of a page that `etl.pages.pieces` has read can do besides."""

    def having(self, tag: str, text: str) -> list[tuple[int, Token]]:
        """As `Page.having`."""
        ...

    def kin(self) -> tuple[list[int], list[int], int, int]:
        """The fields of `etl.pages.locators.kin.Kin`."""
        ...

    def inert(self, is_shadow_root: Callable[[Token], bool]) -> list[tuple[int, int, int, int]]:
        """As `etl.pages.inert`."""
        ...

    def without(self, gaps: list[Inert]) -> tuple[Sequence[Token], bytes] | None:
        """What `Page` takes of the page without that; None if the plain reader must make it."""
        ...


class Page:
    """A page as written: its tokens in order, and how many elements it has. Not to be changed:
    `read` shares pages.

    flags: a byte a token, 1 where an element begins. mode: as `etl.pages.doctype` has it. note: a
    place for the pruner, as on tokens. inert, live: places for `etl.pages.live`.
    """

    __slots__ = ("_positions", "elements", "flags", "inert", "live", "mode", "note", "tokens")

    def __init__(self, tokens: Sequence[Token], flags: bytes) -> None:
        self.tokens = tokens
        self.flags = flags
        self.elements = flags.count(1)
        self.note: tuple[str, object] = "", None
        self.inert: list[Inert] | None = None
        self.live: Live | None = None
        self.mode = ""
        self._positions: npt.NDArray[np.int64] | None = None

    @property
    def compiled(self) -> CompiledTokens | None:
        """The tokens, if compiled code has read the page."""
        return None if isinstance(self.tokens, list) else cast("CompiledTokens", self.tokens)

    def node(self, element: int) -> int:
        """Our id of an element given by its index in document order: counted from the end, the last
        one is 0.
        """
        return self.elements - 1 - element

    def position(self, element: int) -> int:
        """Where in ``tokens`` the start tag of an element is."""
        if not 0 <= element < self.elements:
            raise IndexError(f"element {element} of {self.elements}")
        if self._positions is None:
            self._positions = np.flatnonzero(np.frombuffer(self.flags, np.bool_))
        return int(self._positions[element])

    def having(self, tag: str, text: str) -> list[tuple[int, Token]]:
        """Elements of a tag, of any if it is empty, that may have a text in the value of an
        attribute: it stands in their markup, or a reference does, or only the library can read
        them. Each with its token.

        A text with U+FFFD is not to be found so: it may have been written as NUL.
        """
        if (tokens := self.compiled) is not None:
            return tokens.having(tag, text)
        elements = enumerate(compress(self.tokens, self.flags))
        if tag:
            elements = ((element, token) for element, token in elements if token.tag == tag)  # type: ignore[assignment]
        if not text:
            return list(elements)
        return [
            pair
            for pair in elements
            if text in (markup := pair[1].markup) or "&" in markup or pair[1].odd
        ]


class Live(NamedTuple):
    """A page without its inert content. elements: by their index in the whole page (None: it is the
    whole page). gaps: (place of a start tag in it, how many elements of the whole page inside are
    left out), in order.
    """

    page: Page
    elements: npt.NDArray[np.int64] | None
    gaps: list[tuple[int, int]]

    def in_whole(self, found: Sequence[int]) -> list[int]:
        """Elements of it by their indices in the whole page."""
        return list(found) if self.elements is None else self.elements[list(found)].tolist()

    def of_whole(self, element: int) -> int:
        """The element with this index in the whole page; -1 if it is inert."""
        if self.elements is None:
            return element
        at = int(np.searchsorted(self.elements, element))
        return at if at < len(self.elements) and self.elements[at] == element else -1


def with_lf(html: str) -> str:
    """A page as it was written, with LF at the end of lines, as in the standard's preprocessing."""
    return html.replace("\r\n", "\n").replace("\r", "\n") if "\r" in html else html
