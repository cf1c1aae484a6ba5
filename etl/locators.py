"""Locators: which elements of a page a CSS selector, an XPath, an attribute or a start tag names.

What recorders write is looked up in the page's tokens, in time linear in the page; everything else in an lxml `tree`
built from the same tokens, so that nodes and positions agree with the pruner's. What would take libxml2 minutes is
told beforehand, by bounds on the nodes that it looks at, and refused.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import compress, islice
from typing import Final, NamedTuple, cast

from cssselect import ExpressionError, HTMLTranslator, SelectorError
from cssselect import parse as parse_css
from cssselect.parser import Attrib, Class, CombinedSelector, Element, Function, Hash
from lxml import etree

from etl.dom import END, START, Page, Token, read
from schemas.errors import PageError
from schemas.reasons import Reason

LOCATOR_LIMIT: Final = 16_384
"""Characters of the longest CSS selector or XPath that is tried."""

CSS_LIMIT: Final = 1e9
"""Nodes that a CSS selector may have libxml2 look at: some ten seconds."""

XPATH_LIMIT: Final = 1e10
"""The same of an XPath, as `_cost` has it: higher, because that is generous."""

_INDEX: Final = "stepmill-index"
_ROOT: Final = "stepmill-page"
_MAX_ATTRIBUTES: Final = 1_000  # of an element of the tree: lxml compares each with those before it
_NOT_XML: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CLASS_SPACE: Final = re.compile("[ \t\r\n]+")
_XML_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")


def find_attribute(page: Page, name: str, value: str) -> list[int]:
    """Indices of the elements whose attribute ``name`` is exactly ``value``."""
    elements: Iterable[tuple[int, Token]] = page.having("", _needle([value]))
    if name.isascii() and not value:  # a tag without the name needs no closer look
        elements = ((element, token) for element, token in elements if name in token.markup.lower())
    return [element for element, token in elements if _meets(token, ((name, value),), ())]


def find_markup(page: Page, markup: str) -> list[int]:
    """Indices of the elements with this start tag: same name, same attributes whatever their order and quotes."""
    wanted = next((token for token in read(markup.strip()).tokens if token.element), None)
    if wanted is None:
        raise PageError("invalid_markup", f"{markup[:200]!r} is not a start tag")
    attributes = wanted.attributes()
    elements = enumerate(compress(page.tokens, page.flags))
    return [element for element, token in elements if token.tag == wanted.tag and token.attributes() == attributes]


def find_css(page: Page, selector: str) -> list[int]:
    """Indices of the elements a CSS selector matches. Raises `PageError` ("invalid_css") for anything else, and
    "costly_css" for what would take minutes on this page.

    What stands between combinators is looked up in the whole page, and the combinators are decided on what was found:
    linear in the page, where libxml2 takes hours for ``div div a`` on a deep one. What recorders write (`_Simple`) is
    looked up in the page's tokens, everything else in its `tree`.
    """
    try:
        chains = _chains(selector)
    except (SelectorError, RecursionError) as error:
        raise PageError("invalid_css", f"{selector[:200]!r}: {error}") from error
    links = [link for chain in chains for link in chain]
    hard = [link.path for link in links if link.simple is None]
    positions = sum("-sibling::" in path for path in hard)
    related = len(links) > len(chains) or any(link.simple and link.simple.nth for link in links)
    kin = _kin(page) if positions or related else _Kin([], [], 0, 0)
    if len(hard) * page.elements * 10 + positions * kin.pairs_beside > CSS_LIMIT:
        raise PageError("costly_css", f"{selector[:200]!r} on {page.elements} elements")
    root = tree(page) if hard else None
    matched: set[int] = set()
    for chain in chains:
        found: set[int] = set()
        for link in chain:
            if link.simple is not None:
                candidates = _scan(page, link.simple, kin)
            elif root is not None:
                indices = cast("list[str]", root.xpath(f"{link.path}/@{_INDEX}", smart_strings=False))
                candidates = [int(index) for index in indices]
            up = kin.parents if link.combinator in " >" else kin.before
            far = link.combinator in " ~"
            found = _led(candidates, found, up, far) if link.combinator else set(candidates)
        matched |= found
    return sorted(matched)


class _Simple(NamedTuple):
    """A part of a selector without combinators, as recorders write them; ``nth``: of its type, 0 for any."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    classes: tuple[str, ...]
    nth: int


class _Link(NamedTuple):
    """A part of a selector: the combinator before it, its XPath, and its conditions if they are simple ones."""

    combinator: str
    path: str
    simple: _Simple | None


@lru_cache(maxsize=4096)
def _chains(selector: str) -> tuple[tuple[_Link, ...], ...]:
    """Of each selector of a list: its parts from the left."""
    if len(selector) > LOCATOR_LIMIT:
        raise ExpressionError(f"{len(selector)} characters, at most {LOCATOR_LIMIT}")
    translator = HTMLTranslator()
    chains: list[tuple[_Link, ...]] = []
    for parsed in parse_css(selector):
        if parsed.pseudo_element is not None:
            raise ExpressionError("a pseudo-element is no element")
        part = parsed.parsed_tree
        links: list[_Link] = []
        while isinstance(part, CombinedSelector):
            last = part.subselector
            links.append(_Link(part.combinator, f"descendant::{translator.xpath(last)}", _simple(last)))
            part = part.selector
        links.append(_Link("", f"descendant::{translator.xpath(part)}", _simple(part)))
        chains.append(tuple(reversed(links)))
    return tuple(chains)


def _simple(part: object) -> _Simple | None:
    """The conditions of a part, if it has only simple ones."""
    attributes: list[tuple[str, str]] = []
    classes: list[str] = []
    nth = 0
    while not isinstance(part, Element):
        if isinstance(part, Hash):
            attributes.append(("id", part.id))
        elif isinstance(part, Class):
            classes.append(part.class_name)
        elif isinstance(part, Attrib) and part.operator == "=" and not part.namespace and part.value:
            attributes.append((part.attrib.lower(), part.value.value or ""))
        elif isinstance(part, Function) and part.name == "nth-of-type" and not nth:
            number = part.arguments[0].value or ""
            if part.argument_types() != ["NUMBER"] or not number.isdigit() or not int(number):
                return None
            nth = int(number)
        else:
            return None
        part = part.selector
    if part.namespace or (nth and not part.element):
        return None
    return _Simple((part.element or "").lower(), tuple(attributes), tuple(classes), nth)


def _scan(page: Page, simple: _Simple, kin: _Kin) -> list[int]:
    """Indices of the elements that meet simple conditions."""
    tag, wanted, classes, nth = simple
    elements = page.having(tag, "" if nth else _needle([*(value for _, value in wanted), *classes]))
    if nth:
        counts: Counter[int] = Counter()  # elements of this tag by the one around them
        of_type: list[tuple[int, Token]] = []
        for element, token in elements:
            counts[kin.parents[element]] += 1
            if counts[kin.parents[element]] == nth:
                of_type.append((element, token))
        elements = of_type
    return [element for element, token in elements if _meets(token, wanted, classes)]


def _needle(values: Iterable[str]) -> str:
    """The first of what an element must have in its markup by which `Page.having` can look for it; else nothing."""
    return next((value for value in values if value and "\ufffd" not in value), "")


def _meets(token: Token, wanted: Iterable[tuple[str, str]], classes: tuple[str, ...]) -> bool:
    if not wanted and not classes:
        return True
    attributes = token.attributes()
    if any(attributes.get(name) != value for name, value in wanted):
        return False
    return not classes or {*_CLASS_SPACE.split(attributes.get("class", ""))}.issuperset(classes)


def _led(found: list[int], to: set[int], up: list[int], far: bool) -> set[int]:
    """Those of ``found`` from which ``up`` leads ``to`` one of these: in one step, or ``far`` in any number of them."""
    if not far:
        return {element for element in found if up[element] in to}
    leads = {-1: False}
    kept: set[int] = set()
    for element in found:
        way: list[int] = []
        at = up[element]
        while at not in leads and at not in to:
            way.append(at)
            at = up[at]
        leads.update(dict.fromkeys(way, arrived := at in to or leads[at]))
        if arrived:
            kept.add(element)
    return kept


def find_xpath(page: Page, path: str) -> list[int]:
    """Indices of the elements an XPath selects. Raises `PageError` ("invalid_xpath") for anything else, and
    "costly_xpath" for one that would take libxml2 minutes on this page.
    """
    written = path = path.strip()
    if len(path) > LOCATOR_LIMIT or _cost(page, path) > XPATH_LIMIT:
        raise PageError("costly_xpath", f"{path[:200]!r} on {page.elements} elements")
    if path.startswith("/"):
        path = "." + path  # the tree hangs under a root of ours
    return _elements(tree(page), path, written, "invalid_xpath")


_XPATH_MARK: Final = re.compile(
    r"""(?:"[^"]*+"|'[^']*+')|(?P<open>\[)|(?P<close>\])|(?P<everywhere>(?<=[\[(,=<>|+\s])/|\b(?:following|preceding)\s*::)|"""
    r"""(?P<beside>-sibling\s*::)|(?P<around>//|\b(?:ancestor|descendant)|\b(?:contains|string|normalize-space|starts-with|count)\b)"""
)


def _cost(page: Page, path: str) -> float:
    """About how many nodes libxml2 looks at for an XPath.

    What stands in brackets is worked out for each element before them, so their costs are multiplied. Generous by far:
    nothing that recorders write comes near the limit on a page that people see.
    """
    kin = _kin(page)
    elements = max(page.elements, 1)
    costs = {
        "everywhere": float(elements), "beside": kin.pairs_beside / elements, "around": kin.pairs_around / elements
    }  # fmt: skip
    levels: dict[int, list[float]] = {0: []}
    level = 0
    for mark in _XPATH_MARK.finditer(path):
        if mark.lastgroup in costs:
            # from within brackets a path from the root is followed, and its set made, again and again
            slower = 10 if level and mark.lastgroup == "everywhere" else 1
            levels.setdefault(level, []).append(slower * costs[mark.lastgroup])
        elif mark.lastgroup:
            level += 1 if mark["open"] else -1
    top = levels.pop(0)
    cost = elements * max(top, default=1 / elements)
    if len(top) == 1:
        cost = float(elements)
    elif top:  # the sets that several elements find are merged without an index
        cost = max(cost, kin.pairs_around * elements**0.5)
    # lxml looks around each element that it hands out
    return max(kin.pairs_around, cost * math.prod(max(inner, default=1.0) for inner in levels.values()))


class _Kin(NamedTuple):
    """By element: the one around it and the one before it in the same parent, -1 for none. And how many pairs there are
    of an element and any around it, and of an element and any before it in the same parent.
    """

    parents: list[int]
    before: list[int]
    pairs_around: int
    pairs_beside: int


def _kin(page: Page) -> _Kin:
    if (tokens := page.compiled) is not None:
        return _Kin(*tokens.kin())
    parents: list[int] = []
    before: list[int] = []
    around = beside = 0
    opened = [[-1, -1, 0]]  # of each open element: its index, that of its last child, how many children
    names = [""]
    open_names: Counter[str] = Counter()
    for token in page.tokens:
        if token.element:
            parent = opened[-1]
            around += len(opened)
            beside += parent[2]
            parents.append(parent[0])
            before.append(parent[1])
            parent[1] = len(parents) - 1
            parent[2] += 1
            if token.kind == START:
                opened.append([len(parents) - 1, -1, 0])
                names.append(token.tag)
                open_names[token.tag] += 1
        elif token.kind == END and open_names[token.tag]:
            name = ""
            while name != token.tag:
                name = names.pop()
                opened.pop()
                open_names[name] -= 1
    return _Kin(parents, before, around, beside)


def _elements(root: etree._Element, path: str, written: str, reason: Reason) -> list[int]:
    try:
        found = root.xpath(path, smart_strings=False)
    except (etree.XPathError, ValueError) as error:
        raise PageError(reason, f"{written[:200]!r}: {error}") from error
    elements = [item for item in found if isinstance(item, etree._Element)] if isinstance(found, list) else []
    if not isinstance(found, list) or len(elements) < len(found):
        raise PageError(reason, f"{written[:200]!r} selects no elements but a {type(found).__name__}")
    return sorted(int(item.get(_INDEX, "-1")) for item in elements if item is not root)


def tree(page: Page) -> etree._Element:
    """The page as an lxml tree for selectors: same elements, same order, under a root of our own.

    Attributes whose names XML does not allow are left out, characters that it does not allow become U+FFFD.
    """
    root = etree.Element(_ROOT)
    stack = [root]
    names = [""]
    open_names: Counter[str] = Counter()
    text: list[str] = []  # what has come since the last element began or ended
    after: etree._Element | None = None  # the element that it follows; None: it is the first in its parent
    element = -1
    for token in page.tokens:
        if token.element:
            _put(text, stack[-1], after)
            element += 1
            after = etree.SubElement(stack[-1], *_named(token, element))
            if token.kind == START:
                stack.append(after)
                names.append(token.tag)
                open_names[token.tag] += 1
                after = None
        elif token.kind == END and open_names[token.tag]:
            _put(text, stack[-1], after)
            name = ""
            while name != token.tag:
                name, after = names.pop(), stack.pop()
                open_names[name] -= 1
        if token.raw_text:
            text.append(token.text)
    _put(text, stack[-1], after)
    return root


def _named(token: Token, element: int) -> tuple[str, dict[str, str]]:
    """Tag and attributes of an element of the tree."""
    attributes = {
        name: _NOT_XML.sub("\ufffd", value)
        for name, value in islice(token.attributes().items(), _MAX_ATTRIBUTES)
        if _XML_NAME.fullmatch(name)
    }
    attributes[_INDEX] = str(element)
    return (token.tag if _XML_NAME.fullmatch(token.tag) else "stepmill-unnameable"), attributes


def _put(text: list[str], parent: etree._Element, after: etree._Element | None) -> None:
    """Hang collected text into the tree."""
    if text:
        joined = _NOT_XML.sub("\ufffd", "".join(text))
        text.clear()
        if after is None:
            parent.text = joined
        else:
            after.tail = joined
