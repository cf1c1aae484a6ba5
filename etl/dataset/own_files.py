"""Recognise stepmill's own files by their names; all others belong to somebody else, and stay."""

from __future__ import annotations

import re
from typing import Final

from etl.files import storage
from etl.files.storage import AnyPath

_OUTPUT: Final = re.compile(
    r"g\d{4,}/[a-z][a-z0-9_]*(?:-s\d+)?-\d{5,}-of-\d{5,}\.(?:arrow|parquet|json)"
)
_INPUT: Final = re.compile(r"[0-9a-f]{20}\.(?:arrow|json)")
_INDEX: Final = re.compile(r"(g\d{4,})-[a-z][a-z0-9_]*(?:-s\d+)?-\d{5,}\.parquet")


def is_of_output(name: str) -> bool:
    """Whether a path within ``dataset/data`` and the like is that of an output shard.

    See `etl.dataset.index.OutputShard`.
    """
    return _OUTPUT.fullmatch(name) is not None


def generation_of(name: str) -> str:
    """The generation of an index file, by its name; empty for other files."""
    match = _INDEX.fullmatch(name)
    return match[1] if match else ""


def is_of_input(name: str) -> bool:
    """Whether a file is one that phase 1 writes of an input shard (`etl.dataset.layout`)."""
    return _INPUT.fullmatch(name) is not None


def parts_of(path: AnyPath) -> list[AnyPath]:
    """The unfinished copies of a file whose process died while it wrote them."""
    every = parts(path.parent, deep=False)
    return [part for part in every if part.name.rpartition(".")[0][:-9] == path.name]


def parts(folder: AnyPath, *, deep: bool = True) -> list[AnyPath]:
    """The unfinished files under a folder, of any kind, whose process died while it wrote them."""
    names = storage.unfinished(folder, deep=deep)
    return sorted((folder / name for name in names), key=str)
