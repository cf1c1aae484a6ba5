"""Write a page as markup, element by element, from a tree that a recorder kept instead of it.

Recorders keep the document that a browser made of a page. All of them are written alike, by the
standard's way of serialising a document (https://html.spec.whatwg.org/#serialising-html-fragments),
so that an element has the same node id whichever recorder kept it. Two things differ, because our
reader takes pages as recorders write them (`etl.pages`): the content of ``iframe`` and ``noscript``
is markup, and an end tag within raw text is broken up, which would end the element too early.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from schemas.errors import RecordError
from schemas.workflow import Locator

VOID: Final = frozenset("area base br col embed hr img input link meta source track wbr".split())
"""Elements without content and end tag."""

RAW: Final = frozenset("script style xmp noembed noframes plaintext".split())
"""Elements whose text is written as it is."""

_TAG: Final = re.compile(r"[A-Za-z][^\s<>/\0]*")
_ATTRIBUTE: Final = re.compile(r"[^\s\"'<>/=\0][^\s\"'>/=\0]*")
_DROPS_LINE_BREAK: Final = frozenset(("pre", "textarea", "listing"))


class Markup:
    """Collects a page; the elements are numbered in document order, from 0."""

    def __init__(self) -> None:
        self.elements = 0
        self._out: list[str] = []
        self._open: list[str] = []

    def doctype(self, name: str = "html") -> None:
        """Write the document's type."""
        self._out.append(f"<!DOCTYPE {name}>")

    def start(self, name: str, attributes: Iterable[tuple[str, str]] = ()) -> int:
        """Write a start tag; returns the element's number.

        attributes: names and values. A name that no page can hold is left out. An attribute counts
        once, as in a page.

        Raises: `RecordError` ``wrong_type`` if no element can have this name.
        """
        if not _TAG.fullmatch(name):
            raise RecordError("wrong_type", f"{name[:40]!r} is no tag")
        parts = [name]
        seen: set[str] = set()
        for key, value in attributes:
            if _ATTRIBUTE.fullmatch(key) and key.lower() not in seen:
                seen.add(key.lower())
                parts.append(f'{key}="{_value(value)}"' if value else f'{key}=""')
        self._out.append(f"<{' '.join(parts)}>")
        if name.lower() not in VOID:
            self._open.append(name)
        self.elements += 1
        return self.elements - 1

    def text(self, text: str) -> None:
        """Write text into the open element."""
        parent = self._open[-1].lower() if self._open else ""
        if parent in RAW:
            self._out.append(_raw(parent, text))
            return
        if parent in _DROPS_LINE_BREAK and text.startswith("\n") and self._out[-1][:1] == "<":
            self._out.append("\n")
        self._out.append(_text(text))

    def end(self, name: str) -> None:
        """Write the end tag of the open element; a void element has none."""
        if name.lower() in VOID:
            return
        assert self._open[-1:] == [name], f"{name} is not the open element"
        self._open.pop()
        self._out.append(f"</{name}>")

    def html(self) -> str:
        """The page so far."""
        return "".join(self._out)

    def locator(self, number: int) -> Locator:
        """What finds an element of the whole page by its number."""
        return Locator("node", str(self.elements - 1 - number))


def _value(value: str) -> str:
    """An attribute's value, to stand in double quotes."""
    value = value.replace("&", "&amp;").replace("\xa0", "&nbsp;").replace('"', "&quot;")
    return value.replace("<", "&lt;").replace(">", "&gt;")


def _text(text: str) -> str:
    """A text between tags."""
    text = text.replace("&", "&amp;").replace("\xa0", "&nbsp;")
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _raw(parent: str, text: str) -> str:
    """The text of a raw element, in which its end tag is broken up."""
    return re.sub(f"</(?={re.escape(parent)})", r"<\\/", text, flags=re.IGNORECASE)
