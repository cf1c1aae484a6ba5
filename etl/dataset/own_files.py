"""Which files are stepmill's own, by the names that it gives: what is called otherwise is somebody
else's and stays.
"""

from __future__ import annotations

import re
from typing import Final

from etl.files import storage
from etl.files.storage import AnyPath

_OUTPUT: Final = re.compile(r"g\d{4,}/[a-z]+-\d{5,}-of-\d{5,}\.(?:arrow|parquet|json)")
_INPUT: Final = re.compile(r"[0-9a-f]{20}\.(?:arrow|json)")
_INDEX: Final = re.compile(r"(g\d{4,})-[a-z]+-\d{5,}\.parquet")


def is_of_output(name: str) -> bool:
    """Whether a path within ``dataset/data`` and the like is one that an output shard has
    (`etl.build.index.OutputShard`).
    """
    return _OUTPUT.fullmatch(name) is not None


def generation_of(name: str) -> str:
    """The generation whose index a file is, by its name; empty for other files."""
    found = _INDEX.fullmatch(name)
    return found[1] if found else ""


def is_of_input(name: str) -> bool:
    """Whether a file is one that phase 1 makes of an input shard (`etl.dataset.layout`)."""
    return _INPUT.fullmatch(name) is not None


def parts_of(path: AnyPath) -> list[AnyPath]:
    """What is left of a file that was being written when its process died."""
    return [
        part
        for part in parts(path.parent, deep=False)
        if part.name.rpartition(".")[0][:-9] == path.name
    ]


def parts(folder: AnyPath, *, deep: bool = True) -> list[AnyPath]:
    """What is left under a folder of all files that were being written; nowhere is asked what a
    file is.
    """
    names = storage.unfinished(folder, deep=deep)
    return sorted((folder / name for name in names), key=str)
