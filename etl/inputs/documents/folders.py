"""Folders that are one recording: their files by name, whichever way they are compressed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs.streams import BOM, Truncated, chunks
from schemas.errors import RecordError

MOST_BYTES: Final = 2**28
"""Most decompressed bytes of a file that is read whole: a page is far smaller, a bomb is not."""

_COMPRESSED: Final = re.compile(r"\.(?:gz|zst)$")


def bare(name: str) -> str:
    """A file's name without ``.gz`` and ``.zst``."""
    return _COMPRESSED.sub("", name)


def files(place: str | Path) -> dict[str, Node]:
    """The files in a folder and in its folders, by their paths in it without ``.gz`` and ``.zst``.

    Of two that differ only in that, the first in order counts; the other keeps its whole name.
    """
    found: dict[str, Node] = {}
    for file in nodes.files_at(nodes.node(place)):
        name = bare(file.name)
        found[name if name not in found else file.name] = file
    return found


def content(place: str | Path, most: int = MOST_BYTES) -> bytes:
    """A whole file, decompressed.

    Raises: OSError; `Truncated` with what could be read, if it is damaged; `RecordError`
    "page_too_large" if it has more than ``most`` bytes.
    """
    parts: list[bytes] = []
    size = 0
    try:
        for chunk in chunks(place):
            parts.append(chunk)
            size += len(chunk)
            if size > most:
                raise RecordError("page_too_large", f"the file has more than {most:,} bytes")
    except Truncated as error:
        error.raw = b"".join(parts) + error.raw
        raise
    return b"".join(parts)


def text(raw: bytes) -> str:
    """UTF-8 as text.

    Raises: `RecordError` "invalid_utf8".
    """
    try:
        return raw.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise RecordError("invalid_utf8", f"byte {error.start}: {error.reason}") from error
