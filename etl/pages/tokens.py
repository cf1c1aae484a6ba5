"""Markup tokens: their kinds, tags and attributes, and character references."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any, Final

OTHER: Final = 0  # a comment, a doctype, or nothing before the first text
START: Final = 1
EMPTY: Final = 2  # an element that ends with its start tag
END: Final = 3

VOID_TAGS: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr "
    "basefont bgsound command frame image isindex keygen menuitem nextid spacer".split()
)
"""Elements without content: the standard's, and obsolete ones as in the reference parser."""

RAW_TAGS: Final = frozenset(
    ("script", "style", "title", "textarea", "xmp", "noembed", "noframes", "plaintext")
)
"""Elements whose content is text up to their end tag; ``plaintext`` has none."""

REFERENCE_TAGS: Final = frozenset(("title", "textarea"))
"""Raw elements whose text may hold character references."""

UNSEEN_TAGS: Final = frozenset(("script", "style", "noembed", "noframes"))
"""Raw elements whose text a browser does not show."""

CDATA: Final = "<![CDATA["
"""It begins text in SVG and MathML, and elsewhere a comment."""

AFTER_NAME: Final = frozenset(" \t\n\f\r/>")
"""The characters after the name in an end tag that closes a raw element."""

_NAMED: Final = re.compile(r"&([a-zA-Z][a-zA-Z0-9]*+;?)")
_ASCII_UPPER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@cache
def _library() -> Any:
    """turbohtml, loaded when it is asked: the engine reads most pages, and leaves attributes and
    references to it. That takes longer than all of ours that reads pages.
    """
    import turbohtml

    return turbohtml


class Token:
    """One markup token and the text after it. Pages share tokens."""

    __slots__ = ("element", "kind", "literal", "markup", "opens_raw", "raw_text", "tag")

    def __init__(
        self, kind: int, tag: str = "", markup: str = "", raw_text: str = "", literal: bool = False
    ) -> None:
        # `OTHER`, `START`, `EMPTY` or `END`
        self.kind = kind
        # in lower case
        self.tag = tag
        # the whole start tag as written; empty if no element begins
        self.markup = markup
        # the text up to the next markup, as written unless it is ``literal``
        self.raw_text = raw_text
        # no reference in ``raw_text`` is to be resolved
        self.literal = literal
        # an element begins
        self.element = kind in (START, EMPTY)
        # the text is the content of a raw element
        self.opens_raw = kind == START and tag in RAW_TAGS

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.tag!r}, {self.markup!r}, {self.raw_text!r})"

    @property
    def hides_text(self) -> bool:
        """Whether a browser does not show its text: a script, a style sheet and the like."""
        return self.kind == START and self.tag in UNSEEN_TAGS

    @property
    def is_bare(self) -> bool:
        """Whether it has no attributes."""
        return len(self.markup) <= len(f"<{self.tag}>")

    @property
    def text(self) -> str:
        """The text after the markup, with references resolved."""
        return self.raw_text if self.literal else resolve(self.raw_text)

    def attributes(self) -> dict[str, str]:
        """The attributes in the order written, with references resolved.

        Names are in lower case, and the first of a name counts.
        """
        attributes: dict[str, str] = {}
        if not self.is_bare:
            for name, value in next(iter(_library().tokenize(self.markup))).attrs or ():
                attributes.setdefault(name, value)
        return attributes


class OpenTags:
    """The tags of the open elements, the innermost last."""

    def __init__(self) -> None:
        self.tags: list[str] = []
        self._counts: Counter[str] = Counter()

    def open(self, tag: str) -> None:
        """Open an element in the innermost one."""
        self.tags.append(tag)
        self._counts[tag] += 1

    def close(self, tag: str) -> int:
        """Close up to the innermost element of a tag; the number closed, 0 if none is open."""
        if not self._counts[tag]:
            return 0
        before, last = len(self.tags), ""
        while last != tag:
            last = self.tags.pop()
            self._counts[last] -= 1
        return before - len(self.tags)


def is_shadow_root(token: Token) -> bool:
    """Whether a ``template`` is the shadow root of the element around it."""
    attributes = token.attributes()
    mode = attributes.get("shadowrootmode", attributes.get("shadowroot", ""))  # Chrome's old name
    return mode.lower() in ("open", "closed")


def lower(name: str) -> str:
    """A name with A to Z in lower case, as in HTML."""
    return name if name.islower() else name.translate(_ASCII_UPPER)


def resolve(text: str) -> str:
    """Resolve references as in text."""
    if "&#" not in text:
        return str(_library().unescape(text)) if "&" in text else text
    tokens = _library().tokenize(text.replace("<", "&lt;"))  # ``unescape`` drops some numbers
    return "".join([token.data or "" for token in tokens])


def resolve_in_attribute(value: str) -> str:
    """Resolve references as in an attribute.

    A named one without ``;`` stays before ``=``, a letter or a digit.
    """
    if "&" not in value and "\0" not in value:
        return value
    from html.entities import html5

    whole = all(name in html5 and name[-1] == ";" for name in _NAMED.findall(value))
    if whole and "\0" not in value:
        return resolve(value)
    token = next(iter(_library().tokenize('<a b="' + value.replace('"', "&quot;") + '">')))
    return str((token.attrs or [("b", value)])[0][1])
