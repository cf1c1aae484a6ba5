"""A page as a server sent it, as a browser's tree writes it: what recorders would have recorded.

Recorded pages are read as they were written, since they are written from a browser's tree. A page
from the network is not: tags may be left out, and be put in by the rules of the HTML standard.
"""

from __future__ import annotations

import turbohtml


def as_browsers_build(html: bytes) -> bytes:
    """The tree that a browser with scripts builds of a page, as HTML; no script has run in it.

    html: UTF-8.
    """
    text = html.decode("utf-8", "replace")
    document = turbohtml.parse(
        text, scripting=True, positions=False, allow_declarative_shadow_roots=False
    )
    return document.serialize().encode("utf-8", "replace")
