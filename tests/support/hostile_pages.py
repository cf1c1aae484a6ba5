"""Pages that are made to be slow, of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

READING: Final = {
    "less-than": "<",
    "open tag": "<a ",
    "open value": '<a "',
    "open quoted value": '<a b="',
    "stray end tags": "</x>",
    "odd names": "<a\0b>",
    "open comments": "<!--",
    "closed comments": "<!---->",
    "comment in script": "<script><!--<script>",
    "open elements": "<div>",
    "open raw": "<title>",
    "ends of open elements": "<a></b>",
    "attributes": "<a b c d=e f='g'",
    "equals": "<a ====",
    "spaces": "<a                                                   ",
    "quotes": "<a '\"",
    "references": "<a b='&amp &lt&#1",
    "iframes": "<iframe><noscript>",
    "z": "zzziframe<ziframe",
    "end tags with attributes": "</a b='",
    "less-than with text": "text <",
    "less-than after tag": "<p> < < ",
    "plaintext": "<plaintext/><",
    "self-closed raw": "<script/>\n",
    "declarations": "<!x <?y",
    "CDATA in SVG": "<svg><![CDATA[x]]>y",
    "CDATA that never ends": "<svg><![CDATA[x>",
    "markup in raw elements of SVG": "<svg><title><b></svg>",
}
"""Texts that make a slow page when they are repeated."""

TRAPS: Final[dict[str, Callable[[int], str]]] = {
    "stray end tags on a deep page": lambda size: "<div>" * (size // 25) + "</b>" * (size // 5),
    "closed and stray end tags on a deep page": lambda size: (
        "<div>" * (size // 50) + "<p></b></p>" * (size // 12)
    ),
    "different end tags on a deep page": lambda size: (
        "<div>" * (size // 50) + "".join(f"</x{n}>" for n in range(size // 10)) + "</b></p>" * 10
    ),
    "comments in text": lambda size: "<p>" + "<!-->x" * (size // 6),
    "stray end tags in text": lambda size: "<p><i></i>" + "</x>t" * (size // 5),
    "open quotes": lambda size: "<a b='\"" * (size // 7),
    "tags in tags": lambda size: "<a " * (size // 3),
    "scripts in comments in scripts": lambda size: "<script><!--" + "<script>" * (size // 8),
    "unclosed comments": lambda size: "<!--" * (size // 4),
    "nested pre": lambda size: "<pre>" * (size // 5),
    "nested templates": lambda size: "<template>" * (size // 10),
    "half references": lambda size: "&amp" * (size // 4),
    "attributes": lambda size: "<p " + " ".join(f"a{n}=1" for n in range(size // 9)) + ">",
    "one attribute again and again": lambda size: "<p " + "a=1 " * (size // 4) + ">",
    "classes": lambda size: '<p class="' + " ".join(f"c{n}" for n in range(size // 7)) + '">',
}
"""Pages of about this many characters."""


def deep(levels: int) -> str:
    """This many open elements and a link with the id ``go`` in them."""
    return "<div>" * levels + "<a id=go>k</a>"
