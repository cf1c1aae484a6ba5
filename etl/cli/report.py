"""The command report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from etl.cli.options import Folder, at, candidate_option, json_option, log_option, show_json
from etl.terminal import log
from etl.terminal.words import counted

if TYPE_CHECKING:
    from etl.files.storage import AnyPath


@click.command()
@click.argument("directory", type=Folder(exists=True))
@click.option(
    "--out", metavar="FILE", default="report.html", show_default=True, help="The file to write."
)
@click.option(
    "--replace",
    is_flag=True,
    help="Write over the file whatever it is; a report is written over anyway.",
)
@click.option("--against", metavar="OLD", help="An older build, or its manifest, to compare with.")
@click.option(
    "--samples",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Steps to look at, drawn at random.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn."
)
@click.option(
    "--pages/--no-pages", default=True, help="Whether recorded pages are read again and shown."
)
@click.option(
    "--max-mb",
    type=click.FloatRange(0, min_open=True),
    default=25.0,
    show_default=True,
    help="Size of all steps.",
)
@click.option(
    "--vocabulary",
    metavar="FILE",
    default="",
    help="Of a dataset whose vocabulary is not known here.",
)
@log_option
@candidate_option
@json_option
def report(
    directory: AnyPath,
    out: str,
    replace: bool,
    against: str | None,
    samples: int,
    seed: int,
    pages: bool,
    max_mb: float,
    vocabulary: str,
    candidate: bool,
    as_json: bool,
) -> None:
    """Write a build or a published dataset as one HTML file to look at: plots, tables, and steps
    drawn at random.

    The file needs nothing else and fetches nothing. It shows pages as they were recorded, which may
    hold what the dataset does not: --no-pages leaves them out. Where the steps would take more than
    --max-mb, recorded pages are left out first. A file that is no report is written over with
    --replace only. --json prints the data behind it and writes no file.

    \b
    stepmill report dataset/ --out report.html
    stepmill report nightly/ --against dataset/ --samples 50
    """
    from etl.dataset.place import manifest_of, place_of
    from etl.files.arrow import atomic
    from etl.files.storage import location
    from etl.look.report import figures, packed, page, steps

    if not as_json:
        page.require()
        page.may_write(location(out), replace=replace)
    place = place_of(at(directory, candidate))
    old = manifest_of(location(against)) if against else None
    data = figures.figures(place, old, seed, vocabulary)
    drawn = steps.drawn(place, samples, seed, vocabulary, pages=pages)
    if as_json:
        show_json({**data, "samples": [*drawn]})
        return
    contents = packed.packed(drawn, int(max_mb * 1e6))
    html = page.render(data, contents, drawn=samples, seed=seed).encode("utf-8", "replace")
    with atomic(location(out)) as stream:
        stream.write(html)
    log.say(f"{out}: {len(html) / 1e6:,.1f} MB, {counted(len(contents.steps), 'step')} to look at")
