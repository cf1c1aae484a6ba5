"""Addresses that hold content: how much of a ``data:`` or ``javascript:`` address stays in a page.

A data URI holds a file, such as a picture. As text it can be longer than the rest of the page, and
says little. A ``javascript:`` address is a program.
"""

from __future__ import annotations

import re
from typing import Final, Literal

JavascriptRule = Literal["keep", "short", "drop"]

URL_ATTRIBUTES: Final = frozenset(
    "action archive background cite classid codebase data formaction href icon longdesc manifest "
    "ping poster profile src usemap xlink:href".split()
)
"""Attributes whose values are addresses; in others, ``javascript:`` may be somebody's text."""

_IGNORED: Final = re.compile("[\t\n\r]")  # characters that a browser ignores within an address
_BEFORE: Final = "".join(map(chr, range(33)))  # and before it
_DATA: Final = re.compile(
    r"(?i)data:[ ]*([\w!#$&^.+-]{1,63}/[\w!#$&^.+-]{1,63})?[ ]*(?:;[^,;]{0,200}){0,8},"
)
_LONGEST_PREFIX: Final = 2_000  # characters in which the comma is sought


def shortened(name: str, value: str, max_data_uri: int, javascript: JavascriptRule) -> str:
    """An attribute's value, shortened if it is such an address.

    max_data_uri: in characters; a longer data URI becomes its media type. 0: all stay.
    javascript: whether a ``javascript:`` address stays (``keep``), becomes its scheme (``short``)
    or becomes empty (``drop``).
    """
    if ":" not in value[:_LONGEST_PREFIX]:
        return value
    if 0 < max_data_uri < len(value) and (data := _DATA.match(_bare(value))):
        return f"data:{(data[1] or '').lower()},..."
    if (
        javascript != "keep"
        and name in URL_ATTRIBUTES
        and _bare(value)[:11].lower() == "javascript:"
    ):
        return "javascript:" if javascript == "short" else ""
    return value


def _bare(value: str) -> str:
    """The beginning of an address without the characters that a browser ignores."""
    return _IGNORED.sub("", value[:_LONGEST_PREFIX].lstrip(_BEFORE))
