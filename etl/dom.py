"""Pages as they were written: read, number, locate, rebuild. The one module that knows HTML syntax.

A recorded DOM is the serialisation of a live tree, so it is read the way it was written and never repaired: a WHATWG
tokenizer with a plain stack of open elements. Void elements and ``/>`` (on any tag) close themselves, an end tag
closes up to the nearest open element of its name and is ignored where there is none; the content of ``iframe`` and
``noscript`` is markup like any other, because recorders inline frames there.

`read` splits the page at ``<``, which the C library does at gigabytes per second, and looks every piece (one markup
token and the text after it) up in a memo: recorded pages repeat. A piece that is not known is parsed once; what does
not stand alone (comments, raw text, quoted ``<``) is joined first. `read_plain` is the same function written with a
WHATWG tokenizer library throughout; tests hold the two equal, and `read` hands over to it for what would take it more
than linear time.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple, cast

import turbohtml
from cssselect import ExpressionError, HTMLTranslator, SelectorError
from cssselect import parse as parse_css
from cssselect.parser import Attrib, Class, CombinedSelector, Element, Function, Hash
from lxml import etree
from turbohtml import TokenType

from schemas.errors import PageError

OTHER: Final = 0  # comment, doctype, leading text: only the text after it matters
START: Final = 1
EMPTY: Final = 2  # an element that is complete with its start tag
END: Final = 3
_IS_ELEMENT: Final = (0, 1, 1, 0)

VOID_TAGS: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr "
    "basefont bgsound command frame image isindex keygen menuitem nextid spacer".split()
)
"""Elements without content: the standard's, and the obsolete ones that the reference parser also treats so."""

RAW_TAGS: Final = frozenset(("script", "style", "title", "textarea", "xmp", "noembed", "noframes", "plaintext"))
"""Elements whose content is text up to their end tag; that of ``plaintext``, up to the end of the page."""

REFERENCE_TAGS: Final = frozenset(("title", "textarea"))
"""Raw elements in whose text character references count."""

MEMO_BYTES: Final = 320 * 2**20
"""Bound of the memo of known pieces; when it is reached the memo starts again empty."""

PAGES_CHARACTERS: Final = 16 * 2**20
"""Bound of the latest pages that are kept whole."""

_PIECE_OVERHEAD: Final = 600  # measured bytes of a Token, its note, its dict slot and their strings' headers
_LONGEST_PIECE: Final = 2**20
_JOIN_LIMIT: Final = 64  # pieces joined into one tag before the plain reader, which is linear, takes over
_JOINED_TEXT_LIMIT: Final = 25_000  # characters of text joined before it does

# A start or end tag whose extent cannot be misread: every quote belongs to a complete attribute value.
# Groups: slash, name, attributes, closing slash. White space is HTML's, which is less than \s.
_PLAIN_TAG: Final = re.compile(
    r"""(/?)([a-zA-Z][^ \t\n\f\r/>\x00]*+)"""
    r"""((?:[ \t\n\f\r]++(?:[^ \t\n\f\r"'<>/=\x00]++"""
    r"""(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"[^"\x00]*+"(?=[ \t\n\f\r/>])|'[^'\x00]*+'(?=[ \t\n\f\r/>])"""
    r"""|[^ \t\n\f\r"'<>\x00][^ \t\n\f\r<>\x00]*+))?+)?+)*+)(/?)>"""
)
_ATTRIBUTE: Final = re.compile(
    r"""([^ \t\n\f\r=]++)(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"([^"]*+)"|'([^']*+)'|([^ \t\n\f\r]++)))?+"""
)
_TAG_NAME: Final = re.compile("/?[a-zA-Z]")
LOCATOR_LIMIT: Final = 16_384
"""Characters of the longest CSS selector or XPath that is tried."""

CSS_LIMIT: Final = 1e9
"""Nodes that a CSS selector may have libxml2 look at: some ten seconds."""

XPATH_LIMIT: Final = 1e10
"""The same of an XPath, as `_cost` has it: higher, because that is generous."""

_COMMENT_END: Final = re.compile(r"--!?>")
_NUMERIC_REFERENCE: Final = re.compile("(&#(?:[0-9]+|[xX][0-9a-fA-F]+);?)")
_OPEN_REFERENCE: Final = re.compile(r"&[a-zA-Z][a-zA-Z0-9]*+(?!;)")
_ASCII_UPPER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_NAMES_LIMIT: Final = 20_000
_NAMES: Final[dict[str, str]] = {}  # what stands before a quoted value, `` name=``, and the name in lower case
_AFTER_NAME: Final = frozenset(" \t\n\f\r/>")


Note = tuple[int, str, str, str, str, object]
"""What `etl.pruner` has worked out about a token; the last item is the pruner."""

_NO_NOTE: Final[Note] = (0, "", "", "", "", None)


class Token:
    """One markup token and the text that follows it.

    kind: `OTHER`, `START`, `EMPTY` or `END`; tag: lower case; markup: the attributes as written (``odd``: the whole
    tag, which only the library can read); raw_text: what follows up to the next markup, references unresolved;
    literal: references do not count in it; note: a place for the pruner, so that it needs no memo of its own.
    Tokens are shared between pages and compared by identity.
    """

    __slots__ = ("element", "kind", "literal", "markup", "note", "odd", "opens_raw", "raw_text", "tag")

    def __init__(
        self, kind: int, tag: str = "", markup: str = "", raw_text: str = "", odd: bool = False, literal: bool = False
    ) -> None:
        self.kind = kind
        self.tag = tag
        self.markup = markup
        self.raw_text = raw_text
        self.odd = odd
        self.literal = literal
        self.note = _NO_NOTE
        self.element = _IS_ELEMENT[kind]
        self.opens_raw = kind == START and tag in RAW_TAGS

    def copy(self) -> Token:
        """The same token under another identity."""
        return Token(self.kind, self.tag, self.markup, self.raw_text, self.odd, self.literal)

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.tag!r}, {self.markup!r}, {self.raw_text!r})"

    @property
    def text(self) -> str:
        """The text after the markup with character references resolved."""
        text = self.raw_text
        return _resolve(text) if "&" in text and not self.literal else text

    def attributes(self, skip: Container[str] = ()) -> dict[str, str]:
        """Attributes in the order written, names in lower case, references resolved; the first of a name counts.

        skip: names that are left out.
        """
        attributes: dict[str, str] = {}
        if not self.element or not self.markup:
            return attributes
        if self.odd:
            for name, value in next(iter(turbohtml.tokenize(self.markup))).attrs or ():
                attributes.setdefault(name, value)
            return attributes
        for name, value in self._pairs():
            if name not in skip and name not in attributes:
                attributes[name] = _resolve_in_attribute(value) if "&" in value else value
        return attributes

    def _pairs(self) -> Iterable[tuple[str, str]]:
        """Names in lower case and values of a plain tag."""
        parts = self.markup.split('"')  # nearly all hold nothing but name="value", with one space before
        if not parts[-1]:
            names = [*map(_NAMES.get, parts[:-1:2])]
            if None not in names:
                return zip(names, parts[1::2], strict=True)  # type: ignore[arg-type]
        pairs = []
        for name, double, single, bare in _ATTRIBUTE.findall(self.markup):
            lower = name if name.islower() else name.translate(_ASCII_UPPER)
            if double and len(_NAMES) < _NAMES_LIMIT:
                _NAMES[f" {name}="] = lower
            pairs.append((lower, double or single or bare))
        return pairs


def _resolve(text: str) -> str:
    """Resolve references as in text. The library's ``unescape`` drops some numbers that its tokenizer keeps."""
    if "&#" not in text:
        return turbohtml.unescape(text)
    parts = _NUMERIC_REFERENCE.split(text)
    parts[::2] = map(turbohtml.unescape, parts[::2])
    parts[1::2] = [next(iter(turbohtml.tokenize(reference))).data or "" for reference in parts[1::2]]
    return "".join(parts)


def _resolve_in_attribute(value: str) -> str:
    """Resolve references as in an attribute: a named one without ``;`` before ``=`` or a letter or digit stays."""
    if _OPEN_REFERENCE.search(value) is None:
        return _resolve(value)
    attrs = next(iter(turbohtml.tokenize('<a b="' + value.replace('"', "&quot;") + '">'))).attrs
    return attrs[0][1] if attrs else value


class Page:
    """A page as written: its tokens in order, and how many elements it has. Not to be changed: `read` shares pages.

    note: a place for the pruner, as on tokens.
    """

    __slots__ = ("_positions", "elements", "note", "tokens")

    def __init__(self, tokens: list[Token], elements: int) -> None:
        self.tokens = tokens
        self.elements = elements
        self.note: tuple[str, object] = "", None
        self._positions: list[int] = []

    def node(self, element: int) -> int:
        """Our id of an element given by its index in document order: counted from the end, the last one is 0."""
        return self.elements - 1 - element

    def position(self, element: int) -> int:
        """Where in ``tokens`` the start tag of an element is."""
        if not 0 <= element < self.elements:
            raise IndexError(f"element {element} of {self.elements}")
        if not self._positions:
            self._positions = [at for at, token in enumerate(self.tokens) if token.element]
        return self._positions[element]

    def text_of(self, element: int, limit: int) -> str:
        """The text inside an element, white space collapsed, cut at ``limit`` characters."""
        position = self.position(element)
        opener = self.tokens[position]
        if opener.kind != START or opener.literal:
            return ""
        parts: list[str] = []
        size, depth = 0, 1
        for token in self.tokens[position:]:
            if token.tag == opener.tag and token is not opener:
                depth += (token.kind == START) - (token.kind == END)
            if depth == 0 or size > limit:
                break
            text = "" if token.literal else " ".join(token.text.split())
            if text:
                parts.append(text)
                size += len(text) + 1
        return " ".join(parts)[:limit]


def find_attribute(page: Page, name: str, value: str) -> list[int]:
    """Indices of the elements whose attribute ``name`` is exactly ``value``."""
    # A value that holds nothing to escape stands in the markup as it is: most elements need no closer look.
    needle = value if value and not _ESCAPABLE.search(value) else name
    found: list[int] = []
    element = -1
    for token in page.tokens:
        if token.element:
            element += 1
            if (needle in token.markup or "&" in token.markup) and token.attributes().get(name) == value:
                found.append(element)
    return found


def find_markup(page: Page, markup: str) -> list[int]:
    """Indices of the elements with this start tag: same name, same attributes whatever their order and quotes."""
    wanted = next((token for token in read(markup.strip()).tokens if token.element), None)
    if wanted is None:
        raise PageError("invalid_markup", f"{markup[:200]!r} is not a start tag")
    attributes = wanted.attributes()
    found: list[int] = []
    element = -1
    for token in page.tokens:
        if token.element:
            element += 1
            if token.tag == wanted.tag and token.attributes() == attributes:
                found.append(element)
    return found


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
    # A value that holds nothing to escape stands in the markup as it is: most elements need no closer look.
    needle = next((value for _, value in wanted if value and not _ESCAPABLE.search(value)), "")
    conditions = bool(wanted or classes)
    counts: Counter[int] = Counter()  # elements of this tag by the one around them
    found: list[int] = []
    element = -1
    for token in page.tokens:
        if not token.element:
            continue
        element += 1
        if tag and token.tag != tag:
            continue
        if nth:
            counts[kin.parents[element]] += 1
            if counts[kin.parents[element]] != nth:
                continue
        if conditions:
            if needle not in token.markup and "&" not in token.markup:
                continue
            attributes = token.attributes()
            if any(attributes.get(name) != value for name, value in wanted):
                continue
            if classes and not {*_CLASS_SPACE.split(attributes.get("class", ""))}.issuperset(classes):
                continue
        found.append(element)
    return found


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


def _elements(root: etree._Element, path: str, written: str, reason: str) -> list[int]:
    try:
        found = root.xpath(path, smart_strings=False)
    except (etree.XPathError, ValueError) as error:
        raise PageError(reason, f"{written[:200]!r}: {error}") from error
    elements = [item for item in found if isinstance(item, etree._Element)] if isinstance(found, list) else []
    if not isinstance(found, list) or len(elements) < len(found):
        raise PageError(reason, f"{written[:200]!r} selects no elements but a {type(found).__name__}")
    return sorted(int(item.get(_INDEX, "-1")) for item in elements if item is not root)


_INDEX: Final = "stepmill-index"
_ROOT: Final = "stepmill-page"
_MAX_ATTRIBUTES: Final = 1_000  # of an element of the tree: lxml compares each with those before it
_NOT_XML: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CLASS_SPACE: Final = re.compile("[ \t\r\n]+")
_XML_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_ESCAPABLE: Final = re.compile(r"[&<>\"'\s]")


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


class _Memo(dict[str, Token]):
    """Known pieces, bounded by bytes. new: those that are not in the size yet."""

    def __init__(self) -> None:
        self.new: list[str] = []
        self.size = 0

    def grow(self) -> None:
        """Enter the new pieces into the size; over the bound the memo starts again empty."""
        self.size += 3 * sum(map(len, self.new)) + _PIECE_OVERHEAD * len(self.new)
        self.new.clear()
        if self.size > MEMO_BYTES:
            self.clear()
            self.size = 0


_MEMO: Final = _Memo()


class _NeedsPlain(Exception):
    """The fast reader met a construct that only the plain one reads."""


class _Pages(dict[tuple[int, str, str], tuple[str, Page]]):
    """The latest pages, bounded by their characters: stages read a page one after the other, recordings repeat it.

    The key is a sample of the page, because hashing all of it takes as long as a good part of reading it.
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
            self.size -= len(self.pop(next(iter(self)))[0])


_PAGES: Final = _Pages()


def read(html: str) -> Page:
    """Read a page as written. Equal to `read_plain` for every string."""
    known = _PAGES.get(_PAGES.key(html))
    if known is not None and known[0] == html:
        return known[1]
    page = _read(html)
    _PAGES.keep(html, page)
    return page


def _read(html: str) -> Page:
    if "\r" in html:  # as in the standard's preprocessing
        html = html.replace("\r\n", "\n").replace("\r", "\n")
    pieces = html.split("<")
    tokens: list[Token] = []
    append = tokens.append
    known = _MEMO.get
    elements = 0
    rest = iter(pieces)
    first = next(rest)
    if first:
        append(Token(OTHER, raw_text=first))
    try:
        for piece in rest:
            token = known(piece)
            if token is None:
                token = _parse(piece, rest, tokens)
                if token is None:
                    continue
            append(token)
            if token.element:
                elements += 1
                if token.opens_raw:
                    _raw_text(token, rest, tokens)
    except _NeedsPlain:
        return read_plain(html)
    finally:
        if _MEMO.new:
            _MEMO.grow()
    return Page(tokens, elements)


def _parse(piece: str, rest: Iterator[str], tokens: list[Token]) -> Token | None:
    """The token of a piece seen for the first time; takes more pieces from ``rest`` where it does not stand alone."""
    plain = _PLAIN_TAG.match(piece)
    if plain is not None:
        slash, name, markup, closed = plain.groups()
        tag = name if name.islower() else name.translate(_ASCII_UPPER)
        kind = END if slash else EMPTY if closed or tag in VOID_TAGS else START
        token = Token(kind, tag, "" if slash else markup, piece[plain.end() :])
        if len(piece) < _LONGEST_PIECE:
            _MEMO[piece] = token
            _MEMO.new.append(piece)
        return token
    if _TAG_NAME.match(piece):
        return _odd_tag(piece, rest)
    if piece.startswith("!--"):
        return _comment(piece, rest)
    if piece.startswith("/>"):
        return _merge_text(piece[2:], tokens)  # "</>" says nothing
    if piece == "/" and (more := next(rest, None)) is not None:  # at the end of the page it is text
        return _declaration(more, rest)
    if piece != "/" and piece.startswith(("!", "?", "/")):
        return _declaration(piece, rest)
    return _merge_text("<" + piece, tokens)  # a "<" that opens no markup


def _merge_text(text: str, tokens: list[Token]) -> Token | None:
    """Text that belongs to the text before it."""
    if not tokens:
        return Token(OTHER, raw_text=text)
    before = tokens.pop()
    if len(before.raw_text) > _JOINED_TEXT_LIMIT or ("&" in before.raw_text and text[:1] != "<"):
        raise _NeedsPlain  # joining again and again would be quadratic; half a reference must not become one
    merged = Token(before.kind, before.tag, before.markup, before.raw_text + text, before.odd, before.literal)
    tokens.append(merged)
    return None


def _comment(piece: str, rest: Iterator[str]) -> Token | None:
    for complete in ("!-->", "!--->"):  # the closing dashes may be those of the opening
        if piece.startswith(complete):
            return Token(OTHER, raw_text=piece[len(complete) :])
    end = _COMMENT_END.search(piece, 3)
    while end is None:  # an end holds no "<", so it never straddles two pieces
        more = next(rest, None)
        if more is None:
            return None
        piece = more
        end = _COMMENT_END.search(piece)
    return Token(OTHER, raw_text=piece[end.end() :])


def _declaration(piece: str, rest: Iterator[str]) -> Token | None:
    """A doctype, processing instruction or bogus comment: up to the next ``>``."""
    while True:
        end = piece.find(">")
        if end >= 0:
            return Token(OTHER, raw_text=piece[end + 1 :])
        more = next(rest, None)
        if more is None:
            return None
        piece = more


def _odd_tag(piece: str, rest: Iterator[str]) -> Token | None:
    """A tag with stray quotes, NUL characters or ``<`` inside: the library says where it ends."""
    for _ in range(_JOIN_LIMIT):
        token = next(iter(turbohtml.tokenize("<" + piece, capture_source=True)), None)
        if token is not None and token.type in (TokenType.START_TAG, TokenType.END_TAG):
            return _library_token(token, piece[len(token.source or "") - 1 :])
        more = next(rest, None)
        if more is None:
            return None  # the page ends inside a tag: it says nothing
        piece = f"{piece}<{more}"
    raise _NeedsPlain


def _library_token(token: turbohtml.Token, text: str) -> Token:
    tag = token.tag or ""
    if token.type == TokenType.END_TAG:
        return Token(END, tag, "", text)
    closed = token.self_closing or tag in VOID_TAGS
    return Token(EMPTY if closed else START, tag, token.source or "", text, odd=True)


def _raw_text(token: Token, rest: Iterator[str], tokens: list[Token]) -> None:
    """Take the text of a raw element and its end tag from ``rest``."""
    closing = "/" + token.tag
    size = len(closing)
    is_script = token.tag == "script"
    escaped = doubly = False  # the standard's script data escaped states: a script inside a comment inside a script
    text = [token.raw_text]
    end: str | None = None
    for piece in rest:
        if piece[:size].lower() == closing and piece[size : size + 1] in _AFTER_NAME and token.tag != "plaintext":
            if not doubly:
                end = piece
                break
            doubly = False
        elif is_script and piece.startswith("!--"):
            escaped = True
        elif escaped and piece[:6].lower() == "script" and piece[6:7] in _AFTER_NAME:
            doubly = True
        if escaped and "-->" in piece[1:]:
            escaped = doubly = False
        text.append(piece)
    literal = token.tag not in REFERENCE_TAGS
    content = "<".join(text).replace("\0", "\ufffd")  # as the standard has it for raw text alone
    tokens[-1] = Token(START, token.tag, token.markup, content, token.odd, literal)
    if end is not None:
        known = _MEMO.get(end) or _parse(end, rest, tokens)
        if known is not None:
            tokens.append(known)


_RENAMED: Final = ("iframe", "noscript")  # the library reads their content as text; snapshots hold markup there
_FIRST_CHUNK: Final = 4096


def read_plain(html: str) -> Page:
    """Read a page as written, by the library's tokenizer alone; slower, and the yardstick for `read`."""
    prefix = "z"
    lower = html.lower()
    while any(prefix + name in lower for name in _RENAMED):
        prefix += "z"
    renamed = re.sub(rf"(?i)(</?)(?={'|'.join(_RENAMED)})", rf"\g<1>{prefix}", html)

    def restored(text: str) -> str:
        return re.sub(rf"(?i)(</?){prefix}(?={'|'.join(_RENAMED)})", r"\1", text)

    tokens: list[Token] = []
    elements = 0
    for token in _library_tokens(renamed.replace("\r\n", "\n").replace("\r", "\n")):
        if token.type == TokenType.TEXT:
            text = restored(token.data or "")
            if tokens and tokens[-1].literal:
                tokens[-1].raw_text += text
            else:
                tokens.append(Token(OTHER, raw_text=text, literal=True))
            continue
        kind = OTHER
        tag = restored("<" + (token.tag or ""))[1:]
        if token.type == TokenType.START_TAG:
            kind = EMPTY if token.self_closing or tag in VOID_TAGS else START
            elements += 1
        elif token.type == TokenType.END_TAG:
            kind = END
        tokens.append(Token(kind, tag, restored(token.source or ""), odd=True, literal=True))
    return Page(tokens, elements)


def _library_tokens(html: str) -> Iterator[turbohtml.Token]:
    """The library's tokens of a page with LF line ends; the content of a self-closed raw element is markup.

    Where such a tag ends the library starts anew. Chunks that double from there keep that linear.
    """
    start: int | None = 0
    while start is not None:
        line_starts = [start]
        size = _FIRST_CHUNK
        tokenizer = turbohtml.Tokenizer(capture_source=True)
        fed, start = start, None
        while start is None and fed < len(html):
            chunk = html[fed : fed + size]
            line_starts.extend(fed + hit.end() for hit in re.finditer("\n", chunk))
            fed, size = fed + size, 2 * size
            for token in tokenizer.feed(chunk):
                yield token
                if token.type == TokenType.START_TAG and token.self_closing and token.tag in RAW_TAGS:
                    start = line_starts[token.line - 1] + token.col + len(token.source or "")
                    break
    tokenizer.close()
    yield from tokenizer
