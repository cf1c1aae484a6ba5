"""Commands that look and change nothing: check, explain, diff, verify; `inspect` is beside."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from etl.cli.options import (
    at,
    candidate_option,
    directory_argument,
    json_option,
    log_option,
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
    help="Of each file, whose targets are looked for.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Problems shown a format; 0 shows all.",
)
@log_option
@json_option
def check(inputs: tuple[str, ...], steps: int, limit: int, as_json: bool) -> None:
    """Say what is in recordings, and what is wrong with them, with line, key and remedy. Builds
    nothing.

    Every record is read. Targets are looked for in the pages of the first steps of each file. Files
    in no known format are named, with what they are. Exit code 1 if nothing could be read.

    \b
    stepmill check recordings/
    stepmill check recordings/ --steps 1000 --limit 0 --json
    """
    from etl.look.recordings import check as views

    most = limit or sys.maxsize
    report = views.view(inputs, steps, most)
    show_json(report) if as_json else show(views.text(report, most))
    if views.unreadable(report):
        raise click.exceptions.Exit(1)


@click.command()
@directory_argument
@click.argument("id")
@candidate_option
@json_option
def explain(directory: AnyPath, id: str, candidate: bool, as_json: bool) -> None:
    """The way of a workflow, step or sample through every stage, with reasons.

    ID is a workflow's, a step's or sample's (workflow/number), or a record's, quarantined ones
    included; or one that the recording itself has, of a workflow or a step (alone, or as
    workflow/step). Where several things have it, they are listed.

    \b
    stepmill explain dataset/ shop-01
    stepmill explain dataset/ shop-01/3
    """
    from etl.look import explain as views
    from etl.look.named import Ambiguous

    try:
        found = views.view(at(directory, candidate), id)
    except Ambiguous as error:
        if as_json:
            show_json({"id": id, "occurrences": [], "candidates": error.candidates})
        raise
    show_json(found) if as_json else show(views.text(found))


@click.command()
@click.argument("old")
@click.argument("new", required=False)
@candidate_option
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Rows of a table; 0 shows all.",
)
@json_option
def diff(old: str, new: str | None, candidate: bool, limit: int, as_json: bool) -> None:
    """Compare two builds: totals, shares of domains and actions, drops, inputs, generations,
    settings.

    OLD and NEW are folders of builds, published datasets, or their manifests. With --candidate, the
    new one is what the gates of NEW rejected, or of OLD, if that is named alone.

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
    show_json(view) if as_json else show(diff.as_text(view, limit))


@click.command()
@directory_argument
@log_option
@candidate_option
@json_option
def verify(directory: AnyPath, candidate: bool, as_json: bool) -> None:
    """Check a build against its manifest: hashes, counts, schema, accounting. Exit code 1 if
    anything is off.

    \b
    stepmill verify dataset/
    """
    from etl.look import verify as checks

    directory = at(directory, candidate)
    problems = checks.verify(directory)
    if as_json:
        show_json({"problems": problems})
    else:
        show(
            "\n".join(problems)
            if problems
            else f"{directory}: all files, counts and accounts are as they should be"
        )
    if problems:
        raise click.exceptions.Exit(1)
