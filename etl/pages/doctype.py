"""The document type of a page, and the mode in which a browser reads it."""

from __future__ import annotations

import re
from typing import Final

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


def mode(head: str) -> str:
    """The mode of a page, `STANDARDS` or `QUIRKS`; empty if it has no document type.

    In quirks mode, ids and classes are compared without regard to case. A page without a document
    type may have had one, because recorders often begin with the root element.
    """
    doctype = _DOCTYPE.match(head)
    if doctype is None:
        return ""
    name, public, public_also, system, system_also = doctype.groups()
    public = public or public_also or ""
    system = system or system_also
    quirky = _QUIRKY.match(public) or (not system and _QUIRKY_ALONE.match(public))
    return QUIRKS if quirky or name.lower() != "html" else STANDARDS
