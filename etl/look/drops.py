"""What was dropped, by unit, stage, reason and domain, and of each an example or more."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from etl.dataset.drops import drops as dropped
from etl.dataset.place import UNITS, Place
from etl.terminal.text import cell, percent, table

BY: Final = ("unit", "stage", "reason", "domain")


@dataclass(frozen=True)
class Wanted:
    """unit, stage, reason: exact; domain: a glob; empty for all. by: what is counted together is
    alike in these.
    """

    unit: str = ""
    stage: str = ""
    reason: str = ""
    domain: str = ""
    by: tuple[str, ...] = ("unit", "stage", "reason")

    def rows(self) -> pl.Expr:
        """Which rows are wanted, but for the domain."""
        chosen = {
            name: value
            for name, value in zip(BY, (self.unit, self.stage, self.reason), strict=False)
            if value
        }
        return pl.all_horizontal(
            pl.lit(value=True), *(pl.col(name) == value for name, value in chosen.items())
        )


def counts(place: Place) -> pl.DataFrame:
    """How many were dropped: ``unit``, ``stage``, ``reason``, ``domain``, ``count``. All in all it
    is what the manifest accounts for; what the table by domain does not hold, records that went
    with their workflow, is of no domain.
    """
    table = place.table("drops").select(*BY, pl.col("count").cast(pl.Int64))
    told = pl.DataFrame(
        [
            {"unit": unit, **drop}
            for unit, of_unit in place.accounting.items()
            for drop in of_unit["reasons"]
        ],
        schema={"unit": pl.String, "stage": pl.String, "reason": pl.String, "count": pl.Int64},
    )
    known = table.group_by("unit", "stage", "reason").agg(known=pl.col("count").sum())
    rest = told.join(known, on=["unit", "stage", "reason"], how="left").with_columns(
        count=pl.col("count") - pl.col("known").fill_null(0), domain=pl.lit("")
    )
    return pl.concat([table, rest.filter(pl.col("count") > 0).select(*BY, "count")])


def view(place: Place, wanted: Wanted, examples: int = 0) -> dict[str, Any]:
    """Counts of what is wanted, largest first within a unit, and each one's share of what was read
    of its unit.

    examples: of each so many things that were dropped so, with their details; that needs the work
    folder.
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
    read = {name: of_unit["read"] for name, of_unit in place.accounting.items()}
    rows = [
        {**row, "share": row["count"] / max(1, read[row["unit"]])}
        for row in frame.iter_rows(named=True)
    ]
    if examples:
        found = _examples(place, wanted, by, examples)
        rows = [row | {"examples": found.get(tuple(row[name] for name in by), [])} for row in rows]
    return {"drops": rows, "by": by}


def _examples(
    place: Place, wanted: Wanted, by: Sequence[str], number: int
) -> dict[tuple[Any, ...], list[dict[str, str]]]:
    """The first things that were dropped so, by what is counted together."""
    frame = dropped(place.inside("--examples")).filter(wanted.rows())
    if wanted.domain:
        known = place.table("domains")["domain"].to_list()
        frame = frame.filter(pl.col("domain").is_in(fnmatch.filter(known, wanted.domain)))
    columns = ["id", "detail", "input"]
    first = frame.group_by(by).agg(pl.col(columns).head(number)).collect()
    return {
        tuple(row[name] for name in by): [
            dict(zip(columns, values, strict=True))
            for values in zip(*(row[name] for name in columns), strict=True)
        ]
        for row in first.iter_rows(named=True)
    }


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: with examples, a row each."""
    if any("examples" in row for row in found["drops"]):
        return [
            {**{name: value for name, value in row.items() if name != "examples"}, **example}
            for row in found["drops"]
            for example in row["examples"] or [{"id": "", "detail": "", "input": ""}]
        ]
    return list(found["drops"])


def text(found: Mapping[str, Any]) -> str:
    """`view` as a table; examples below it."""
    if not found["drops"]:
        return "nothing that was dropped matches"
    by = found["by"]
    cells = [[f"{row['unit']}s", *(row[name] for name in by[1:])] for row in found["drops"]]
    counts = [[f"{row['count']:,}", percent(row["share"], 2)] for row in found["drops"]]
    rows = [left + right for left, right in zip(cells, counts, strict=True)]
    lines = table(["dropped", *by[1:], "count", "of those read"], rows)
    for row, said in zip(found["drops"], cells, strict=True):
        if row.get("examples"):
            lines += ["", cell(" ".join(said)), *map(_example, row["examples"])]
    return "\n".join(lines)


def _example(each: Mapping[str, str | None]) -> str:
    """What it was, where it was read unless its name says so, and why it was dropped."""
    id, place, detail = (each[name] or "" for name in ("id", "input", "detail"))
    said = f"  {id}" if id.startswith(place) else f"  {id} in {place}"
    return cell(f"{said}: {detail}" if detail else said)
