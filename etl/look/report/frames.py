"""Recorded pages as documents for a sandboxed frame. They are hostile: strangers wrote them.

Three walls keep a page from acting: the frame's empty ``sandbox`` (no scripts, forms or popups, and
no navigation but its own), the report's content security policy, which frames inherit, and the
document's own policy, under which nothing is fetched. In addition each document is rewritten here,
tag by tag. Scripts are left out, and so are elements and attributes that name something elsewhere:
``<link rel=preconnect>`` opens a connection that no policy covers. The document is inert, so that
no click and no key reaches it.

Pages are read as they were written (`etl.pages`): a frame inlined within ``<iframe>``, which a
browser would read as text, becomes a block.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

from etl.pages.reading import read
from etl.pages.tokens import EMPTY, END, START, VOID_TAGS, Token

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""The content security policy of a page's document: inline style and data, nothing fetched."""

HEAD: Final = (
    '<!doctype html><html tabindex="0"><head><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    '<meta name="referrer" content="no-referrer"><meta http-equiv="x-dns-prefetch-control" '
    'content="off">'
    "<style>noscript{display:none!important}html{background:#fff;color-scheme:light}{more}</style>"
    "</head><body inert>"
)
"""The beginning of a page's document; ``{more}`` stands for further style."""
_PLAIN: Final = (
    "body{font:14px/1.4 system-ui,sans-serif;margin:8px}svg:not([width]){width:1.5em;height:1.5em}"
)
"""The style of a pruned page, which has none of its own."""

_TARGET: Final = "data-stepmill-target"
_OUTLINE: Final = (
    "outline:3px solid #d6006c!important;outline-offset:2px!important;"
    "scroll-initial-target:nearest!important;scroll-margin:8rem!important"
)

_GONE: Final = frozenset(("script", "title", "noembed", "noframes"))
"""Elements that are left out with their content."""
_UNWRAPPED: Final = frozenset(
    "link meta base basefont object embed applet param frame frameset portal fencedframe source "
    "track animate set animatetransform animatemotion".split()
)
"""Elements that are left out but for their content."""
_WRITTEN_AS: Final = {
    "iframe": "div",
    "video": "div",
    "audio": "div",
    "xmp": "pre",
    "plaintext": "pre",
}
_ONCE: Final = frozenset(("html", "head", "body"))
"""Elements that a document has once; a second one belongs to an inlined frame."""

_ELSEWHERE: Final = frozenset(
    "action archive attributionsrc background cite classid code codebase data dynsrc formaction "
    "href http-equiv icon imagesrcset longdesc lowsrc manifest ping poster profile src srcset "
    "usemap xlink:href xml:base".split()
)
"""Attributes that name something elsewhere.

They are left out unless they name a part of the page, or a picture held in the attribute itself.
"""
_ACTING: Final = frozenset(
    "accesskey autofocus autoplay command commandfor contenteditable integrity is nonce popover "
    "popovertarget sandbox shadowroot shadowrootmode srcdoc target".split()
)
_PARTS: Final = frozenset(("href", "xlink:href", "usemap"))
_PICTURES: Final = frozenset(("src", "background"))
_NAME: Final = re.compile(r"[a-z][a-z0-9:_.-]*")
_LIKE_MARKUP: Final = re.compile(r"<(?=[a-zA-Z/!?])")
_FETCHED: Final = re.compile(
    r"""(?i)url(?=\(\s*+["']?+\s*+(?!data:image/|data:font/|#))|(?<=@)import|image-set(?=\()"""
)
"""What a browser would fetch from style, and report as blocked.

This only keeps the console quiet: the policy blocks every other way to write it too.
"""


def document(markup: str, element: int = -1, *, plain: bool = False) -> str:
    """Write a page as a document for ``srcdoc`` of a frame with ``sandbox=""``, in linear time.

    element: the index of the target in document order, which is outlined and scrolled to; -1 for
    none. plain: add a style, for a pruned page.

    Raises:
        PageError: if the page cannot be read.
    """
    page = read(markup)
    at = page.position(element) if 0 <= element < page.elements else -1
    head = HEAD.replace("{more}", _PLAIN if plain else "")
    return head + "".join(_written(page.tokens, at))


def marked(document: str) -> tuple[int, int] | None:
    """Start and end of the target's start tag in a document, in characters; None without target."""
    end = document.find(f' {_TARGET}="">')
    return (document.rindex("<", 0, end), end + len(_TARGET) + 5) if end >= 0 else None


def numbered(observation: str, node: int) -> int:
    """The index of the element of a pruned page with this node id; -1 if there is none."""
    element = -1
    for token in read(observation).tokens:
        if token.element:
            element += 1
            if token.attributes().get("node") == str(node):
                return element
    return -1


def _written(tokens: Sequence[Token], target: int) -> Iterator[str]:
    """The markup and text of tokens. target: the position of the one to mark."""
    gone, depth = "", 0  # what is being left out, and how many of its name are open
    frames = _Once()
    for position, token in enumerate(tokens):
        if gone:
            depth += (token.tag == gone) * ((token.kind == START) - (token.kind == END))
            if depth:
                continue
            gone = ""
        elif token.kind == START and (
            token.tag in _GONE or (token.tag == "style" and not token.opens_raw)
        ):
            gone, depth = token.tag, 1
            continue
        elif token.kind == END:
            yield frames.closed(token.tag) if token.tag in _ONCE else _closing(_named(token.tag))
        elif token.element and (
            name := frames.opened(token) if token.tag in _ONCE else _named(token.tag)
        ):
            yield f"<{name}{_attributes(token, marked=position == target)}>"
            if token.kind == EMPTY and name not in VOID_TAGS:
                yield f"</{name}>"
        yield _text(token)


class _Once:
    """Renames elements that a document has once: those of inlined frames become blocks."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._open: list[tuple[str, str]] = []

    def opened(self, token: Token) -> str:
        """The name to write for a start tag."""
        name = "div" if token.tag in self._seen else token.tag
        self._seen.add(token.tag)
        if token.kind == START:
            self._open.append((token.tag, name))
        return name

    def closed(self, tag: str) -> str:
        """The end tags to write for one: its own, and those of elements left open within it."""
        written = ""
        if any(tag == opened for opened, _ in self._open):
            opened = ""
            while opened != tag:
                opened, name = self._open.pop()
                written += _closing(name)
        return written


def _named(tag: str) -> str:
    """The name under which an element is written; empty if its tags are left out."""
    if tag in _UNWRAPPED or tag in _GONE:
        return ""
    return _WRITTEN_AS.get(tag, tag) if _NAME.fullmatch(tag) else "span"


def _closing(name: str) -> str:
    return f"</{name}>" if name and name not in VOID_TAGS else ""


def _attributes(token: Token, *, marked: bool) -> str:
    found = {
        name: value
        for name, value in token.attributes().items()
        if _harmless(token.tag, name, value)
    }
    found = {
        name: _FETCHED.sub("not-fetched", value) if "(" in value else value
        for name, value in found.items()
    }
    if marked:
        found["style"] = f"{_OUTLINE};{found.get('style', '')}"
    written = "".join(f' {name}="{html.escape(value)}"' for name, value in found.items())
    return f'{written} {_TARGET}=""' if marked else written


def _harmless(tag: str, name: str, value: str) -> bool:
    if not _NAME.fullmatch(name) or name.startswith("on") or name in _ACTING or name == _TARGET:
        return False
    if name not in _ELSEWHERE:
        return True
    picture = name in _PICTURES or (name in _PARTS and tag in {"image", "feimage"})
    return (name in _PARTS and value.startswith("#")) or (
        picture and value.startswith("data:image/")
    )


def _text(token: Token) -> str:
    """The text after a tag, escaped so that it opens no markup in any context."""
    text = token.raw_text
    if token.tag == "style" and token.opens_raw:
        return _LIKE_MARKUP.sub(r"\\3c ", _FETCHED.sub(r"not-fetched", text))
    if token.literal:
        text = text.replace("&", "&amp;")
    return text.replace("<", "&lt;")
