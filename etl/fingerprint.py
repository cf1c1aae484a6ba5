"""Hashes of settings and of what a workflow says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import orjson
import xxhash

from etl import compiled
from schemas.workflow import Workflow


def digest(value: Any) -> str:
    """A hash of settings as JSON knows them."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=20).hexdigest()


def plain(value: Any) -> Any:
    """A setting as JSON knows it; what is named by a hash of its content stands for itself by that."""
    if hasattr(value, "sha256"):
        return value.sha256
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, frozenset | set):
        return sorted(value)
    return value


def order_hash(text: str, seed: int) -> int:
    """64-bit hash by which things are ordered and shares of them drawn."""
    return xxhash.xxh3_64_intdigest(text.encode(), seed=seed)


def utf8(text: str) -> bytes:
    """The UTF-8 of any text, lone surrogates written like other characters (``surrogatepass``)."""
    made: bytes = text.encode("utf-8", "surrogatepass") if compiled.PIECES is None else compiled.PIECES.to_bytes(text)
    return made


def content_hash(workflow: Workflow, pages: Sequence[bytes]) -> str:
    """Hash of what a workflow says, without ids and where it was read: equal for the same recording in two formats.

    pages: `utf8` of those of its steps.
    """
    digest = xxhash.xxh3_128()
    for text in (workflow.objective, workflow.website, workflow.topic, repr(workflow.reward)):
        _add(digest, utf8(text))
    for step, page in zip(workflow.steps, pages, strict=True):
        action = step.action
        texts = (action.kind, action.value, action.description, step.error)
        for data in (utf8(step.url), page, *map(utf8, texts)):
            _add(digest, data)
        for locator in step.target:
            _add(digest, utf8(f"{locator.kind}\0{locator.name}\0{locator.value}"))
        if action.button or action.modifiers:
            _add(digest, utf8("\0".join(("held", action.button, *action.modifiers))))
        for locator in step.destination:
            _add(digest, utf8(f"to\0{locator.kind}\0{locator.name}\0{locator.value}"))
    return digest.hexdigest()


def _add(digest: xxhash.xxh3_128, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
