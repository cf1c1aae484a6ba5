"""Findings of stages that drop nothing: lint and privacy.

Such a stage publishes tables, ``dataset/stats/<kind>*.parquet``, and may add a summary to the
manifest under the name of the kind. All columns of a table are shown. Where no stage has written
anything, the view says so: that is not the same as no findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl.dataset.layout import NAMES
from etl.dataset.place import Place
from etl.terminal.text import cell, flat, head, table


def view(place: Place, kind: str) -> dict[str, Any]:
    """The findings of a kind, ``lint`` or ``privacy``.

    ``recorded``: whether a stage has written any; ``summary``: that of the manifest, or null;
    ``tables``: a table's name -> its rows.
    """
    every = [Path(name) for name in place.manifest.files]
    names = [
        path.stem
        for path in every
        if path.stem.startswith(kind) and path == NAMES.dataset.table(path.stem)
    ]
    tables = {name: place.table(name).to_dicts() for name in sorted(names)}
    summary = getattr(place.manifest, kind)
    return {
        "kind": kind,
        "recorded": bool(tables) or summary is not None,
        "summary": summary,
        "tables": tables,
    }


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: every value with the path to it."""
    return flat({"summary": result["summary"], **result["tables"]}) if result["recorded"] else []


def text(result: Mapping[str, Any]) -> str:
    """`view` as tables; or that there is nothing, and what that means."""
    kind = result["kind"]
    if not result["recorded"]:
        return (
            f"nothing is recorded: no stage of this build looked for {kind} findings (no {kind} in "
            f"the manifest, no stats/{kind}*.parquet). That does not mean that there are none"
        )
    lines: list[str] = []
    if result["summary"] is not None:
        lines += table(
            ["field", "value"],
            [[row["field"], str(row["value"])] for row in flat(result["summary"])],
        )
    for title, shown in result["tables"].items():
        lines += ["", head(cell(title))]
        names = list(shown[0]) if shown else ["no rows"]
        lines += table(
            names,
            [["" if row[name] is None else str(row[name]) for name in names] for row in shown],
        )
    return "\n".join(lines).strip("\n")
