"""Which files are stepmill's own, by the names that it gives: what is called otherwise is somebody
else's and stays.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from etl.files import storage
from etl.files.storage import AnyPath

_PART: Final = re.compile(r".+\.[0-9a-f]{8}\.part")
_OUTPUT: Final = re.compile(r"g\d{4,}/[a-z]+-\d{5,}-of-\d{5,}\.(?:arrow|parquet|json)")
_INPUT: Final = re.compile(r"[0-9a-f]{20}\.(?:arrow|json)")
_INDEX: Final = re.compile(r"(g\d{4,})-[a-z]+-\d{5,}\.parquet")


def is_part(name: str) -> bool:
    """Whether a file is one that was being written (`etl.files.arrow.atomic`,
    `etl.files.storage.put`).
    """
    return _PART.fullmatch(name) is not None


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
    if not isinstance(folder, Path):
        return [
            folder / name
            for name in storage.unfinished(folder)
            if is_part(name) and (deep or "/" not in name)
        ]
    found: list[AnyPath] = []
    folders = [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if is_part(entry.name):
                        found.append(Path(entry.path))
                    elif deep and entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except FileNotFoundError:
            continue
    return sorted(found)
