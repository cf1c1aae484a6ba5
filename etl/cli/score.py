"""``stepmill score``: answers to an evaluation set, scored by a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import json_option, log_option, show, show_json
from etl.terminal import log
from etl.terminal.words import counted

if TYPE_CHECKING:
    from etl.evaluate.scores.scored import Found

_FILE: Any = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("evaluation", metavar="EVAL", type=click.Path(file_okay=False, path_type=Path))
@click.argument("predictions", type=_FILE, nargs=-1, required=True)
@click.option(
    "--protocol", "name", required=True, metavar="NAME", help="The protocol, such as exact."
)
@click.option("--split", "splits", multiple=True, help="Score only this split; repeatable.")
@click.option(
    "--against",
    type=_FILE,
    multiple=True,
    metavar="OTHER",
    help="Compare with these predictions, by workflow; repeatable, if they are in several files.",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Succeed though prompts have no prediction. They count as wrong answers in any case.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of intervals, of the test, and of the choice of wrong answers.",
)
@click.option("--csv", type=_FILE, metavar="FILE", help="Write a row a step.")
@click.option(
    "--report", type=_FILE, metavar="FILE", help="Write a page of tables and wrong answers."
)
@click.option(
    "--samples",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Show N wrong answers in the report, drawn at random.",
)
@click.option("--replace", is_flag=True, help="Overwrite a file that is not a report with one.")
@log_option
@json_option
def score(
    evaluation: Path,
    predictions: tuple[Path, ...],
    name: str,
    splits: tuple[str, ...],
    against: tuple[Path, ...],
    allow_missing: bool,
    seed: int,
    csv: Path | None,
    report: Path | None,
    samples: int,
    replace: bool,
    as_json: bool,
) -> None:
    """Score predictions for an evaluation set.

    EVAL is the folder of a set (stepmill evalset). PREDICTIONS are files of JSON lines:
    {"id": ..., "output": ...}, with "outputs": [...] for several samples, with "messages", or the
    output of an OpenAI-compatible batch; plain, .gz or .zst.

    Prints the mean of each metric for all steps and by split, website, domain, kind of action,
    length of page and context, with 95% intervals by a bootstrap over workflows, and the figures by
    which the protocol's reference sums up. Prompts without a prediction count as wrong answers, and
    the exit code is then 1.

    \b
    stepmill score eval/ answers.jsonl --protocol exact
    stepmill score eval/ answers.jsonl --protocol strict --against older.jsonl --json
    stepmill score eval/ answers.jsonl --protocol exact --csv steps.csv --report wrong.html
    """
    from etl.evaluate.scores.scored import scored
    from etl.look.scores import text

    if report is not None:
        from etl.look.report import page

        page.require()
        page.may_write(report, replace=replace)
    found = scored(evaluation, predictions, name, against, seed, splits)
    values = found.as_json()
    show_json(values) if as_json else show(text.text(values))
    _write(found, values, csv, report, samples)
    _complain(found, allow_missing)


def _write(
    found: Found, values: Mapping[str, Any], csv: Path | None, report: Path | None, samples: int
) -> None:
    """Write the files that were asked for."""
    from etl.files.arrow import atomic
    from etl.look.scores.rows import csv_of

    if csv is not None:
        with atomic(csv) as stream:
            for part in csv_of(found.result):
                stream.write(part)
        log.say(f"{csv}: {counted(len(found.result.steps), 'step')}")
    if report is not None:
        from etl.look.scores import page, wrong

        drawn = wrong.drawn(found.result, found.given, samples)
        html = page.render(values, drawn).encode("utf-8", "replace")
        with atomic(report) as stream:
            stream.write(html)
        log.say(
            f"{report}: {len(html) / 1e6:,.1f} MB, {counted(len(drawn.steps), 'wrong answer')} to "
            "look at"
        )


def _complain(found: Found, allow_missing: bool) -> None:
    """Say what was wrong with predictions; exit with 1 if some are missing."""
    missing = 0
    for whose, read in (("", found.answers), ("--against: ", found.others)):
        if read is not None:
            missing += read.counts["missing"]
            for line in read.lines():
                log.warn(f"{whose}{line}")
    if missing and not allow_missing:
        log.error(
            f"{counted(missing, 'prompt')} without a prediction: each counts as a wrong answer in "
            "the figures above; answer them, or take that as it is with --allow-missing"
        )
        raise click.exceptions.Exit(1)
