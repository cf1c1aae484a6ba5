"""What Chromium makes of pages in which SVG or MathML is read by other rules than HTML."""

from __future__ import annotations

from typing import Final

FOREIGN: Final[dict[str, tuple[str, str]]] = {
    "<svg><text><![CDATA[x < y]]></text></svg>": ("svg text", "x < y"),
    "<svg><text>a<![CDATA[]]]]>b]]&gt;<![CDATA[c]]]></text></svg>": ("svg text", "a]]b]]>c]"),
    "<svg><![CDATA[a&amp;b]]>&amp;c</svg>": ("svg", "a&amp;b&c"),
    "<svg>&am<![CDATA[p;]]></svg>": ("svg", "&amp;"),
    "<svg><g></g><![CDATA[never <p>closed": ("svg g", "never <p>closed"),
    "<svg><g/><![CDATA[x]]>c</svg>": ("svg g", "xc"),
    "<svg><text>a<![CDATA[b\0c]]></text></svg>": ("svg text", "ab\ufffdc"),
    "<svg><![cdata[x]]>y</svg>": ("svg", "y"),
    "<svg/><![CDATA[x]]>c": ("svg", "c"),
    "<svg><text>a</text></svg><![CDATA[x]]>c": ("svg text", "ac"),
    "<p>a<![CDATA[x]]>b</p>": ("p", "ab"),
    "<svg><foreignObject><![CDATA[x < y]]><p><![CDATA[z]]></p></foreignObject></svg>": (
        "svg foreignobject p", "x < y"
    ),
    "<math><mi><![CDATA[x < y]]><b><![CDATA[z]]></b></mi></math>": ("math mi b", "x < y"),
    "<math><annotation-xml "
    "encoding='text/html'><![CDATA[x<y]]><p><![CDATA[z]]></p></annotation-xml></math>": (
        "math annotation-xml p", "x<y"
    ),
    "<math><annotation-xml><svg><![CDATA[q]]></svg></annotation-xml></math>": (
        "math annotation-xml svg", "q",
    ),
    "<svg><title>Icon <b>x</b></title></svg>after": ("svg title b", "Icon xafter"),
    "<svg><title><![CDATA[x <b> y]]></title></svg>": ("svg title", "x <b> y"),
    "<svg><title>Icon &amp; text</title></svg>": ("svg title", "Icon & text"),
    "<svg><desc><title>a<b>c</b></title></desc></svg>": ("svg desc title", "a<b>c</b>"),
    "<svg><foreignObject><math><mi><title>a<b>c</b></title></mi></math></foreignObject></svg>": (
        "svg foreignobject math mi title", "a<b>c</b>"
    ),
    "<svg><textarea>a<g>b</g></textarea></svg>": ("svg textarea g", "ab"),
    "<svg><xmp>a<g>b</g></xmp></svg>": ("svg xmp g", "ab"),
    "<svg><plaintext>a<g>b</g></plaintext></svg>c": ("svg plaintext g", "abc"),
    "<svg><script>1<g>2</g></script></svg>z": ("svg script g", "12z"),
    "<svg><style>a &gt; b<![CDATA[ x<y ]]></style></svg>": ("svg style", "a > b x<y "),
    "<svg><desc><style>a<b></style></desc></svg>x": ("svg desc style", "a<b>x"),
}  # fmt: skip
"""By markup: the tags of the elements, and the text of all of them."""
