"""A page that was read: its tokens, and where its elements are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from etl.pages.tokens import END, START, Token


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
    """What the tokens of a page that the engine has read can do besides."""

    def having(self, tag: str, text: str) -> list[tuple[int, Token]]:
        """As `Page.having`."""
        ...

    def kin(self) -> tuple[list[int], list[int], int, int]:
        """The fields of `etl.pages.locators.kin.Kin`."""
        ...

    def places(self, tags: tuple[str, ...]) -> list[int]:
        """As `Page.places`."""
        ...

    def without(self, gaps: list[Inert]) -> tuple[Sequence[Token], bytes]:
        """What `Page` takes of the page without that."""
        ...


class Page:
    """A page as written: its tokens in order, and how many elements it has. Not to be changed:
    `read` shares pages.

    flags: a byte a token, 1 where an element begins. mode: as `etl.pages.doctype` has it.
    observation: of the pruner that wrote it. inert, live: places for `etl.pages.live`.
    """

    __slots__ = (
        "_positions",
        "elements",
        "flags",
        "inert",
        "live",
        "mode",
        "observation",
        "tokens",
    )

    def __init__(self, tokens: Sequence[Token], flags: bytes) -> None:
        self.tokens = tokens
        self.flags = flags
        self.elements = flags.count(1)
        self.observation: tuple[str, object] = "", None
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
        return int(self.positions[element])

    @property
    def positions(self) -> npt.NDArray[np.int64]:
        """Where in ``tokens`` the start tags are."""
        if self._positions is None:
            self._positions = np.flatnonzero(np.frombuffer(self.flags, np.bool_))
        return self._positions

    def begun(self, place: int) -> int:
        """How many elements begin before a place in ``tokens``."""
        return int(np.searchsorted(self.positions, place))

    def places(self, *tags: str) -> list[int]:
        """Where start and end tags of these names are."""
        if (tokens := self.compiled) is not None:
            return tokens.places(tags)
        wanted = (START, END)
        found = enumerate(self.tokens)
        return [place for place, each in found if each.tag in tags and each.kind in wanted]

    def having(self, tag: str, text: str) -> list[tuple[int, Token]]:
        """Elements of a tag, of any if it is empty, that may have a text in the value of an
        attribute: it stands in their markup, or a reference does. Each with its token.

        A text with U+FFFD is not to be found so: it may have been written as NUL.
        """
        if (tokens := self.compiled) is not None:
            return tokens.having(tag, text)
        return [
            (element, token)
            for element, token in enumerate(compress(self.tokens, self.flags))
            if tag in ("", token.tag) and (text in token.markup or "&" in token.markup)
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
