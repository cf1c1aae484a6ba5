"""Sums of tables that come in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

_WAITING_ROWS: Final = 1_000_000


class Sums:
    """Sums of integers by key, of tables that are added one after the other; held are little more than the sums.

    schema: of the integer columns and of those that are the key.
    """

    def __init__(self, key: Sequence[str], schema: Mapping[str, type[pl.DataType]]) -> None:
        self._key = key
        self._parts = [pl.DataFrame(schema=schema)]
        self._waiting = 0

    def add(self, part: pl.DataFrame) -> None:
        """Add a table with the columns of the schema."""
        self._parts.append(part)
        self._waiting += part.height
        if self._waiting > _WAITING_ROWS:
            self._parts, self._waiting = [self.table()], 0

    def table(self) -> pl.DataFrame:
        """The sums so far, in the order of the key."""
        return pl.concat(self._parts).group_by(self._key).agg(pl.all().sum()).sort(self._key)
