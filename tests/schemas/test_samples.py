"""The samples files: their columns are the fields of a sample."""

from __future__ import annotations

import pyarrow as pa

from schemas.sample_table import SAMPLE_SCHEMA


def test_columns_have_the_types_that_are_said_of_the_fields() -> None:
    """A page may be long, numbers of steps and nodes are small, counts are not, a reward may lack.

    Samples files of other types would be read again by every build that has them.
    """
    types = {
        "sample_id": pa.string(),
        "step": pa.int32(),
        "observation": pa.large_string(),
        "history": pa.list_(pa.string()),
        "node": pa.int32(),
        "raw_chars": pa.int64(),
        "language_score": pa.float64(),
        "reward": pa.float64(),
        "repeat": pa.bool_(),
    }
    assert {name: SAMPLE_SCHEMA.field(name).type for name in types} == types
    assert SAMPLE_SCHEMA.field("reward").nullable
