"""`read`: by the engine where it is there, and not again what was read a moment ago."""

from __future__ import annotations

from typing import Any, Final

from etl.pages import compiled
from etl.pages.doctype import mode
from etl.pages.page import Page
from etl.pages.standard import read_plain

MEMO_BYTES: Final = 128 * 2**20
"""Bound of the markup that the engine remembers; when it is reached, it starts again empty."""

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
    (`etl.pages.compiled`), if it is there already.
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
    page = _read_compiled(html, utf8) if _READER else None
    page = page or read_plain(html)
    page.mode = mode(html)
    return page


def _read_compiled(html: str, utf8: bytes | None) -> Page | None:
    """`read` by the engine; None for a page that holds more than that is made for."""
    with compiled.LOCK:
        if _READER[0].size > MEMO_BYTES:
            _READER[0] = compiled.ENGINE.Reader()
            _PAGES.clear()  # they hold the old one
            _PAGES.size = 0
        found = _READER[0].read(html, utf8)
    return Page(*found) if found else None


_READER: Final[list[Any]] = [compiled.ENGINE.Reader()] if compiled.ENGINE else []
"""The engine's reader, with what it remembers; none where there is no engine."""
