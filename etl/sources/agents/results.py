"""What a tool gave back, as text: the page that an agent sees next, or an error.

- Results of Playwright's MCP server have the page's URL and an aria snapshot, in YAML in a fence. A
  snapshot of changes alone (``<changed>``, ``[unchanged]``) is no page.
- A text that begins like an accessibility tree is one, and so is a list with references in its
  lines, an aria snapshot. One that begins with a tag and ends with one is a page.
- A text that begins with "Error" is an error.

Any other text says nothing of a page.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_URL: Final = re.compile(r"^[ \t]*(?:- )?Page URL:[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_SNAPSHOT: Final = re.compile(
    r"(?:Page Snapshot:?|### Snapshot)[ \t]*\n+[ \t]*```(?:yaml)?[ \t]*\n(.*?)\n[ \t]*```",
    re.DOTALL,
)
_PARTIAL: Final = re.compile(r"<changed>|\[unchanged\]")
_TREE: Final = re.compile(
    r"\s*(?:RootWebArea\b|Tab \d+ \(current\)|\*?\[[^\s\[\]]+\]:?[ \t]*[<'\w])"
)
_REFERENCE: Final = re.compile(r"\[ref=[^\s\[\]]+\]")
_MARKUP: Final = re.compile(r"\s*<(?:!doctype|[a-z])", re.IGNORECASE)
_ERROR: Final = re.compile(r"\s*(?:#+ )?(Error\b.*)", re.DOTALL | re.IGNORECASE)
_MOST_OF_ERROR: Final = 2000  # characters


class Result(NamedTuple):
    """A page after a call; what is not known is empty."""

    html: str = ""
    axtree: str = ""
    url: str = ""
    error: str = ""


def page(text: str, url: str = "") -> Result:
    """A recorded page, which may be a tree in the place of markup."""
    if not text.strip():
        return Result(url=url)
    if _MARKUP.match(text):
        return Result(html=text, url=url)
    return Result(axtree=text, url=url)


def result(text: str) -> Result:
    """What a tool's result says of the page."""
    url = hit[1] if (hit := _URL.search(text)) else ""
    error = hit[1].strip()[:_MOST_OF_ERROR] if (hit := _ERROR.match(text)) else ""
    snapshot = hit[1] if (hit := _SNAPSHOT.search(text)) else ""
    if not snapshot and not error and _is_tree(text):
        snapshot = text
    if snapshot and not _PARTIAL.search(snapshot):
        return Result("", snapshot, url, error)
    whole = text.rstrip()
    if not snapshot and not url and _MARKUP.match(text) and whole.endswith(">"):
        return Result(text, "", url, error)
    return Result("", "", url, error)


def _is_tree(text: str) -> bool:
    """Whether a text is an accessibility tree, or a list with references as a snapshot is."""
    if text.lstrip().startswith("- "):
        return _REFERENCE.search(text) is not None
    return _TREE.match(text) is not None
