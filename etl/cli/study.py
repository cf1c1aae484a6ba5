"""``stepmill study``: a matrix of recipes over one set of recordings, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import json_option, log_option, show, show_json, workers_option
from etl.terminal import log
from etl.terminal.words import counted

if TYPE_CHECKING:
    from etl.build.study.matrix import Study
    from etl.build.study.run import Built


@click.command()
@click.argument("file", metavar="STUDY.toml", type=click.Path(dir_okay=False, path_type=Path))
@workers_option
@click.option("--redo", is_flag=True, help="Build cells again whose settings have changed.")
@log_option
@json_option
def study(file: Path, workers: int | None, redo: bool, as_json: bool) -> None:
    """Build a matrix of recipes, and compare them in one table.

    The file names recordings, a folder, a recipe, and axes: settings with several values, or labels
    with settings each. There is a cell for each choice. Cells whose settings of phase 1 are the
    same share its samples, so pages are read once. The same command again completes an interrupted
    study and builds nothing twice.

    The table has samples, tokens and bytes of each cell, the share of samples kept, of targets
    kept, and of test prompts that hold their target, and scores where the file names predictions.
    It is printed, and written to the folder as study.json, study.csv and study.html (which needs
    the extra report).

    \b
    inputs = ["recordings"]
    out = "study"
    recipe = "scribeagent-32k"
    [axes]
    "fit.context" = [32768, 65536, 131072]
    [axes.history]
    text = {}
    last3 = { "unroll.max_history" = 3 }
    [scores]
    protocol = "exact"
    evaluation = "eval/{cell}"
    predictions = "answers/{cell}.jsonl"

    \b
    stepmill study study.toml
    stepmill study study.toml --workers 8 --json
    """
    from etl.build.study import run
    from etl.build.study.matrix import study_of
    from etl.look.study import table

    asked = study_of(file)
    built = [*run.run(asked, workers, redo=redo)]
    result: dict[str, Any] = {
        "study": file.name,
        "axes": list(asked.axes),
        "protocol": "" if asked.scores is None else asked.scores.protocol,
        "defects": [],
        "cells": [],
    }
    for each in built:
        result["cells"].append(_cell(asked, each, result))
    _write(asked.out, result)
    if as_json:
        show_json(result)
    else:
        show(table.text(result, {each.cell.name: each.seconds for each in built}))
    if failed := sum(bool(each.error) for each in built):
        log.error(
            f"{counted(failed, 'cell')} of {len(built):,} failed; mend what they say, and run the "
            "same command again"
        )
        raise click.exceptions.Exit(1)


def _cell(asked: Study, built: Built, result: dict[str, Any]) -> dict[str, Any]:
    """The figures and scores of a cell, as values for JSON: no clock, no place on this machine."""
    from etl.dataset.place import place_of
    from etl.look.study.cells import figures

    cell = built.cell
    found = {} if built.manifest is None else figures(place_of(built.folder))
    subsets = found.pop("subsets", [])
    scored: dict[str, Any] = {"scores": {}, "missing": 0}
    ready = None if asked.scores is None else asked.scores.ready(cell.name)
    if ready is not None and asked.scores is not None:
        scored = _scores(asked.scores.protocol, *ready, result)
    return {
        "cell": cell.name,
        "labels": dict(cell.labels),
        "settings": dict(cell.settings),
        "figures": found,
        "subsets": subsets,
        **scored,
        "error": built.error,
    }


def _scores(
    protocol: str, evaluation: Path, predictions: Path, result: dict[str, Any]
) -> dict[str, Any]:
    """Score the predictions of a cell; notes the protocol's defects in the result."""
    from etl.evaluate.scores.scored import scored
    from etl.evaluate.scores.tables import ALL

    found = scored(evaluation, [predictions], protocol).as_json()
    result["defects"] = found["defects"]
    (whole,) = found["tables"][ALL]
    return {"scores": whole["metrics"], "missing": found["missing"]}


def _write(out: Path, result: dict[str, Any]) -> None:
    """Write the table to the folder of the study; the page only if its packages are there."""
    from etl.files.arrow import atomic, write_json
    from etl.look.report import page as reports
    from etl.look.study import page, table
    from etl.terminal.text import as_csv
    from schemas.errors import MissingExtra

    write_json(out / "study.json", result)
    with atomic(out / "study.csv") as stream:
        stream.write(f"{as_csv(table.rows(result))}\n".encode())
    names = ["study.json", "study.csv"]
    try:
        reports.require()
    except MissingExtra as missing:
        log.warn(f"no plots: {missing}")
    else:
        with atomic(out / "study.html") as stream:
            stream.write(page.render(result).encode("utf-8", "replace"))
        names.append("study.html")
    log.say(f"{out}: {', '.join(names)}")
