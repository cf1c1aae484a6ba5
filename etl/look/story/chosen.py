"""What was decided on a sample in view of others, and with what weight it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from etl.dataset.index import scan
from etl.dataset.layout import INDEX, NAMES, Work
from etl.dataset.place import Place
from etl.decisions import known
from etl.decisions.near.decision import CLUSTER

DUPLICATES: Final = "duplicates"
"""The name of the decision that has no section in a recipe."""
_OF_DUPLICATES: Final = frozenset(("duplicate_workflow", "conflicting_id", "split_over_files"))
_PAIR: Final = ("benchmark", "version", "task", "method", "similarity", "split", "dropped")


def decided_by(stage: str, reason: str) -> str:
    """The decision that gives a reason; empty for a reason of another phase."""
    if stage != INDEX:
        return ""
    if reason in _OF_DUPLICATES:
        return DUPLICATES
    return next((each.name for each in known.KNOWN if reason in map(str, each.reasons)), "")


def made(place: Place) -> list[str]:
    """The decisions that the recipe asks for, in their order."""
    settings: Mapping[str, Any] = place.manifest.settings["index"]
    asked = [each.name for each in known.KNOWN if any(settings.get(each.name, {}).values())]
    return [DUPLICATES, *asked]


def cluster(work: Work, first: str) -> dict[str, Any]:
    """The ``first`` of a cluster of near-duplicates, and how many samples are kept and dropped."""
    rows = scan(work).filter(pl.col(CLUSTER) == first)
    kept = rows.select((pl.col("reason") == "").alias("kept")).collect()["kept"]
    return {"first": first, "kept": int(kept.sum()), "dropped": int((~kept).sum())}


def overlaps(place: Place, workflow: str, generation: int) -> list[dict[str, Any]] | None:
    """The benchmark tasks that a workflow overlaps with; None where nobody looked for them."""
    if place.manifest.contamination is None:
        return None
    rows = place.table("contamination").filter(workflow=workflow, generation=generation)
    return rows.select(_PAIR).unique(maintain_order=True).to_dicts()


def weight(
    place: Place, packed: str, row: int, split: str, source: str, domain: str
) -> dict[str, float] | None:
    """How often the ``row`` of a sample is drawn, and the ``sample`` itself; None without a mix."""
    if NAMES.dataset.table("weights").as_posix() not in place.manifest.files:
        return None
    of_row = place.table("weights").filter(packed=packed, row=row)["weight"]
    mine = place.table("mix").filter(split=split, source=source, domain=domain)["weight"]
    return {"row": float(of_row[0]), "sample": float(mine[0])}
