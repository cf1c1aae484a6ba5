"""Workflows as rows of a Parquet file."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

LOCATOR_TYPE: Final = pa.struct(
    [("kind", pa.string()), ("name", pa.string()), ("value", pa.string())]
)
ACTION_TYPE: Final = pa.struct(
    [
        ("kind", pa.string()),
        ("value", pa.string()),
        ("description", pa.string()),
        ("button", pa.string()),
        ("modifiers", pa.list_(pa.string())),
    ]
)
STEP_TYPE: Final = pa.struct(
    [
        ("step_id", pa.string()),
        ("url", pa.string()),
        ("html", pa.large_string()),
        ("action", ACTION_TYPE),
        ("target", pa.list_(LOCATOR_TYPE)),
        ("error", pa.string()),
        ("destination", pa.list_(LOCATOR_TYPE)),
        ("number", pa.int64()),
        ("meta", pa.string()),  # JSON
    ]
)
WORKFLOW_SCHEMA: Final = pa.schema(
    [
        ("workflow_id", pa.string()),
        ("objective", pa.string()),
        ("website", pa.string()),
        ("topic", pa.string()),
        ("reward", pa.float64()),
        ("steps", pa.list_(STEP_TYPE)),
        ("meta", pa.string()),  # JSON
    ]
)
