"""Facts of the HTML standard that selectors and XPaths need: namespaces, and where case counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from etl.pages import foreign
from etl.pages.tokens import Token

HTML: Final = foreign.HTML
SVG: Final = foreign.SVG
MATHML: Final = foreign.MATHML

CASELESS_VALUES: Final = frozenset(
    "accept accept-charset align alink axis bgcolor charset checked clear codetype color compact "
    "declare defer dir direction disabled enctype face frame hreflang http-equiv lang language "
    "link media method multiple nohref noresize noshade nowrap readonly rel rev rules scope "
    "scrolling selected shape target text type valign valuetype vlink".split()
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
"""Attribute of SVG and MathML elements that has a namespace -> its name in that."""

_CAMEL_TAGS: Final = (
    "altGlyph altGlyphDef altGlyphItem animateColor animateMotion animateTransform clipPath "
    "feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting "
    "feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR "
    "feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset fePointLight "
    "feSpecularLighting feSpotLight feTile feTurbulence foreignObject glyphRef linearGradient "
    "radialGradient textPath"
).split()
_CAMEL_NAMES: Final = (
    "attributeName attributeType baseFrequency baseProfile calcMode clipPathUnits diffuseConstant "
    "edgeMode filterUnits glyphRef gradientTransform gradientUnits kernelMatrix kernelUnitLength "
    "keyPoints keySplines keyTimes lengthAdjust limitingConeAngle markerHeight markerUnits "
    "markerWidth maskContentUnits maskUnits numOctaves pathLength patternContentUnits "
    "patternTransform patternUnits pointsAtX pointsAtY pointsAtZ preserveAlpha preserveAspectRatio "
    "primitiveUnits refX refY repeatCount repeatDur requiredExtensions requiredFeatures "
    "specularConstant specularExponent spreadMethod startOffset stdDeviation stitchTiles "
    "surfaceScale systemLanguage tableValues targetX targetY textLength viewBox viewTarget "
    "xChannelSelector yChannelSelector zoomAndPan"
).split()

SVG_TAGS: Final = {name.lower(): name for name in _CAMEL_TAGS}
SVG_NAMES: Final = {name.lower(): name for name in _CAMEL_NAMES}
MATHML_NAMES: Final = {"definitionurl": "definitionURL"}


def namespaces(elements: Sequence[Token], parents: Sequence[int], tops: Iterable[int]) -> bytearray:
    """The namespace of each element, which its ancestors decide as in a parser.

    tops: the elements named svg or math, in document order. Elements outside of these are HTML.
    """
    numbers = bytearray(len(elements))
    done = 0
    for top in tops:
        if top < done:
            continue
        around: dict[int, foreign.Around] = {}
        for element in range(top, len(elements)):
            if element > top > parents[element]:
                break
            token = elements[element]
            standing_in = around.get(parents[element], foreign.PAGE)
            around[element] = made = foreign.element(standing_in, token.tag, token.attributes)
            numbers[element] = made.own
            done = element + 1
    return numbers
