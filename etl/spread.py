"""Rows that come in one order and are wanted in another, and are too many to be held: spread over files by name, and
read back a file at a time.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import polars as pl
import pyarrow as pa

from etl.shards import FULL, no_room


class Spread:
    """Files in a folder, one for each name under which rows are added, all of them open at once. They end in ``.part``,
    and are this object's own: others may spread rows of the same names in the same folder.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder, self._schema, self._token = folder, schema, secrets.token_hex(4)
        self._files: dict[str, tuple[pa.OSFile, pa.RecordBatchStreamWriter]] = {}

    @property
    def names(self) -> list[str]:
        """Those under which there are rows, in order."""
        return sorted(self._files)

    def add(self, name: str, rows: pl.DataFrame) -> None:
        """Append rows that have at least the schema's columns. Raises `BuildError` if the disk is full."""
        path = self._path(name)
        try:
            if name not in self._files:
                stream = pa.OSFile(str(path), "wb")
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._files[name] = stream, pa.ipc.new_stream(stream, self._schema, options=options)
            self._files[name][1].write_table(rows.select(self._schema.names).to_arrow().cast(self._schema))
        except OSError as error:
            if error.errno not in FULL:
                raise
            written = path.stat().st_size if path.exists() else 0
            raise no_room(error, path, written, int(rows.estimated_size())) from error

    def take(self, name: str) -> pl.DataFrame:
        """The rows of one file, in the order in which they came; none if there is no such file. It is removed."""
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
