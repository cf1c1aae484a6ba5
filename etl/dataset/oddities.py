"""Oddities: counts of what was read although it departs from its format."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from etl.tally import Odd
from schemas.ledger import ODDITIES

SHOWN: Final = 20
"""The most lines of each kind."""


def listed(odd: Mapping[Odd, int], keys: Collection[str]) -> list[dict[str, Any]]:
    """Rows with ``kind``, ``where``, ``count`` and ``like``; the most frequent of a kind first.

    keys: known keys. like: the known key that an unknown one resembles, or empty.
    """
    rows = []
    ordered = sorted(odd.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    for (kind, where), count in ordered:
        close: list[str] = []
        if kind == "unknown_key":
            last = where.rpartition(".")[2]
            close = difflib.get_close_matches(last.lower(), sorted(keys), 1, 0.8)
        like = close[0] if close else ""
        rows.append({"kind": kind, "where": where, "count": count, "like": like})
    return rows


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows of `listed` as text; a line with the meaning stands above each kind."""
    text: list[str] = []
    for kind, meaning in ODDITIES.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        if of_kind:
            text.append(f"{sum(row['count'] for row in of_kind):,} x {meaning}")
        for row in of_kind[:SHOWN]:
            like = f" (is {row['like']} meant?)" if row["like"] else ""
            text += [f"    {row['where']}: {row['count']:,}{like}"] if row["where"] else []
        if len(of_kind) > SHOWN:
            text.append(f"    and {len(of_kind) - SHOWN:,} more; --json has all")
    return text
