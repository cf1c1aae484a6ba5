"""Times as archives and recordings write them, in milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson
import polars as pl

from etl.inputs.archives.capture import UNKNOWN_TIME

KEYS: Final = ("timestamp", "time", "started")
"""The keys in ``meta`` of workflows and steps under which recorders write when it was."""
METAS: Final = ("workflow_meta", "step_meta")
"""The columns of samples with what else was recorded of a workflow and a step."""
_FIRST: Final = 631_152_000_000
"""1990: what is earlier is no time of a page."""
_LAST: Final = 32_503_680_000_000
"""3000: what is later is counted in another unit."""


def of_iso(text: object) -> int:
    """Of a text as 2026-01-31T12:00:00Z, or `UNKNOWN_TIME`. Without a zone it is UTC."""
    if not isinstance(text, str):
        return UNKNOWN_TIME
    try:
        return _of(datetime.fromisoformat(text.strip()))
    except ValueError:
        return UNKNOWN_TIME


def of_digits(text: str) -> int:
    """Of a text as 20260131120000, or `UNKNOWN_TIME`."""
    try:
        return _of(datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        return UNKNOWN_TIME


def of_mail(text: str) -> int:
    """Of a text as Sat, 31 Jan 2026 12:00:00 +0000, or `UNKNOWN_TIME`."""
    try:
        return _of(parsedate_to_datetime(text))
    except (TypeError, ValueError, IndexError, OverflowError):
        return UNKNOWN_TIME


def of_javascript(text: str, zone: str) -> int:
    """Of a text as Jan 31 2026 12:00:00 and a zone as +0100, or `UNKNOWN_TIME`."""
    try:
        return _of(datetime.strptime(f"{text} {zone}", "%b %d %Y %H:%M:%S %z"))
    except ValueError:
        return UNKNOWN_TIME


def of_meta(value: Any) -> int:
    """Of a recording's ``timestamp``: milliseconds, or a text as `of_iso` takes it."""
    if isinstance(value, int | float) and not isinstance(value, bool) and _FIRST <= value < _LAST:
        return int(value)
    return of_iso(value)


def of_metas(*metas: str) -> int:
    """The earliest time under `KEYS` in the ``meta`` of a recording, or `UNKNOWN_TIME`.

    metas: objects as JSON; empty ones have no time.
    """
    found: list[int] = []
    for meta in metas:
        if not any(f'"{key}"' in meta for key in KEYS):
            continue
        try:
            values = orjson.loads(meta)
        except orjson.JSONDecodeError:
            continue
        if isinstance(values, dict):
            found += [of_meta(values[key]) for key in KEYS if key in values]
    return min((time for time in found if time != UNKNOWN_TIME), default=UNKNOWN_TIME)


def of_rows(rows: pl.DataFrame) -> pl.Series:
    """`of_metas` of rows with the columns `METAS`; null where no time is known."""
    found = (of_metas(*metas) for metas in rows.select(METAS).iter_rows())
    return pl.Series([None if time == UNKNOWN_TIME else time for time in found], dtype=pl.Int64)


def _of(time: datetime) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    found = int(aware.timestamp() * 1000)
    return found if _FIRST <= found < _LAST else UNKNOWN_TIME
