"""Pages as they were written: read and number. The one package that knows HTML syntax.

A recorded DOM is the serialisation of a live tree, so it is read the way it was written and never
repaired: a WHATWG tokenizer with a plain stack of open elements. Void elements and ``/>`` (on any
tag) close themselves, an end tag closes up to the nearest open element of its name and is ignored
where there is none; the content of ``iframe`` and ``noscript`` is markup like any other, because
recorders inline frames there. In SVG and MathML CDATA is text, and the content of ``title``,
``style`` and the like is markup, as for a browser.

One specification and one engine: `etl.pages.standard` reads a page by a tokenizer library and
`etl.pages.prune` writes it token by token; `etl.pages.engine`, where it is compiled, does both with
the same result, and is several times as fast. Tests hold them equal.
"""

from etl.pages.doctype import QUIRKS, STANDARDS
from etl.pages.live import in_document, inert, live
from etl.pages.page import Inert, Live, Page
from etl.pages.reading import read
from etl.pages.standard import read_plain
from etl.pages.text import text_of
from etl.pages.tokens import (
    EMPTY,
    END,
    OTHER,
    RAW_TAGS,
    START,
    VOID_TAGS,
    Token,
    is_shadow_root,
    lower,
)

__all__ = [
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
    "Page",
    "Token",
    "in_document",
    "inert",
    "is_shadow_root",
    "live",
    "lower",
    "read",
    "read_plain",
    "text_of",
]
