"""What stages found out about samples besides dropping them: lint and privacy, as far as a build
has such stages.

A stage that finds something publishes a table, ``dataset/stats/<kind>.parquet`` or several that
begin so, and may sum it up in the manifest under the same name. Whatever columns there are, they
are shown; where there is nothing, that is said, and no figure is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl.dataset.layout import NAMES
from etl.dataset.place import Place
from etl.terminal.text import cell, flat, head, table


def view(place: Place, kind: str) -> dict[str, Any]:
    """``recorded``: whether the build holds anything of this kind; ``summary``: of the manifest,
    null if it has none; ``tables``: rows by name of the table.
    """
    every = [Path(name) for name in place.manifest["files"]]
    names = [
        path.stem
        for path in every
        if path.stem.startswith(kind) and path == NAMES.dataset.table(path.stem)
    ]
    tables = {name: place.table(name).to_dicts() for name in sorted(names)}
    summary = place.manifest.get(kind)
    return {
        "kind": kind,
        "recorded": bool(tables) or summary is not None,
        "summary": summary,
        "tables": tables,
    }


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: every value with the path to it."""
    return flat({"summary": found["summary"], **found["tables"]}) if found["recorded"] else []


def text(found: Mapping[str, Any]) -> str:
    """`view` as tables; or that there is nothing, and what that means."""
    kind = found["kind"]
    if not found["recorded"]:
        return (
            f"nothing is recorded: no stage of this build looked for {kind} findings (no {kind} in "
            f"the manifest, no stats/{kind}*.parquet). That does not mean that there are none"
        )
    lines: list[str] = []
    if found["summary"] is not None:
        lines += table(
            ["field", "value"],
            [[row["field"], str(row["value"])] for row in flat(found["summary"])],
        )
    for title, shown in found["tables"].items():
        lines += ["", head(cell(title))]
        names = list(shown[0]) if shown else ["no rows"]
        lines += table(
            names,
            [["" if row[name] is None else str(row[name]) for name in names] for row in shown],
        )
    return "\n".join(lines).strip("\n")
