"""The page of a browser as text, as the recorder writes it (`etl.record`)."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def page_script() -> str:
    """A JavaScript expression that is the page as text: a frame of the same site and an open shadow
    root stand inside their element, and the state of forms in attributes. It is empty while the
    page has no element yet, between two pages.
    """
    source = resources.files("etl.record").joinpath("snapshot.js").read_text("utf-8")
    return f'(() => {{\n{source}\nreturn document.documentElement ? new Taken().html : "";\n}})()'
