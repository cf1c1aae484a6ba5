"""Errors and logs of the Hub's client, without secrets.

The client's errors hold a copy of the token, and of the query that signs a URL. Both are removed
from messages and from its log. An exception that leaves `called` never has a client's error as its
cause or context.
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
    """An error of the client, without secrets."""

    def __init__(self, error: Exception) -> None:
        super().__init__(discreet(f"{type(error).__name__}: {error}"))
        self.status = status_of(error) or 0
        """The HTTP status; 0 if there was no answer."""
        self.headers = _waiting(getattr(getattr(error, "response", None), "headers", None) or {})
        """``Retry-After``, if the answer asks to wait."""
        self.passing = transient(error)
        """Whether the same request may succeed later."""
        self.absent = isinstance(error, RepositoryNotFoundError)
        """Whether there is no such repository."""


def called(fn: Callable[[], T]) -> T:
    """Call ``fn``, which calls the client, and return its result.

    Raises:
        Failed: instead of an error of the client.
    """
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
    raise failure  # outside the handler, so that the client's error is not its context


def discreet(text: str) -> str:
    """A text on one line, without the token and without queries of URLs."""
    token = get_token()
    text = " ".join(_SIGNED.sub(r"\1", text).split())
    return text.replace(token, "<token>") if token else text


@contextmanager
def discreet_log() -> Iterator[None]:
    """Remove secrets from the client's log while the block runs."""
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
    """``Retry-After`` as it was sent, or computed from the Hub's own rate-limit headers."""
    if given := headers.get("Retry-After"):
        return {"Retry-After": given}
    rate = parse_ratelimit_headers(headers)
    return (
        {"Retry-After": str(rate.reset_in_seconds)}
        if rate is not None and rate.remaining == 0
        else {}
    )
