"""JSON whose pages do not become Python's: the engine reads them, and orjson reads the rest.

A page as a Python text takes two or four bytes a character as soon as one is not ASCII, and to make
it and its UTF-8 again takes as long as to read and prune it. A page recorded as a tree takes a
dictionary for each element, while most of a recording's trees are needed for a value or two.

The rest of the JSON has marks where the pages were. If these are not found again just where a page
belongs, or there is anything that the engine does not take, the whole is parsed the plain way.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

import orjson

from etl.inputs.mended import Mended, parse
from etl.pages import compiled

_MARK: Final = secrets.token_hex(16)
"""A text that no recording has, because it is drawn anew in each process."""


def parse_with_pages(raw: bytes | str) -> tuple[object, Mended]:
    """`etl.inputs.mended.parse`, with ``steps[].html`` as UTF-8 where the engine can read it.

    Raises: `RecordError`, as `parse` does.
    """
    if compiled.ENGINE is not None and isinstance(raw, bytes):
        found = compiled.ENGINE.without_strings(raw, b"html", _MARK.encode())
        if found is not None and (value := _put_back(found, "steps", "html")) is not None:
            return value, Mended(b"")
    return parse(raw)


def parse_with_trees(raw: bytes) -> tuple[object, Mended]:
    """`etl.inputs.mended.parse`, with ``states[].dom`` as the engine's trees where it can read all.

    Raises: `RecordError`, as `parse` does.
    """
    if compiled.ENGINE is not None:
        found = compiled.ENGINE.without_trees(raw, b"dom", _MARK.encode())
        if found is not None and (value := _put_back(found, "states", "dom")) is not None:
            return value, Mended(b"")
    return parse(raw)


def is_tree(value: object) -> bool:
    """Whether a value is a tree that the engine has read."""
    return compiled.ENGINE is not None and isinstance(value, compiled.ENGINE.Tree)


def _put_back(found: tuple[bytes, Sequence[object]], records: str, field: str) -> Any:
    """The JSON with its pages; None if it is broken, or one of them is not in a field of a record.

    found: the JSON with marks, and the pages. records: the key of the list of records.
    """
    rest, pages = found
    try:
        value = orjson.loads(rest)
    except orjson.JSONDecodeError:
        return None
    marks = {f"{_MARK}{number}": page for number, page in enumerate(pages, 1)}
    listed = value.get(records) if isinstance(value, dict) else None
    for record in listed if isinstance(listed, list) else ():
        mark = record.get(field) if isinstance(record, dict) else None
        if isinstance(mark, str) and mark in marks:
            record[field] = marks.pop(mark)
    return None if marks else value
