"""`read`: by compiled code where it is there, and not again what was read a moment ago."""

from __future__ import annotations

import threading
from operator import length_hint
from typing import Any, Final

from etl.pages import engine
from etl.pages.doctype import mode
from etl.pages.page import Page
from etl.pages.split import PIECE_OVERHEAD, NeedsPlain, odd_tag, plain_token, raw_token, read_pieces
from etl.pages.standard import read_plain
from etl.pages.tokens import OTHER, RAW_TAGS, VOID_TAGS, Token

COMPILED_MEMO_BYTES: Final = 128 * 2**20
"""Bound of the compiled memo of known pieces, which takes less than that of plain Python."""

PAGES_CHARACTERS: Final = 16 * 2**20
"""Bound of the latest pages that are kept whole."""

_DONE_CHARACTERS: Final = 4 * 2**20
"""The same where those before a page that is read again are done with: memory that is fresh to the
caches costs more than reading the odd page once more.
"""


class _Pages(dict[tuple[int, str, str], tuple[str, Page]]):
    """The latest pages, bounded by their characters: stages read a page one after the other,
    recordings repeat it.

    One stage goes through the pages of a workflow, then the next does; so what came before a page
    that is read again is likely to be done with. The key is a sample of the page, because hashing
    all of it takes as long as a good part of reading it.
    """

    def __init__(self) -> None:
        self.size = 0

    def key(self, html: str) -> tuple[int, str, str]:
        middle = len(html) // 2
        return len(html), html[middle : middle + 64], html[-64:]

    def keep(self, html: str, page: Page) -> None:
        if len(html) > PAGES_CHARACTERS:
            return
        key = self.key(html)
        self.size += len(html) if key not in self else 0
        self[key] = html, page
        while self.size > PAGES_CHARACTERS:
            self._forget(next(iter(self)))

    def done_before(self, key: tuple[int, str, str]) -> None:
        """A page is read again: over `_DONE_CHARACTERS` those before it go, and it itself."""
        while self.size > _DONE_CHARACTERS:
            first = next(iter(self))
            self._forget(first)
            if first == key:
                return

    def _forget(self, key: tuple[int, str, str]) -> None:
        self.size -= len(self.pop(key)[0])


_PAGES: Final = _Pages()


def read(html: str, utf8: bytes | None = None) -> Page:
    """Read a page as written. Equal to `read_plain` for every string. utf8: of the page
    (`etl.files.hashes`), if it is there already.
    """
    key = _PAGES.key(html)
    known = _PAGES.get(key)
    if known is not None and known[0] == html:
        _PAGES.done_before(key)
        return known[1]
    page = read_anew(html, utf8)
    _PAGES.keep(html, page)
    return page


def read_anew(html: str, utf8: bytes | None = None) -> Page:
    """`read`, whatever was read before."""
    page = (None if _PIECES is None else _read_compiled(_PIECES, html, utf8)) or read_pieces(html)
    page.mode = mode(html)
    return page


def _read_compiled(pieces: list[Any], html: str, utf8: bytes | None) -> Page | None:
    """`read` by compiled code; None for a page that holds more than that is made for."""
    try:
        with COMPILED:
            if pieces[0].size > COMPILED_MEMO_BYTES:
                pieces[0] = _new_pieces()
                _PAGES.clear()  # they hold the old ones
                _PAGES.size = 0
            found = pieces[0].read(html, utf8)
    except NeedsPlain:
        return read_plain(html)
    return Page(*found) if found else None


# ---- what the compiled reader asks for, once for each piece


def _odd_piece(text: str) -> tuple[Token | None, int]:
    """The token of a tag whose extent can be misread,
    and how many pieces of the text are its own.
    """
    pieces = text.split("<")
    rest = iter(pieces[1:])
    token = odd_tag(pieces[0], rest)
    return token, len(pieces) - length_hint(rest)


def _text_token(text: str) -> Token:
    return Token(OTHER, raw_text=text)


def _new_pieces() -> Any:
    def raw(token: Token, more: str) -> Token:
        return raw_token(token, token.raw_text + more)

    return engine.PIECES.Pieces(
        VOID_TAGS, RAW_TAGS, plain_token, _text_token, _odd_piece, raw, PIECE_OVERHEAD
    )


COMPILED: Final = threading.Lock()
"""Held while compiled code works on pieces: it calls Python,
where another thread may get its turn.
"""

_PIECES: Final[list[Any] | None] = None if engine.PIECES is None else [_new_pieces()]
