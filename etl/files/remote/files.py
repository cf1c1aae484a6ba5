"""Files elsewhere: the operations of `etl.files.storage` on a `UPath`. `etl.files.local` says what
each does; they raise as `etl.files.remote.errors.of_output`.

A file appears whole or not at all: it is written on this machine and then put in one go. An object
store has no rename, but a put, of several parts too, shows nothing before it is complete; a put
that fails is begun again with what lies here already, which a stream could not. Memory is bounded
by fsspec, the disk by one file a process. File systems that show a file while it grows (sftp, hdfs,
smb) get it as ``.part``, moved when it is complete.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from upath import UPath

from etl.files.entries import Details, Info, details_of_info
from etl.files.paths import AnyPath, is_part
from etl.files.remote import urls
from etl.files.remote.errors import of_output

T = TypeVar("T")
Q = TypeVar("Q", bound=AnyPath)

_ASKED_EACH: Final = 8
"""So many files are asked for by themselves; for more a folder is listed."""
_AT_A_TIME: Final = 8


def fresh(path: UPath) -> Any:
    """The file system of a path, without what it remembers: other processes write there too."""
    path.fs.invalidate_cache()
    return path.fs


def info(path: UPath) -> Info:
    """What storage says of a file. Raises FileNotFoundError if it is not there."""
    found: Info = of_output("read", path, lambda: fresh(path).info(path.path))
    return found


def listing(folder: UPath) -> dict[str, Info]:
    """What storage says of all files under a folder, by relative path, in order: one listing."""

    def asked() -> dict[str, Info]:
        found: dict[str, Info] = fresh(folder).find(folder.path, detail=True)
        return found

    root = folder.path.rstrip("/") + "/"
    try:
        found = of_output("listed", folder, asked)
    except FileNotFoundError:
        return {}
    names = {name.removeprefix(root): info for name, info in found.items() if name.startswith(root)}
    return {name: names[name] for name in sorted(names) if name and not name.endswith("/")}


def exists(path: UPath) -> bool:
    """One request."""
    try:
        info(path)
    except FileNotFoundError:
        return False
    return True


def is_file(path: UPath) -> bool:
    """One request."""
    try:
        return bool(info(path)["type"] == "file")
    except FileNotFoundError:
        return False


def is_folder(_: UPath) -> bool:
    """None: a folder is there with its first file, and is no hindrance to a file of its name."""
    return False


def read_bytes(path: UPath) -> bytes:
    """In one request."""
    return bytes(of_output("read", path, lambda: fresh(path).cat_file(path.path)))


def read_places(path: UPath, read: Callable[[IO[bytes]], Any], block: int) -> Any:
    """``read`` is called again after an error that may pass."""

    def opened() -> Any:
        with path.fs.open(path.path, "rb", block_size=block, cache_type="readahead") as stream:
            return read(stream)

    return of_output("read", path, opened)


def remove(path: UPath) -> None:
    """One request."""
    with suppress(FileNotFoundError):
        of_output("removed", path, lambda: fresh(path).rm_file(path.path))


def files(folder: UPath, ending: str = "") -> list[AnyPath]:
    """One listing."""
    return [folder / name for name in listing(folder) if name.endswith(ending)]


def missing(folder: UPath, names: Collection[str]) -> list[str]:
    """By a request each if they are few, else by a listing."""
    if len(names) <= _ASKED_EACH:
        return [name for name in names if not exists(folder / name)]
    there = listing(folder)
    return [name for name in names if name not in there]


def details(folder: UPath) -> dict[str, Details]:
    """One listing."""
    return {name: details_of_info(info) for name, info in listing(folder).items()}


def stamps(folder: UPath, names: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """One listing."""
    found = details(folder)
    return {name: tuple(found[name]) for name in names if name in found}


def unfinished(folder: UPath, *, deep: bool = True) -> list[str]:
    """None where a put is whole or not."""
    if folder.protocol in urls.PUT_IS_WHOLE:
        return []
    return [name for name in listing(folder) if is_part(name) and (deep or "/" not in name)]


def holds_anything(folder: UPath) -> bool:
    """One listing of what is right in it."""
    try:
        found = of_output("listed", folder, lambda: fresh(folder).ls(folder.path, detail=False))
    except FileNotFoundError:
        return False
    return bool(found)


def resolved(path: UPath) -> UPath:
    """The URL as it is written."""
    return path


def move(source: UPath, target: UPath) -> None:
    """The server copies it, and then it is removed."""
    with suppress(FileNotFoundError):
        link(source, target)
        remove(source)


def link(source: UPath, target: UPath) -> None:
    """A copy, by its server where that can be."""

    def copied() -> None:
        if source.protocol not in urls.PUT_IS_WHOLE:
            target.fs.makedirs(target.parent.path, exist_ok=True)
        source.fs.cp_file(source.path, target.path)

    of_output("copied", source, copied)


def remove_all(folder: UPath) -> None:
    """File by file, several at a time."""
    for _ in together(remove, [folder / name for name in listing(folder)]):
        pass


def prune(folder: UPath) -> None:
    """There are no empty folders."""


def put(path: UPath, source: Path) -> None:
    """Put a file of this machine in a remote place, whole or not at all."""
    of_output("written", path, lambda: _put(path, source), _upload_lost)


def _put(path: UPath, source: Path) -> None:
    if path.protocol in urls.PUT_IS_WHOLE:
        path.fs.put_file(str(source), path.path)
        return
    part = f"{path.path}.{secrets.token_hex(4)}.part"
    path.fs.makedirs(path.parent.path, exist_ok=True)
    path.fs.put_file(str(source), part)
    path.fs.mv(part, path.path)


def _upload_lost(error: BaseException) -> bool:
    """Whether a server has forgotten an upload of several parts, as one does that was started
    again.
    """
    return "NoSuchUpload" in f"{error} {error.__cause__}"


def fetch(path: UPath, target: Path) -> None:
    """Copy a remote file to this machine."""
    of_output("read", path, lambda: path.fs.get_file(path.path, str(target)))


def together(fn: Callable[[Q], T], paths: Sequence[Q]) -> Iterator[T]:
    """What ``fn`` returns of each path, in order, several at a time, most of it being waiting. Few
    results wait to be taken.
    """
    under_way: deque[Future[T]] = deque()
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        for path in paths:
            under_way.append(threads.submit(fn, path))
            if len(under_way) > _AT_A_TIME:
                yield under_way.popleft().result()
        yield from (each.result() for each in under_way)
