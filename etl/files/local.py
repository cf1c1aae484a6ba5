"""Files on this machine: the operations of `etl.files.storage`, and the nodes of `etl.files.nodes`.

The docstrings hold for the remote operations too. Nothing here retries, waits or converts a path
first, because a build looks at thousands of small files.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import IO, Any, Final

from etl.files.entries import Details, Node, readable, stamp_of
from etl.files.paths import AnyPath, is_part, relative

_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}
)
"""The error numbers of file systems that cannot make a hard link."""


def exists(path: Path) -> bool:
    """Whether there is a file or folder of this name."""
    return path.exists()


def is_file(path: Path) -> bool:
    """Whether there is a file of this name; a folder does not count."""
    return path.is_file()


def is_folder(path: Path) -> bool:
    """Whether there is a folder of this name."""
    return path.is_dir()


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        FileNotFoundError: there is no such file.
        BuildError: a remote storage refuses.
    """
    return path.read_bytes()


def read_places(path: Path, read: Callable[[IO[bytes]], Any], block: int) -> Any:  # noqa: ARG001
    """Open a file, and return what ``read`` returns of it.

    ``read`` reads some places in the file, and may be called again. block: the size of a request,
    in bytes, for a remote file.

    Raises:
        FileNotFoundError: there is no such file.
        BuildError: a remote storage refuses.
    """
    with path.open("rb") as stream:
        return read(stream)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def files(folder: Path, ending: str = "") -> list[AnyPath]:
    """All files under a folder, at any depth, whose names have this ending, in order.

    Empty if there is no such folder.
    """
    return [*_files(folder, ending)]


def _files(folder: Path, ending: str = "") -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{ending}") if path.is_file())


def missing(folder: Path, names: Collection[str]) -> list[str]:
    """The names of these files that a folder does not hold."""
    return [name for name in names if not (folder / name).exists()]


def details(folder: Path) -> dict[str, Details]:
    """The details of all files under a folder, by relative path, in order."""
    by_path: dict[str, Details] = {}
    for path in _files(folder):
        status = path.stat()
        by_path[relative(path, folder)] = Details(status.st_size, (status.st_mtime_ns,), "")
    return by_path


def stamps(folder: Path, names: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """Stamps that change when a file is written again, by name.

    A file that the folder does not hold has none.
    """
    by_name: dict[str, tuple[Any, ...]] = {}
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            status = (folder / name).stat()
            by_name[name] = (status.st_ino, status.st_mtime_ns)
    return by_name


def unfinished(folder: Path, *, deep: bool = True) -> list[str]:
    """The relative paths of files under a folder that may be incomplete, in order.

    They are recognised by their names alone. deep: look in its subfolders too.
    """
    parts: list[str] = []
    folders = [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if is_part(entry.name):
                        parts.append(relative(Path(entry.path), folder))
                    elif deep and entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except FileNotFoundError:
            continue
    return sorted(parts)


def holds_anything(folder: Path) -> bool:
    """Whether a folder is there and not empty."""
    return folder.exists() and any(folder.iterdir())


def resolved(path: Path) -> Path:
    """The one path that stands for all spellings of a path."""
    return path.resolve()


def move(source: Path, target: Path) -> None:
    """Move a file on the same storage, and replace the target.

    A file that is already gone is no error: the move may be repeated after an interruption.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        source.replace(target)
    # A rename does nothing if both names are links to one file.
    source.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Give a file a second name on the same storage, and replace the target.

    It is a hard link, or a copy where there are none.
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
    """Remove a folder and all its content, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def prune(folder: Path) -> None:
    """Remove the empty folders under a folder, and then the folder itself if it is empty."""
    if not folder.exists():
        return
    for path in [*sorted(folder.rglob("*"), reverse=True), folder]:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def matching(given: str) -> list[Node]:
    """The nodes that a path or glob stands for, in order."""
    path = Path(given)
    if path.exists():
        return [_real(path)]
    return [_real(Path(match)) for match in sorted(glob.glob(given, recursive=True))]


def _real(path: Path) -> Node:
    """The node of one file or folder, with the one place that stands for it."""
    found = node(str(path))
    return replace(found, real=os.path.realpath(path)) if found.kind == "file" else found


def node(path: str) -> Node:
    """The node of one file or folder; each input is asked for, so no `Path` is made.

    Raises:
        OSError: it cannot be asked for.
    """
    name = path.rpartition("/")[2]
    name = readable(Path(path).resolve().name if name in {"", ".", ".."} else name)
    try:
        status = os.stat(path)  # noqa: PTH116 - see above
    except OSError as error:
        if isinstance(error, FileNotFoundError) or error.errno == errno.ELOOP:
            return Node(path, name, "other")  # a link that leads nowhere
        raise
    if stat.S_ISDIR(status.st_mode):
        return Node(path, name, "folder", children=cache(partial(_children, Path(path))))
    if not stat.S_ISREG(status.st_mode):
        return Node(path, name, "other")  # reading a pipe may wait for ever
    return Node(path, name, "file", stamp_of(status))


def _children(path: Path) -> list[Node]:
    """The nodes in a folder, which may have many thousands: of files no path is made."""
    folder, real = f"{str(path).rstrip('/')}/", f"{os.path.realpath(path).rstrip('/')}/"
    nodes: list[Node] = []
    with os.scandir(path) as entries:
        visible = sorted((e for e in entries if not e.name.startswith(".")), key=attrgetter("name"))
    for entry in visible:
        name = entry.name
        if not entry.is_file(follow_symlinks=False):
            nodes.append(_real(path / name))
            continue
        try:
            stamp = stamp_of(entry.stat(follow_symlinks=False))
        except FileNotFoundError:  # gone since it was listed
            nodes.append(_real(path / name))
        else:
            nodes.append(Node(folder + name, readable(name), "file", stamp, real + name))
    return nodes
