"""Pages as they were written: read and number. The one module that knows HTML syntax.

A recorded DOM is the serialisation of a live tree, so it is read the way it was written and never repaired: a WHATWG
tokenizer with a plain stack of open elements. Void elements and ``/>`` (on any tag) close themselves, an end tag
closes up to the nearest open element of its name and is ignored where there is none; the content of ``iframe`` and
``noscript`` is markup like any other, because recorders inline frames there.

`read` splits the page at ``<``, which the C library does at gigabytes per second, into pieces of one markup token and
the text after it. Recorded pages repeat: runs of pieces that the page before had too take its tokens over, and every
other piece is looked up in a memo. A piece that is not known is parsed once; what does not stand alone (comments, raw
text, quoted ``<``) is joined first. `read_plain` is the same function written with a WHATWG tokenizer library
throughout; tests hold the two equal, and `read` hands over to it for what would take it more than linear time.

Where `etl.pieces` is compiled it reads pages in the same way and with the same result, several times faster.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice
from operator import eq, length_hint
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import turbohtml
from turbohtml import TokenType

from etl import compiled

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

COMPILED_MEMO_BYTES: Final = 128 * 2**20
"""The same of compiled pieces, which take less."""

PAGES_CHARACTERS: Final = 16 * 2**20
"""Bound of the latest pages that are kept whole."""

_DONE_CHARACTERS: Final = 4 * 2**20
"""The same where those before a page that is read again are done with: memory that is fresh to the caches costs more
than reading the odd page once more.
"""

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
_COMMENT_END: Final = re.compile(r"--!?>")
_NUMERIC_REFERENCE: Final = re.compile("(&#(?:[0-9]+|[xX][0-9a-fA-F]+);?)")
_OPEN_REFERENCE: Final = re.compile(r"&[a-zA-Z][a-zA-Z0-9]*+(?!;)")
_ASCII_UPPER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_NAME: Final = re.compile(r"""[ \t\n\f\r]++([^ \t\n\f\r"'<>/=\x00]++)=""")
_NAMES: Final[dict[str, str]] = {}  # what stands before a quoted value, `` name=``, and the name in lower case
_NAMES_LIMIT: Final = 20_000
_LONGEST_NAME: Final = 256
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
        return text if self.literal else resolve(text)

    def attributes(self) -> dict[str, str]:
        """Attributes in the order written, names in lower case, references resolved; the first of a name counts."""
        attributes: dict[str, str] = {}
        for name, value in self.pairs():
            if name not in attributes:
                attributes[name] = resolve_in_attribute(value) if "&" in value else value
        return attributes

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Names in lower case and values with their references, in the order written."""
        if not self.element or not self.markup:
            return ()
        if self.odd:
            found = next(iter(turbohtml.tokenize(self.markup))).attrs or ()
            return [(name, value.replace("&", "&amp;")) for name, value in found]
        parts = self.markup.split('"')  # nearly all hold nothing but name="value"
        if parts[-1] in _BLANK:
            names = [_NAMES.get(part) or _name(part) for part in parts[:-1:2]]
            if None not in names:
                return zip(names, parts[1::2], strict=True)  # type: ignore[arg-type]
        return [
            (_lower(name), double or single or bare) for name, double, single, bare in _ATTRIBUTE.findall(self.markup)
        ]


_BLANK: Final = frozenset(("", " "))


def _name(part: str) -> str | None:
    """The name in what stands before a quoted value; it is known from now on."""
    found = _NAME.fullmatch(part) if len(part) <= _LONGEST_NAME else None
    if found is None:
        return None
    name = _lower(found[1])
    if len(_NAMES) < _NAMES_LIMIT:
        _NAMES[part] = name
    return name


def _lower(name: str) -> str:
    return name if name.islower() else name.translate(_ASCII_UPPER)


def resolve(text: str) -> str:
    """Resolve references as in text. The library's ``unescape`` drops some numbers that its tokenizer keeps."""
    if "&#" not in text:
        return turbohtml.unescape(text) if "&" in text else text
    parts = _NUMERIC_REFERENCE.split(text)
    parts[::2] = map(turbohtml.unescape, parts[::2])
    parts[1::2] = [next(iter(turbohtml.tokenize(reference))).data or "" for reference in parts[1::2]]
    return "".join(parts)


def resolve_in_attribute(value: str) -> str:
    """Resolve references as in an attribute: a named one without ``;`` before ``=`` or a letter or digit stays."""
    if _OPEN_REFERENCE.search(value) is None:
        return resolve(value)
    attrs = next(iter(turbohtml.tokenize('<a b="' + value.replace('"', "&quot;") + '">'))).attrs
    return attrs[0][1] if attrs else value


class Page:
    """A page as written: its tokens in order, and how many elements it has. Not to be changed: `read` shares pages.

    flags: a byte a token, 1 where an element begins. note: a place for the pruner, as on tokens.
    """

    __slots__ = ("_positions", "elements", "flags", "note", "tokens")

    def __init__(self, tokens: Sequence[Token], flags: bytes) -> None:
        self.tokens = tokens
        self.flags = flags
        self.elements = flags.count(1)
        self.note: tuple[str, object] = "", None
        self._positions: npt.NDArray[np.int64] | None = None

    def node(self, element: int) -> int:
        """Our id of an element given by its index in document order: counted from the end, the last one is 0."""
        return self.elements - 1 - element

    def position(self, element: int) -> int:
        """Where in ``tokens`` the start tag of an element is."""
        if not 0 <= element < self.elements:
            raise IndexError(f"element {element} of {self.elements}")
        if self._positions is None:
            self._positions = np.flatnonzero(np.frombuffer(self.flags, np.bool_))
        return int(self._positions[element])

    def having(self, tag: str, text: str) -> list[tuple[int, Token]]:
        """Elements of a tag, of any if it is empty, that may have a text in the value of an attribute: it stands in
        their markup, or a reference does, or only the library can read them. Each with its token.

        A text with U+FFFD is not to be found so: it may have been written as NUL.
        """
        if not isinstance(self.tokens, list):
            found: list[tuple[int, Token]] = self.tokens.having(tag, text)  # type: ignore[attr-defined]
            return found
        elements = enumerate(compress(self.tokens, self.flags))
        if tag:
            elements = ((element, token) for element, token in elements if token.tag == tag)  # type: ignore[assignment]
        if not text:
            return list(elements)
        return [pair for pair in elements if text in (markup := pair[1].markup) or "&" in markup or pair[1].odd]

    def text_of(self, element: int, limit: int) -> str:
        """The text inside an element, white space collapsed, cut at ``limit`` characters."""
        position = self.position(element)
        opener = self.tokens[position]
        if opener.kind != START or opener.literal:
            return ""
        parts: list[str] = []
        size = depth = 0
        for token in map(self.tokens.__getitem__, range(position, len(self.tokens))):
            if token.tag == opener.tag:
                depth += (token.kind == START) - (token.kind == END)
            if depth == 0 or size > limit:
                break
            text = "" if token.literal else " ".join(token.text.split())
            if text:
                parts.append(text)
                size += len(text) + 1
        return " ".join(parts)[:limit]


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

    One stage goes through the pages of a workflow, then the next does; so what came before a page that is read again
    is likely to be done with. The key is a sample of the page, because hashing all of it takes as long as a good part
    of reading it.
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
        """A page is read again: over `_DONE_CHARACTERS` those before it go, and it itself."""
        while self.size > _DONE_CHARACTERS:
            first = next(iter(self))
            self._forget(first)
            if first == key:
                return

    def _forget(self, key: tuple[int, str, str]) -> None:
        self.size -= len(self.pop(key)[0])


_PAGES: Final = _Pages()


def read(html: str, utf8: bytes | None = None) -> Page:
    """Read a page as written. Equal to `read_plain` for every string. utf8: of the page (`etl.fingerprint`), if it is
    there already.
    """
    key = _PAGES.key(html)
    known = _PAGES.get(key)
    if known is not None and known[0] == html:
        _PAGES.done_before(key)
        return known[1]
    page = _read(html, utf8)
    _PAGES.keep(html, page)
    return page


def _read(html: str, utf8: bytes | None = None) -> Page:
    page = None if _PIECES is None else _read_compiled(_PIECES, html, utf8)
    return page or _read_pieces(html)


def _read_compiled(pieces: list[Any], html: str, utf8: bytes | None) -> Page | None:
    """`read` by compiled code; None for a page that holds more than that is made for."""
    try:
        with COMPILED:
            if pieces[0].size > COMPILED_MEMO_BYTES:
                pieces[0] = _new_pieces()
                _PAGES.clear()  # they hold the old ones
                _PAGES.size = 0
            found = pieces[0].read(html, utf8)
    except _NeedsPlain:
        return read_plain(html)
    return Page(*found) if found else None


def _lines(html: str) -> str:
    """A page with LF at the end of lines, as in the standard's preprocessing."""
    return html.replace("\r\n", "\n").replace("\r", "\n") if "\r" in html else html


def _read_pieces(html: str) -> Page:
    """`read` in plain Python."""
    try:
        return _Reader(_lines(html).split("<")).page()
    except _NeedsPlain:
        return read_plain(html)
    finally:
        if _MEMO.new:
            _MEMO.grow()


_Units = list[tuple[int, int, int]]
"""Which pieces which tokens were made of: (token, piece, n) says that from there on n tokens were made of one piece
each, and what comes before the next entry, any number of tokens and pieces, of each other."""

_RUN: Final = re.compile(rb"\x01{6,}")
"""Enough pieces like those of the page before for taking their tokens over to be quicker than looking them up."""

_PIECES_LIMIT: Final = 200_000  # of a page that is kept for the next one: with its tokens some 150 MB at the most

_SAMPLE: Final = 8  # one piece in so many is compared before all are


class _Latest:
    """The page read last. Its ``units`` end with an entry for what comes behind the page."""

    __slots__ = ("flags", "pieces", "starts", "tokens", "units")

    def __init__(self) -> None:
        self.keep([""], [], b"", [(0, 1, 0)])

    def keep(self, pieces: list[str], tokens: list[Token], flags: bytes, units: _Units) -> None:
        self.pieces, self.tokens, self.flags, self.units = pieces, tokens, flags, units
        self.starts = [piece for _, piece, _ in units]

    def runs(self, pieces: list[str]) -> list[tuple[int, int, int]]:
        """Runs of pieces that this page has too: (first, behind the last, shift against this page), by the first.

        Pieces are compared in place, and in place from the end, as what follows an insertion stands.
        """
        before = self.pieces
        shift = len(pieces) - len(before)
        alike = sum(map(eq, pieces[::_SAMPLE], before[::_SAMPLE]))
        if shift:
            alike += sum(map(eq, pieces[::-_SAMPLE], before[::-_SAMPLE]))
        if alike * _SAMPLE * 4 < len(pieces):
            return []
        runs = [(*found.span(), 0) for found in _RUN.finditer(bytes(map(eq, pieces, before)))]
        if shift > 0:
            same = bytes(map(eq, islice(pieces, shift, None), before))
            runs += [(found.start() + shift, found.end() + shift, shift) for found in _RUN.finditer(same)]
        elif shift < 0:
            same = bytes(map(eq, pieces, islice(before, -shift, None)))
            runs += [(*found.span(), shift) for found in _RUN.finditer(same)]
        return sorted(runs)


_LATEST: Final = _Latest()


class _Reader:
    """A page being read from its pieces. rest: goes on at the next piece, which is number ``at``."""

    __slots__ = ("at", "flags", "pieces", "rest", "since", "tokens", "units")

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.rest = iter(pieces)
        self.tokens = [Token(OTHER, raw_text=pieces[0])] if pieces[0] else []
        self.flags = bytearray()
        self.units: _Units = []
        self.since = len(self.tokens), 1  # the token and piece from which on each piece made one token
        self._go_to(1)

    def page(self) -> Page:
        """Read all pieces; the page becomes the latest one."""
        for first, behind, shift in _LATEST.runs(self.pieces):
            self._look_up(first)
            while self.at < behind:
                if not self._take_over(behind, shift):
                    self._look_up(self.at + 1)
        self._look_up(len(self.pieces))
        self._flag()
        for _ in range(2):  # what came last, and what comes behind the page
            self._end_unit(len(self.tokens))
        flags = bytes(self.flags)
        if len(self.pieces) <= _PIECES_LIMIT:
            _LATEST.keep(self.pieces, self.tokens, flags, self.units)
        return Page(self.tokens, flags)

    def _take_over(self, behind: int, shift: int) -> bool:
        """Take over what the latest page made of the next pieces, of none from ``behind`` on, with ``shift`` of them
        fewer before them there. False if there is nothing to be taken over.
        """
        latest = _LATEST
        units = latest.units
        number = bisect_right(latest.starts, self.at - shift) - 1
        token, piece, singles = units[number]
        first = token + self.at - shift - piece
        if number < 0 or first > token + singles:  # in the midst of something
            return False
        # What was read to the end of that page might have gone on if there had been more.
        broken_off = behind - shift == len(latest.pieces) and behind < len(self.pieces)
        last = (bisect_left if broken_off else bisect_right)(latest.starts, behind - shift) - 1
        last_token, last_piece, singles = units[last]
        end = min(behind - shift, last_piece + singles)
        if end <= self.at - shift:
            return False
        self._flag()
        further = len(self.tokens) - first
        end_token = last_token + end - last_piece
        self.tokens += latest.tokens[first:end_token]
        self.flags += latest.flags[first:end_token]
        if last > number:
            token, piece = self.since
            self.units.append((token, piece, sum(units[number][::2]) + further - token))
            self.units += [(t + further, p + shift, n) for t, p, n in units[number + 1 : last]]
            self.since = last_token + further, last_piece + shift
        self._go_to(end + shift)
        return True

    def _flag(self) -> None:
        """Catch up with the tokens."""
        self.flags += bytes([token.element for token in self.tokens[len(self.flags) :]])

    def _go_to(self, at: int) -> None:
        self.at = at
        self.rest.__setstate__(at)  # type: ignore[attr-defined]  # as the pickle of an iterator does it: in no time

    def _look_up(self, behind: int) -> None:
        """Read pieces up to ``behind``, and more where the last of them does not stand alone."""
        tokens, known = self.tokens, _MEMO.get
        append = tokens.append
        while self.at < behind:
            for piece in islice(self.rest, behind - self.at):
                token = known(piece)
                if token is None:
                    token = _plain_tag(piece)
                    if token is None:
                        self._join(piece)
                        break
                append(token)
                if token.opens_raw:
                    self._join(None)
                    break
            else:
                self.at = behind

    def _join(self, piece: str | None) -> None:
        """Read what is made of several pieces: this one and more; None: those of the raw element opened last."""
        tokens = self.tokens
        begin = len(tokens) - 1  # text belongs to what is there, or to itself if nothing is
        if piece is None:
            token: Token | None = tokens[-1]
        else:
            token = _parse(piece, self.rest, tokens)
            if token is not None:
                begin += begin >= 0
                tokens.append(token)
        if token is not None and token.opens_raw:
            _raw_text(token, self.rest, tokens)
        self.at = len(self.pieces) - length_hint(self.rest)
        self._end_unit(begin)

    def _end_unit(self, begin: int) -> None:
        """The tokens from ``begin`` on are of all the pieces up to the next."""
        token, piece = self.since
        if begin >= token:  # else they are one with what was the last unit
            self.units.append((token, piece, begin - token))
        self.since = len(self.tokens), self.at


def _plain_tag(piece: str) -> Token | None:
    """The token of a piece seen for the first time if it is a tag whose extent cannot be misread; known from now on."""
    token = _plain_token(piece)
    if token is not None and len(piece) < _LONGEST_PIECE:
        _MEMO[piece] = token
        _MEMO.new.append(piece)
    return token


def _plain_token(piece: str) -> Token | None:
    plain = _PLAIN_TAG.match(piece)
    if plain is None:
        return None
    slash, name, markup, closed = plain.groups()
    tag = _lower(name)
    kind = END if slash else EMPTY if closed or tag in VOID_TAGS else START
    return Token(kind, tag, "" if slash else markup, piece[plain.end() :])


def _parse(piece: str, rest: Iterator[str], tokens: list[Token]) -> Token | None:
    """The token of a piece that does not stand alone; takes more pieces from ``rest``, and the text before it."""
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
    tokens[-1] = _raw_token(token, "<".join(text))
    if end is not None:
        known = _MEMO.get(end) or _plain_tag(end) or _parse(end, rest, tokens)
        if known is not None:
            tokens.append(known)


def _raw_token(token: Token, content: str) -> Token:
    """A raw element's start tag with its content, which begins with the text after the tag."""
    literal = token.tag not in REFERENCE_TAGS
    content = content.replace("\0", "\ufffd")  # as the standard has it for raw text alone
    return Token(START, token.tag, token.markup, content, token.odd, literal)


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
    for token in _library_tokens(_lines(renamed)):
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
        elif token.type == TokenType.END_TAG:
            kind = END
        tokens.append(Token(kind, tag, restored(token.source or ""), odd=True, literal=True))
    return Page(tokens, bytes([token.element for token in tokens]))


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


# ---- what the compiled reader asks for, once for each piece


def _odd_piece(text: str) -> tuple[Token | None, int]:
    """The token of a tag whose extent can be misread, and how many pieces of the text are its own."""
    pieces = text.split("<")
    rest = iter(pieces[1:])
    token = _odd_tag(pieces[0], rest)
    return token, len(pieces) - length_hint(rest)


def _text_token(text: str) -> Token:
    return Token(OTHER, raw_text=text)


def _new_pieces() -> Any:
    def raw(token: Token, more: str) -> Token:
        return _raw_token(token, token.raw_text + more)

    return compiled.PIECES.Pieces(VOID_TAGS, RAW_TAGS, _plain_token, _text_token, _odd_piece, raw, _PIECE_OVERHEAD)


COMPILED: Final = threading.Lock()
"""Held while compiled code works on pieces: it calls Python, where another thread may get its turn."""

_PIECES: Final[list[Any] | None] = None if compiled.PIECES is None else [_new_pieces()]
