"""The errors that are raised when a storage fails for good, after retries (`etl.files.retries`).

An input that cannot be reached raises OSError with a number and the place, so it is never taken for
a record that cannot be read. A build whose output cannot be reached ends with `BuildError`.
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
    """Read a remote input by ``fn``, again while its error may pass, and return its result.

    Raises:
        OSError: as `as_os_error`.
    """

    def attempt() -> T:
        with as_os_error(place):
            return fn()

    return persistent(attempt, place)


@contextmanager
def as_os_error(place: str) -> Iterator[None]:
    """Turn the errors of storage libraries into OSError with a number and the place.

    Raises:
        FileNotFoundError: there is no such file or folder.
        PermissionError: the storage refuses.
        OSError: EIO if the error may pass, else EINVAL.
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
    """Use a remote path by ``fn``, again while its error may pass, and return its result.

    what: the operation as a participle, for the message. also: whether to retry after another
    error.

    Raises:
        FileNotFoundError: there is no such file.
        BuildError: anything else failed.
    """
    try:
        return persistent(fn, str(path), also)
    except StepmillError:
        raise
    except Exception as error:
        passing = transient(error) or (also is not None and also(error))
        if isinstance(error, FileNotFoundError) and not passing and what != "written":
            raise FileNotFoundError(errno.ENOENT, "No such file or folder", str(path)) from error
        message = f"{path}: cannot be {what} ({type(error).__name__}: {error})"
        if passing:
            message += f", tried for {patience():g} s. "
            message += "See that the storage can be reached from here"
        else:
            message += ". See that the place is there and the credentials allow it"
        raise BuildError(f"{message}, then run the same command again") from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")
