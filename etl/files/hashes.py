"""Hashes of settings, and the order of things by the hash of their names."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import orjson
import xxhash


def digest(value: Any) -> str:
    """A hash of settings as JSON knows them."""
    return hashlib.blake2b(
        orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=20
    ).hexdigest()


def plain(value: Any) -> Any:
    """A setting as JSON knows it: what has a hash of its content by that, what says its settings
    itself by these, another dataclass by its fields.
    """
    if hasattr(value, "sha256"):
        return value.sha256
    if hasattr(value, "settings"):
        return value.settings()
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, frozenset | set):
        return sorted(value)
    return value


def order_hash(text: str, seed: int) -> int:
    """64-bit hash by which things are ordered and shares of them drawn."""
    return xxhash.xxh3_64_intdigest(text.encode(), seed=seed)
