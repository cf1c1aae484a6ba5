"""What of a page is its content, for telling whether an action changed it.

Markup is in lower case, as recorders write it; in other markup less is left out, and two recordings
of one state may differ. The engine does the same as `plain_lasting`, some three times as fast.
"""

from __future__ import annotations

import re
from typing import Final

import xxhash

from etl.pages import compiled

_PASSING: Final = re.compile(
    rb"<!--.*?-->|<script\b.*?</script\s*>|<style\b.*?</style\s*>|<noscript\b.*?</noscript\s*>"
    rb"|<(?:meta|link|base)\b[^>]*>|<input\b[^>]*?\btype=[\"']?hidden\b[^>]*>",
    re.DOTALL,
)
"""Comments, scripts, style sheets, and the elements that carry tokens of a session."""
_ONE_TIME: Final = re.compile(
    rb" (?:(?:nonce|integrity|csrf|data-csrf|data_pw_testid_buckeye|__playwright_|browsergym_"
    rb"|data-webtasks-id|data-scrapy-annotate|data-stepmill-)[\w-]*|bid|ref|backend_node_id)"
    rb"=(?:\"[^\"]*\"|'[^']*'|[^\s>\"']+)"
)
"""Attributes that are new each time a page is made, or that recorders add to it."""


def lasting(utf8: bytes) -> bytes:
    """A page without what may differ between two recordings of one state.

    These are comments, scripts, style sheets, ``meta`` and ``link``, hidden fields, one-time
    attributes, marks of recorders, and white space beside tags or in any amount. Everything else
    stays, also what pruning removes: a class may open a menu.
    """
    if compiled.ENGINE is None:
        return plain_lasting(utf8)
    page: bytes = compiled.ENGINE.lasting(utf8)
    return page


def plain_lasting(utf8: bytes) -> bytes:
    """The same in plain Python: the specification of the engine's."""
    page = b" ".join(_PASSING.sub(b"", utf8).split())
    return _ONE_TIME.sub(b"", page).replace(b"> ", b">").replace(b" <", b"<")


def state_of(utf8: bytes) -> int:
    """A hash of 128 bits of what lasts of a page."""
    return xxhash.xxh3_128_intdigest(lasting(utf8))
