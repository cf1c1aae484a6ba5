"""Finds elements in a snapshot as it was written, for the check only: independent of the project's
own reader.

Python's html.parser yields the tags; a plain stack makes an lxml tree of them, frames included.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

from lxml import etree
from lxml.cssselect import CSSSelector

VOID: Final = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    }
)


class TreeBuilder(HTMLParser):
    """Builds ``root`` from the tags in their order; text,
    comments and declarations are left out.
    """

    # Newer Pythons count iframe among these and would read an inlined frame as text.
    CDATA_CONTENT_ELEMENTS = ("script", "style")  # type: ignore[misc]

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[etree._Element] = []
        self.root: etree._Element | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element below the innermost open one."""
        element = etree.Element(tag, {name: value or "" for name, value in attrs})
        if self.stack:
            self.stack[-1].append(element)
        elif self.root is None:
            self.root = element
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element that holds nothing."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element; a serialised live tree is balanced, anything else is an
        error.
        """
        if not self.stack or self.stack[-1].tag != tag:
            raise ValueError(f"</{tag}> closes nothing")
        self.stack.pop()


def tree_of(html: str) -> etree._Element:
    """The tree of a snapshot."""
    builder = TreeBuilder()
    builder.feed(html)
    builder.close()
    if builder.root is None or builder.stack:
        raise ValueError("the snapshot is not one closed element")
    return builder.root


def matches(tree: etree._Element, kind: str, name: str, value: str) -> list[etree._Element]:
    """The elements that a locator finds, in document order."""
    if kind == "css":
        return list(CSSSelector(value)(tree))
    if kind == "xpath":
        found = tree.xpath(value)
        return (
            [e for e in found if isinstance(e, etree._Element)] if isinstance(found, list) else []
        )
    if kind == "attribute":
        return [e for e in tree.iter() if e.get(name) == value]
    raise ValueError(f"unknown locator kind: {kind}")
