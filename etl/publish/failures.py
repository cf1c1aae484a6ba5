"""Errors of the Hub's client without the token, of which they hold a copy, and without what signs a
URL.

What the client logs goes the same way. No exception that leaves `called` has the client's own for
its cause or context.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar

from huggingface_hub import get_token
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined] # documented, lazily there

from etl.files.retries import status_of, transient
from schemas.errors import StepmillError

T = TypeVar("T")

_SIGNED: Final = re.compile(r"(https?://[^\s'\"?]*)\?[^\s'\"]*")


class Failed(Exception):
    """What the client said.

    status: of HTTP; 0 if there was no answer. headers: how long the answer asks to wait, if it
    does. passing: whether it may go well a moment later. absent: there is no such repository.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(discreet(f"{type(error).__name__}: {error}"))
        self.status = status_of(error) or 0
        self.headers = _waiting(getattr(getattr(error, "response", None), "headers", None) or {})
        self.passing = transient(error)
        self.absent = isinstance(error, RepositoryNotFoundError)


def called(fn: Callable[[], T]) -> T:
    """What ``fn`` returns, which calls the client. Raises `Failed` for what it raises."""
    try:
        return fn()
    except (Failed, StepmillError):
        raise
    except Exception as error:
        if not isinstance(
            error, (HfHubHTTPError, OSError, ValueError, RuntimeError)
        ) and not transient(error):
            raise
        failure = Failed(error)
    raise failure  # here, where the client's error is not its context


def discreet(text: str) -> str:
    """A text on one line, without the token and without what signs a URL."""
    token = get_token()
    text = " ".join(_SIGNED.sub(r"\1", text).split())
    return text.replace(token, "<token>") if token else text


@contextmanager
def discreet_log() -> Iterator[None]:
    """The block's log of the client is discreet."""
    handlers = logging.getLogger("huggingface_hub").handlers
    discretion = _Discretion()
    for handler in handlers:
        handler.addFilter(discretion)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(discretion)


class _Discretion(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = discreet(record.getMessage()), None
        return True


def _waiting(headers: Mapping[str, str]) -> dict[str, str]:
    """``Retry-After``, as it was sent, or as the Hub's own headers on rates have it."""
    if given := headers.get("Retry-After"):
        return {"Retry-After": given}
    rate = parse_ratelimit_headers(headers)
    return (
        {"Retry-After": str(rate.reset_in_seconds)}
        if rate is not None and rate.remaining == 0
        else {}
    )
