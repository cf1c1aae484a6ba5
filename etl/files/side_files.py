"""Files that people write for their recordings: lists, recipes, notes, templates, mappings.

They come from editors, spreadsheets and shells. Byte order marks are removed, even in the middle of
a file, where files were joined. A file that is not UTF-8 is refused, and the error names its
encoding.
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
"""How files begin that are not UTF-8; a longer mark stands before its prefix."""
_BOMS: Final = re.compile("^\ufeff+", re.MULTILINE)
_COMMENT: Final = re.compile(r"(?:^|\s)#")


def read_text(path: Path, what: str) -> str:
    """A file's text without byte order marks.

    what: the setting that names the file, for the message.

    Raises:
        ConfigError: the file cannot be read, or is not UTF-8.
    """
    try:
        return decoded(path.read_bytes(), f"{what}: {path}")
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {path}: {error.strerror}") from error


def decoded(raw: bytes, where: str) -> str:
    """The text of some bytes, without byte order marks.

    where: the place of these bytes, for the message.

    Raises:
        ConfigError: they are not UTF-8.
    """
    actual = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "")
    if not actual and b"\0" in raw:
        actual = "UTF-16 without a byte order mark, or no text at all"
    if actual:
        raise ConfigError(f"{where} is not UTF-8: it is {actual}; save it as plain text in UTF-8")
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
    """The character of a byte in Windows-1252, the encoding of most such files."""
    return bytes([byte]).decode("cp1252", "replace")


def entries(text: str) -> Iterator[tuple[int, str]]:
    """The entries of a list, one per line, with their line numbers from 1.

    Empty lines are left out, and so are comments: from a ``#`` at the beginning of a line or after
    white space, to the end of the line.
    """
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if entry := _COMMENT.split(line, maxsplit=1)[0].strip():
            yield number, entry


def named(path: str, setting: str, kinds: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The names in a file of lines ``KIND NAME``, by kind.

    setting: the setting that names the file. kinds: each with the form of its names, for messages.

    Raises:
        ConfigError: the file cannot be read, or a line has another form.
    """
    by_kind: dict[str, set[str]] = {kind: set() for kind in kinds}
    for number, line in entries(read_text(Path(path), setting)):
        kind, _, name = line.replace("\t", " ").partition(" ")
        if kind not in by_kind or not name.strip():
            forms = " nor ".join(f"'{kind} {form}'" for kind, form in kinds.items())
            raise ConfigError(f"{path}, line {number}: {line!r} is neither {forms}")
        by_kind[kind].add(name.strip())
    return {kind: frozenset(names) for kind, names in by_kind.items()}
