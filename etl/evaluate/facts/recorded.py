"""An action as Mind2Web's files have it, checked: operation, candidates, pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.errors import RecordError


@dataclass(frozen=True, slots=True)
class Recorded:
    """One action. Candidates are backend ids, in the order of the file."""

    op: str
    value: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    raw_html: str
    cleaned_html: str


def recorded(action: Mapping[str, Any]) -> Recorded:
    """Read an action; operations and candidates may be strings of JSON, as in the Parquet files.

    Raises:
        RecordError: a field is missing or of another type.
    """
    operation = _object(action.get("operation"), "operation")
    op = operation.get("op")
    if not isinstance(op, str) or not op:
        raise RecordError("missing_field", "operation.op: missing")
    value = operation.get("value")
    return Recorded(
        op=op,
        value="" if value is None else str(value),
        positives=_candidates(action, "pos_candidates"),
        negatives=_candidates(action, "neg_candidates"),
        raw_html=_text(action, "raw_html"),
        cleaned_html=_text(action, "cleaned_html"),
    )


def _candidates(action: Mapping[str, Any], field: str) -> tuple[str, ...]:
    found = []
    listed = action.get(field)
    for i, item in enumerate([] if listed is None else listed):
        where = f"{field}[{i}]"
        candidate = _object(item, where)
        node = candidate.get("backend_node_id")
        if node is None and candidate.get("attributes") is not None:
            attributes = _object(candidate["attributes"], f"{where}.attributes")
            node = attributes.get("backend_node_id")
        if node is None:
            raise RecordError("missing_field", f"{where}.backend_node_id: missing")
        found.append(str(node))
    return tuple(found)


def _text(action: Mapping[str, Any], field: str) -> str:
    value = action.get(field)
    if value is not None and not isinstance(value, str):
        raise RecordError("wrong_type", f"{field}: {type(value).__name__}, expected a string")
    return value or ""


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise RecordError("broken_json", f"{where}: {error}") from error
    if value is None:
        raise RecordError("missing_field", f"{where}: missing")
    if not isinstance(value, Mapping):
        raise RecordError("wrong_type", f"{where}: {type(value).__name__}, expected an object")
    return value
