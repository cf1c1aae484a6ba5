"""Commands that only read: check, explain, diff, verify. `inspect` has files of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from etl.cli.options import (
    at,
    candidate_option,
    directory_argument,
    json_option,
    limit_option,
    log_option,
    pages_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from etl.files.storage import AnyPath


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--steps",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    metavar="N",
    help="Look for the targets of the first N steps of each file.",
)
@limit_option("problems a format")
@pages_option
@log_option
@json_option
def check(
    inputs: tuple[str, ...], steps: int, limit: int, pages: tuple[str, ...], as_json: bool
) -> None:
    """Report what recordings hold, and their problems.

    Reads every record and builds nothing. A problem is reported with its line, its key and a
    remedy. The targets of the first steps of each file are looked for in their pages. For a file in
    no known format it says what the file seems to be. Exit code 1 if nothing could be read.

    \b
    stepmill check recordings/
    stepmill check recordings/ --steps 1000 --limit 0 --json
    stepmill check recordings/ --pages crawl.warc.gz
    """
    from etl.look.recordings import check as views

    most = limit or sys.maxsize
    report = views.view(inputs, steps, most, pages)
    if as_json:
        show_json(report)
    else:
        show(views.text(report, most))
    if views.unreadable(report):
        raise click.exceptions.Exit(1)


@click.command()
@directory_argument
@click.argument("id")
@candidate_option
@json_option
def explain(directory: AnyPath, id: str, candidate: bool, as_json: bool) -> None:
    """Trace a workflow, step or sample through every stage.

    Shown is where it came from; what each stage and decision said, with evidence; what pruning
    removed; what it repeats or overlaps with; what was replaced by pseudonyms, by kind; its split
    and why; its place and weight in the dataset; or why it was dropped.

    ID identifies a workflow, a step or a sample (workflow/number), or a record, quarantined or not.
    The recording's own ids work too: of a workflow or a step, alone or as workflow/step. If several
    things share the id, they are listed.

    \b
    stepmill explain dataset/ shop-01
    stepmill explain dataset/ shop-01/3
    """
    from etl.look.story import explain as views
    from etl.look.story import told
    from etl.look.story.named import Ambiguous

    try:
        result = views.view(at(directory, candidate), id)
    except Ambiguous as error:
        if as_json:
            show_json({"id": id, "occurrences": [], "candidates": error.candidates})
        raise
    if as_json:
        show_json(result)
    else:
        show(told.text(result))


@click.command()
@click.argument("old")
@click.argument("new", required=False)
@candidate_option
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Show at most N rows a table; 0 shows all.",
)
@json_option
def diff(old: str, new: str | None, candidate: bool, limit: int, as_json: bool) -> None:
    """Compare two builds.

    Compares totals, shares of domains and actions, drops, inputs, generations and settings. OLD and
    NEW are folders of builds, published datasets, or manifests. With --candidate, the dataset that
    the gates of NEW rejected is compared; without NEW, the one that the gates of OLD rejected.

    \b
    stepmill diff dataset/ nightly/ --limit 10
    """
    from etl.dataset.place import manifest_of
    from etl.files.storage import location
    from etl.look import diff

    if new is None and not candidate:
        raise click.UsageError("name two builds, or one and --candidate")
    places = location(old), at(location(new or old), candidate)
    view = diff.compare(*map(manifest_of, places))
    if as_json:
        show_json(view)
    else:
        show(diff.as_text(view, limit))


@click.command()
@directory_argument
@log_option
@candidate_option
@json_option
def verify(directory: AnyPath, candidate: bool, as_json: bool) -> None:
    """Check a build against its manifest.

    Checks hashes, counts, schemas, accounts and the waterfall. Exit code 1 if one is wrong.

    \b
    stepmill verify dataset/
    """
    from etl.look import verify as checks

    directory = at(directory, candidate)
    problems = checks.verify(directory)
    if as_json:
        show_json({"problems": problems})
    else:
        good = f"{directory}: all files, counts and accounts are correct"
        show("\n".join(problems) if problems else good)
    if problems:
        raise click.exceptions.Exit(1)
