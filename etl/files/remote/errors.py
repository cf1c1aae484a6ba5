"""What is raised when a storage fails, after it was tried again (`etl.files.retries`).

An input that cannot be had is an OSError with a number and the place: it is never taken for a
record that cannot be read. A build whose output cannot be reached ends with `BuildError`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from upath import UPath

from etl.files.retries import patience, persistent, transient
from schemas.errors import BuildError, ConfigError, StepmillError

T = TypeVar("T")


def of_input(place: str, fn: Callable[[], T]) -> T:
    """What ``fn`` returns of a remote place, tried again while its error may pass; raises as
    `as_os_error`.
    """

    def tried() -> T:
        with as_os_error(place):
            return fn()

    return persistent(tried, place)


@contextmanager
def as_os_error(place: str) -> Iterator[None]:
    """Turn what storage libraries raise into OSError with a number and the place.

    FileNotFoundError, PermissionError, EIO for what may pass, EINVAL for what will not.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename == place:
            raise
        if transient(error):
            raise OSError(errno.EIO, _words(error), place) from error
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(errno.ENOENT, "No such file or folder", place) from error
        if isinstance(error, PermissionError):
            raise PermissionError(
                errno.EACCES, f"Permission denied ({_words(error)})", place
            ) from error
        raise OSError(errno.EINVAL, _words(error), place) from error


def of_output(
    what: str, path: UPath, fn: Callable[[], T], also: Callable[[BaseException], bool] | None = None
) -> T:
    """What ``fn`` returns of a remote path, tried again while its error may pass.

    what: was to be done, as a participle. also: further errors after which to try again. Raises
    FileNotFoundError, and `BuildError` for everything else.
    """
    try:
        return persistent(fn, str(path), also)
    except StepmillError:
        raise
    except Exception as error:
        passing = transient(error) or (also is not None and also(error))
        if isinstance(error, FileNotFoundError) and not passing and what != "written":
            raise FileNotFoundError(errno.ENOENT, "No such file or folder", str(path)) from error
        said = f"{path}: cannot be {what} ({type(error).__name__}: {error})"
        if passing:
            said += f", tried for {patience():g} s. See that the storage can be reached from here"
        else:
            said += ". See that the place is there and the credentials allow it"
        raise BuildError(f"{said}, then run the same command again") from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")
