"""Hashes of settings and of what a workflow says."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import orjson
import xxhash

from schemas.workflow import Workflow
from tokenization.utf8 import utf8


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


def content_hash(workflow: Workflow) -> str:
    """Hash of what a workflow says, without ids and where it was read: equal for the same recording in two formats."""
    digest = xxhash.xxh3_128()
    for text in (workflow.objective, workflow.website, workflow.topic, repr(workflow.reward)):
        _add(digest, text)
    for step in workflow.steps:
        action = step.action
        for text in (step.url, step.html, action.kind, action.value, action.description, step.error):
            _add(digest, text)
        for locator in step.target:
            _add(digest, f"{locator.kind}\0{locator.name}\0{locator.value}")
    return digest.hexdigest()


def _add(digest: xxhash.xxh3_128, text: str) -> None:
    data = utf8(text)
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
