"""Markup tokens: their kinds, tags and attributes, and character references."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import turbohtml

OTHER: Final = 0  # comment, doctype, leading text: only the text after it matters
START: Final = 1
EMPTY: Final = 2  # an element that is complete with its start tag
END: Final = 3
_IS_ELEMENT: Final = (0, 1, 1, 0)

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

_ATTRIBUTE: Final = re.compile(
    r"""([^ \t\n\f\r=]++)"""
    r"""(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"([^"]*+)"|'([^']*+)'|([^ \t\n\f\r]++)))?+"""
)
_NUMERIC_REFERENCE: Final = re.compile("(&#(?:[0-9]+|[xX][0-9a-fA-F]+);?)")
_OPEN_REFERENCE: Final = re.compile(r"&[a-zA-Z][a-zA-Z0-9]*+(?!;)")
_ASCII_UPPER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_NAME: Final = re.compile(r"""[ \t\n\f\r]++([^ \t\n\f\r"'<>/=\x00]++)=""")
_NAMES: Final[
    dict[str, str]
] = {}  # what stands before a quoted value, `` name=``, and the name in lower case
_NAMES_LIMIT: Final = 20_000
_LONGEST_NAME: Final = 256

Note = tuple[int, str, str, str, str, object]
"""What `etl.pages.prune` has worked out about a token; the last item is the pruner."""

_NO_NOTE: Final[Note] = (0, "", "", "", "", None)


class Token:
    """One markup token and the text that follows it.

    kind: `OTHER`, `START`, `EMPTY` or `END`; tag: lower case; markup: the attributes as written
    (``odd``: the whole tag, which only the library can read); raw_text: what follows up to the next
    markup, references unresolved; literal: references do not count in it; note: a place for the
    pruner, so that it needs no memo of its own. Tokens are shared between pages and compared by
    identity.
    """

    __slots__ = (
        "element",
        "kind",
        "literal",
        "markup",
        "note",
        "odd",
        "opens_raw",
        "raw_text",
        "tag",
    )

    def __init__(
        self,
        kind: int,
        tag: str = "",
        markup: str = "",
        raw_text: str = "",
        odd: bool = False,
        literal: bool = False,
    ) -> None:
        self.kind = kind
        self.tag = tag
        self.markup = markup
        self.raw_text = raw_text
        self.odd = odd
        self.literal = literal
        self.note = _NO_NOTE
        self.element = _IS_ELEMENT[kind]
        self.opens_raw = kind == START and tag in RAW_TAGS

    def copy(self) -> Token:
        """The same token under another identity."""
        return Token(self.kind, self.tag, self.markup, self.raw_text, self.odd, self.literal)

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.tag!r}, {self.markup!r}, {self.raw_text!r})"

    @property
    def hides_text(self) -> bool:
        """Whether its text is none that people see: a script, a style sheet and the like."""
        return self.kind == START and self.tag in UNSEEN_TAGS

    @property
    def text(self) -> str:
        """The text after the markup with character references resolved."""
        text = self.raw_text
        return text if self.literal else resolve(text)

    def attributes(self) -> dict[str, str]:
        """Attributes in the order written, names in lower case, references resolved; the first of a
        name counts.
        """
        attributes: dict[str, str] = {}
        for name, value in self.pairs():
            if name not in attributes:
                attributes[name] = resolve_in_attribute(value) if "&" in value else value
        return attributes

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Names in lower case and values with their references, in the order written."""
        if not self.element or not self.markup:
            return ()
        if self.odd:
            found = next(iter(turbohtml.tokenize(self.markup))).attrs or ()
            return [(name, value.replace("&", "&amp;")) for name, value in found]
        parts = self.markup.split('"')  # nearly all hold nothing but name="value"
        if parts[-1] in _BLANK:
            names = [_NAMES.get(part) or _name(part) for part in parts[:-1:2]]
            if None not in names:
                return zip(names, parts[1::2], strict=True)  # type: ignore[arg-type]
        return [
            (lower(name), double or single or bare)
            for name, double, single, bare in _ATTRIBUTE.findall(self.markup)
        ]


_BLANK: Final = frozenset(("", " "))


def _name(part: str) -> str | None:
    """The name in what stands before a quoted value; it is known from now on."""
    found = _NAME.fullmatch(part) if len(part) <= _LONGEST_NAME else None
    if found is None:
        return None
    name = lower(found[1])
    if len(_NAMES) < _NAMES_LIMIT:
        _NAMES[part] = name
    return name


def lower(name: str) -> str:
    """A name in lower case, as HTML has it: A to Z alone."""
    return name if name.islower() else name.translate(_ASCII_UPPER)


def resolve(text: str) -> str:
    """Resolve references as in text. The library's ``unescape`` drops some numbers that its
    tokenizer keeps.
    """
    if "&#" not in text:
        return turbohtml.unescape(text) if "&" in text else text
    parts = _NUMERIC_REFERENCE.split(text)
    parts[::2] = map(turbohtml.unescape, parts[::2])
    parts[1::2] = [
        next(iter(turbohtml.tokenize(reference))).data or "" for reference in parts[1::2]
    ]
    return "".join(parts)


def resolve_in_attribute(value: str) -> str:
    """Resolve references as in an attribute: a named one without ``;`` before ``=`` or a letter or
    digit stays.
    """
    if _OPEN_REFERENCE.search(value) is None:
        return resolve(value)
    attrs = next(iter(turbohtml.tokenize('<a b="' + value.replace('"', "&quot;") + '">'))).attrs
    return attrs[0][1] if attrs else value
