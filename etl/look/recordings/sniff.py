"""What a file or folder is, and by what it is recognised.

Nothing is read but the beginnings of files. Of a folder that is no recording itself, each file and
folder in it is told.
"""

from __future__ import annotations

from typing import Any, Final

from etl.files import nodes
from etl.inputs import strangers
from etl.inputs.find import UNKNOWN, Found, find
from etl.inputs.records import InputHead
from etl.sources import FORMATS, SOURCES
from etl.terminal.text import cell

_SHOWN: Final = 8
"""The most keys or names that are shown of a file or folder."""
_EXAMPLES: Final = 3
"""The most files that are named of a kind."""


def view(place: str) -> list[dict[str, Any]]:
    """A row for each file or folder that is one input.

    ``name``, ``bytes``, ``format`` (empty if none is recognised), ``kind`` (the format's name, or a
    word for what it is), ``says`` (what it is), ``why`` (the sign by which that is known), and for
    what is not read ``reason`` (the word by which its drop is counted) and ``advice`` (what would
    be needed).

    Raises:
        ConfigError: if there is no such file or folder.
    """
    found = find([place], SOURCES, lenient=True)
    return [_row(item) for item in sorted(found, key=lambda item: item.name)]


def _row(item: Found) -> dict[str, Any]:
    row = {"name": item.name, "bytes": item.size}
    if item.format == UNKNOWN:
        met = strangers.meet(item.place, FORMATS.values())
        return row | {
            "format": "", "kind": met.kind, "says": met.says, "why": _seen(item),
            "reason": met.reason, "advice": met.advice,
        }  # fmt: skip
    described = FORMATS.get(item.format)
    says = described.about if described else item.format
    sign = f"it {described.sign}" if described and described.sign else ""
    why = "; ".join(filter(None, (sign, _seen(item))))
    return row | {
        "format": item.format, "kind": item.format, "says": says, "why": why, "reason": "",
        "advice": "",
    }  # fmt: skip


def _seen(item: Found) -> str:
    """What is seen of a file's beginning or of a folder."""
    node = nodes.node(item.place)
    if node.kind == "other":
        return ""
    head = InputHead.at(node)
    if head.entries:
        return f"its files: {_some(head.entries)}"
    if head.keys.top:
        return f"its keys: {_some(sorted(head.keys.top))}"
    start = head.start[:40].split(b"\n")[0].decode("ascii", errors="replace")
    return f"it begins with {start!r}" if start else ""


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f", and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def text(rows: list[dict[str, Any]]) -> str:
    """`view` as text: a paragraph for each kind, the read ones first."""
    kinds: dict[tuple[bool, str], list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault((not row["format"], row["kind"]), []).append(row)
    lines: list[str] = []
    for (unread, kind), alike in sorted(kinds.items()):
        first = alike[0]
        names = ", ".join(cell(row["name"]) for row in alike[:_EXAMPLES])
        more = f", and {len(alike) - _EXAMPLES:,} more" if len(alike) > _EXAMPLES else ""
        lines.append(f"{kind}: {names}{more}")
        lines.append(f"  what    {cell(first['says'])}")
        if first["why"]:
            lines.append(f"  sign    {cell(first['why'])}")
        if unread:
            lines.append(f"  not read, counted as {first['reason']}")
            lines.append(f"  needed  {first['advice']}")
    return "\n".join(lines)
