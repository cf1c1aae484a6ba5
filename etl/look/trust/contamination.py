"""The workflows of a build whose tasks are those of benchmarks, beside what they overlap with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from etl.dataset.index import light_rows, scan
from etl.dataset.layout import Work, shelf
from etl.dataset.place import Place
from etl.decisions.benchmarks import files
from etl.decisions.benchmarks.files import Asked
from etl.terminal.text import cell, table
from schemas.errors import ConfigError

SECTION = "contamination"


@dataclass(frozen=True)
class Wanted:
    """What to show."""

    # of a benchmark; empty: of all
    benchmark: str = ""
    # the benchmarks' own files, for the texts of their tasks
    tasks: Sequence[Asked] = ()
    # the most pairs; 0 for all
    limit: int = 0


def view(place: Place, wanted: Wanted) -> dict[str, Any]:
    """``looked_for``, figures of each of the ``benchmarks``, and ``pairs``.

    A pair has the columns of `etl.decisions.contamination.OVERLAPS`, ``objective`` (empty where
    there is no work folder) and ``text`` (of the task; empty unless its file is given).

    Raises:
        ConfigError: there is no such benchmark in the registries, or a file given is of none.
    """
    rows = place.manifest.contamination
    if rows is None:
        return {"looked_for": False, "benchmarks": [], "pairs": [], "more": 0}
    known = {row["benchmark"] for row in rows}
    if wanted.benchmark and wanted.benchmark not in known:
        raise ConfigError(
            f"the registries of this build have no benchmark {wanted.benchmark!r}; they have "
            f"{', '.join(sorted(known))}"
        )
    texts = _texts(wanted.tasks, known)
    found = place.table(SECTION)
    if wanted.benchmark:
        found = found.filter(benchmark=wanted.benchmark)
    shown = found.head(wanted.limit) if wanted.limit else found
    objectives = _objectives(place.work, shown["workflow"]) if place.work else {}
    pairs = [
        {
            **row,
            "objective": objectives.get(row["workflow"], ""),
            "text": texts.get((row["benchmark"], row["task"]), ""),
        }
        for row in shown.iter_rows(named=True)
    ]
    benchmarks = [dict(row) for row in rows if wanted.benchmark in ("", row["benchmark"])]
    more = found.height - shown.height
    return {"looked_for": True, "benchmarks": benchmarks, "pairs": pairs, "more": more}


def _texts(given: Sequence[Asked], known: set[str]) -> dict[tuple[str, str], str]:
    """The texts of tasks, by benchmark and id."""
    listed = files.read(given)
    for each in listed:
        if each.name not in known:
            raise ConfigError(
                f"the registries of this build have no benchmark {each.name!r}; name the one that "
                "the file is of: NAME=FILE"
            )
    return {(each.name, task.id): task.text for each in listed for task in each.tasks}


def _objectives(work: Work, workflows: pl.Series) -> dict[str, str]:
    """The objectives of these workflows."""
    names = workflows.unique().sort()
    rows = scan(work).filter(pl.col("workflow").is_in(names.implode()))
    places, found = shelf(work), dict[str, str]()
    for bundle in rows.select("bundle").unique().sort("bundle").collect()["bundle"]:
        light = light_rows(places, bundle, ["workflow", "objective"]).unique(maintain_order=True)
        mine = light.filter(pl.col("workflow").is_in(names.implode()))
        for workflow, objective in mine.iter_rows():
            found.setdefault(workflow, objective)
    return found


def text(result: Mapping[str, Any]) -> str:
    """`view` as text: a table of the benchmarks, then each pair in a few lines."""
    if not result["looked_for"]:
        return (
            "Overlap with benchmarks was not looked for: the recipe has no section "
            "[contamination]. Build a registry: stepmill benchmarks build FILE... --out REGISTRY"
        )
    lines = [
        *figures(result["benchmarks"]),
        *(line for pair in result["pairs"] for line in ("", *_pair(pair))),
    ]
    if result["more"]:
        lines += ["", f"and {result['more']:,} more; --limit 0 shows all"]
    return "\n".join(lines)


def figures(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The benchmarks as lines of a table."""
    head = ["benchmark", "version", "date", "tasks", "overlapping", "workflows", "samples"]
    numbers = (*head[3:], "dropped")
    cells = [
        [*(cell(row[name]) for name in head[:3]), *(f"{row[name]:,}" for name in numbers)]
        for row in rows
    ]
    return table([*head, "dropped"], cells)


def _pair(pair: Mapping[str, Any]) -> Iterable[str]:
    kept = "dropped" if pair["dropped"] else f"kept in {pair['split']}"
    yield (
        f"{cell(pair['workflow'])}  ~  {cell(pair['benchmark'])} {cell(pair['version'])}, task "
        f"{cell(pair['task'])}: {pair['method']} {pair['similarity']:.3f}, "
        f"{pair['samples']:,} samples {kept}"
    )
    if pair["objective"]:
        yield f"  workflow   {cell(pair['objective'])}"
    if pair["text"]:
        yield f"  benchmark  {cell(pair['text'])}"
