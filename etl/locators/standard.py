"""What the HTML standard says that selectors and XPaths depend on: namespaces, and where case counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from etl.dom import Token

HTML: Final = 0
SVG: Final = 1
MATHML: Final = 2

CASELESS_VALUES: Final = frozenset(
    "accept accept-charset align alink axis bgcolor charset checked clear codetype color compact declare defer dir "
    "direction disabled enctype face frame hreflang http-equiv lang language link media method multiple nohref "
    "noresize noshade nowrap readonly rel rev rules scope scrolling selected shape target text type valign valuetype "
    "vlink".split()
)
"""Attributes of HTML elements whose values CSS compares without regard to case."""

LINKED_NAMES: Final = {
    "xlink:actuate": "actuate",
    "xlink:arcrole": "arcrole",
    "xlink:href": "href",
    "xlink:role": "role",
    "xlink:show": "show",
    "xlink:title": "title",
    "xlink:type": "type",
    "xml:lang": "lang",
    "xml:space": "space",
    "xmlns": "xmlns",
    "xmlns:xlink": "xlink",
}
"""Attributes of SVG and MathML elements that have a namespace, and their names in it."""

_CAMEL_TAGS: Final = (
    "altGlyph altGlyphDef altGlyphItem animateColor animateMotion animateTransform clipPath feBlend feColorMatrix "
    "feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow "
    "feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset "
    "fePointLight feSpecularLighting feSpotLight feTile feTurbulence foreignObject glyphRef linearGradient "
    "radialGradient textPath"
).split()
_CAMEL_NAMES: Final = (
    "attributeName attributeType baseFrequency baseProfile calcMode clipPathUnits diffuseConstant edgeMode filterUnits "
    "glyphRef gradientTransform gradientUnits kernelMatrix kernelUnitLength keyPoints keySplines keyTimes lengthAdjust "
    "limitingConeAngle markerHeight markerUnits markerWidth maskContentUnits maskUnits numOctaves pathLength "
    "patternContentUnits patternTransform patternUnits pointsAtX pointsAtY pointsAtZ preserveAlpha preserveAspectRatio "
    "primitiveUnits refX refY repeatCount repeatDur requiredExtensions requiredFeatures specularConstant "
    "specularExponent spreadMethod startOffset stdDeviation stitchTiles surfaceScale systemLanguage tableValues "
    "targetX targetY textLength viewBox viewTarget xChannelSelector yChannelSelector zoomAndPan"
).split()

SVG_TAGS: Final = {name.lower(): name for name in _CAMEL_TAGS}
SVG_NAMES: Final = {name.lower(): name for name in _CAMEL_NAMES}
MATHML_NAMES: Final = {"definitionurl": "definitionURL"}

_BREAK_OUT: Final = frozenset(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    "nobr ol p pre ruby s small span strong strike sub sup table tt u ul var html".split()
)
"""Tags that a parser never makes SVG or MathML of."""

_MATH_TEXT: Final = frozenset(("mi", "mo", "mn", "ms", "mtext"))
_SVG_WITH_HTML: Final = frozenset(("foreignobject", "desc", "title"))
_HTML_ENCODINGS: Final = frozenset(("text/html", "application/xhtml+xml"))


def namespaces(elements: Sequence[Token], parents: Sequence[int]) -> list[int]:
    """The namespace of each element: that of what it stands in, as a parser decides it."""
    found: list[int] = []
    inside: list[int] = []  # what stands in this element is of this namespace
    for token, parent in zip(elements, parents, strict=True):
        tag = token.tag
        around = inside[parent] if parent >= 0 else HTML
        if around == MATHML and parent >= 0 and elements[parent].tag in _MATH_TEXT:
            around = MATHML if tag in ("mglyph", "malignmark") else HTML
        own = around
        if around == MATHML and tag == "svg" and elements[parent].tag == "annotation-xml":
            own = SVG
        elif around == HTML or tag in _BREAK_OUT:
            own = {"svg": SVG, "math": MATHML}.get(tag, HTML)
        elif tag == "font" and not {"color", "face", "size"}.isdisjoint(token.attributes()):
            own = HTML
        found.append(own)
        inside.append(HTML if own and _holds_html(token, own) else own)
    return found


def _holds_html(token: Token, namespace: int) -> bool:
    """Whether what stands in an SVG or MathML element is HTML."""
    if namespace == SVG:
        return token.tag in _SVG_WITH_HTML
    return token.tag == "annotation-xml" and token.attributes().get("encoding", "").lower() in _HTML_ENCODINGS
