"""Retries of storage and network errors that may pass.

A missing file or a refused permission is not retried. `persistent` waits 1 s, then twice as long
each time up to 30 s, or longer if the server asks for it. It gives up after five minutes, or after
``$STEPMILL_RETRY_SECONDS``. Each retry writes one line to stderr.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import tenacity

from etl.terminal import log
from schemas.errors import ConfigError

T = TypeVar("T")

FIRST_WAIT: Final = 1.0  # seconds
LONGEST_WAIT: Final = 30.0  # seconds
PATIENCE: Final = 300.0  # seconds
VARIABLE: Final = "STEPMILL_RETRY_SECONDS"

_LASTING: Final = (
    FileNotFoundError,
    PermissionError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
)
_LASTING_NUMBERS: Final = frozenset(
    {errno.EINVAL, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG, errno.ELOOP}
)
_PASSING_NAMES: Final = frozenset(
    # Classes of aiohttp, botocore, google.auth, requests and h11. They are given by name, because
    # none of these packages need be installed.
    "ClientConnectionError ClientPayloadError PayloadEncodingError ConnectionError HTTPClientError "
    "IncompleteReadError RemoteProtocolError ResponseStreamingError TransportError "
    "ChunkedEncodingError FSTimeoutError".split()
)


def patience() -> float:
    """How long to retry, in seconds.

    Raises:
        ConfigError: the environment variable is not a number of seconds.
    """
    given = os.environ.get(VARIABLE, "")
    try:
        seconds = float(given or PATIENCE)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ConfigError(
            f"${VARIABLE} is {given!r}; write a number of seconds, 0 for no second try"
        )
    return seconds


def persistent(
    fn: Callable[[], T], what: str, also: Callable[[BaseException], bool] | None = None
) -> T:
    """Call ``fn``, again after each error that may pass, and return what it returns.

    what: the file or URL, for the messages. also: whether to retry after another error.

    An error of ``fn`` is raised at once unless it may pass (`transient`), else after `patience`.

    Raises:
        ConfigError: the environment variable is not a number of seconds.
    """
    seconds = patience()  # a bad variable is refused before the first call

    def passes(error: BaseException) -> bool:
        return transient(error) or (also is not None and also(error))

    def speak(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        log.warn(f"{what}: {type(error).__name__}: {error}; trying again in {wait:.0f} s")

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        wait=_wait,
        stop=lambda state: _stop(state, seconds),
        before_sleep=speak,
        reraise=True,
    )(fn)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds until the next call: they double, and are at least what the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    doubling = tenacity.wait_exponential(FIRST_WAIT, LONGEST_WAIT)(state)
    return max(float(doubling), asked_wait(error) if error is not None else 0.0)


def _stop(state: tenacity.RetryCallState, seconds: float) -> bool:
    """Whether to give up after these seconds.

    A wait that the server asks for may end after them, if it begins before.
    """
    error = state.outcome.exception() if state.outcome else None
    asked = error is not None and asked_wait(error) > 0
    stop = tenacity.stop_after_delay(seconds) if asked else tenacity.stop_before_delay(seconds)
    return bool(stop(state))


def asked_wait(error: BaseException) -> float:
    """The seconds that a server asked to wait (``Retry-After``); 0 if it did not."""
    headers: Any = getattr(error, "headers", None) or getattr(
        getattr(error, "response", None), "headers", None
    )
    if not isinstance(headers, Mapping):
        return 0.0
    given = next(
        (str(value) for name, value in headers.items() if str(name).lower() == "retry-after"), ""
    ).strip()  # a number, or a date
    if given.isdigit():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def transient(error: BaseException) -> bool:
    """Whether an error may pass: of a connection, a time-out, an overloaded server.

    The first cause decides, because storage libraries wrap errors, some of them every error in
    FileNotFoundError.
    """
    # An error from another process has its traceback as cause.
    while (
        isinstance(error.__cause__, Exception)
        and type(error.__cause__).__name__ != "_RemoteTraceback"
    ):
        error = error.__cause__
    if isinstance(error, _LASTING) or not isinstance(error, Exception):
        return False
    if not _PASSING_NAMES.isdisjoint(kind.__name__ for kind in type(error).__mro__):
        return True  # before the status: aiohttp gives half a body the status 400
    if (status := status_of(error)) is not None:
        return status >= 500 or status in {408, 429}
    return isinstance(error, OSError) and error.errno not in _LASTING_NUMBERS


def status_of(error: Exception) -> int | None:
    """The HTTP status of an error, or None.

    It is read from errors of aiohttp, gcsfs, requests, httpx and botocore.
    """
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = (
            getattr(error, "status", None)
            or getattr(error, "code", None)
            or getattr(response, "status_code", None)
        )
    return int(status) if isinstance(status, int | str) and str(status).isdigit() else None
