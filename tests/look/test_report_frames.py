"""Recorded pages as documents for frames: nothing in them acts or names anything elsewhere, and all
else is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from etl.look.report import frames
from etl.pages.reading import read
from etl.pages.tokens import END, START, Token
from schemas.samples import element_of
from tests.support.injections import PAYLOADS, filled

_ELEMENTS: Final = frozenset(
    "script link base iframe frame frameset object embed applet portal fencedframe source track "
    "title animate set".split()
)
_ADDRESSES: Final = frozenset(
    "src srcset href xlink:href action formaction background poster data ping codebase manifest "
    "archive classid attributionsrc imagesrcset srcdoc".split()
)
_OWN_META: Final = 4
_HEAD: Final = frames.HEAD.replace("{more}", "")

PIECES: Final = [
    *(filled(payload, number) for number, payload in enumerate(PAYLOADS)),
    *"<svg> </svg> <math> <mtext> </mtext> <style> </style> <textarea> </textarea> <title> "
    "</title> <xmp> <p>".split(),
    *"</p> <table> <select> <option> <template> </template> <noscript> </noscript> <!-- --> "
    "<![CDATA[ ]]>".split(),
    *"<plaintext> <iframe> </iframe> <desc> <foreignObject> <annotation-xml> <br/> <html> <head> "
    "</head>".split(),
    *(
        "<body>",
        "</body>",
        "</html>",
        "<frameset>",
        "<x:y z='1'>",
        '<p title="a&quot;b">',
        '<p style="color:red">',
    ),
    *("text &lt;img src=x&gt; &amp;", "a<b", "<", "&", '"', "'", ">", "\0", "é😀"),
    *('<a href="#top">', '<use href="#i"/>', '<img src="data:image/png;base64,AA==">'),
]
"""Of which hostile pages are put together."""

pages = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join)


def acting(document: str) -> list[str]:
    """What acts or leads elsewhere in a document as a browser reads it."""
    found = []
    metas = 0
    for node in LexborHTMLParser(document).css("*"):
        metas += node.tag == "meta"
        if node.tag in _ELEMENTS or (node.tag == "meta" and metas > _OWN_META):
            found.append(f"<{node.tag}>")
        for name, value in node.attributes.items():
            address = name in _ADDRESSES and not (value or "").startswith(("#", "data:image/"))
            if name.startswith("on") or address:
                found.append(f"{node.tag} {name}={value}")
    return found


@given(pages)
@example("<svg><style><p><link rel=preconnect href=//x></p></style></svg>")
@example("<noscript><p title='</noscript><img src=x onerror=y>'></noscript>")
@example("<template><script>x</script></template><title/><script/>x")
def test_nothing_in_a_document_acts_whatever_the_page(page: str) -> None:
    """Of any page, as a browser parses what is made of it: no script, no handler, no address, no
    other document.
    """
    for plain in (False, True):
        assert acting(frames.document(page, 0, plain=plain)) == []


def test_the_check_finds_what_acts() -> None:
    """Payloads that are not rewritten are found by the same check, nearly all of them."""
    wild = [
        number for number, payload in enumerate(PAYLOADS) if acting(_HEAD + filled(payload, number))
    ]
    assert len(wild) > 80


def said(tokens: Iterable[Token], gone: frozenset[str]) -> str:
    """The text of a page without white space, and without that in some elements."""
    texts = []
    inside, depth = "", 0
    for token in tokens:
        if inside:
            depth += (token.tag == inside) * ((token.kind == START) - (token.kind == END))
            inside = inside if depth else ""
        elif token.kind == START and token.tag in gone:
            inside, depth = token.tag, 1
        if not inside:
            texts.append(token.text)
    return "".join("".join(texts).replace("\0", "").split())


@given(pages)
def test_text_stays(page: str) -> None:
    """The text of a page, but for what is never shown, is the text of its document."""
    again = read(frames.document(page).removeprefix(_HEAD))
    never = frozenset(("script", "style", "title", "noembed", "noframes"))
    assert said(again.tokens, frozenset(("style",))) == said(read(page).tokens, never)


WRITTEN: Final = {
    '<p class="a" onclick="x()" data-b=1>t</p>': '<p class="a" data-b="1">t</p>',
    "<P TITLE='a \"b\" &lt; c'>t": '<p title="a &quot;b&quot; &lt; c">t',
    '<a href="http://x/">l</a><a href="#y">m</a>': '<a>l</a><a href="#y">m</a>',
    '<img src="http://x/a.png" alt="A">': '<img alt="A">',
    '<img src="data:image/png;base64,AA==">': '<img src="data:image/png;base64,AA==">',
    "a<script>if (a < b) x()</script>b<!-- c -->d": "abd",
    "<iframe src=x><body><p>in</p></body></iframe>o": "<div><body><p>in</p></body></div>o",
    "<html><body>a<iframe><html><body>in</body></html></iframe>o</body></html>": (
        "<html><body>a<div><div><div>in</div></div></div>o</body></html>"
    ),
    "<body><iframe><body><p>open</iframe>o</body>": "<body><div><div><p>open</div>o</div>",
    "<style>a{background:url(http://x/)}</style>": "<style>a{background:not-fetched(http://x/)}</style>",
    "<style>a{background:url( 'data:image/gif,A' )}</style>": "<style>a{background:url( "
    "'data:image/gif,A' )}</style>",
    "<style>@import 'x';p::after{content:'<b>'}</style>": (
        "<style>@not-fetched 'x';p::after{content:'\\3c b>'}</style>"
    ),
    '<rect fill="url(http://x/#a)" mask="url(#b)">': '<rect fill="not-fetched(http://x/#a)" '
    'mask="url(#b)">',
    '<svg width="1"/><custom-element/><br/>': '<svg width="1"></svg>'
    "<custom-element></custom-element><br>",
    "<svg><style>a<g/>{background:url(http://x/)}</style>b</svg>": "<svg>b</svg>",
    "<svg><title>a<b>c</b></title>d<![CDATA[<i>]]></svg>": "<svg>d&lt;i></svg>",
    "<textarea>a <b>&amp;</textarea>": "<textarea>a &lt;b>&amp;</textarea>",
    "<xmp>a &amp; <b></xmp>": "<pre>a &amp;amp; &lt;b></pre>",
    "1 < 2 &amp; 3": "1 &lt; 2 &amp; 3",
    '<p data-stepmill-target="">t</p>': "<p>t</p>",
    '<a"b>t</a"b>': "<span>t</span>",
}
"""Page -> what its document holds."""


@pytest.mark.parametrize("page", WRITTEN)
def test_how_a_page_is_written_anew(page: str) -> None:
    """What people see is kept as it was written; scripts, handlers and addresses are gone; frames
    become blocks.
    """
    assert frames.document(page) == _HEAD + WRITTEN[page]


def test_the_target_is_outlined_and_found_again() -> None:
    """The element asked for has an outline before its own style, alone; `marked` says where its tag
    stands.
    """
    page = '<div><p>a</p><p style="outline:none" data-stepmill-target="">b</p><p>c</p></div>'
    document = frames.document(page, 2)
    (node,) = LexborHTMLParser(document).css("[data-stepmill-target]")
    assert node.text() == "b"
    assert re.match(
        r"outline:3px solid [^;]*!important;.*;outline:none$", str(node.attributes["style"])
    )
    mark = frames.marked(document)
    assert mark is not None
    assert document[slice(*mark)].startswith('<p style="outline:3px')
    assert document[slice(*mark)].endswith('data-stepmill-target="">')
    for absent in (-1, 4, 10**9):
        assert frames.marked(frames.document(page, absent)) is None


def test_elements_go_by_our_ids() -> None:
    """An id counts from the end of a recorded page; in a pruned page it stands on the element."""
    page = "<div><p>a</p><p>b</p></div>"
    elements = read(page).elements
    assert [element_of(elements, node, "") for node in (0, 1, 2, 3, -1)] == [2, 1, 0, -1, -1]
    pruned = '<div node="7"> <p node="12"> a </p> <p node="1"> b </p> </div>'
    assert [frames.numbered(pruned, node) for node in (7, 12, 1, 2, -1)] == [0, 1, 2, -1, -1]
