"""Where a build's files lie: in a folder of this machine, or on anything that fsspec reaches (s3,
gs, hf, memory, ...).

`location` makes a path of what a user writes, and is the only door. What can be done with a path is
the list below: each operation is written twice with the same arguments, in `etl.files.local` as
pathlib does it and in `etl.files.remote.files` with its requests tried again. The type checker
holds the two together; `etl.files.paths.either` chooses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import fsspec
from upath import UPath

from etl.files import local, paths
from etl.files.paths import either, of_two
from etl.files.remote import files as remote
from etl.files.remote.urls import missing_package
from schemas.errors import ConfigError

T = TypeVar("T")

AnyPath = paths.AnyPath
here = paths.here
relative = paths.relative

exists = either(local.exists, remote.exists)
is_file = either(local.is_file, remote.is_file)
is_folder = either(local.is_folder, remote.is_folder)
read_bytes = either(local.read_bytes, remote.read_bytes)
read_places = either(local.read_places, remote.read_places)
remove = either(local.remove, remote.remove)
move = of_two(local.move, remote.move)
link = of_two(local.link, remote.link)

files = either(local.files, remote.files)
missing = either(local.missing, remote.missing)
details = either(local.details, remote.details)
stamps = either(local.stamps, remote.stamps)
unfinished = either(local.unfinished, remote.unfinished)
holds_anything = either(local.holds_anything, remote.holds_anything)
remove_all = either(local.remove_all, remote.remove_all)
prune = either(local.prune, remote.prune)

_resolved: Callable[[AnyPath], AnyPath] = either(local.resolved, remote.resolved)

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//?)?")
_READ_ONLY: Final = frozenset({"http", "https", "github", "git", "zip", "tar", "data", "reference"})
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
        return Path(text)
    protocol = url[1]
    if url[2] is None and "::" not in text:
        return Path(text)  # a name with a colon
    if url[2] != "//":
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
        raise missing_package(f"{text}: {protocol}://", protocol, error) from error
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from error
    return path


def within(path: AnyPath, folder: AnyPath) -> bool:
    """Whether a path is a folder or in it, however both are written."""
    inner, outer = _resolved(path), _resolved(folder)
    return outer == inner or outer in inner.parents


def together(fn: Callable[[AnyPath], T], paths: Sequence[AnyPath]) -> Iterator[T]:
    """What ``fn`` returns of each path, in order; of remote ones several at a time."""
    return map(fn, paths) if not paths or here(paths[0]) else remote.together(fn, paths)
