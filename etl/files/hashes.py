"""Hashes of settings, of what is ordered and drawn by them, and results by the hash of a text."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Generic, TypeVar

import orjson
import xxhash

T = TypeVar("T")


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


class Remembered(Generic[T]):
    """A function of bytes, with its latest results by a hash of 128 bits."""

    def __init__(self, function: Callable[[bytes], T], most: int) -> None:
        self._function, self._most = function, most
        self._latest: OrderedDict[int, T] = OrderedDict()

    def __call__(self, text: bytes) -> T:
        """The function's result."""
        key = xxhash.xxh3_128_intdigest(text)
        found = self._latest.pop(key, None)
        self._latest[key] = found = self._function(text) if found is None else found
        if len(self._latest) > self._most:
            self._latest.popitem(last=False)
        return found
