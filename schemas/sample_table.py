"""The Arrow schemas of samples and of packed rows, apart so that agents serve without Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, get_type_hints

import pyarrow as pa

from schemas.samples import Int32, LongText, Sample

_ARROW: Final[Mapping[Any, pa.DataType]] = {
    str: pa.string(),
    int: pa.int64(),
    Int32: pa.int32(),
    LongText: pa.large_string(),
    float: pa.float64(),
    float | None: pa.float64(),
    bool: pa.bool_(),
    tuple[str, ...]: pa.list_(pa.string()),
}
"""Type of a sample's field -> type of its column in the samples files."""


def _schema_of(kind: type) -> pa.Schema:
    """The Arrow schema of a dataclass: a column for each field, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    return pa.schema([(field.name, _ARROW[hints[field.name]]) for field in fields(kind)])


SAMPLE_SCHEMA: Final = _schema_of(Sample)
"""The samples files: each row is a `Sample`."""

PACKED_SCHEMA: Final = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("seq_lengths", pa.list_(pa.int32())),
        ("sample_ids", pa.list_(pa.string())),
    ]
)
