"""Remote files: the operations of `etl.files.storage` on a `UPath`.

`etl.files.local` says what each operation does; the docstrings here say what it costs. All raise as
`etl.files.remote.errors.of_output` does.

A file appears whole or not at all: it is written on this machine and then uploaded. An object store
cannot rename, but it shows nothing of an upload, even one of several parts, before it is complete.
An upload that fails starts again from the local file, which a stream could not do. fsspec bounds
the memory; the disk holds one file per process. File systems that show a file while it grows (sftp,
hdfs, smb) get it as ``.part``, which is renamed when it is complete.
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
"""The greatest number of files that are asked for one by one; for more, the folder is listed."""
_AT_A_TIME: Final = 8
"""The number of requests that are sent at a time."""


def fresh(path: UPath) -> Any:
    """The file system of a path, with its cache emptied: other processes write there too."""
    path.fs.invalidate_cache()
    return path.fs


def info(path: UPath) -> Info:
    """What the storage says of a file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    info: Info = of_output("read", path, lambda: fresh(path).info(path.path))
    return info


def listing(folder: UPath) -> dict[str, Info]:
    """What the storage says of all files under a folder, by relative path, in order.

    One listing.
    """

    def attempt() -> dict[str, Info]:
        by_path: dict[str, Info] = fresh(folder).find(folder.path, detail=True)
        return by_path

    root = folder.path.rstrip("/") + "/"
    try:
        infos = of_output("listed", folder, attempt)
    except FileNotFoundError:
        return {}
    names = {name.removeprefix(root): info for name, info in infos.items() if name.startswith(root)}
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
    """No request: an object store has no folders, and a file may have the name of one."""
    return False


def read_bytes(path: UPath) -> bytes:
    """One request."""
    return bytes(of_output("read", path, lambda: fresh(path).cat_file(path.path)))


def read_places(path: UPath, read: Callable[[IO[bytes]], Any], block: int) -> Any:
    """A request per block; ``read`` is called again after an error that may pass."""

    def attempt() -> Any:
        with path.fs.open(path.path, "rb", block_size=block, cache_type="readahead") as stream:
            return read(stream)

    return of_output("read", path, attempt)


def remove(path: UPath) -> None:
    """One request."""
    with suppress(FileNotFoundError):
        of_output("removed", path, lambda: fresh(path).rm_file(path.path))


def files(folder: UPath, ending: str = "") -> list[AnyPath]:
    """One listing."""
    return [folder / name for name in listing(folder) if name.endswith(ending)]


def missing(folder: UPath, names: Collection[str]) -> list[str]:
    """One request per name if there are few, else one listing."""
    if len(names) <= _ASKED_EACH:
        return [name for name in names if not exists(folder / name)]
    existing = listing(folder)
    return [name for name in names if name not in existing]


def details(folder: UPath) -> dict[str, Details]:
    """One listing."""
    return {name: details_of_info(info) for name, info in listing(folder).items()}


def stamps(folder: UPath, names: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """One listing."""
    by_path = details(folder)
    return {name: tuple(by_path[name]) for name in names if name in by_path}


def unfinished(folder: UPath, *, deep: bool = True) -> list[str]:
    """One listing; none where an upload shows nothing before it is complete."""
    if folder.protocol in urls.PUT_IS_WHOLE:
        return []
    return [name for name in listing(folder) if is_part(name) and (deep or "/" not in name)]


def holds_anything(folder: UPath) -> bool:
    """One listing, of the folder alone."""
    try:
        names = of_output("listed", folder, lambda: fresh(folder).ls(folder.path, detail=False))
    except FileNotFoundError:
        return False
    return bool(names)


def resolved(path: UPath) -> UPath:
    """The URL itself."""
    return path


def move(source: UPath, target: UPath) -> None:
    """A copy by the server, and then a removal."""
    with suppress(FileNotFoundError):
        link(source, target)
        remove(source)


def link(source: UPath, target: UPath) -> None:
    """A copy, by the server if it can."""

    def attempt() -> None:
        if source.protocol not in urls.PUT_IS_WHOLE:
            target.fs.makedirs(target.parent.path, exist_ok=True)
        source.fs.cp_file(source.path, target.path)

    of_output("copied", source, attempt)


def remove_all(folder: UPath) -> None:
    """One listing, and one request per file, several at a time."""
    for _ in together(remove, [folder / name for name in listing(folder)]):
        pass


def prune(folder: UPath) -> None:
    """Nothing to do: there are no empty folders."""


def put(path: UPath, source: Path) -> None:
    """Upload a file of this machine, whole or not at all."""
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
    """Whether the server forgot an upload of several parts, as it may after a restart."""
    return "NoSuchUpload" in f"{error} {error.__cause__}"


def fetch(path: UPath, target: Path) -> None:
    """Download a remote file."""
    of_output("read", path, lambda: path.fs.get_file(path.path, str(target)))


def together(fn: Callable[[Q], T], paths: Sequence[Q]) -> Iterator[T]:
    """Call ``fn`` on each path, several at a time, and yield its results in order.

    ``fn`` mostly waits for requests. At most `_AT_A_TIME` results are held.
    """
    under_way: deque[Future[T]] = deque()
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        for path in paths:
            under_way.append(threads.submit(fn, path))
            if len(under_way) > _AT_A_TIME:
                yield under_way.popleft().result()
        yield from (each.result() for each in under_way)
