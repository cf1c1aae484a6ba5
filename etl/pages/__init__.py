"""Pages as they were written: read and number. The one package that knows HTML syntax.

A recorded DOM is the serialisation of a live tree, so it is read the way it was written and never
repaired: a WHATWG tokenizer with a plain stack of open elements. Void elements and ``/>`` (on any
tag) close themselves, an end tag closes up to the nearest open element of its name and is ignored
where there is none; the content of ``iframe`` and ``noscript`` is markup like any other, because
recorders inline frames there. In SVG and MathML CDATA is text, and the content of ``title``,
``style`` and the like is markup, as for a browser.

Three ways to read a page have one result: `etl.pages.standard` asks a tokenizer library for
everything, `etl.pages.split` looks pieces up in a memo, and `etl.pages.pieces`, where it is
compiled, does that several times as fast. Tests hold them equal.
"""

from etl.pages.doctype import QUIRKS, STANDARDS
from etl.pages.live import in_document, inert, is_shadow_root, live
from etl.pages.page import Inert, Live, Page
from etl.pages.reading import COMPILED, read
from etl.pages.standard import read_plain
from etl.pages.text import text_of
from etl.pages.tokens import (
    EMPTY,
    END,
    OTHER,
    RAW_TAGS,
    START,
    VOID_TAGS,
    Note,
    Token,
    lower,
    resolve,
    resolve_in_attribute,
)

__all__ = [
    "COMPILED",
    "EMPTY",
    "END",
    "OTHER",
    "QUIRKS",
    "RAW_TAGS",
    "STANDARDS",
    "START",
    "VOID_TAGS",
    "Inert",
    "Live",
    "Note",
    "Page",
    "Token",
    "in_document",
    "inert",
    "is_shadow_root",
    "live",
    "lower",
    "read",
    "read_plain",
    "resolve",
    "resolve_in_attribute",
    "text_of",
]
