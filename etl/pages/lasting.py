"""What of a page is its content, for telling whether an action changed it.

Each pattern begins with a literal and is looked for only in pages that hold it, so that a page
passes at hundreds of megabytes a second. Markup is in lower case, as recorders write it; in other
markup less is left out, and two recordings of one state may differ.
"""

from __future__ import annotations

import re
from typing import Final

import xxhash

_PATTERNS: Final = tuple(
    (begin, re.compile(re.escape(begin) + rest, re.DOTALL))
    for begin, rest in (
        (b"<!--", rb".*?-->"),
        (b"<script", rb"\b.*?</script\s*>"),
        (b"<style", rb"\b.*?</style\s*>"),
        (b"<noscript", rb"\b.*?</noscript\s*>"),
        (b"<meta", rb"\b[^>]*>"),
        (b"<link", rb"\b[^>]*>"),
        (b"<base", rb"\b[^>]*>"),
        (b"<input", rb"\b[^>]*?\btype=[\"']?hidden\b[^>]*>"),
    )
)
"""Comments, scripts, style sheets, and the elements that carry tokens of a session."""
_VALUE: Final = rb"[\w-]*=(?:\"[^\"]*\"|'[^']*'|[^\s>\"']+)"
_ATTRIBUTES: Final = tuple(
    (begin, re.compile(re.escape(begin) + _VALUE))
    for begin in (
        *(b" nonce", b" integrity", b" csrf", b" data-csrf", b" data_pw_testid_buckeye"),
        *(b" __playwright_", b" browsergym_", b" data-webtasks-id", b" data-scrapy-annotate"),
        b" data-stepmill-",
    )
) + tuple(
    (begin, re.compile(re.escape(begin) + _VALUE.removeprefix(rb"[\w-]*")))
    for begin in (b" bid", b" ref", b" backend_node_id")
)
"""Attributes that are new each time a page is made, or that recorders add to it."""


def lasting(utf8: bytes) -> bytes:
    """A page without what may differ between two recordings of one state.

    These are comments, scripts, style sheets, ``meta`` and ``link``, hidden fields, one-time
    attributes, marks of recorders, and white space beside tags or in any amount. Everything else
    stays, also what pruning removes: a class may open a menu.
    """
    for begin, pattern in _PATTERNS:
        if begin in utf8:
            utf8 = pattern.sub(b"", utf8)
    page = b" ".join(utf8.split())
    for begin, pattern in _ATTRIBUTES:
        if begin in page:
            page = pattern.sub(b"", page)
    return page.replace(b"> ", b">").replace(b" <", b"<")


def state_of(utf8: bytes) -> int:
    """A hash of 128 bits of what lasts of a page."""
    return xxhash.xxh3_128_intdigest(lasting(utf8))
