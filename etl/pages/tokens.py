"""Markup tokens: their kinds, tags and attributes, and character references."""

from __future__ import annotations

import re
from typing import Final

import turbohtml

OTHER: Final = 0  # comment, doctype, leading text: only the text after it matters
START: Final = 1
EMPTY: Final = 2  # an element that is complete with its start tag
END: Final = 3

VOID_TAGS: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr "
    "basefont bgsound command frame image isindex keygen menuitem nextid spacer".split()
)
"""Elements without content: the standard's, and the obsolete ones that the reference parser also
treats so.
"""

RAW_TAGS: Final = frozenset(
    ("script", "style", "title", "textarea", "xmp", "noembed", "noframes", "plaintext")
)
"""Elements whose content is text up to their end tag; that of ``plaintext``, up to the end of the
page.
"""

REFERENCE_TAGS: Final = frozenset(("title", "textarea"))
"""Raw elements in whose text character references count."""

UNSEEN_TAGS: Final = frozenset(("script", "style", "noembed", "noframes"))
"""Raw elements of whose text a browser shows nothing; that of ``xmp`` and ``plaintext`` it shows as
it is.
"""

CDATA: Final = "<![CDATA["
"""What begins text in SVG and MathML; elsewhere it begins a comment."""

AFTER_NAME: Final = frozenset(" \t\n\f\r/>")
"""What ends the name of an end tag that closes a raw element."""

_OPEN_REFERENCE: Final = re.compile(r"&[a-zA-Z][a-zA-Z0-9]*+(?!;)")
_ASCII_UPPER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Token:
    """One markup token and the text that follows it; tokens are shared between pages.

    kind: `OTHER`, `START`, `EMPTY` or `END`; tag: lower case; markup: the whole start tag as it was
    written, empty for what is no element; raw_text: what follows up to the next markup, references
    unresolved; literal: references do not count in it; opens_raw: the text is the content of a raw
    element.
    """

    __slots__ = ("element", "kind", "literal", "markup", "opens_raw", "raw_text", "tag")

    def __init__(
        self,
        kind: int,
        tag: str = "",
        markup: str = "",
        raw_text: str = "",
        literal: bool = False,
    ) -> None:
        self.kind = kind
        self.tag = tag
        self.markup = markup
        self.raw_text = raw_text
        self.literal = literal
        self.element = kind in (START, EMPTY)
        self.opens_raw = kind == START and tag in RAW_TAGS

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.tag!r}, {self.markup!r}, {self.raw_text!r})"

    @property
    def hides_text(self) -> bool:
        """Whether its text is none that people see: a script, a style sheet and the like."""
        return self.kind == START and self.tag in UNSEEN_TAGS

    @property
    def is_bare(self) -> bool:
        """Whether it has no attributes."""
        return len(self.markup) <= len(f"<{self.tag}>")

    @property
    def text(self) -> str:
        """The text after the markup with character references resolved."""
        return self.raw_text if self.literal else resolve(self.raw_text)

    def attributes(self) -> dict[str, str]:
        """Attributes in the order written, names in lower case, references resolved; the first of a
        name counts.
        """
        attributes: dict[str, str] = {}
        if not self.is_bare:
            for name, value in next(iter(turbohtml.tokenize(self.markup))).attrs or ():
                attributes.setdefault(name, value)
        return attributes


def is_shadow_root(token: Token) -> bool:
    """Whether a ``template`` is the shadow root of the element around it. ``shadowroot`` is what
    Chrome wrote once.
    """
    attributes = token.attributes()
    mode = attributes.get("shadowrootmode", attributes.get("shadowroot", ""))
    return mode.lower() in ("open", "closed")


def lower(name: str) -> str:
    """A name in lower case, as HTML has it: A to Z alone."""
    return name if name.islower() else name.translate(_ASCII_UPPER)


def resolve(text: str) -> str:
    """Resolve references as in text. The library's ``unescape`` drops some numbers that its
    tokenizer keeps.
    """
    if "&#" not in text:
        return turbohtml.unescape(text) if "&" in text else text
    found = turbohtml.tokenize(text.replace("<", "&lt;"))
    return "".join([token.data or "" for token in found])


def resolve_in_attribute(value: str) -> str:
    """Resolve references as in an attribute: a named one without ``;`` before ``=`` or a letter or
    digit stays.
    """
    if "\0" not in value and _OPEN_REFERENCE.search(value) is None:
        return resolve(value)
    token = next(iter(turbohtml.tokenize('<a b="' + value.replace('"', "&quot;") + '">')))
    return (token.attrs or [("b", value)])[0][1]
