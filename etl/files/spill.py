"""Tables that are too large for memory: `Spread` splits them into files, `Sums` adds them up."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from etl.files.arrow import FULL, no_room

_WAITING_ROWS: Final = 1_000_000
"""The number of added rows after which they are summed."""


class Spread:
    """Splits rows into files by name, to be read back one by one.

    All files are open at once. They end in ``.part``, and their names hold a random token: others
    may spread rows of the same names in the same folder.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder, self._schema, self._token = folder, schema, secrets.token_hex(4)
        self._files: dict[str, tuple[pa.OSFile, pa.RecordBatchStreamWriter]] = {}

    @property
    def names(self) -> list[str]:
        """The names under which there are rows, in order."""
        return sorted(self._files)

    def add(self, name: str, rows: pl.DataFrame) -> None:
        """Append rows, which have at least the columns of the schema.

        Raises:
            BuildError: the disk is full.
        """
        path = self._path(name)
        try:
            if name not in self._files:
                stream = pa.OSFile(str(path), "wb")
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._files[name] = stream, pa.ipc.new_stream(stream, self._schema, options=options)
            self._files[name][1].write_table(
                rows.select(self._schema.names).to_arrow().cast(self._schema)
            )
        except OSError as error:
            if error.errno not in FULL:
                raise
            written = path.stat().st_size if path.exists() else 0
            raise no_room(error, path, written, int(rows.estimated_size())) from error

    def take(self, name: str) -> pl.DataFrame:
        """Read the rows of one name, in the order in which they were added, and remove its file.

        Empty if none were added.
        """
        if name not in self._files:
            rows = pl.from_arrow(self._schema.empty_table())
        else:
            for end in reversed(self._files.pop(name)):
                end.close()
            with pa.OSFile(str(self._path(name)), "rb") as stream:
                rows = pl.from_arrow(pa.ipc.open_stream(stream).read_all())
            self._path(name).unlink()
        assert isinstance(rows, pl.DataFrame)
        return rows

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.{self._token}.part"


class Sums:
    """Sums the integer columns of many tables by key; little more than the sums stays in memory.

    key: the names of the key columns. schema: of the key columns and the integer columns.
    """

    def __init__(self, key: Sequence[str], schema: Mapping[str, type[pl.DataType]]) -> None:
        self._key = key
        self._parts = [pl.DataFrame(schema=schema)]
        self._waiting = 0

    def add(self, part: pl.DataFrame) -> None:
        """Add a table, which has the columns of the schema."""
        self._parts.append(part)
        self._waiting += part.height
        if self._waiting > _WAITING_ROWS:
            self._parts, self._waiting = [self.table()], 0

    def table(self) -> pl.DataFrame:
        """The sums so far, in the order of the key."""
        return pl.concat(self._parts).group_by(self._key).agg(pl.all().sum()).sort(self._key)
