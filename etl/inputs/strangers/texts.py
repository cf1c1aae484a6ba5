"""Text in no known format: tables in other dialects of CSV, pages, web archives, programs."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from etl.inputs.description import Format
from etl.inputs.records import Keys
from etl.inputs.strangers.distance import measured
from etl.inputs.strangers.stranger import GIVE_PAGES, WRITE_OURS, Stranger

_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_QUOTED: Final = re.compile(r'"[^"]*(?:""[^"]*)*"')
_LINES: Final = 10  # lines of a table that are looked at
_LONGEST_NAME: Final = 60  # characters of a column's name

_BEGINNINGS: Final[tuple[tuple[str, str, str, str], ...]] = (
    (r"(?s)(?:[\w-]+: [^\n]*\n|[ \t][^\n]*\n){0,12}?Content-Type: multipart/related", "mhtml",
     "a saved page (MHTML)", GIVE_PAGES),
    ((r"(?is)(?:<!--.{0,2000}?-->\s*)*(?:<\?xml.{0,400}?<!DOCTYPE html|<!doctype "
     r"html|<(?:html|head|body)\b)"), "html",
     "an HTML page", GIVE_PAGES),
    (r"(?i)<(?:script|style|meta|link|title|div|section|article|main|table|form|ul|p|span|h[1-6])\b",
     "html", "HTML without html, head or body, perhaps a part of a page", GIVE_PAGES),
    (r"(?is)(?:<\?xml.{0,200}?\?>\s*)?<svg", "svg", "a drawing (SVG)", "leave it out"),
    (r"<\?xml|<[A-Za-z][\w:.-]*[\s>]", "xml", "XML", WRITE_OURS),
    (r"#!|import \w|from \w+ import |(?:const|let|var) \w|package \w", "program",
    "a program's text",
     f"run it with a recorder of pages and {WRITE_OURS}"),
    (r"---\n|\w[\w-]*:(?: |\n)", "yaml", "YAML, perhaps", WRITE_OURS),
    (r"\[[\w.]+\]\n|\w+ = ", "toml", "TOML, perhaps: a recipe is no recording", "leave it out"),
)  # fmt: skip
"""Pattern of a text's beginning, the kind of file, what it is, and what to do."""


def told(text: str, formats: Collection[Format]) -> Stranger:
    """What a text is."""
    text = text.lstrip()
    for pattern, kind, says, advice in _BEGINNINGS[:-3]:
        if re.match(pattern, text):
            return Stranger(kind, says, advice)
    if (table := _table(text, formats)) is not None:
        return table
    for pattern, kind, says, advice in _BEGINNINGS[-3:]:
        if re.match(pattern, text):
            return Stranger(kind, says, advice)
    first = text.partition("\n")[0].strip()[:40]
    return Stranger(
        "text", f"text that begins with {first!r}", "it is no recording; see: stepmill formats"
    )


def _table(text: str, formats: Collection[Format]) -> Stranger | None:
    """A table, if its first lines all have the same number of fields; else None."""
    lines = [_QUOTED.sub("q", line) for line in re.split(r"\r\n|\n|\r", text) if line][:_LINES]
    header = re.split(r"\r\n|\n|\r", text)[0]
    for delimiter, name in _DELIMITERS.items():
        count = lines[0].count(delimiter) if lines else 0
        names = [part.strip().strip('"') for part in header.split(delimiter)]
        rows = lines[1:-1] or lines[1:]  # the last may be cut off
        regular = all(line.count(delimiter) == count for line in rows)
        if (
            count
            and (regular or _is_known(names, formats))
            and all(0 < len(part) < _LONGEST_NAME for part in names)
        ):
            table = measured(
                Keys(frozenset(names)),
                f"a table with {name} between its fields,",
                formats,
                csv=True,
            )
            if delimiter == ",":
                return table
            advice = f"only commas are read: write it again as CSV with commas; {table.advice}"
            return table._replace(kind=f"csv_with_{name}", advice=advice)
    return None


def _is_known(names: list[str], formats: Collection[Format]) -> bool:
    """Whether columns with these names are like a format."""
    return bool(measured(Keys(frozenset(names)), "", formats, csv=True).nearest)
