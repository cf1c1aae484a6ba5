"""Responses of web servers as archives keep them: status, headers and body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin

from etl.inputs.archives.capture import Body, is_html

_STATUS: Final = re.compile(rb"HTTP/[\d.]+[ \t]+(\d{3})[^\r\n]*\r?\n")
_END: Final = re.compile(rb"\r?\n\r?\n")
HEAD_BYTES: Final = 64 * 1024
"""The most bytes of a response before its body."""


def parsed(start: bytes) -> tuple[int, dict[str, str], int]:
    """Status, headers in lower case, and where the body begins.

    start: of a response; the status is 0 if it is none.
    """
    status = _STATUS.match(start)
    if status is None:
        return 0, {}, 0
    end = _END.search(start, status.end() - 2)
    head = start[status.end() : end.start() if end else len(start)]
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return int(status[1]), headers, end.end() if end else len(start)


def outcome(url: str, status: int, headers: Mapping[str, str]) -> tuple[str, str]:
    """What a response is: ``page``, ``redirect`` with its target, or a word for what it is else."""
    location = headers.get("location", "")
    if 300 <= status < 400:
        return ("redirect", joined(url, location)) if location else ("not_a_page", "")
    if not is_html(headers.get("content-type", "")):
        return "not_a_page", ""
    return ("page", "") if 200 <= status < 300 else ("not_ok", "")


def joined(url: str, location: str) -> str:
    """Where a redirect leads."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def body_of(raw: bytes, headers: Mapping[str, str]) -> Body:
    """A body with the headers that say how to read it."""
    kind, encoding, sent = (
        headers.get(name, "") for name in ("content-type", "content-encoding", "transfer-encoding")
    )
    return Body(raw, kind, encoding, sent)
