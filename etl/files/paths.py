"""Local paths and remote paths, and the one place that tells them apart.

Both share pathlib's interface: ``/``, ``name``, ``parent``. Operations on their files differ.
`either` makes one operation of a local and a remote one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from upath import UPath

AnyPath = Path | UPath
"""A local path (pathlib's own), or a path on any storage that fsspec reaches."""

P = ParamSpec("P")
T = TypeVar("T")

_PART: Final = re.compile(r".+\.[0-9a-f]{8}\.part")


def here(path: AnyPath) -> Path | None:
    """The path itself if it is local, else None."""
    return path if isinstance(path, Path) else None


def either(
    local: Callable[Concatenate[Path, P], T], remote: Callable[Concatenate[UPath, P], T]
) -> Callable[Concatenate[AnyPath, P], T]:
    """One operation of two with the same arguments; the path, which comes first, decides."""

    def operation(path: AnyPath, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if isinstance(path, Path):
            return local(path, *args, **kwargs)
        return remote(path, *args, **kwargs)

    return update_wrapper(operation, local)


def of_two(
    local: Callable[[Path, Path], None], remote: Callable[[UPath, UPath], None]
) -> Callable[[AnyPath, AnyPath], None]:
    """`either` for an operation on two paths, both on the same storage."""

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

    Raises:
        ValueError: the folder does not hold it.
    """
    depth = len(folder.parts)
    if path.parts[:depth] != folder.parts:
        raise ValueError(f"{path} is not in {folder}")
    return "/".join(path.parts[depth:])


def is_part(name: str) -> bool:
    """Whether this is the name of a file that is still being written."""
    return _PART.fullmatch(name) is not None
