"""Paths of this machine and paths elsewhere, and the one place that tells them apart.

Both have pathlib's names: ``/``, ``name``, ``parent``. What is done with the file differs; an
operation that is written for both, here and elsewhere, becomes one by `either`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from upath import UPath

AnyPath = Path | UPath
"""A path of this machine, which is pathlib's own, or of anything that fsspec reaches."""

P = ParamSpec("P")
T = TypeVar("T")

_PART: Final = re.compile(r".+\.[0-9a-f]{8}\.part")


def here(path: AnyPath) -> Path | None:
    """The path itself if it is of this machine."""
    return path if isinstance(path, Path) else None


def either(
    local: Callable[Concatenate[Path, P], T], remote: Callable[Concatenate[UPath, P], T]
) -> Callable[Concatenate[AnyPath, P], T]:
    """One operation of two with the same arguments: the first of them, a path, chooses."""

    def operation(path: AnyPath, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if isinstance(path, Path):
            return local(path, *args, **kwargs)
        return remote(path, *args, **kwargs)

    return update_wrapper(operation, local)


def of_two(
    local: Callable[[Path, Path], None], remote: Callable[[UPath, UPath], None]
) -> Callable[[AnyPath, AnyPath], None]:
    """`either` for an operation from one path to another, both on the same storage."""

    def operation(source: AnyPath, target: AnyPath) -> None:
        if isinstance(source, Path) and isinstance(target, Path):
            local(source, target)
            return
        assert not isinstance(source, Path)
        assert not isinstance(target, Path)
        remote(source, target)

    return update_wrapper(operation, local)


def relative(path: AnyPath, folder: AnyPath) -> str:
    """The path of a file within a folder, with ``/``; empty for the folder itself.

    Raises ValueError if it is not in there.
    """
    depth = len(folder.parts)
    if path.parts[:depth] != folder.parts:
        raise ValueError(f"{path} is not in {folder}")
    return "/".join(path.parts[depth:])


def is_part(name: str) -> bool:
    """Whether a file is one that was being written."""
    return _PART.fullmatch(name) is not None
