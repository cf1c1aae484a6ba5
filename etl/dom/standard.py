"""Reading a page by a WHATWG tokenizer library throughout: the yardstick."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import turbohtml
from turbohtml import TokenType

from etl.dom.page import Page, with_lf
from etl.dom.tokens import EMPTY, END, OTHER, RAW_TAGS, START, VOID_TAGS, Token

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
    for token in _library_tokens(with_lf(renamed)):
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
