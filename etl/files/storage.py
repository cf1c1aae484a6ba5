"""Where a build's files lie: in a folder of this machine, or on anything that fsspec reaches (s3,
gs, hf, memory, ...).

An `AnyPath` is a path of this machine (a real `pathlib.Path`) or a `UPath` elsewhere; `location`
makes one of what a user writes, and is the only door. What is done with a local path is what
pathlib does, no more. Elsewhere each operation is tried again while its error may pass
(`etl.files.retries`), and then raises `BuildError` saying what to do.

A remote file appears whole or not at all: it is written on this machine and then put in one go. An
object store has no rename, but a put, of several parts too, shows nothing before it is complete; a
put that fails is begun again with what lies here already, which a stream could not. Memory is
bounded by fsspec, the disk by one file a process. File systems that show a file while it grows
(sftp, hdfs, smb) get it as ``.part``, moved when it is complete.
"""

from __future__ import annotations

import errno
import re
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import fsspec
from upath import UPath

from etl.files.nodes import EXTRAS
from etl.files.retries import patience, persistent, transient
from schemas.errors import BuildError, ConfigError, MissingExtra

T = TypeVar("T")

AnyPath = Path | UPath

_ASKED_EACH: Final = 8
"""So many files are asked for by themselves; for more a folder is listed."""
_AT_A_TIME: Final = 8
_MARKS: Final = ("ETag", "etag", "LastModified", "mtime", "created")
"""What storages say of a file that tells its content from
that of an earlier file of the same name.
"""
_NO_LINKS: Final = (
    errno.EPERM,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EMLINK,
    errno.EXDEV,
    errno.ENOSYS,
)
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//?)?")
_READ_ONLY: Final = frozenset({"http", "https", "github", "git", "zip", "tar", "data", "reference"})
_PUT_IS_WHOLE: Final = frozenset("s3 s3a gs gcs hf az abfs abfss adl oss oci memory".split())
_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    # of a file of several parts, how many parts of 50 MB are held and sent at a time
    protocol: {"use_listings_cache": False, "max_concurrency": 2}
    for protocol in ("s3", "s3a")
}


def location(given: str | Path) -> AnyPath:
    """The folder or file that a user names by path or URL.

    Raises `ConfigError` for a URL that nothing can be written to, or whose package is not
    installed.
    """
    text = str(given).removeprefix("file://")
    url = _URL.match(text)
    if url is None or url[1] not in fsspec.available_protocols():
        if url is not None and url[2] == "//":
            raise ConfigError(
                f"{text}: {url[1]}:// is no storage that fsspec knows; see "
                "fsspec.available_protocols()"
            )
        return UPath(text)
    protocol = url[1]
    if url[2] != "//":
        if url[2] is None and "::" not in text:
            return UPath(text)  # a name with a colon
        raise ConfigError(f"{text}: not a URL to write to; write {protocol}://...")
    if protocol in _READ_ONLY:
        raise ConfigError(
            f"{text}: nothing can be written to {protocol}://; give a folder, s3://, gs:// or the "
            "like"
        )
    path: UPath = UPath(text.rstrip("/"), **_OPTIONS.get(protocol, {}))
    try:
        path.fs  # noqa: B018 - made when it is asked for, which needs its package
    except ImportError as error:
        if extra := EXTRAS.get(protocol):
            raise MissingExtra(*extra, f"{text}: {protocol}://") from error
        raise ConfigError(
            f"{text}: {protocol}:// needs a package that is not installed: {error}"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from error
    return path


def exists(path: AnyPath) -> bool:
    """Whether a file is there."""
    if isinstance(path, Path):
        return path.exists()
    return _found(path, lambda: _fresh(path).info(path.path)) is not None


def missing(folder: AnyPath, names: Collection[str]) -> list[str]:
    """Those of these files that are not under a folder."""
    if isinstance(folder, Path) or len(names) <= _ASKED_EACH:
        return [name for name in names if not exists(folder / name)]
    there = details(folder)
    return [name for name in names if name not in there]


def stamps(folder: AnyPath, names: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """What tells that a file was written anew, of those of these files that are under a folder."""
    if isinstance(folder, Path):
        there = [(name, folder / name) for name in names if (folder / name).exists()]
        return {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in there}
    found = details(folder)
    marks = (*_MARKS, "size")
    return {
        name: tuple(str(found[name].get(mark)) for mark in marks) for name in names if name in found
    }


def listed(folder: AnyPath) -> dict[str, list[Any]]:
    """All files under a folder by relative path: size, and what else tells that one was written
    anew.
    """
    if isinstance(folder, Path):
        found = {path: path.stat() for path in files(folder)}
        return {
            relative(path, folder): [stat.st_size, stat.st_mtime_ns] for path, stat in found.items()
        }
    return {
        name: [info.get("size"), *(str(info.get(mark)) for mark in _MARKS)]
        for name, info in details(folder).items()
    }


def read_bytes(path: AnyPath) -> bytes:
    """A whole file. Raises FileNotFoundError if it is not there."""
    if isinstance(path, Path):
        return path.read_bytes()
    return bytes(attempt("read", path, lambda: _fresh(path).cat_file(path.path)))


def remove(path: AnyPath) -> None:
    """Remove a file, if it is there."""
    if isinstance(path, Path):
        path.unlink(missing_ok=True)
        return
    _found(path, lambda: _fresh(path).rm_file(path.path), "removed")


def files(folder: AnyPath, ending: str = "") -> list[AnyPath]:
    """All files under a folder at any depth whose names end so, in order; none if there is no such
    folder.
    """
    if isinstance(folder, Path):
        return sorted(path for path in folder.rglob(f"*{ending}") if path.is_file())
    return [folder / name for name in details(folder) if name.endswith(ending)]


def relative(path: AnyPath, folder: AnyPath) -> str:
    """The path of a file within a folder, with ``/``."""
    if isinstance(path, Path):
        return path.relative_to(str(folder)).as_posix()
    return path.path.removeprefix(folder.path).lstrip("/")  # type: ignore[union-attr]


def together(fn: Callable[[AnyPath], T], paths: Sequence[AnyPath]) -> Iterator[T]:
    """What ``fn`` returns of each path, in order; of remote ones several at a time, most of it
    being waiting. Few results wait to be taken.
    """
    if not paths or isinstance(paths[0], Path):
        yield from map(fn, paths)
        return
    under_way: deque[Future[T]] = deque()
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        for path in paths:
            under_way.append(threads.submit(fn, path))
            if len(under_way) > _AT_A_TIME:
                yield under_way.popleft().result()
        yield from (each.result() for each in under_way)


def details(folder: UPath) -> dict[str, Mapping[str, Any]]:
    """What storage says of all files under a remote folder, by relative path, in order: one
    listing.
    """

    def listed() -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = _fresh(folder).find(folder.path, detail=True)
        return found

    root = folder.path.rstrip("/") + "/"
    found = _found(folder, listed, "listed") or {}
    names = {name.removeprefix(root): info for name, info in found.items() if name.startswith(root)}
    return {name: names[name] for name in sorted(names) if name and not name.endswith("/")}


def within(path: AnyPath, folder: AnyPath) -> bool:
    """Whether a path is a folder or in it, however both are written."""
    if isinstance(path, Path) and isinstance(folder, Path):
        return path.resolve().is_relative_to(folder.resolve())
    return f"{path}/".startswith(f"{folder}/")


def unfinished(folder: UPath) -> list[str]:
    """Files under a remote folder that may be there in part, by relative path; none where a put is
    whole or not.
    """
    return (
        []
        if folder.protocol in _PUT_IS_WHOLE
        else [name for name in details(folder) if name.endswith(".part")]
    )


def holds_anything(folder: AnyPath) -> bool:
    """Whether there is a folder with something in it."""
    if isinstance(folder, Path):
        return folder.exists() and any(folder.iterdir())
    return bool(_found(folder, lambda: _fresh(folder).ls(folder.path, detail=False), "listed"))


def move(source: AnyPath, target: AnyPath) -> None:
    """Give a file another place on the same storage, in the place of what is there: a rename here;
    elsewhere its server copies it, and then it is removed. Again, after an interruption, is no
    error, if the file is at its target.
    """
    if isinstance(source, Path) and isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            source.replace(target)
        source.unlink(
            missing_ok=True
        )  # where both were links to one file, which a rename leaves as they are
        return
    with suppress(FileNotFoundError):
        _copy(source, target)
        remove(source)


def link(source: AnyPath, target: AnyPath) -> None:
    """A file under another name too, on the same storage, in the place of what is there: a hard
    link, or a copy.
    """
    if isinstance(source, Path) and isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(source)
        except OSError as error:  # file systems without links
            if error.errno not in _NO_LINKS:
                raise
            shutil.copyfile(source, target)
        return
    _copy(source, target)


def _copy(source: AnyPath, target: AnyPath) -> None:
    """Copy a remote file, by its server where that can be."""
    assert not isinstance(source, Path)
    assert not isinstance(target, Path)
    makes_folders = source.protocol not in _PUT_IS_WHOLE

    def copied() -> None:
        if makes_folders:
            target.fs.makedirs(target.parent.path, exist_ok=True)
        source.fs.cp_file(source.path, target.path)

    attempt("copied", source, copied)


def remove_all(folder: AnyPath) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=False) if folder.exists() else None
        return
    for _ in together(remove, files(folder)):
        pass


def prune(folder: AnyPath) -> None:
    """Remove empty folders under a local folder, and itself if it is empty; elsewhere there are
    none.
    """
    if isinstance(folder, Path) and folder.exists():
        for path in [*sorted(folder.rglob("*"), reverse=True), folder]:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def put(local: Path, path: UPath) -> None:
    """Put a file of this machine in a remote place, whole or not at all."""
    attempt("written", path, lambda: _put(local, path), _upload_lost)


def _put(local: Path, path: UPath) -> None:
    if path.protocol in _PUT_IS_WHOLE:
        path.fs.put_file(str(local), path.path)
        return
    part = f"{path.path}.{secrets.token_hex(4)}.part"
    path.fs.makedirs(path.parent.path, exist_ok=True)
    path.fs.put_file(str(local), part)
    path.fs.mv(part, path.path)


def _upload_lost(error: BaseException) -> bool:
    """Whether a server has forgotten an upload of several parts, as one does that was started
    again.
    """
    return "NoSuchUpload" in f"{error} {error.__cause__}"


def fetch(path: UPath, local: Path) -> None:
    """Copy a remote file to this machine."""
    attempt("read", path, lambda: path.fs.get_file(path.path, str(local)))


def open_ranges(path: UPath, block: int) -> IO[bytes]:
    """Open a remote file of which some places are read, ``block`` bytes a request; its errors are
    those of fsspec.
    """
    stream: IO[bytes] = path.fs.open(path.path, "rb", block_size=block, cache_type="readahead")
    return stream


def _fresh(path: UPath) -> Any:
    """The file system of a path, without what it remembers: other processes write there too."""
    path.fs.invalidate_cache()
    return path.fs


def _found(path: UPath, fn: Callable[[], T], what: str = "read") -> T | None:
    """What ``fn`` returns; None if the file is not there."""
    try:
        return attempt(what, path, fn)
    except FileNotFoundError:
        return None


def attempt(
    what: str, path: UPath, fn: Callable[[], T], also: Callable[[BaseException], bool] | None = None
) -> T:
    """What ``fn`` returns of a remote path, tried again while its error may pass.

    what: was to be done, as a participle. Raises FileNotFoundError, and `BuildError` for everything
    else.
    """
    try:
        return persistent(fn, str(path), also)
    except (BuildError, ConfigError):
        raise
    except Exception as error:
        passing = transient(error) or (also is not None and also(error))
        if isinstance(error, FileNotFoundError) and not passing and what != "written":
            raise FileNotFoundError(2, "No such file or folder", str(path)) from error
        said = f"{path}: cannot be {what} ({type(error).__name__}: {error})"
        if passing:
            said += f", tried for {patience():g} s. See that the storage can be reached from here"
        else:
            said += ". See that the place is there and the credentials allow it"
        raise BuildError(f"{said}, then run the same command again") from error
