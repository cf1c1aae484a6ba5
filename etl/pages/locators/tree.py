"""A page as the tree that XPaths are evaluated on: the document of a browser, made of the page's
own tokens.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from itertools import islice
from typing import Final

from lxml import etree

from etl.pages import END, OTHER, START, Page, Token
from etl.pages.locators import standard
from etl.pages.locators.match import Elements

XHTML: Final = "http://www.w3.org/1999/xhtml"
_SVG: Final = "http://www.w3.org/2000/svg"
_MATHML: Final = "http://www.w3.org/1998/Math/MathML"
_XLINK: Final = "http://www.w3.org/1999/xlink"
_XML: Final = "http://www.w3.org/XML/1998/namespace"

_MAX_ATTRIBUTES: Final = 1_000  # of an element of the tree: lxml compares each with those before it
_NOT_XML: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XML_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_UNNAMEABLE: Final = "stepmill-unnameable"


class Tree:
    """The elements, texts and comments of a page under a document, for libxml2; made when it is
    first asked for.

    HTML elements have no namespace, because XPaths name them without one. Names that XML does not
    allow are replaced (``odd_tags``, ``odd_attributes``: there are such), characters that it does
    not allow become U+FFFD. Comments are empty. Where the page has not exactly one root element,
    its elements hang under one of ours (``held``).
    """

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self.odd_tags = self.odd_attributes = self.astral = False
        self.held = False
        self._names: dict[tuple[str, int], str | None] = {}
        self._index: dict[etree._Element, int] = {}

    def __del__(self) -> None:
        """Let go of elements before those around them: lxml climbs from each to the next one that
        is held.
        """
        while self._index:
            self._index.popitem()

    @cached_property
    def root(self) -> etree._Element:
        """The page's root element, or ours."""
        self.held = self.elements.kin.parents.count(-1) != 1
        root = self._build(etree.Element("stepmill-page") if self.held else None)
        if self.elements.page.mode and not self.held:  # the document type is a node, for Chromium
            root.addprevious(etree.Comment())
        return root

    def index(self, item: object) -> int | None:
        """The index of an element of the page; None for what is none."""
        return self._index.get(item) if isinstance(item, etree._Element) else None

    @cached_property
    def by_id(self) -> dict[str, etree._Element]:
        """The first element of each id."""
        found: dict[str, etree._Element] = {}
        for element in self._index:
            id = element.get("id")
            if id:
                found.setdefault(id, element)
        return found

    def _build(self, root: etree._Element | None) -> etree._Element:
        unseen = self.elements.shadowed
        namespaces = self.elements.namespaces
        opened = [root]
        lasts: list[etree._Element | None] = [None]  # of each: the last node in it so far
        names = [""]
        hidden = [False]  # of each: whether what it holds is no part of the document
        open_names: Counter[str] = Counter()
        text: list[str] = []  # what has come since the last node began or ended
        element = -1
        for token in self.elements.page.tokens:
            if token.element:
                element += 1
                if seen := element not in unseen:
                    self._put(text, opened[-1], lasts[-1])
                    node = lasts[-1] = self._add(opened[-1], token, element, namespaces[element])
                    root = node if root is None else root
                if token.kind == START:
                    opened.append(lasts[-1] if seen else opened[-1])
                    lasts.append(None if seen else lasts[-1])
                    names.append(token.tag)
                    hidden.append(hidden[-1] or not seen)
                    open_names[token.tag] += 1
            elif token.kind == END and open_names[token.tag]:
                name = ""
                while name != token.tag:
                    if not hidden[-1]:
                        self._put(text, opened[-1], lasts[-1])
                    name = names.pop()
                    open_names[name] -= 1
                    opened.pop()
                    lasts.pop()
                    hidden.pop()
            elif token.kind == OTHER and len(opened) > 1 and not hidden[-1]:
                self._put(text, opened[-1], lasts[-1])
                around, comment = opened[-1], etree.Comment()
                if around is not None:
                    around.append(comment)
                    lasts[-1] = comment
            if token.raw_text and not hidden[-1] and len(opened) > 1:
                text.append(token.text)
        self._put(text, opened[-1], lasts[-1])
        return root

    def _add(
        self, parent: etree._Element | None, token: Token, element: int, namespace: int
    ) -> etree._Element:
        """An element in its place, with its attributes."""
        tag, nsmap = token.tag, None
        if not _XML_NAME.fullmatch(tag):
            tag, self.odd_tags = _UNNAMEABLE, True
        if namespace == standard.SVG:
            tag = f"{{{_SVG}}}{standard.SVG_TAGS.get(tag, tag)}"
            nsmap = {None: _SVG, "xlink": _XLINK}
        elif namespace == standard.MATHML:
            tag = f"{{{_MATHML}}}{tag}"
            nsmap = {None: _MATHML, "xlink": _XLINK}
        names = self._names
        attributes: dict[str, str] = {}
        for name, value in islice(self.elements.of(element, token).items(), _MAX_ATTRIBUTES):
            if (name, namespace) not in names:
                names[name, namespace] = self._name(name, namespace)
            known = names[name, namespace]
            if known is None:
                known, self.odd_attributes = f"{_UNNAMEABLE}-{len(attributes)}", True
            if known:
                attributes[known] = self._clean(value)
        if parent is None:
            node = etree.Element(tag, attributes, nsmap=nsmap)
        else:
            node = etree.SubElement(parent, tag, attributes, nsmap=nsmap)
        self._index[node] = element
        return node

    def _name(self, name: str, namespace: int) -> str | None:
        """The name of an attribute in the tree: empty if it has none, None if XML does not allow
        it.
        """
        if namespace and name in standard.LINKED_NAMES:
            space, _, local = name.partition(":")
            if space == "xmlns":
                return ""
            return f"{{{_XLINK if space == 'xlink' else _XML}}}{local}"
        if namespace:
            cases = standard.SVG_NAMES if namespace == standard.SVG else standard.MATHML_NAMES
            name = cases.get(name, name)
        return name if _XML_NAME.fullmatch(name) and name != "xmlns" else None

    def _clean(self, text: str) -> str:
        if not text.isascii():
            self.astral = self.astral or max(text) > "\uffff"
            return _NOT_XML.sub("\ufffd", text)
        return text if text.isprintable() else _NOT_XML.sub("\ufffd", text)

    def _put(
        self, text: list[str], parent: etree._Element | None, last: etree._Element | None
    ) -> None:
        """Hang collected text into the tree, after the last node in its parent."""
        if text and parent is not None:
            joined = self._clean("".join(text))
            text.clear()
            if last is None:
                parent.text = joined
            else:
                last.tail = joined


_LATEST: Final[list[Tree]] = []


def tree_of(page: Page) -> Tree:
    """The tree of a page. The latest one is kept: the locators of a step, and steps on one page,
    come in a row.
    """
    if _LATEST and _LATEST[0].elements.page is page:
        return _LATEST[0]
    _LATEST[:] = [Tree(Elements(page))]
    return _LATEST[0]
