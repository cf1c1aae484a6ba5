"""`read`: by the engine if it is installed, with a cache of the latest pages."""

from __future__ import annotations

from typing import Any, Final

from etl.pages import compiled
from etl.pages.doctype import mode
from etl.pages.page import Page
from etl.pages.standard import read_plain

MEMO_BYTES: Final = 128 * 2**20
"""Bound of the markup that the engine remembers; beyond it, the engine forgets all."""

PAGES_CHARACTERS: Final = 16 * 2**20
"""Bound of the cached pages, in characters."""

_DONE_CHARACTERS: Final = 4 * 2**20
"""The same after a page is read again: memory outside the CPU caches costs more than reading."""


class _Pages(dict[tuple[int, str, str], tuple[str, Page]]):
    """The latest pages: several stages read a page, and recordings repeat it.

    One stage after the other goes through the pages of a workflow. So when a page is read again,
    those before it are unlikely to be. The key is a sample of the page, because hashing all of it
    is slow beside reading.
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
        """Forget pages up to this one, which was read again, while over `_DONE_CHARACTERS`."""
        while self.size > _DONE_CHARACTERS:
            first = next(iter(self))
            self._forget(first)
            if first == key:
                return

    def _forget(self, key: tuple[int, str, str]) -> None:
        self.size -= len(self.pop(key)[0])


_PAGES: Final = _Pages()


def read(html: str, utf8: bytes | None = None) -> Page:
    """Read a page as written, with the result of `read_plain`.

    utf8: of the page, as `etl.pages.compiled.utf8` makes it, if it is at hand.
    """
    key = _PAGES.key(html)
    cached = _PAGES.get(key)
    if cached is not None and cached[0] == html:
        _PAGES.done_before(key)
        return cached[1]
    page = read_anew(html, utf8)
    _PAGES.keep(html, page)
    return page


def read_anew(html: str, utf8: bytes | None = None) -> Page:
    """`read` without the cache."""
    page = _read_compiled(html, utf8) if _READER else None
    page = page or read_plain(html)
    page.mode = mode(html)
    return page


def _read_compiled(html: str, utf8: bytes | None) -> Page | None:
    """`read` by the engine; None for a page that it leaves to the specification."""
    with compiled.LOCK:
        if _READER[0].size > MEMO_BYTES:
            _READER[0] = compiled.ENGINE.Reader()
            _PAGES.clear()  # they hold the old reader
            _PAGES.size = 0
        fields = _READER[0].read(html, utf8)
    return Page(*fields) if fields else None


_READER: Final[list[Any]] = [compiled.ENGINE.Reader()] if compiled.ENGINE else []
"""The engine's reader with its memory; empty if there is no engine."""
