"""Drops by unit, stage, reason and domain, with examples of each."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from etl.dataset.drops import drops as dropped
from etl.dataset.manifest import as_json
from etl.dataset.place import UNITS, Place
from etl.terminal.text import cell, percent, table

BY: Final = ("unit", "stage", "reason", "domain")


@dataclass(frozen=True)
class Wanted:
    """Which drops a view counts, and how it groups them; an empty filter admits all."""

    unit: str = ""
    """Only this unit: record, workflow, step or sample."""
    stage: str = ""
    """Only drops of this stage."""
    reason: str = ""
    """Only drops for this reason."""
    domain: str = ""
    """Only domains that match this glob."""
    by: tuple[str, ...] = ("unit", "stage", "reason")
    """The columns of `BY` that the counts are grouped by."""

    def rows(self) -> pl.Expr:
        """The filter of rows, without the one by domain."""
        admitted = pl.lit(value=True)
        for name, value in (("unit", self.unit), ("stage", self.stage), ("reason", self.reason)):
            if value:
                admitted &= pl.col(name) == value
        return admitted


def counts(place: Place) -> pl.DataFrame:
    """The number of drops: ``unit``, ``stage``, ``reason``, ``domain``, ``count``.

    They add up to the manifest's accounting. The table by domain lacks records that were dropped
    with their workflow; these have an empty domain here.
    """
    table = place.table("drops").select(*BY, pl.col("count").cast(pl.Int64))
    accounted = pl.DataFrame(
        [
            {"unit": unit, **as_json(drop)}
            for unit, of_unit in place.accounting.items()
            for drop in of_unit.reasons
        ],
        schema={"unit": pl.String, "stage": pl.String, "reason": pl.String, "count": pl.Int64},
    )
    tabled = table.group_by("unit", "stage", "reason").agg(known=pl.col("count").sum())
    rest = accounted.join(tabled, on=["unit", "stage", "reason"], how="left").with_columns(
        count=pl.col("count") - pl.col("known").fill_null(0), domain=pl.lit("")
    )
    return pl.concat([table, rest.filter(pl.col("count") > 0).select(*BY, "count")])


def view(place: Place, wanted: Wanted, examples: int = 0) -> dict[str, Any]:
    """Count drops, largest first within a unit, with their share (0 to 1) of what was read.

    examples: the number of dropped ids to add to each count, with details; needs the work folder.

    Raises:
        ConfigError: for examples of a published dataset.
    """
    frame = counts(place).filter(wanted.rows())
    if wanted.domain:
        frame = frame.filter(
            pl.col("domain").is_in(fnmatch.filter(frame["domain"].unique(), wanted.domain))
        )
    by = ["unit", *(name for name in BY if name in wanted.by and name != "unit")]
    frame = frame.group_by(by).agg(pl.col("count").sum())
    unit = pl.col("unit").replace_strict(
        {name: at for at, name in enumerate(UNITS)}, return_dtype=pl.Int32
    )
    frame = frame.sort(
        [unit, pl.col("count"), *by[1:]], descending=[False, True, *(False for _ in by[1:])]
    )
    read = {name: of_unit.read for name, of_unit in place.accounting.items()}
    rows = [
        {**row, "share": row["count"] / max(1, read[row["unit"]])}
        for row in frame.iter_rows(named=True)
    ]
    if examples:
        of_group = _examples(place, wanted, by, examples)
        rows = [
            row | {"examples": of_group.get(tuple(row[name] for name in by), [])} for row in rows
        ]
    return {"drops": rows, "by": by}


def _examples(
    place: Place, wanted: Wanted, by: Sequence[str], number: int
) -> dict[tuple[Any, ...], list[dict[str, str]]]:
    """The first drops of each group: ``id``, ``detail`` and ``input``."""
    frame = dropped(place.inside("--examples")).filter(wanted.rows())
    if wanted.domain:
        domains = place.table("domains")["domain"].to_list()
        frame = frame.filter(pl.col("domain").is_in(fnmatch.filter(domains, wanted.domain)))
    columns = ["id", "detail", "input"]
    first = frame.group_by(by).agg(pl.col(columns).head(number)).collect()
    return {
        tuple(row[name] for name in by): [
            dict(zip(columns, values, strict=True))
            for values in zip(*(row[name] for name in columns), strict=True)
        ]
        for row in first.iter_rows(named=True)
    }


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: a row a count, or a row an example if there are any."""
    if any("examples" in row for row in result["drops"]):
        return [
            {**{name: value for name, value in row.items() if name != "examples"}, **example}
            for row in result["drops"]
            for example in row["examples"] or [{"id": "", "detail": "", "input": ""}]
        ]
    return list(result["drops"])


def text(result: Mapping[str, Any]) -> str:
    """`view` as a table, with the examples below it."""
    if not result["drops"]:
        return "nothing that was dropped matches"
    by = result["by"]
    cells = [[f"{row['unit']}s", *(row[name] for name in by[1:])] for row in result["drops"]]
    counts = [[f"{row['count']:,}", percent(row["share"], 2)] for row in result["drops"]]
    rows = [left + right for left, right in zip(cells, counts, strict=True)]
    lines = table(["dropped", *by[1:], "count", "of those read"], rows)
    for row, said in zip(result["drops"], cells, strict=True):
        if row.get("examples"):
            lines += ["", cell(" ".join(said)), *map(_example, row["examples"])]
    return "\n".join(lines)


def _example(each: Mapping[str, str | None]) -> str:
    """The id of a drop, the input unless the id begins with it, and the detail."""
    id, place, detail = (each[name] or "" for name in ("id", "input", "detail"))
    line = f"  {id}" if id.startswith(place) else f"  {id} in {place}"
    return cell(f"{line}: {detail}" if detail else line)
