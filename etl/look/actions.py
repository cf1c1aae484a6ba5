"""Kinds of action in a dataset, and the recorded words that name no known kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from etl.dataset.place import Place
from etl.stages.wording import as_lines
from etl.terminal.text import cell, percent, table
from schemas.actions import KINDS


def view(place: Place) -> dict[str, Any]:
    """Count samples, domains and history-only steps by kind of action, most samples first.

    ``actions``: a row a kind, with its share of samples (0 to 1); ``history_alone`` counts steps
    that have no element, and so are only in the history of later steps. ``unknown``: see
    `etl.stages.wording.unknown_actions`.
    """
    samples = place.table("actions").group_by("action_kind")
    counted = samples.agg(
        pl.col("samples").cast(pl.Int64).sum(), domains=pl.col("domain").n_unique()
    )
    rows = {kind: (count, domains) for kind, count, domains in counted.iter_rows()}
    alone = place.manifest.page_actions
    total = max(1, sum(count for count, _ in rows.values()))
    kinds = []
    for kind in [*KINDS, *sorted({*rows, *alone} - set(KINDS))]:
        count, domains = rows.get(kind, (0, 0))
        history = alone.get(kind, 0)
        if count or history:
            kinds.append(
                {
                    "action": kind,
                    "samples": count,
                    "share": count / total,
                    "domains": domains,
                    "history_alone": history,
                    "meaning": KINDS[kind].meaning if kind in KINDS else "",
                }
            )
    kinds.sort(key=lambda row: -row["samples"])
    return {"actions": kinds, "unknown": place.manifest.unknown_actions}


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: a row a kind, then a row an unknown word."""
    known = [row | {"steps": "", "nearest": ""} for row in result["actions"]]
    unknown = [
        dict.fromkeys(("samples", "share", "domains", "history_alone"), "")
        | {
            "action": row["word"],
            "meaning": row["detail"],
            "steps": row["steps"],
            "nearest": row["nearest"],
        }
        for row in result["unknown"]
    ]
    return [*known, *unknown]


def text(result: Mapping[str, Any]) -> str:
    """`view` as a table, and the unknown words below it."""
    cells = [
        [
            cell(row["action"]),
            f"{row['samples']:,}",
            percent(row["share"]),
            f"{row['domains']:,}",
            f"{row['history_alone']:,}",
        ]
        for row in result["actions"]
    ]
    lines = table(["action", "samples", "share", "domains", "in history alone"], cells)
    if result["unknown"]:
        lines += ["", "not trained on, because they are on no list:"]
        lines += [f"  {cell(line)}" for line in as_lines(result["unknown"])]
    return "\n".join(lines)
