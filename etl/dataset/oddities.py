"""What was read although it was not as its format has it: counts of it, as manifests and views have
them.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from etl.tally import Odd
from schemas.ledger import ODDITIES

SHOWN: Final = 20


def listed(odd: Mapping[Odd, int], keys: Collection[str]) -> list[dict[str, Any]]:
    """The most frequent of each kind first. like: the one of these keys that an unknown one looks
    like, or empty.
    """
    rows = []
    for (kind, where), count in sorted(
        odd.items(), key=lambda item: (item[0][0], -item[1], item[0][1])
    ):
        last = where.rpartition(".")[2]
        close = (
            difflib.get_close_matches(last.lower(), sorted(keys), 1, 0.8)
            if kind == "unknown_key"
            else []
        )
        rows.append(
            {"kind": kind, "where": where, "count": count, "like": close[0] if close else ""}
        )
    return rows


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`listed` as text: a line each, the first of each kind with what it means."""
    said: list[str] = []
    for kind, meaning in ODDITIES.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        if of_kind:
            said.append(f"{sum(row['count'] for row in of_kind):,} x {meaning}")
        for row in of_kind[:SHOWN]:
            like = f" (is {row['like']} meant?)" if row["like"] else ""
            said += [f"    {row['where']}: {row['count']:,}{like}"] if row["where"] else []
        if len(of_kind) > SHOWN:
            said.append(f"    and {len(of_kind) - SHOWN:,} more; --json has all")
    return said
