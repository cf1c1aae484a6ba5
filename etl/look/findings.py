"""Findings of lint and privacy.

Such a stage publishes tables, ``dataset/stats/<kind>*.parquet``, and may add a summary to the
manifest under the name of the kind. All columns of a table are shown.
Lint keeps its findings in the work folder, and the first of each code are shown. Where no stage has
written anything, the view says so: that is not the same as no findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from etl.dataset.layout import LINT, NAMES, Work
from etl.dataset.place import Place
from etl.dataset.stats import findings
from etl.terminal.text import cell, flat, head, table

EXAMPLES: Final = 3
"""At most this many findings of a code are shown."""
_SHOWN: Final = ("code", "id", "evidence", "mend", "outcome")


def view(place: Place, kind: str) -> dict[str, Any]:
    """The findings of a kind, ``lint`` or ``privacy``.

    ``recorded``: whether a stage has written any; ``summary``: that of the manifest, or null;
    ``tables``: a table's name -> its rows; ``examples``, of a build that looked for lint: the first
    findings of each code.
    """
    every = [Path(name) for name in place.manifest.files]
    names = [
        path.stem
        for path in every
        if path.stem.startswith(kind) and path == NAMES.dataset.table(path.stem)
    ]
    tables = {name: place.table(name).to_dicts() for name in sorted(names)}
    summary = getattr(place.manifest, kind)
    result = {
        "kind": kind,
        "recorded": bool(tables) or summary is not None,
        "summary": summary,
        "tables": tables,
    }
    if kind == LINT and result["recorded"] and place.work is not None:
        result["examples"] = _examples(place.work)
    return result


def _examples(work: Work) -> list[dict[str, Any]]:
    """The first findings of lint of each code."""
    seen: Counter[str] = Counter()
    examples: list[dict[str, Any]] = []
    for rows in findings(work):
        for row in rows.select(_SHOWN).iter_rows(named=True):
            seen[row["code"]] += 1
            if seen[row["code"]] <= EXAMPLES:
                examples.append(row)
    return sorted(examples, key=lambda row: str(row["code"]))


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
    lines += [""] if result.get("examples") else []
    for row in result.get("examples", ()):
        mend = f"; {row['mend']}" if row["mend"] else ""
        lines.append(f"{row['code']} ({row['outcome']}): {cell(row['id'])}")
        lines.append(f"  {cell(row['evidence'])}{cell(mend)}")
    return "\n".join(lines).strip("\n")
