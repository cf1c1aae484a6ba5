"""The operations on a build's files, on this machine or on any storage that fsspec reaches.

`location` alone makes a path of a user's text. The operations on a path are listed below. Each is
written twice with the same arguments: in `etl.files.local` by pathlib, and in
`etl.files.remote.files` by requests that are retried. The type checker holds the two equal, and
`etl.files.paths.either` chooses one.
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
    # of a file that is uploaded in parts of 50 MB, at most two are in memory at a time
    protocol: {"use_listings_cache": False, "max_concurrency": 2}
    for protocol in ("s3", "s3a")
}


def location(given: str | Path) -> AnyPath:
    """The path of a folder or file that a user names by path or URL.

    Raises:
        ConfigError: nothing can be written to the URL, or its package is not installed.
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
        path.fs  # noqa: B018 - asking for the file system needs its package
    except ImportError as error:
        raise missing_package(f"{text}: {protocol}://", protocol, error) from error
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from error
    return path


def within(path: AnyPath, folder: AnyPath) -> bool:
    """Whether a path is a folder or inside it, in any spelling of either."""
    inner, outer = _resolved(path), _resolved(folder)
    return outer == inner or outer in inner.parents


def together(fn: Callable[[AnyPath], T], paths: Sequence[AnyPath]) -> Iterator[T]:
    """Call ``fn`` on each path, several at a time if remote, and yield its results in order."""
    return map(fn, paths) if not paths or here(paths[0]) else remote.together(fn, paths)
