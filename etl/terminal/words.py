"""Counts in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 record``, ``2,000 records``, ``0 entries``.

    noun: in the singular; its last word takes the plural.
    """
    if number != 1:
        ies = noun.endswith("y") and noun[-2] not in "aeiou"
        noun = f"{noun[:-1]}ies" if ies else f"{noun}s"
    return f"{number:,} {noun}"
