"""The document of a page as markup.

- A frame's document stands in its ``iframe``, a shadow root in ``<template shadowrootmode="open">``
  as its host's first child: a page as `etl.pages` reads it, where both are content.
- Fields have what was entered so far in ``value``, ``checked`` and ``selected``; a text area has it
  as its text. Masked text is as masked as it was recorded.
- What rrweb adds is left out: its attributes ``rr_...`` (but ``rr_src``, which a frame of another
  site had as ``src``), ``_cssText``, ``data-rr-is-password``, and the placeholder in scripts. The
  rules of a ``style`` element, which it keeps in ``_cssText``, are that element's text again; those
  of a style sheet that a ``link`` loaded were never in the page. The ``link`` stays, without
  ``rel`` and ``href``, which rrweb takes away.
- The content of ``noscript`` is a text in a browser with scripts; here it is markup.
- Left out are comments, and what an ``iframe`` has for browsers without frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Final, NamedTuple

from etl.inputs.markup import VOID, Markup
from etl.sources.rrweb.node import (
    CHECKABLE,
    DOCTYPE,
    DOCUMENT,
    ELEMENT,
    NO_ID,
    SHADOW,
    TEXT,
    Node,
)
from schemas.errors import RecordError
from schemas.workflow import Locator

SCRIPT_TEXT: Final = "SCRIPT_PLACEHOLDER"
_RECORDERS: Final = frozenset(("_cssText", "data-rr-is-password"))
"""Attributes of the recorder that do not begin with ``rr_``."""


class Page(NamedTuple):
    """A page at one moment."""

    html: str
    # the number of each element of the recording, from 0
    numbers: dict[Node, int]
    # how many there are, with the templates of shadow roots and what is in ``noscript``
    elements: int

    def locator(self, node: Node) -> Locator | None:
        """What finds an element; None if the page does not have it."""
        number = self.numbers.get(node)
        return None if number is None else Locator("node", str(self.elements - 1 - number))


def written(document: Node) -> Page:
    """A page out of its document."""
    markup = Markup()
    numbers: dict[Node, int] = {}
    todo: list[tuple[Node, str]] = [(document, "")]
    while todo:
        node, end = todo.pop()
        if end:
            markup.end(end)
        elif node.kind == ELEMENT:
            numbers[node] = markup.start(node.name, _attributes(node))
            if node.name.lower() not in VOID:
                todo.append((node, node.name))
                todo += _below(node)
        elif node.kind == SHADOW:
            markup.start("template", [("shadowrootmode", "open")])
            todo.append((node, "template"))
            todo += [(each, "") for each in node.from_last()]
        elif node.kind == DOCUMENT:
            todo += [(each, "") for each in node.from_last()]
        elif node.kind == DOCTYPE and node.parent is document:
            markup.doctype(node.name)
        elif node.kind == TEXT:
            _text(node, markup)
    return Page(markup.html(), numbers, markup.elements)


def _below(node: Node) -> Iterator[tuple[Node, str]]:
    """What stands in an element, the last first."""
    if node.name == "textarea":
        entered = node.value if node.value is not None else node.attributes.get("value")
        if isinstance(entered, str):
            text = Node(NO_ID, TEXT, given=entered)
            text.parent = node
            yield text, ""
            return
    if node.name != "iframe":
        for each in node.from_last():
            yield each, ""
    elif node.content is not None:
        yield node.content, ""
    if node.shadow is not None:
        yield node.shadow, ""


def _text(node: Node, markup: Markup) -> None:
    parent = node.parent.name if node.parent is not None else ""
    if parent == "noscript":
        _NoScript(markup).write(node.text)
    elif parent != "script" or node.text != SCRIPT_TEXT:
        markup.text(node.text)


def _attributes(node: Node) -> Iterator[tuple[str, str]]:
    """The attributes of an element as they were in the page, and what was entered in it."""
    entered = dict(_entered(node))
    for name, given in node.attributes.items():
        key = "src" if name == "rr_src" else name
        value = entered.pop(key, given)
        if key.startswith("rr_") or key in _RECORDERS or value is None or value is False:
            continue
        if key == "value" and node.name in ("textarea", "select"):
            continue
        yield key, _as_text(value)
    for key, value in entered.items():
        if value is not None:
            yield key, value


def _entered(node: Node) -> Iterator[tuple[str, str | None]]:
    """The attributes that show what was entered; None: the attribute is not there."""
    if node.type in CHECKABLE and node.checked is not None:
        yield "checked", "" if node.checked else None
    elif node.name == "option" and node.checked is not None:
        yield "selected", "" if node.checked else None
    elif node.name == "input" and node.value is not None:
        yield "value", node.value


def _as_text(value: Any) -> str:
    """An attribute's value as a page has it."""
    if value is True:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value)


class _NoScript(HTMLParser):
    """Writes the text of a ``noscript`` as the markup that it is."""

    def __init__(self, markup: Markup) -> None:
        super().__init__(convert_charrefs=True)
        self._markup = markup
        self._open: list[str] = []

    def write(self, text: str) -> None:
        """Write all of it; elements that it leaves open end with it."""
        self.feed(text)
        self.close()
        while self._open:
            self._markup.end(self._open.pop())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        try:
            self._markup.start(tag, [(name, value or "") for name, value in attrs])
        except RecordError:
            return  # no element can have this name
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open:
            ended = self._open.pop()
            self._markup.end(ended)
            if ended == tag:
                break

    def handle_data(self, data: str) -> None:
        self._markup.text(data)
