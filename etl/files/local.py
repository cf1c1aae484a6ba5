"""Files of this machine: the operations of `etl.files.storage` on a `pathlib.Path`, and the nodes
of `etl.files.nodes`.

Nothing here tries again or waits, and nothing turns a path into something else first: a build
looks at thousands of small files.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, Final

from etl.files.entries import Details, Node, readable, stamp_of
from etl.files.paths import AnyPath, is_part, relative

_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}
)
"""Numbers of errors of file systems without links."""


def exists(path: Path) -> bool:
    """Whether a file or folder is there."""
    return path.exists()


def is_file(path: Path) -> bool:
    """Whether there is a file of this name, and no folder."""
    return path.is_file()


def is_folder(path: Path) -> bool:
    """Whether there is a folder of this name."""
    return path.is_dir()


def read_bytes(path: Path) -> bytes:
    """A whole file. Raises FileNotFoundError if it is not there."""
    return path.read_bytes()


def read_places(path: Path, read: Callable[[IO[bytes]], Any], block: int) -> Any:  # noqa: ARG001
    """What ``read`` makes of an open file, of which it reads some places. block: bytes a request,
    if it is elsewhere. Raises FileNotFoundError if it is not there.
    """
    with path.open("rb") as stream:
        return read(stream)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def files(folder: Path, ending: str = "") -> list[AnyPath]:
    """All files under a folder at any depth whose names end so, in order; none if there is no such
    folder.
    """
    return [*_files(folder, ending)]


def _files(folder: Path, ending: str = "") -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{ending}") if path.is_file())


def missing(folder: Path, names: Collection[str]) -> list[str]:
    """Those of these files that are not under a folder."""
    return [name for name in names if not (folder / name).exists()]


def details(folder: Path) -> dict[str, Details]:
    """What is to be said of all files under a folder, by relative path, in order."""
    found: dict[str, Details] = {}
    for path in _files(folder):
        known = path.stat()
        found[relative(path, folder)] = Details(known.st_size, (known.st_mtime_ns,), "")
    return found


def stamps(folder: Path, names: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """What tells that a file was written anew, of those of these files that are under a folder."""
    found: dict[str, tuple[Any, ...]] = {}
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            known = (folder / name).stat()
            found[name] = (known.st_ino, known.st_mtime_ns)
    return found


def unfinished(folder: Path, *, deep: bool = True) -> list[str]:
    """Files under a folder that may be there in part, by relative path. deep: those in its folders
    too. Nowhere is asked what a file is.
    """
    found: list[str] = []
    folders = [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if is_part(entry.name):
                        found.append(relative(Path(entry.path), folder))
                    elif deep and entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except FileNotFoundError:
            continue
    return sorted(found)


def holds_anything(folder: Path) -> bool:
    """Whether there is a folder with something in it."""
    return folder.exists() and any(folder.iterdir())


def resolved(path: Path) -> Path:
    """The path as its storage knows it, however it is written."""
    return path.resolve()


def move(source: Path, target: Path) -> None:
    """Give a file another place on the same storage, in the place of what is there.

    Again, after an interruption, is no error, if the file is at its target.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        source.replace(target)
    # where both were links to one file, which a rename leaves as they are
    source.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """A file under another name too, on the same storage, in the place of what is there: a hard
    link, or a copy.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)


def remove_all(folder: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def prune(folder: Path) -> None:
    """Remove empty folders under a folder, and itself if it is empty; elsewhere there are none."""
    if not folder.exists():
        return
    for path in [*sorted(folder.rglob("*"), reverse=True), folder]:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def matching(given: str) -> list[Node]:
    """What a path or glob stands for, in order."""
    path = Path(given)
    if path.exists():
        return [node(path)]
    return [node(Path(match)) for match in sorted(glob.glob(given, recursive=True))]


def node(path: Path) -> Node:
    """One file or folder. Raises OSError."""
    name = readable(path.resolve().name if path.name in {"", ".."} else path.name)
    try:
        known = path.stat()
    except OSError as error:
        if isinstance(error, FileNotFoundError) or error.errno == errno.ELOOP:
            return Node(str(path), name, "other")  # a link that leads nowhere
        raise
    if stat.S_ISDIR(known.st_mode):
        return Node(str(path), name, "folder", children=cache(partial(_children, path)))
    if not stat.S_ISREG(known.st_mode):
        return Node(str(path), name, "other")  # a pipe would have its reader wait for ever
    return Node(str(path), name, "file", stamp_of(known))


def _children(path: Path) -> list[Node]:
    return [node(child) for child in sorted(path.iterdir()) if not child.name.startswith(".")]
