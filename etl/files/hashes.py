"""Hashes of settings, and hashes by which things are ordered and drawn."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import orjson
import xxhash


def digest(value: Any) -> str:
    """A hash of a JSON value, 40 hexadecimal digits."""
    return hashlib.blake2b(
        orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=20
    ).hexdigest()


def plain(value: Any) -> Any:
    """A setting as a JSON value.

    An object with a ``sha256`` becomes that hash, one with ``settings()`` becomes these, any other
    dataclass its fields, a set a sorted list, and a tuple a list.
    """
    if hasattr(value, "sha256"):
        return value.sha256
    if hasattr(value, "settings"):
        return value.settings()
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, frozenset | set):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def order_hash(text: str, seed: int) -> int:
    """A 64-bit hash, by which things are ordered or a share of them is drawn."""
    return xxhash.xxh3_64_intdigest(text.encode(), seed=seed)
