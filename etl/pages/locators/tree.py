"""A page as the tree on which XPaths are evaluated, made of the page's own tokens."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from itertools import islice
from typing import Final

from lxml import etree

from etl.pages.locators import standard
from etl.pages.locators.match import Elements
from etl.pages.page import Page
from etl.pages.tokens import END, OTHER, START, Token

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
    """A page as a browser's document for libxml2, made when `root` is first asked for.

    HTML elements have no namespace, because XPaths name them without one. Names that XML does not
    allow are replaced, and characters that it does not allow become U+FFFD. Comments are empty. If
    the page does not have exactly one root element, its elements get a root of ours.
    """

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        # Names of tags or attributes were replaced.
        self.odd_tags = self.odd_attributes = False
        # There are characters beyond U+FFFF.
        self.astral = False
        # The root is ours.
        self.held = False
        self._names: dict[tuple[str, int], str | None] = {}
        self._index: dict[etree._Element, int] = {}

    def __del__(self) -> None:
        """Release elements before their ancestors: lxml climbs from each to the next held one."""
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
        """The index of an element of the page; None for anything else."""
        return self._index.get(item) if isinstance(item, etree._Element) else None

    @cached_property
    def by_id(self) -> dict[str, etree._Element]:
        """Id -> the first element that has it."""
        first: dict[str, etree._Element] = {}
        for element in self._index:
            id = element.get("id")
            if id:
                first.setdefault(id, element)
        return first

    def _build(self, root: etree._Element | None) -> etree._Element:
        unseen = self.elements.shadowed
        namespaces = self.elements.namespaces
        opened = [root]
        lasts: list[etree._Element | None] = [None]  # of each open element: its last child so far
        names = [""]
        hidden = [False]  # of each open element: its content is not part of the document
        open_names: Counter[str] = Counter()
        text: list[str] = []  # since the last node began or ended
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
            allowed = names[name, namespace]
            if allowed is None:
                allowed, self.odd_attributes = f"{_UNNAMEABLE}-{len(attributes)}", True
            if allowed:
                attributes[allowed] = self._clean(value)
        if parent is None:
            node = etree.Element(tag, attributes, nsmap=nsmap)
        else:
            node = etree.SubElement(parent, tag, attributes, nsmap=nsmap)
        self._index[node] = element
        return node

    def _name(self, name: str, namespace: int) -> str | None:
        """The name of an attribute in the tree.

        Empty if it is left out, None if XML does not allow it.
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
        """Put collected text into the tree, after the last node of its parent."""
        if text and parent is not None:
            joined = self._clean("".join(text))
            text.clear()
            if last is None:
                parent.text = joined
            else:
                last.tail = joined


_LATEST: Final[list[Tree]] = []
"""The tree of the last page, if there was one."""


def tree_of(page: Page) -> Tree:
    """The tree of a page.

    The last one is kept, since the locators of a step, and steps on the same page, come in a row.
    """
    if _LATEST and _LATEST[0].elements.page is page:
        return _LATEST[0]
    _LATEST[:] = [Tree(Elements(page))]
    return _LATEST[0]
