"""The document type of a page, and the mode in which a browser reads it."""

from __future__ import annotations

import re
from typing import Final

from schemas.utf8 import text_of

STANDARDS: Final = "standards"
QUIRKS: Final = "quirks"

_DOCTYPE: Final = re.compile(
    r"""(?:\s|<!--.*?--!?>)*+<!doctype\s*([^\s>]*+)\s*+"""
    r"""(?:(?:public\s*+(?:"([^">]*+)"|'([^'>]*+)')|system(?=\s*+["']))\s*+(?:"([^">]*+)"|'([^'>]*+)')?+)?+[^>]*+>""",
    re.IGNORECASE | re.DOTALL,
)
_QUIRKY: Final = re.compile(
    r"-//(?:w3c//dtd (?:html (?:3|4\.0 (?:frameset|transitional)//|experimental)|w3 "
    r"html)|ietf//dtd html|w3o//|"
    r"netscape|microsoft|softquad|sq//|sun microsystems|webtechs|spyglass)|-/w3c/dtd html 4\.0 "
    r"transitional/en$|html$",
    re.IGNORECASE,
)
_QUIRKY_ALONE: Final = re.compile(
    r"-//w3c//dtd html 4\.01 (?:frameset|transitional)//", re.IGNORECASE
)


_SPACE: Final = re.compile(r"(?:\s|<!--.*?--!?>)*+", re.DOTALL)
_HEAD: Final = 2_000  # bytes that nearly always show whether there is a document type


def mode(page: str | bytes) -> str:
    """The mode of a page, `STANDARDS` or `QUIRKS`; empty if it has no document type.

    In quirks mode, ids and classes are compared without regard to case. A page without a document
    type may have had one, because recorders often begin with the root element.

    page: the text or its UTF-8.
    """
    doctype = _doctype(page)
    if doctype is None:
        return ""
    name, public, public_also, system, system_also = doctype.groups()
    public = public or public_also or ""
    system = system or system_also
    quirky = _QUIRKY.match(public) or (not system and _QUIRKY_ALONE.match(public))
    return QUIRKS if quirky or name.lower() != "html" else STANDARDS


def _doctype(page: str | bytes) -> re.Match[str] | None:
    """The document type of a page; of UTF-8 as little is decoded as shows it."""
    if isinstance(page, str):
        return _DOCTYPE.match(page)
    head = page[:_HEAD].decode("utf-8", "replace")
    doctype = _DOCTYPE.match(head)
    begins = head[_end_of_space(head) :].lower()
    if doctype or (len(begins) > 9 and not begins.startswith(("<!doctype", "<!--"))):
        return doctype
    return _DOCTYPE.match(text_of(page))


def _end_of_space(head: str) -> int:
    """The end of the white space and comments with which a page begins."""
    space = _SPACE.match(head)
    return space.end() if space else 0
