"""The rows of an export, written one by one as JSON lines or as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

FileType = Literal["jsonl", "parquet"]

_ROW_GROUP_BYTES: Final = 32 * 2**20


def writer(file_type: FileType, stream: Any, schema: pa.Schema) -> Jsonl | Parquet:
    """What writes rows of this schema to a stream; it is closed before the stream ends."""
    return Jsonl(stream) if file_type == "jsonl" else Parquet(stream, schema)


class Jsonl:
    """Writes rows as lines of JSON."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def add(self, row: Mapping[str, Any], size: int) -> None:
        """Write a row. size: of it in bytes, about."""
        self._stream.write(
            orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
        )

    def close(self) -> None:
        """Nothing is left to write."""


class Parquet:
    """Writes rows as Parquet, in row groups of about `_ROW_GROUP_BYTES`."""

    def __init__(self, stream: Any, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(pa.PythonFile(stream, mode="w"), schema, compression="zstd")
        self._rows: list[Mapping[str, Any]] = []
        self._bytes = 0

    def add(self, row: Mapping[str, Any], size: int) -> None:
        """Add a row. size: of it in bytes, about."""
        self._rows.append(row)
        self._bytes += size
        if self._bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        columns = {name: [row[name] for row in self._rows] for name in self._schema.names}
        self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows, self._bytes = [], 0

    def close(self) -> None:
        """Write the remaining rows and the end of the file."""
        if self._rows:
            self._flush()
        self._writer.close()
