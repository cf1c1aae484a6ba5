"""`read`: by the engine if it is installed, with a cache of the latest pages."""

from __future__ import annotations

from typing import Any, Final

from etl.pages import compiled
from etl.pages.doctype import mode
from etl.pages.page import Page
from schemas.utf8 import text_of, utf8_of

MEMO_BYTES: Final = 128 * 2**20
"""Bound of the markup that the engine remembers; beyond it, the engine forgets all."""

PAGES: Final = 128
"""Bound of the latest pages: each stage goes through all pages of a workflow."""

PAGES_CHARACTERS: Final = 16 * 2**20
"""Bound of the latest pages, in characters, or bytes where they are UTF-8."""


class _Latest:
    """The latest pages by the ``id`` of their text, which several stages read. To hash it would
    take half as long as to read it again.
    """

    def __init__(self) -> None:
        self._pages: dict[int, tuple[str | bytes, Page]] = {}
        self._size = 0

    def pop(self, html: str | bytes) -> Page | None:
        """Take the page of this very object out, if it is there."""
        found = self._pages.pop(id(html), None)
        if not found:
            return None
        self._size -= len(html)
        return found[1]

    def put(self, html: str | bytes, page: Page) -> None:
        """Add the latest page, and forget the oldest until the others are within the bounds."""
        self.pop(html)
        self._pages[id(html)] = html, page
        self._size += len(html)
        while len(self._pages) > PAGES or self._size > PAGES_CHARACTERS:
            oldest, _ = self._pages.pop(next(iter(self._pages)))
            self._size -= len(oldest)

    def clear(self) -> None:
        """Forget all."""
        self._pages.clear()
        self._size = 0

    def texts(self) -> list[str | bytes]:
        """What is kept, the latest last."""
        return [html for html, _ in self._pages.values()]


_LATEST: Final = _Latest()


def read(html: str | bytes) -> Page:
    """Read a page as written, with the result of `read_plain`.

    html: the page or its UTF-8, as `schemas.utf8.utf8_of` makes it.
    """
    with compiled.LOCK:
        latest = _LATEST.pop(html)
    page = latest or read_anew(html)
    with compiled.LOCK:
        _LATEST.put(html, page)
    return page


def read_anew(html: str | bytes) -> Page:
    """`read` without the latest pages."""
    page = (_READER and _read_compiled(utf8_of(html))) or _read_plain(text_of(html))
    page.mode = mode(html)
    return page


def _read_plain(html: str) -> Page:
    from etl.pages.standard import read_plain  # few pages need the library

    return read_plain(html)


def _read_compiled(utf8: bytes) -> Page | None:
    """A page by the engine; None for one that it leaves to the specification."""
    with compiled.LOCK:
        if _READER[0].size > MEMO_BYTES:
            _READER[0].close()
            _READER[0] = compiled.ENGINE.Reader()
            _LATEST.clear()  # they hold the old reader
        fields = _READER[0].read(utf8)
    return Page(*fields) if fields else None


_READER: Final[list[Any]] = [compiled.ENGINE.Reader()] if compiled.ENGINE else []
"""The engine's reader with its memory; empty if there is no engine."""
