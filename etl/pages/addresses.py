"""Addresses in attributes that are content and no place: what of ``data:`` and ``javascript:`` ones
stays.

A data URI holds a file, a picture for one: as text it can be longer than the page, and says little.
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
"""Attributes whose values are addresses;
elsewhere ``javascript:`` may be what somebody has typed.
"""

_IGNORED: Final = re.compile("[\t\n\r]")  # within an address
_BEFORE: Final = "".join(map(chr, range(33)))  # and before it
_DATA: Final = re.compile(
    r"(?i)data:[ ]*([\w!#$&^.+-]{1,63}/[\w!#$&^.+-]{1,63})?[ ]*(?:;[^,;]{0,200}){0,8},"
)
_LONGEST_PREFIX: Final = 2_000  # characters before the comma that are looked at


def shortened(name: str, value: str, max_data_uri: int, javascript: JavascriptRule) -> str:
    """What stays of an attribute's value: the value, a stand-in for a data URI of more than
    ``max_data_uri`` characters (0: all stay), by the rule for a ``javascript:`` address itself, its
    scheme, or nothing.
    """
    if ":" not in value[:_LONGEST_PREFIX]:
        return value
    if 0 < max_data_uri < len(value) and (found := _DATA.match(_bare(value))):
        return f"data:{(found[1] or '').lower()},..."
    if (
        javascript != "keep"
        and name in URL_ATTRIBUTES
        and _bare(value)[:11].lower() == "javascript:"
    ):
        return "javascript:" if javascript == "short" else ""
    return value


def _bare(value: str) -> str:
    """The beginning of an address as a browser takes it."""
    return _IGNORED.sub("", value[:_LONGEST_PREFIX].lstrip(_BEFORE))
