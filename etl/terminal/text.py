"""Text for a terminal or a pipe: tables, bars, and recorded text made safe to show.

Recorded text is hostile: control characters could move the cursor or set the title, and marks of
direction could swap words. All of it goes through `printable`, which shows such a character as its
escape.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from click import style

BAR: Final = 32  # columns of a bar
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_JOINERS: Final = frozenset("\u200c\u200d")  # of letters, in scripts that need them
_NUMBER: Final = re.compile(r"|[-+]?[\d,.]+ ?(%|x|[kMG]B|MiB)?|\d+:\d\d(:\d\d)?")
_NARROW: Final = 16  # columns; tables clip no column of words to less
_DOUBTFUL: Final = re.compile(r"[^\x20-\x7e\n\t]")


def printable(text: str) -> str:
    """The text with every control character, and every mark of direction, as its escape."""
    return _DOUBTFUL.sub(lambda match: _shown(match[0]), text)


def _shown(char: str) -> str:
    hidden = unicodedata.category(char) in _HIDDEN and char not in _JOINERS
    return ascii(char)[1:-1] if hidden else char


def cell(text: str) -> str:
    """The `printable` text on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def width_of(text: str) -> int:
    """The number of columns that a printable text takes on a terminal."""
    if text.isascii():
        return len(text)
    width = 0
    for char in text:
        if not unicodedata.combining(char) and char not in _JOINERS:
            width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return width


def clipped(text: str, width: int) -> str:
    """The text in exactly ``width`` columns: its end is cut off, or spaces are added."""
    size = width_of(text)
    if size <= width:
        return text + " " * (width - size)
    kept = text[: width - 1]
    while width_of(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…" + " " * (width - 1 - width_of(kept))


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> list[str]:
    """The lines of a table, with numbers aligned to the right and words to the left.

    width: most columns of a line; by default those of the terminal, and no limit in a pipe. If a
    line is too wide, long words are clipped, but never to less than `_NARROW` columns. If it is
    still too wide, the last columns of the table go into another block below, after the first one.
    """
    lines = [[cell(text) for text in line] for line in (head, *rows)]
    right = [all(_NUMBER.fullmatch(line[i]) for line in lines[1:]) for i in range(len(head))]
    widths = [max(width_of(line[i]) for line in lines) for i in range(len(head))]
    room = _room() if width is None else width
    words = [i for i, is_number in enumerate(right) if not is_number]
    while words and sum(widths) + 2 * (len(head) - 1) > room:
        widest = max(words, key=lambda i: widths[i])
        if widths[widest] <= _NARROW:
            break
        widths[widest] -= 1
    made: list[str] = []
    for block in _blocks(widths, room):
        made += [""] if made else []
        for line in lines:
            cells = [
                line[i].rjust(widths[i]) if right[i] else clipped(line[i], widths[i]) for i in block
            ]
            made.append("  ".join(cells).rstrip())
    return made


def _room() -> int:
    """Most columns of a line on stdout; no limit in a pipe, unless ``$COLUMNS`` is set."""
    return columns() if sys.stdout.isatty() or os.environ.get("COLUMNS") else sys.maxsize


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """The columns of each block of a table, by number. The first column is in every block."""
    blocks = [[0]]
    used = widths[0]
    for i, size in enumerate(widths[1:], 1):
        if used + 2 + size > room and len(blocks[-1]) > 1:
            blocks.append([0])
            used = widths[0]
        blocks[-1].append(i)
        used += 2 + size
    return blocks


def bar(share: float, width: int = BAR) -> str:
    """A bar of at most ``width`` columns, drawn in eighths; any share over 0 shows at least one."""
    eighths = max(round(share * width * 8), int(share > 0))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def columns() -> int:
    """The width of the terminal in columns; 120 without one."""
    return shutil.get_terminal_size((120, 24)).columns


def percent(share: float | None, digits: int = 1) -> str:
    """``12.3%``; empty if it is not known."""
    return "" if share is None else f"{share:.{digits}%}"


def count(number: float | None) -> str:
    """``12,345``; empty if it is not known."""
    return "" if number is None else f"{number:,.0f}"


def dim(text: str) -> str:
    """Less conspicuous text."""
    return style(text, dim=True)


def loss(text: str) -> str:
    """Text that carries loss, in colour."""
    return style(text, fg="green")


def target(text: str) -> str:
    """The action's element, in colour."""
    return style(text, fg="black", bg="yellow", bold=True)


def head(text: str) -> str:
    """A heading, in bold."""
    return style(text, bold=True)


def as_csv(rows: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None) -> str:
    """Rows with equal keys as CSV with a header; None becomes an empty field.

    names: of the columns; needed if there may be no rows.
    """
    stream = io.StringIO()
    fields = list(names or (rows[0] if rows else ()))
    writer = csv.DictWriter(stream, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().removesuffix("\n")


def flat(value: Any, path: str = "") -> list[dict[str, Any]]:
    """Nested values as rows of ``field``, the dotted path to a value, and ``value``."""
    rows: list[dict[str, Any]] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            rows += flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            rows += flat(item, f"{path}.{number}")
    else:
        rows.append({"field": path, "value": value})
    return rows
