"""Try again what failed for a moment: a storage or network error, never a missing file or a refused
permission.

`persistent` waits 1 s, doubling to 30 s, or longer where a server asks for it, for up to five
minutes in all or as long as ``$STEPMILL_RETRY_SECONDS`` says, and tells so on stderr, one plain
line a try.
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

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 30.0
PATIENCE: Final = 300.0
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
    # aiohttp; botocore; google.auth; requests; h11: named here because none of them need be
    # installed
    "ClientConnectionError ClientPayloadError PayloadEncodingError ConnectionError HTTPClientError "
    "IncompleteReadError RemoteProtocolError ResponseStreamingError TransportError "
    "ChunkedEncodingError FSTimeoutError".split()
)


def patience() -> float:
    """Seconds for which something is tried again. Raises `ConfigError` if the variable is no such
    number.
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
    """What ``fn`` returns; called again after each error that may pass.

    what: file or URL, for the messages. also: further errors after which to try again. Raises what
    ``fn`` raises: at once if it is no such error (`transient`), else after `patience`.
    """
    seconds = patience()  # refused before anything is tried

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
    """Seconds until the next try: doubling, and no less than what the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    doubling = tenacity.wait_exponential(FIRST_WAIT, LONGEST_WAIT)(state)
    return max(float(doubling), asked_wait(error) if error is not None else 0.0)


def _stop(state: tenacity.RetryCallState, seconds: float) -> bool:
    """Whether so much time is up. A wait that a server asks for is waited out, if there is time
    left when it begins.
    """
    error = state.outcome.exception() if state.outcome else None
    asked = error is not None and asked_wait(error) > 0
    stop = tenacity.stop_after_delay(seconds) if asked else tenacity.stop_before_delay(seconds)
    return bool(stop(state))


def asked_wait(error: BaseException) -> float:
    """Seconds that a server asked to wait (``Retry-After``: a number, or a date);
    0 if it did not.
    """
    headers: Any = getattr(error, "headers", None) or getattr(
        getattr(error, "response", None), "headers", None
    )
    if not isinstance(headers, Mapping):
        return 0.0
    given = next(
        (str(value) for name, value in headers.items() if str(name).lower() == "retry-after"), ""
    ).strip()
    if given.isdigit():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def transient(error: BaseException) -> bool:
    """Whether the same may work a moment later: connections, time-outs, overloaded servers.

    Judged by the first cause: storage libraries wrap what happened, some of them every failure in
    FileNotFoundError.
    """
    # what another process raised has its traceback for a cause
    while (
        isinstance(error.__cause__, Exception)
        and type(error.__cause__).__name__ != "_RemoteTraceback"
    ):
        error = error.__cause__
    if isinstance(error, _LASTING) or not isinstance(error, Exception):
        return False
    if not _PASSING_NAMES.isdisjoint(kind.__name__ for kind in type(error).__mro__):
        return True  # aiohttp gives half a body the status 400
    if (status := status_of(error)) is not None:
        return status >= 500 or status in {408, 429}
    return isinstance(error, OSError) and error.errno not in _LASTING_NUMBERS


def status_of(error: Exception) -> int | None:
    """The HTTP status that the error is about, where it tells one: aiohttp, gcsfs, requests and
    httpx, botocore.
    """
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = (
            getattr(error, "status", None)
            or getattr(error, "code", None)
            or getattr(response, "status_code", None)
        )
    return int(found) if isinstance(found, int | str) and str(found).isdigit() else None
