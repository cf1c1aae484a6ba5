"""What each recording format gave: files, workflows, steps, samples, drops by reason, and the share
of element actions whose element was found.

Everything is counted from the ledgers of a build. A published dataset has none: there only files
and samples in the dataset are known. A part of a large file counts with its file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from etl.dataset import state
from etl.dataset.drops import drops
from etl.dataset.layout import LEDGER, Work, shelf
from etl.dataset.place import UNITS, Place
from etl.files import scratch, storage
from etl.terminal.text import percent, table

LOCATE: Final = "locate"
_NOT_SOUGHT: Final = ("missing_dom", "no_element", "no_page")
"""Reasons of the stage that locates for steps of which no element was looked for."""

_SCHEMA: Final = {"shard": pl.String, "format": pl.String, "file": pl.String}


def view(place: Place) -> list[dict[str, Any]]:
    """A row a format, by name.

    ``format``; ``files``; ``record``, ``workflow``, ``step``, ``sample``: how many were read;
    ``kept``: samples in the dataset; ``found`` and ``sought``: element actions whose element was
    found, and all whose page was looked at; ``drops``: rows of ``unit``, ``stage``, ``reason``,
    ``count``, the most frequent of a unit first. What is not known is None.
    """
    if place.work is None:
        return _published(place)
    work = place.work
    of_shard = _formats(work)
    counts = _read(work).join(of_shard.lazy(), on="shard").group_by("format", "unit").agg(pl.len())
    dropped = (
        drops(work)
        .join(of_shard.lazy(), on="shard")
        .group_by("format", "unit", "stage", "reason")
        .agg(count=pl.len())
    )
    read, lost = pl.collect_all([counts, dropped])
    files = of_shard.group_by("format").agg(pl.col("file").n_unique()).sort("format")
    return [_row(name, number, read, lost) for name, number in files.iter_rows()]


def _published(place: Place) -> list[dict[str, Any]]:
    """What a dataset alone says of its formats."""
    files = Counter(each.format for each in place.manifest.inputs)
    samples = place.listing(["source"]).group_by("source").agg(pl.len()).collect()
    kept = dict(samples.iter_rows())
    unknown: dict[str, Any] = dict.fromkeys((*UNITS, "found", "sought"))
    return [
        {"format": name, "files": files[name], **unknown, "kept": kept.get(name, 0), "drops": []}
        for name in sorted(files)
    ]


def _formats(work: Work) -> pl.DataFrame:
    """Format and file of each input shard."""
    members = state.members(work)
    rows = {
        "shard": [member["key"] for member in members],
        "format": [member["format"] for member in members],
        "file": [member["name"] for member in members],
    }
    return pl.DataFrame(rows, schema=_SCHEMA)


def _read(work: Work) -> pl.LazyFrame:
    """Everything that was read."""
    paths = shelf(work).existing(LEDGER, state.keys(work))
    if not paths:
        return pl.LazyFrame(schema={"shard": pl.String, "unit": pl.String})
    ledgers = pl.scan_ipc([*storage.together(scratch.copy_of, paths)])
    return ledgers.filter(pl.col("reason") == "").select("shard", "unit")


def _row(name: str, files: int, read: pl.DataFrame, lost: pl.DataFrame) -> dict[str, Any]:
    of_unit = dict(read.filter(pl.col("format") == name).select("unit", "len").iter_rows())
    mine = lost.filter(pl.col("format") == name).drop("format")
    order = pl.col("unit").replace_strict(
        {unit: number for number, unit in enumerate(UNITS)}, return_dtype=pl.Int32
    )
    rows = mine.sort(
        [order, "count", "stage", "reason"], descending=[False, True, False, False]
    ).to_dicts()
    samples = of_unit.get("sample", 0)
    unfound = sum(
        row["count"]
        for row in rows
        if row["unit"] == "step" and row["stage"] == LOCATE and row["reason"] not in _NOT_SOUGHT
    )
    gone = sum(row["count"] for row in rows if row["unit"] == "sample")
    return {
        "format": name,
        "files": files,
        **{unit: of_unit.get(unit, 0) for unit in UNITS},
        "kept": samples - gone,
        "found": samples,
        "sought": samples + unfound,
        "drops": rows,
    }


def rows(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`view` for CSV: a row a format, and one for each of its drops."""
    flat: list[dict[str, Any]] = []
    for row in result:
        bare = {name: value for name, value in row.items() if name != "drops"}
        nothing = {"unit": "", "stage": "", "reason": "", "count": 0}
        flat += [bare | drop for drop in (nothing, *row["drops"])]
    return flat


def text(result: list[dict[str, Any]]) -> str:
    """`view` as a table, and below it what was dropped of each format."""
    head = ["format", "files", "workflows", "steps", "samples", "in the dataset", "targets found"]
    cells = [[row["format"], *_numbers(row)] for row in result]
    lines = table(head, cells)
    for row in result:
        if row["drops"]:
            lines += ["", f"{row['format']}, dropped:"]
            lines += [
                f"  {drop['count']:>9,} {drop['unit']:<8} {drop['reason']} ({drop['stage']})"
                for drop in row["drops"]
            ]
    return "\n".join(lines)


def _numbers(row: Mapping[str, Any]) -> list[str]:
    names = ("files", "workflow", "step", "sample", "kept")
    counts = ["" if row[name] is None else f"{row[name]:,}" for name in names]
    found = percent(row["found"] / row["sought"]) if row["sought"] else ""
    return [*counts, found]
