"""The specification of reading: a page by a WHATWG tokenizer library throughout.

What the compiled engine must equal, and what reads pages where the engine is missing, and the few
that the engine does not take: those with markup in raw elements of SVG and MathML, for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import turbohtml
from turbohtml import TokenType

from etl.pages.foreign import Open
from etl.pages.page import Page, with_lf
from etl.pages.tokens import AFTER_NAME, CDATA, EMPTY, END, OTHER, RAW_TAGS, START, VOID_TAGS, Token

_RENAMED: Final = ("iframe", "noscript")
"""The library reads their content as text; snapshots hold markup there."""
_FIRST_CHUNK: Final = 512
_CDATA_END: Final = "]]>"


def read_plain(html: str) -> Page:
    """Read a page as written, by the library's tokenizer alone."""
    prefix = "z"
    lower = html.lower()
    while any(prefix + name in lower for name in _RENAMED):
        prefix += "z"
    renamed = re.sub(rf"(?i)(</?)(?={'|'.join(_RENAMED)})", rf"\g<1>{prefix}", html)

    def restored(text: str) -> str:
        return re.sub(rf"(?i)(</?){prefix}(?={'|'.join(_RENAMED)})", r"\1", text)

    tokens: list[Token] = []
    text: list[str] = []  # what has come since the last markup

    def put() -> None:
        if text and tokens:
            tokens[-1].raw_text = restored("".join(text))
        elif text:
            tokens.append(Token(OTHER, raw_text=restored("".join(text)), literal=True))
        text.clear()

    for piece in _library_pieces(with_lf(renamed)):
        if piece.token is None:
            text.append(piece.text)
            continue
        put()
        kind, token = OTHER, piece.token
        tag = restored("<" + (token.tag or ""))[1:]
        if token.type == TokenType.START_TAG:
            kind = EMPTY if token.self_closing or tag in VOID_TAGS else START
        elif token.type == TokenType.END_TAG:
            kind = END
        markup = restored(token.source or "") if kind in (START, EMPTY) else ""
        tokens.append(Token(kind, tag, markup, literal=True))
        tokens[-1].opens_raw &= not piece.ordinary
    put()
    return Page(tokens, bytes([token.element for token in tokens]))


class _Piece(NamedTuple):
    """A token of the library, or a text. ordinary: the content of a raw element's start tag is
    markup here.
    """

    token: turbohtml.Token | None
    text: str = ""
    ordinary: bool = False


def _library_pieces(html: str) -> Iterator[_Piece]:
    """A page with LF line ends as the library reads it, where it reads it rightly.

    The library knows no tree, so it is started anew in two places. One is the content of a raw
    element whose tag closes itself or which is of SVG or MathML: that content is markup. The other
    is CDATA in SVG or MathML: it is text. Content of such an element without any markup is read
    raw; only references in scripts and style sheets differ.
    """
    opened = Open()
    start: int | None = 0
    while start is not None:
        begin, start = start, None
        for token, at in _library_tokens(html, begin):
            kind = token.type
            if kind == TokenType.TEXT:
                yield _Piece(None, token.data or "")
            elif kind == TokenType.COMMENT and opened.is_foreign and html.startswith(CDATA, at):
                end = html.find(_CDATA_END, at)
                text = html[at + len(CDATA) : end if end >= 0 else len(html)]
                yield _Piece(
                    None, text.replace("\0", "\ufffd")
                )  # as the standard has it for foreign text
                start = end + len(_CDATA_END) if end >= 0 else len(html)
                break
            elif kind == TokenType.START_TAG:
                ordinary = _opens(opened, token) and _holds_markup(
                    html, at + len(token.source or ""), token.tag or ""
                )
                yield _Piece(token, ordinary=ordinary)
                if token.tag in RAW_TAGS and (token.self_closing or ordinary):
                    start = at + len(token.source or "")
                    break
            else:
                if kind == TokenType.END_TAG:
                    opened.end(token.tag or "")
                yield _Piece(token)


def _opens(opened: Open, token: turbohtml.Token) -> bool:
    """Note an element; whether it would hold raw text in HTML, and is of SVG or MathML."""
    tag = token.tag or ""
    empty = token.self_closing or tag in VOID_TAGS
    return (
        bool(opened.begin(tag, lambda: dict(token.attrs or ()), empty=empty))
        and tag in RAW_TAGS
        and not empty
    )


def _holds_markup(html: str, at: int, tag: str) -> bool:
    """Whether the first markup from here on is anything but an end tag."""
    at = html.find("<", at)
    end = at + 2 + len(tag)
    return at >= 0 and not (
        html[at + 1 : end].lower() == f"/{tag}" and html[end : end + 1] in AFTER_NAME
    )


def _library_tokens(html: str, begin: int) -> Iterator[tuple[turbohtml.Token, int]]:
    """The library's tokens from a place on, each with its own. Chunks that double keep starting
    anew linear.
    """
    line_starts = [begin]
    fed, size = begin, _FIRST_CHUNK
    tokenizer = turbohtml.Tokenizer(capture_source=True)
    while fed < len(html):
        chunk = html[fed : fed + size]
        line_starts.extend(fed + hit.end() for hit in re.finditer("\n", chunk))
        fed, size = fed + size, 2 * size
        for token in tokenizer.feed(chunk):
            yield token, line_starts[token.line - 1] + token.col
    tokenizer.close()
    for token in tokenizer:
        yield token, line_starts[token.line - 1] + token.col
