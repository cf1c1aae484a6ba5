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

import re
from collections.abc import Container, Iterator
from functools import lru_cache
from typing import Final

import turbohtml
from cssselect import HTMLTranslator, SelectorError
from lxml import etree
from turbohtml import TokenType

from schemas.errors import PageError

OTHER: Final = 0  # comment, doctype, leading text: only the text after it matters
START: Final = 1
EMPTY: Final = 2  # an element that is complete with its start tag
END: Final = 3

VOID_TAGS: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr "
    "basefont bgsound command frame image isindex keygen menuitem nextid spacer".split()
)
"""Elements without content: the standard's, and the obsolete ones that the reference parser also treats so."""

RAW_TAGS: Final = frozenset(("script", "style", "title", "textarea", "xmp", "noembed", "noframes", "plaintext"))
"""Elements whose content is text up to their end tag; that of ``plaintext``, up to the end of the page."""

REFERENCE_TAGS: Final = frozenset(("title", "textarea"))
"""Raw elements in whose text character references count."""

MEMO_BYTES: Final = 192 * 2**20
"""Bound of the memo of known pieces; when it is reached the memo starts again empty."""

_PIECE_OVERHEAD: Final = 600  # measured bytes of a Token, its note, its dict slot and their strings' headers
_JOIN_LIMIT: Final = 64  # pieces joined into one tag before the plain reader, which is linear, takes over

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
_COMMENT_END: Final = re.compile(r"--!?>")
_OPEN_REFERENCE: Final = re.compile(r"&[a-zA-Z][a-zA-Z0-9]*+(?!;)")
_ASCII_UPPER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_AFTER_NAME: Final = frozenset(" \t\n\f\r/>")


Note = tuple[int, str, str, str, str, object]
"""What `etl.pruner` has worked out about a token; the last item is the pruner."""

_NO_NOTE: Final[Note] = (0, "", "", "", "", None)


class Token:
    """One markup token and the text that follows it.

    kind: `OTHER`, `START`, `EMPTY` or `END`; tag: lower case; markup: the attributes as written (``odd``: the whole
    tag, which only the library can read); raw_text: what follows up to the next markup, references unresolved;
    literal: references do not count in it; note: a place for the pruner, so that it needs no memo of its own. Tokens are
    shared between pages and compared by identity.
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
        self.element = 1 if kind == START or kind == EMPTY else 0
        self.opens_raw = kind == START and tag in RAW_TAGS

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.tag!r}, {self.markup!r}, {self.raw_text!r})"

    @property
    def text(self) -> str:
        """The text after the markup with character references resolved."""
        text = self.raw_text
        return turbohtml.unescape(text) if "&" in text and not self.literal else text

    def attributes(self, skip: Container[str] = ()) -> dict[str, str]:
        """Attributes in the order written, names in lower case, references resolved; the first of a name counts.

        skip: names, as written, that may be left out.
        """
        attributes: dict[str, str] = {}
        if not self.element or not self.markup:
            return attributes
        if self.odd:
            for name, value in next(iter(turbohtml.tokenize(self.markup))).attrs or ():
                attributes.setdefault(name, value)
            return attributes
        for name, double, single, bare in _ATTRIBUTE.findall(self.markup):
            if name in skip:
                continue
            value = double or single or bare
            if not name.islower():
                name = name.translate(_ASCII_UPPER)
            if name not in attributes:
                attributes[name] = _resolve_in_attribute(value) if "&" in value else value
        return attributes


def _resolve_in_attribute(value: str) -> str:
    """Resolve references as in an attribute: a named one without ``;`` before ``=`` or a letter or digit stays."""
    if _OPEN_REFERENCE.search(value) is None:
        return turbohtml.unescape(value)
    attrs = next(iter(turbohtml.tokenize('<a b="' + value.replace('"', "&quot;") + '">'))).attrs
    return attrs[0][1] if attrs else value


class Page:
    """A page as written: its tokens in order, and how many elements it has."""

    __slots__ = ("elements", "tokens")

    def __init__(self, tokens: list[Token], elements: int) -> None:
        self.tokens = tokens
        self.elements = elements

    def node(self, element: int) -> int:
        """Our id of an element given by its index in document order: counted from the end, the last one is 0."""
        return self.elements - 1 - element

    def position(self, element: int) -> int:
        """Where in ``tokens`` the start tag of an element is."""
        seen = -1
        for position, token in enumerate(self.tokens):
            seen += token.element
            if seen == element:
                return position
        raise IndexError(f"element {element} of {self.elements}")

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
            if needle in token.markup and token.attributes().get(name) == value:
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
    """Indices of the elements a CSS selector matches. Raises `PageError` ("invalid_css") for anything else."""
    try:
        path = _css_to_xpath(selector)
    except SelectorError as error:
        raise PageError("invalid_css", f"{selector[:200]!r}: {error}") from error
    return _elements(page, path, "invalid_css")


def find_xpath(page: Page, path: str) -> list[int]:
    """Indices of the elements an XPath selects. Raises `PageError` ("invalid_xpath") for anything else."""
    path = path.strip()
    if path.startswith("/") and not path.startswith("//"):
        path = "." + path  # the tree hangs under a root of ours
    elif path.startswith("//"):
        path = "." + path
    return _elements(page, path, "invalid_xpath")


@lru_cache(maxsize=4096)
def _css_to_xpath(selector: str) -> str:
    return str(HTMLTranslator().css_to_xpath(selector, prefix="descendant::"))


def _elements(page: Page, path: str, reason: str) -> list[int]:
    root = tree(page)
    try:
        found = root.xpath(path, smart_strings=False)
    except (etree.XPathError, ValueError) as error:
        raise PageError(reason, f"{path[:200]!r}: {error}") from error
    if not isinstance(found, list) or any(not isinstance(item, etree._Element) for item in found):
        raise PageError(reason, f"{path[:200]!r} selects no elements but a {type(found).__name__}")
    return sorted(int(item.get(_INDEX)) for item in found if item is not root)


_INDEX: Final = "stepmill-index"
_ROOT: Final = "stepmill-page"
_NOT_XML: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XML_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_ESCAPABLE: Final = re.compile(r"[&<>\"'\s]")


def tree(page: Page) -> etree._Element:
    """The page as an lxml tree for selectors: same elements, same order, under a root of our own.

    Attributes whose names XML does not allow are left out, characters that it does not allow become U+FFFD.
    """
    root = etree.Element(_ROOT)
    stack = [root]
    names = [""]
    element = -1
    for token in page.tokens:
        if token.kind == END:
            if token.tag in names:
                while names.pop() != token.tag:
                    stack.pop()
                last = stack.pop()
                _add_text(stack[-1], last, token.text)
            else:
                _add_text(stack[-1], None, token.text)
            continue
        if not token.element:
            _add_text(stack[-1], None, token.text)
            continue
        element += 1
        attributes = {
            name: _NOT_XML.sub("\ufffd", value) for name, value in token.attributes().items() if _XML_NAME.fullmatch(name)
        }
        attributes[_INDEX] = str(element)
        tag = token.tag if _XML_NAME.fullmatch(token.tag) else "stepmill-unnameable"
        child = etree.SubElement(stack[-1], tag, attributes)
        if token.kind == START:
            stack.append(child)
            names.append(token.tag)
        _add_text(stack[-1], None if token.kind == START else child, token.text)
    return root


def _add_text(parent: etree._Element, after: etree._Element | None, text: str) -> None:
    if not text:
        return
    text = _NOT_XML.sub("\ufffd", text)
    if after is None and len(parent):
        after = parent[-1]
    if after is None:
        parent.text = (parent.text or "") + text
    else:
        after.tail = (after.tail or "") + text


class _Memo(dict[str, Token]):
    """Known pieces, bounded by bytes."""

    def __init__(self) -> None:
        self.size = 0

    def keep(self, piece: str, token: Token) -> Token:
        cost = 3 * len(piece) + _PIECE_OVERHEAD
        if cost > MEMO_BYTES // 64:
            return token
        self.size += cost
        if self.size > MEMO_BYTES:
            self.clear()
            self.size = cost
        self[piece] = token
        return token


_MEMO: Final = _Memo()


class _NeedsPlain(Exception):
    """The fast reader met a construct that only the plain one reads."""


def read(html: str) -> Page:
    """Read a page as written. Equal to `read_plain` for every string."""
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
            elements += token.element
            if token.opens_raw:
                _raw_text(token, rest, tokens)
    except _NeedsPlain:
        return read_plain(html)
    return Page(tokens, elements)


def _parse(piece: str, rest: Iterator[str], tokens: list[Token]) -> Token | None:
    """The token of a piece seen for the first time; takes more pieces from ``rest`` where it does not stand alone."""
    plain = _PLAIN_TAG.match(piece)
    if plain is not None:
        slash, name, markup, closed = plain.groups()
        tag = name if name.islower() else name.translate(_ASCII_UPPER)
        text = piece[plain.end() :]
        if slash:
            return _MEMO.keep(piece, Token(END, tag, "", text))
        return _MEMO.keep(piece, Token(EMPTY if closed or tag in VOID_TAGS else START, tag, markup, text))
    head = piece[:1]
    if head == "/":
        head = piece[1:2]
        if head == ">":
            return Token(OTHER, raw_text=piece[2:])  # "</>" says nothing
        opens_markup = bool(head)
    else:
        opens_markup = head in ("!", "?") or (head.isascii() and head.isalpha())
    if opens_markup:
        if head.isascii() and head.isalpha():
            return _odd_tag(piece, rest)
        return _comment(piece, rest) if piece.startswith("!--") else _declaration(piece, rest)
    return _merge_text(piece, tokens)


def _merge_text(piece: str, tokens: list[Token]) -> Token | None:
    """A ``<`` that opens no markup is text and belongs to the text before it."""
    if not tokens:
        return Token(OTHER, raw_text="<" + piece)
    before = tokens.pop()
    if len(before.raw_text) > _PIECE_OVERHEAD * _JOIN_LIMIT:
        raise _NeedsPlain  # joining again and again would be quadratic
    merged = Token(before.kind, before.tag, before.markup, f"{before.raw_text}<{piece}", before.odd, before.literal)
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
    tokens[-1] = Token(START, token.tag, token.markup, "<".join(text), token.odd, literal)
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
