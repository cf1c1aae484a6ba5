"""JSON of which the pages stay UTF-8, as `schemas.workflow.Step` holds them.

The engine reads these strings; orjson reads the rest, with marks in their places. A page as a
Python text takes two or four bytes a character as soon as one is not ASCII, and to make it and its
UTF-8 again takes as long as to read and prune it.
"""

from __future__ import annotations

import secrets
from typing import Final

import orjson

from etl.inputs.mended import Mended, parse
from etl.pages import compiled

_KEY: Final = b"html"
_MARK: Final = secrets.token_hex(16).encode()
"""A text that no recording has, because it is drawn anew in each process."""


def parse_with_pages(raw: bytes | str) -> tuple[object, Mended]:
    """`etl.inputs.mended.parse`, with ``steps[].html`` as UTF-8 where the engine can read it.

    Raises: `RecordError`, as `parse` does.
    """
    if compiled.ENGINE is not None and isinstance(raw, bytes):
        found = compiled.ENGINE.without_strings(raw, _KEY, _MARK)
        if found is not None and (value := _put_back(*found)) is not None:
            return value, Mended(b"")
    return parse(raw)


def _put_back(rest: bytes, pages: list[bytes]) -> object:
    """The JSON with its pages; None if it is broken, or one of them is no page of a step."""
    try:
        value = orjson.loads(rest)
    except orjson.JSONDecodeError:
        return None
    mark = _MARK.decode()
    marks = {f"{mark}{number}": page for number, page in enumerate(pages, 1)}
    steps = value.get("steps") if isinstance(value, dict) else None
    for step in steps if isinstance(steps, list) else ():
        html = step.get("html") if isinstance(step, dict) else None
        if isinstance(html, str) and html in marks:
            step["html"] = marks.pop(html)
    return None if marks else value
