"""The specification of reading: a page by a WHATWG tokenizer library.

The engine must equal it. It reads pages where there is no engine, and the few that the engine
leaves to it, such as those with markup in raw elements of SVG and MathML.
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
"""Elements whose content the library reads as text, but recorders write as markup."""
_FIRST_CHUNK: Final = 512
_CDATA_END: Final = "]]>"


def read_plain(html: str) -> Page:
    """Read a page as written, by the library alone."""
    prefix = "z"
    lower = html.lower()
    while any(prefix + name in lower for name in _RENAMED):
        prefix += "z"
    renamed = re.sub(rf"(?i)(</?)(?={'|'.join(_RENAMED)})", rf"\g<1>{prefix}", html)

    def restored(text: str) -> str:
        return re.sub(rf"(?i)(</?){prefix}(?={'|'.join(_RENAMED)})", r"\1", text)

    tokens: list[Token] = []
    text: list[str] = []  # since the last markup

    def put() -> None:
        if text and tokens:
            tokens[-1].raw_text = restored("".join(text))
        elif text:
            tokens.append(Token(OTHER, raw_text=restored("".join(text)), literal=True))
        text.clear()

    for piece in library_pieces(with_lf(renamed)):
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


class Piece(NamedTuple):
    """A token of the library, or a text."""

    token: turbohtml.Token | None
    text: str = ""
    # it is a raw element's start tag, but the content is markup here
    ordinary: bool = False
    # where it begins in the page
    at: int = -1


def library_pieces(html: str) -> Iterator[Piece]:
    """The tokens of a page with LF line ends.

    The library knows no tree, so it is restarted in two places. One is the content of a raw element
    that closes itself, or that is SVG or MathML and holds markup: the content is markup. The other
    is CDATA in SVG or MathML, which is text. Such an element without markup is read raw; only the
    references in scripts and style sheets differ from the standard.
    """
    opened = Open()
    start: int | None = 0
    while start is not None:
        begin, start = start, None
        for token, at in _library_tokens(html, begin):
            kind = token.type
            if kind == TokenType.TEXT:
                yield Piece(None, token.data or "", at=at)
            elif kind == TokenType.COMMENT and opened.is_foreign and html.startswith(CDATA, at):
                end = html.find(_CDATA_END, at)
                text = html[at + len(CDATA) : end if end >= 0 else len(html)]
                yield Piece(None, text.replace("\0", "\ufffd"))  # the standard's rule
                start = end + len(_CDATA_END) if end >= 0 else len(html)
                break
            elif kind == TokenType.START_TAG:
                ordinary = _opens(opened, token) and _holds_markup(
                    html, at + len(token.source or ""), token.tag or ""
                )
                yield Piece(token, ordinary=ordinary, at=at)
                if token.tag in RAW_TAGS and (token.self_closing or ordinary):
                    start = at + len(token.source or "")
                    break
            else:
                if kind == TokenType.END_TAG:
                    opened.end(token.tag or "")
                yield Piece(token, at=at)


def _opens(opened: Open, token: turbohtml.Token) -> bool:
    """Note a start tag; whether it is SVG or MathML, and would hold raw text in HTML."""
    tag = token.tag or ""
    empty = token.self_closing or tag in VOID_TAGS
    return (
        bool(opened.begin(tag, lambda: dict(token.attrs or ()), empty=empty))
        and tag in RAW_TAGS
        and not empty
    )


def _holds_markup(html: str, at: int, tag: str) -> bool:
    """Whether the next markup is anything but an end tag of this name."""
    at = html.find("<", at)
    end = at + 2 + len(tag)
    return at >= 0 and not (
        html[at + 1 : end].lower() == f"/{tag}" and html[end : end + 1] in AFTER_NAME
    )


def _library_tokens(html: str, begin: int) -> Iterator[tuple[turbohtml.Token, int]]:
    """The library's tokens from a place on, with their places.

    Chunks double in size, so that many restarts take linear time.
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
