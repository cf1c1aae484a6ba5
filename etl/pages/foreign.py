"""SVG and MathML in a page: the namespace of each element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from etl.pages.tokens import OpenTags

HTML: Final = 0
SVG: Final = 1
MATHML: Final = 2

FOREIGN_TAGS: Final = {"svg": SVG, "math": MATHML}
"""Tags that begin SVG and MathML in HTML."""

_BREAK_OUT: Final = frozenset(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li "
    "listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var "
    "html".split()
)
"""Tags that are always HTML."""

_MATH_TEXT: Final = frozenset(("mi", "mo", "mn", "ms", "mtext"))
_IN_MATH_TEXT: Final = frozenset(("mglyph", "malignmark"))
_SVG_WITH_HTML: Final = frozenset(("foreignobject", "desc", "title"))
_HTML_ENCODINGS: Final = frozenset(("text/html", "application/xhtml+xml"))
_HTML_FONT: Final = frozenset(("color", "face", "size"))

Attributes = Callable[[], Mapping[str, str | None]]


class Around(NamedTuple):
    """An element around others."""

    tag: str
    # its namespace
    own: int
    # the namespace of the elements in it
    inside: int


PAGE: Final = Around("", HTML, HTML)
"""Around the outermost elements."""


def element(around: Around, tag: str, attributes: Attributes) -> Around:
    """The element that a parser makes of a tag here."""
    own = around.inside
    if around.own == MATHML and around.tag in _MATH_TEXT:
        own = MATHML if tag in _IN_MATH_TEXT else HTML
    if around.own == MATHML and around.tag == "annotation-xml" and tag == "svg":
        own = SVG
    elif own == HTML or tag in _BREAK_OUT:
        own = FOREIGN_TAGS.get(tag, HTML)
    elif tag == "font" and not _HTML_FONT.isdisjoint(attributes()):
        own = HTML
    return Around(tag, own, HTML if _holds_html(own, tag, attributes) else own)


def _holds_html(own: int, tag: str, attributes: Attributes) -> bool:
    """Whether the content of an element is HTML."""
    if own == SVG:
        return tag in _SVG_WITH_HTML
    encoding = attributes().get("encoding") if own == MATHML and tag == "annotation-xml" else ""
    return (encoding or "").lower() in _HTML_ENCODINGS


class Open:
    """The elements that are open at a place in a page."""

    def __init__(self) -> None:
        self._opened: list[Around] = []
        self._tags = OpenTags()

    @property
    def is_foreign(self) -> bool:
        """Whether the innermost is SVG or MathML: then ``<![CDATA[`` begins text."""
        return bool(self._opened) and self._opened[-1].own != HTML

    def begin(self, tag: str, attributes: Attributes, *, empty: bool) -> int:
        """Begin an element, and return its namespace. empty: it ends with its start tag."""
        made = element(self._opened[-1] if self._opened else PAGE, tag, attributes)
        if not empty:
            self._opened.append(made)
            self._tags.open(tag)
        return made.own

    def end(self, tag: str) -> None:
        """Close up to the innermost open element of a tag, if there is one."""
        for _ in range(self._tags.close(tag)):
            self._opened.pop()
