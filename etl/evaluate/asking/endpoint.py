"""A model at an OpenAI-compatible endpoint: one call, tried again until it is answered.

Another attempt is made after 408, 409, 425, 429 and 5xx, after an answer that is cut off or no
answer at all, and where the server is silent. The pause doubles each time; a ``Retry-After`` makes
it longer. What no attempt can change, a wrong address, model or key, is an error of configuration.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import IO, Any, Final, TypeVar

from schemas.errors import ConfigError

T = TypeVar("T")

DEFAULTS: Final[Mapping[str, Any]] = {"temperature": 0}
"""Parameters of a request unless others are given."""

_MAX_BYTES: Final = 16 * 2**20
"""The most bytes of a response that are read; reasoning is long."""
_PIECE: Final = 2**16
_LONGEST_PAUSE: Final = 60.0
"""The longest pause before another attempt, in seconds."""
_LONGEST_WORDS: Final = 300
"""The most characters of a server's message that are shown."""


class NoAnswer(ValueError):
    """A response without a usable text.

    reason: a word, by which failures are counted. words: more on this one. final: asking again is
    of no use.
    """

    def __init__(self, reason: str, words: str = "", *, final: bool = False) -> None:
        super().__init__(f"{reason}: {words}" if words else reason)
        self.reason = reason
        self.words = words
        self.final = final


class CallFailed(Exception):
    """No answer after all attempts.

    reason: a word, by which failures are counted. words: more on this one, from the server if it
    gave a message.
    """

    def __init__(self, reason: str, words: str = "") -> None:
        super().__init__(f"{reason}: {words}" if words else reason)
        self.reason = reason
        self.words = words


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which would take the key to another host."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> None:
        return None


@dataclass(frozen=True)
class Endpoint:
    """A model at an OpenAI-compatible endpoint.

    Raises:
        ConfigError: the address is not an http address.
    """

    # say https://host/v1
    base_url: str
    model: str
    # sent as a bearer token; empty: none is sent
    key: str = field(default="", repr=False)
    # seconds for one attempt
    timeout: float = 60.0
    # the most attempts of one call
    attempts: int = 5
    # seconds before the second attempt; doubled before each later one
    pause: float = 1.0
    # the request's other parameters; the server chooses those that are not given
    parameters: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    # set: no further attempt is made
    stopped: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ConfigError(f"{self.base_url}: not an http address; for example https://host/v1")

    def call(
        self,
        messages: Sequence[Mapping[str, str]],
        taken: Callable[[Any], T],
        parameters: Mapping[str, Any] | None = None,
    ) -> T:
        """What ``taken`` takes out of the response.

        taken: raises `NoAnswer` where there is nothing to take. parameters: further ones.

        Raises:
            CallFailed: there is no usable answer after all attempts.
            ConfigError: no call can succeed, for the address, the model or the key.
        """
        reason, words = "", ""
        for attempt in range(self.attempts):
            try:
                return taken(self._once(messages, parameters or {}))
            except NoAnswer as error:
                reason, words = error.reason, error.words
                if error.final:
                    break
                self._wait(attempt, 0.0)
            except urllib.error.HTTPError as error:
                reason, words = f"http_{error.code}", _words_in(error)
                if error.code in (401, 403, 404):
                    server_words = f": {words}" if words else ""
                    raise ConfigError(
                        f"{self.base_url}: {error.code} {error.reason}{server_words}; check "
                        "address, model and key"
                    ) from error
                if error.code < 500 and error.code not in (408, 409, 425, 429):
                    break
                self._wait(attempt, _seconds(error.headers.get("Retry-After", "")))
            except (OSError, ValueError, HTTPException) as error:
                # no connection, a timeout, half an answer
                cause = error.reason if isinstance(error, urllib.error.URLError) else error
                reason, words = "timeout" if isinstance(cause, TimeoutError) else "no_answer", ""
                if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
                    reason = "bad_answer"
                self._wait(attempt, 0.0)
            if self.stopped.is_set():
                break
        raise CallFailed(reason, words)

    def _wait(self, attempt: int, at_least: float) -> None:
        if attempt + 1 < self.attempts:
            self.stopped.wait(min(max(self.pause * 2**attempt, at_least), _LONGEST_PAUSE))

    def _once(self, messages: Sequence[Mapping[str, str]], parameters: Mapping[str, Any]) -> Any:
        asked = {"model": self.model, "messages": messages, **self.parameters, **parameters}
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.key}"} if self.key else {}
        )
        url = f"{self.base_url.rstrip('/')}/chat/completions"
        body = json.dumps(asked).encode()
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - http or https, see __post_init__
        deadline = time.monotonic() + self.timeout
        with urllib.request.build_opener(_NoRedirect).open(
            request, timeout=self.timeout
        ) as response:
            return json.loads(_read(response, deadline))


def _read(response: Any, deadline: float) -> bytes:
    """A response's bytes; a server that sends a byte now and then is silent too.

    Raises:
        TimeoutError: the time is over before it has ended.
    """
    body = bytearray()
    while len(body) < _MAX_BYTES and (piece := response.read1(_PIECE)):
        body += piece
        if time.monotonic() > deadline:
            raise TimeoutError("the response did not end in time")
    return bytes(body)


def _seconds(retry_after: str) -> float:
    """The seconds that a ``Retry-After`` asks for, a number or a date; 0 for anything else."""
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _words_in(error: urllib.error.HTTPError) -> str:
    """The server's words on an error; empty if they cannot be read."""
    with error:
        try:
            return words_of(json.loads(error.read(_MAX_BYTES)))
        except (OSError, ValueError, HTTPException):
            return ""


def words_of(response: Any) -> str:
    """A server's words on an error, as one short line; empty if there are none."""
    if not isinstance(response, dict):
        return ""
    error = response.get("error") or None
    if error is None and "choices" not in response:
        error = response.get("detail", response.get("message"))
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or json.dumps(error, ensure_ascii=False)
    elif error is not None and not isinstance(error, str):
        error = json.dumps(error, ensure_ascii=False)
    return short(error or "")


def short(text: str) -> str:
    """A text on one line, without what cannot be printed, cut off where it is long."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 1]}…"
