"""``stepmill report``: a build or a published dataset as one HTML file."""

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
    help="Overwrite the file even if it is not a report.",
)
@click.option("--against", metavar="OLD", help="An older build, or its manifest, to compare with.")
@click.option(
    "--samples",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Show N steps, drawn at random.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of random choices."
)
@click.option(
    "--pages/--no-pages",
    default=True,
    show_default=True,
    help="Read recorded pages again and show them.",
)
@click.option(
    "--max-mb",
    type=click.FloatRange(0, min_open=True),
    default=25.0,
    show_default=True,
    help="Size of all steps together, in MB (10^6 bytes).",
)
@click.option(
    "--vocabulary",
    metavar="FILE",
    default="",
    help="The dataset's vocabulary, if it is not one of stepmill's own.",
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
    """Write a build or a published dataset as an HTML page.

    It has plots, tables, and steps drawn at random. It is one file, which loads nothing from
    elsewhere. Recorded pages may hold what was removed from the dataset: --no-pages leaves them
    out, and those of a dataset with pseudonyms are never shown. If the steps take more than
    --max-mb, recorded pages are left out first. A file that is not a report is overwritten only
    with --replace. --json prints the report's data and writes no file.

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
