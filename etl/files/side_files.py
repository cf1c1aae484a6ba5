"""Files that people write beside their recordings: lists, recipes, notes, templates, mappings.

They come from editors, spreadsheets and shells: byte order marks are taken off, also those in the
middle, where files were joined. What is not UTF-8 is refused with the name of what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from schemas.errors import ConfigError

_MARKS: Final = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"PK\x03\x04": "a zip archive or a spreadsheet",
}
"""How a file begins that is no UTF-8, the longer first."""
_BOMS: Final = re.compile("^\ufeff+", re.MULTILINE)
_REMARK: Final = re.compile(r"(?:^|\s)#")


def read_text(path: Path, what: str) -> str:
    """A file's text without byte order marks. what: the setting that names it.

    Raises `ConfigError` if it cannot be read, or is not UTF-8.
    """
    try:
        return decoded(path.read_bytes(), f"{what}: {path}")
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {path}: {error.strerror}") from error


def decoded(raw: bytes, where: str) -> str:
    """The text that these bytes are. Raises `ConfigError` with what they are instead of UTF-8."""
    found = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "")
    if not found and b"\0" in raw:
        found = "UTF-16 without a byte order mark, or no text at all"
    if found:
        raise ConfigError(f"{where} is not UTF-8: it is {found}; save it as plain text in UTF-8")
    try:
        return _BOMS.sub("", raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise ConfigError(
            f"{where} is not UTF-8: line {line} has the byte 0x{byte:02x}, which is "
            f"{_legacy(byte)!r} in Windows-1252; save it as UTF-8"
        ) from error


def _legacy(byte: int) -> str:
    """A byte in the encoding that most such files are in."""
    return bytes([byte]).decode("cp1252", "replace")


def entries(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers from 1, without white space at their ends
    and without remarks.

    A remark begins with ``#``, at the beginning of a line or after a space.
    """
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if said := _REMARK.split(line, maxsplit=1)[0].strip():
            yield number, said


def named(path: str, setting: str, kinds: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """A list of lines ``KIND NAME``; the names by kind. kinds: each with what its names are, for
    messages.

    Raises `ConfigError` with the line that is none.
    """
    found: dict[str, set[str]] = {kind: set() for kind in kinds}
    for number, line in entries(read_text(Path(path), setting)):
        kind, _, name = line.replace("\t", " ").partition(" ")
        if kind not in found or not name.strip():
            forms = " nor ".join(f"'{kind} {form}'" for kind, form in kinds.items())
            raise ConfigError(f"{path}, line {number}: {line!r} is neither {forms}")
        found[kind].add(name.strip())
    return {kind: frozenset(names) for kind, names in found.items()}
