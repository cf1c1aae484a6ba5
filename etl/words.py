"""Counts in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 record``, ``2,000 records``, ``0 entries``. noun: in the singular; the last of its words gets the plural."""
    if number != 1:
        noun = noun.removesuffix("ry") + "ries" if noun.endswith("ry") else noun + "s"
    return f"{number:,} {noun}"
