"""Text for a terminal or a pipe: tables, bars, and what was recorded made fit to be shown.

What was recorded is hostile: control characters would move the cursor or set the title, and marks
of direction would swap what stands where. All of it goes through `printable`, which shows such a
character as its escape.
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

BAR: Final = 32
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_JOINERS: Final = frozenset("\u200c\u200d")  # of letters, in scripts that need it
_NUMBER: Final = re.compile(r"|[-+]?[\d,.]+ ?(%|x|[kMG]B|MiB)?|\d+:\d\d(:\d\d)?")
_NARROW: Final = 16
_DOUBTFUL: Final = re.compile(r"[^\x20-\x7e\n\t]")


def printable(text: str) -> str:
    """The text with every control character, and every mark of direction, as its escape."""
    return _DOUBTFUL.sub(lambda found: _shown(found[0]), text)


def _shown(char: str) -> str:
    hidden = unicodedata.category(char) in _HIDDEN and char not in _JOINERS
    return ascii(char)[1:-1] if hidden else char


def cell(text: str) -> str:
    """The same on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def width_of(text: str) -> int:
    """Columns of a terminal that a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(char) or char in _JOINERS
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def clipped(text: str, width: int) -> str:
    """The text in so many columns, its end cut off or filled up with spaces."""
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
    """Columns aligned: numbers to the right, words to the left.

    width: columns of the terminal in which each line has to fit; those of the terminal unless
    given, and no limit in a pipe. Where it is too narrow, long words are clipped, though never to
    less than `_NARROW`; then columns go below, with the first one again.
    """
    lines = [[cell(text) for text in line] for line in (head, *rows)]
    right = [all(_NUMBER.fullmatch(line[i]) for line in lines[1:]) for i in range(len(head))]
    widths = [max(width_of(line[i]) for line in lines) for i in range(len(head))]
    room = _room() if width is None else width
    words = [i for i, numbers in enumerate(right) if not numbers]
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
    """Columns that a line may take on stdout: no limit where nobody's terminal is known."""
    return columns() if sys.stdout.isatty() or os.environ.get("COLUMNS") else sys.maxsize


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Numbers of the columns of a table that stand beside each other; the first one stands in every
    block.
    """
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
    """A bar of at most so many columns, drawn in eighths; something, where there is anything."""
    eighths = max(round(share * width * 8), int(share > 0))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def columns() -> int:
    """How wide the terminal is; 120 columns where there is none."""
    return shutil.get_terminal_size((120, 24)).columns


def percent(share: float | None, digits: int = 1) -> str:
    """``12.3%``; nothing for what is not known."""
    return "" if share is None else f"{share:.{digits}%}"


def count(number: float | None) -> str:
    """``12,345``; nothing for what is not known."""
    return "" if number is None else f"{number:,.0f}"


def dim(text: str) -> str:
    """Less conspicuous, in colour."""
    return style(text, dim=True)


def loss(text: str) -> str:
    """What carries loss, in colour."""
    return style(text, fg="green")


def target(text: str) -> str:
    """What the action is on, in colour."""
    return style(text, fg="black", bg="yellow", bold=True)


def head(text: str) -> str:
    """A heading, in colour."""
    return style(text, bold=True)


def as_csv(rows: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None) -> str:
    """Rows of like keys as CSV with a head; what is not known is empty. names: of the columns, if
    rows may be none.
    """
    stream = io.StringIO()
    fields = list(names or (rows[0] if rows else ()))
    writer = csv.DictWriter(stream, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().removesuffix("\n")


def flat(value: Any, path: str = "") -> list[dict[str, Any]]:
    """Nested values as rows of ``field`` and ``value``; the field is the path to it, with dots."""
    if isinstance(value, Mapping):
        return [
            row
            for key, item in value.items()
            for row in flat(item, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(value, list):
        return [row for number, item in enumerate(value) for row in flat(item, f"{path}.{number}")]
    return [{"field": path, "value": value}]
