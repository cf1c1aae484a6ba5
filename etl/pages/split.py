"""Reading a page by its pieces, in plain Python.

The page is split at ``<``, which the C library does at gigabytes per second, into pieces of one
markup token and the text after it. Recorded pages repeat: runs of pieces that the page before had
too take its tokens over, and every other piece is looked up in a memo. A piece that is not known is
parsed once; what does not stand alone (comments, raw text, quoted ``<``) is joined first. What
would take more than linear time is left to `etl.pages.standard`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice
from operator import eq, length_hint
from typing import Final

import turbohtml
from turbohtml import TokenType

from etl.pages.foreign import FOREIGN_TAGS
from etl.pages.page import Page, with_lf
from etl.pages.standard import read_plain
from etl.pages.tokens import (
    AFTER_NAME,
    CDATA,
    EMPTY,
    END,
    OTHER,
    REFERENCE_TAGS,
    START,
    VOID_TAGS,
    Token,
    lower,
)

MEMO_BYTES: Final = 320 * 2**20
"""Bound of the memo of known pieces; when it is reached the memo starts again empty."""

PIECE_OVERHEAD: Final = (
    600  # measured bytes of a Token, its note, its dict slot and their strings' headers
)
_LONGEST_PIECE: Final = 2**20
_JOIN_LIMIT: Final = (
    64  # pieces joined into one tag before the plain reader, which is linear, takes over
)
_JOINED_TEXT_LIMIT: Final = 25_000  # characters of text joined before it does

# A start or end tag whose extent cannot be misread: every quote belongs to a complete attribute
# value. Groups: slash, name, attributes, closing slash. White space is HTML's, which is less than
# \s.
_PLAIN_TAG: Final = re.compile(
    r"""(/?)([a-zA-Z][^ \t\n\f\r/>\x00]*+)"""
    r"""((?:[ \t\n\f\r]++(?:[^ \t\n\f\r"'<>/=\x00]++"""
    r"""(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"[^"\x00]*+"(?=[ \t\n\f\r/>])"""
    r"""|'[^'\x00]*+'(?=[ \t\n\f\r/>])"""
    r"""|[^ \t\n\f\r"'<>\x00][^ \t\n\f\r<>\x00]*+))?+)?+)*+)(/?)>"""
)
_TAG_NAME: Final = re.compile("/?[a-zA-Z]")
_COMMENT_END: Final = re.compile(r"--!?>")


class _Memo(dict[str, Token]):
    """Known pieces, bounded by bytes. new: those that are not in the size yet."""

    def __init__(self) -> None:
        self.new: list[str] = []
        self.size = 0

    def grow(self) -> None:
        """Enter the new pieces into the size; over the bound the memo starts again empty."""
        self.size += 3 * sum(map(len, self.new)) + PIECE_OVERHEAD * len(self.new)
        self.new.clear()
        if self.size > MEMO_BYTES:
            self.clear()
            self.size = 0


_MEMO: Final = _Memo()


class NeedsPlain(Exception):
    """Here is what only `read_plain` reads."""


def read_pieces(html: str) -> Page:
    """Read a page. Equal to `read_plain` for every string."""
    try:
        return _Reader(with_lf(html).split("<")).page()
    except NeedsPlain:
        return read_plain(html)
    finally:
        if _MEMO.new:
            _MEMO.grow()


_Units = list[tuple[int, int, int]]
"""Which pieces which tokens were made of: (token, piece, n) says that from there on n tokens were
made of one piece each, and what comes before the next entry, any number of tokens and pieces, of
each other.
"""

_RUN: Final = re.compile(rb"\x01{6,}")
"""Enough pieces like those of the page before for taking their tokens over to be quicker than
looking them up.
"""

_PIECES_LIMIT: Final = (
    200_000  # of a page that is kept for the next one: with its tokens some 150 MB at the most
)

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
        """Runs of pieces that this page has too: (first, behind the last, shift against this page),
        by the first.

        Pieces are compared in place, and in place from the end, as what follows an insertion
        stands.
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
            runs += [
                (found.start() + shift, found.end() + shift, shift) for found in _RUN.finditer(same)
            ]
        elif shift < 0:
            same = bytes(map(eq, pieces, islice(before, -shift, None)))
            runs += [(*found.span(), shift) for found in _RUN.finditer(same)]
        return sorted(runs)


_LATEST: Final = _Latest()


class _Reader:
    """A page being read from its pieces. rest: goes on at the next piece, which is number ``at``.
    cdata: CDATA was read as a comment.
    """

    __slots__ = ("at", "cdata", "flags", "pieces", "rest", "since", "tokens", "units")

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.rest = iter(pieces)
        self.tokens = [Token(OTHER, raw_text=pieces[0])] if pieces[0] else []
        self.flags = bytearray()
        self.cdata = False
        self.units: _Units = []
        self.since = (
            len(self.tokens),
            1,
        )  # the token and piece from which on each piece made one token
        self._go_to(1)

    def page(self) -> Page:
        """Read all pieces; the page becomes the latest one."""
        for first, behind, shift in _LATEST.runs(self.pieces):
            self._look_up(first)
            while self.at < behind:
                if not self._take_over(behind, shift):
                    self._look_up(self.at + 1)
        self._look_up(len(self.pieces))
        if _needs_a_tree(self.tokens, cdata=self.cdata):
            raise NeedsPlain
        self._flag()
        for _ in range(2):  # what came last, and what comes behind the page
            self._end_unit(len(self.tokens))
        flags = bytes(self.flags)
        if (
            len(self.pieces) <= _PIECES_LIMIT and not self.cdata
        ):  # which is text where the next page has it in SVG
            _LATEST.keep(self.pieces, self.tokens, flags, self.units)
        return Page(self.tokens, flags)

    def _take_over(self, behind: int, shift: int) -> bool:
        """Take over what the latest page made of the next pieces, of none from ``behind`` on, with
        ``shift`` of them fewer before them there. False if there is nothing to be taken over.
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
        """Read what is made of several pieces: this one and more; None: those of the raw element
        opened last.
        """
        tokens = self.tokens
        begin = len(tokens) - 1  # text belongs to what is there, or to itself if nothing is
        if piece is None:
            token: Token | None = tokens[-1]
        else:
            self.cdata = self.cdata or piece.startswith(CDATA[1:])
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


def _needs_a_tree(tokens: list[Token], *, cdata: bool) -> bool:
    """Whether CDATA, or markup in a raw element, may stand in SVG or MathML, where it is read
    otherwise than here.
    """
    if FOREIGN_TAGS.keys().isdisjoint({token.tag for token in tokens}):
        return False
    opened = dict.fromkeys(
        FOREIGN_TAGS, 0
    )  # at the most: what ends with something around it is counted still
    for token in tokens:
        if token.tag in opened and token.kind in (START, END):
            opened[token.tag] = max(0, opened[token.tag] + (1 if token.kind == START else -1))
        elif token.opens_raw and "<" in token.raw_text and any(opened.values()):
            return True
    return cdata


def _plain_tag(piece: str) -> Token | None:
    """The token of a piece seen for the first time if it is a tag whose extent cannot be misread;
    known from now on.
    """
    token = plain_token(piece)
    if token is not None and len(piece) < _LONGEST_PIECE:
        _MEMO[piece] = token
        _MEMO.new.append(piece)
    return token


def plain_token(piece: str) -> Token | None:
    """The token of a piece that is a tag whose extent cannot be misread, with the text after it;
    else None.
    """
    plain = _PLAIN_TAG.match(piece)
    if plain is None:
        return None
    slash, name, markup, closed = plain.groups()
    tag = lower(name)
    kind = END if slash else EMPTY if closed or tag in VOID_TAGS else START
    return Token(kind, tag, "" if slash else markup, piece[plain.end() :])


def _parse(piece: str, rest: Iterator[str], tokens: list[Token]) -> Token | None:
    """The token of a piece that does not stand alone; takes more pieces from ``rest``, and the text
    before it.
    """
    if _TAG_NAME.match(piece):
        return odd_tag(piece, rest)
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
        # joining again and again would be quadratic; half a reference must not become one
        raise NeedsPlain
    merged = Token(
        before.kind, before.tag, before.markup, before.raw_text + text, before.odd, before.literal
    )
    tokens.append(merged)
    return None


def _comment(piece: str, rest: Iterator[str]) -> Token:
    """A comment and the text after it; one that does not end goes to the end of the page."""
    for complete in ("!-->", "!--->"):  # the closing dashes may be those of the opening
        if piece.startswith(complete):
            return Token(OTHER, raw_text=piece[len(complete) :])
    end = _COMMENT_END.search(piece, 3)
    while end is None:  # an end holds no "<", so it never straddles two pieces
        more = next(rest, None)
        if more is None:
            return Token(OTHER)
        piece = more
        end = _COMMENT_END.search(piece)
    return Token(OTHER, raw_text=piece[end.end() :])


def _declaration(piece: str, rest: Iterator[str]) -> Token | None:
    """A doctype, processing instruction or bogus comment: up to the next ``>``. An instruction in
    which the page ends says nothing.
    """
    is_instruction = piece.startswith("?")
    while True:
        end = piece.find(">")
        if end >= 0:
            return Token(OTHER, raw_text=piece[end + 1 :])
        more = next(rest, None)
        if more is None:
            return None if is_instruction else Token(OTHER)
        piece = more


def odd_tag(piece: str, rest: Iterator[str]) -> Token | None:
    """A tag with stray quotes, NUL characters or ``<`` inside: the library says where it ends."""
    for _ in range(_JOIN_LIMIT):
        token = next(iter(turbohtml.tokenize("<" + piece, capture_source=True)), None)
        if token is not None and token.type in (TokenType.START_TAG, TokenType.END_TAG):
            return _library_token(token, piece[len(token.source or "") - 1 :])
        more = next(rest, None)
        if more is None:
            return None  # the page ends inside a tag: it says nothing
        piece = f"{piece}<{more}"
    raise NeedsPlain


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
    escaped = doubly = (
        False  # the standard's escaped states: a script inside a comment inside a script
    )
    text = [token.raw_text]
    end: str | None = None
    for piece in rest:
        if (
            piece[:size].lower() == closing
            and piece[size : size + 1] in AFTER_NAME
            and token.tag != "plaintext"
        ):
            if not doubly:
                end = piece
                break
            doubly = False
        elif is_script and piece.startswith("!--"):
            escaped = True
        elif escaped and piece[:6].lower() == "script" and piece[6:7] in AFTER_NAME:
            doubly = True
        if escaped and "-->" in piece[1:]:
            escaped = doubly = False
        text.append(piece)
    tokens[-1] = raw_token(token, "<".join(text))
    if end is not None:
        known = _MEMO.get(end) or _plain_tag(end) or _parse(end, rest, tokens)
        if known is not None:
            tokens.append(known)


def raw_token(token: Token, content: str) -> Token:
    """A raw element's start tag with its content, which begins with the text after the tag."""
    literal = token.tag not in REFERENCE_TAGS
    content = content.replace("\0", "\ufffd")  # as the standard has it for raw text alone
    return Token(START, token.tag, token.markup, content, token.odd, literal)
