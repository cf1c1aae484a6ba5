"""Addresses that are content: how much of ``data:`` and ``javascript:`` ones stays in a page.

A data URI holds a file, such as a picture: as text it can be longer than the page, and says little.
A ``javascript:`` address is a program.
"""

from __future__ import annotations

import re
from typing import Final, Literal

JavascriptRule = Literal["keep", "short", "drop"]

URL_ATTRIBUTES: Final = frozenset(
    "action archive background cite classid codebase data formaction href icon longdesc manifest "
    "ping poster profile src usemap xlink:href".split()
)
"""Attributes whose values are addresses. In others somebody may have typed ``javascript:``."""

_IGNORED: Final = re.compile("[\t\n\r]")  # characters that a browser ignores within an address
_BEFORE: Final = "".join(map(chr, range(33)))  # and before it
_DATA: Final = re.compile(
    r"(?i)data:[ ]*([\w!#$&^.+-]{1,63}/[\w!#$&^.+-]{1,63})?[ ]*(?:;[^,;]{0,200}){0,8},"
)
_LONGEST_PREFIX: Final = 2_000  # characters before the comma that are looked at


def shortened(name: str, value: str, max_data_uri: int, javascript: JavascriptRule) -> str:
    """What stays of an attribute's value: the value itself, unless it is such an address.

    max_data_uri: characters; a longer data URI becomes its media type. 0: all stay.
    javascript: a ``javascript:`` address stays (``keep``), becomes its scheme (``short``) or is
    emptied (``drop``).
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
