"""The views of `stepmill inspect` that are of samples: a list, one for reading,
how long they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from etl.cli.inspect import forms, place_at, show_view
from etl.cli.options import show

if TYPE_CHECKING:
    from etl.files.storage import AnyPath


def _filters(command: Any) -> Any:
    """The options by which samples are chosen."""
    for option in (
        click.option(
            "--max-tokens",
            "longest",
            type=click.IntRange(0),
            help="At most so many tokens, all in all.",
        ),
        click.option(
            "--min-tokens",
            "shortest",
            type=click.IntRange(0),
            help="At least so many tokens, all in all.",
        ),
        click.option("--source", default="", help="Only those read from this format."),
        click.option(
            "--action",
            default="",
            metavar="KIND",
            help="Only this kind of action: click, type, ...",
        ),
        click.option("--split", default="", help="Only this split."),
        click.option(
            "--domain",
            default="",
            metavar="GLOB",
            help="Only these domains: shop.example, '*.test'.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_filters
@click.option("--reason", default="", help="Steps that were dropped for this reason, instead.")
@click.option(
    "--sort",
    default="",
    metavar="COLUMN",
    help="By any column that --csv has; as in the dataset without.",
)
@click.option("--descending", is_flag=True, help="Largest first.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="At most so many; 0 for all.",
)
@click.option(
    "--random", "drawn", type=click.IntRange(1), metavar="N", help="So many at random, instead."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@forms
def samples(
    directory: AnyPath,
    domain: str,
    split: str,
    action: str,
    source: str,
    shortest: int | None,
    longest: int | None,
    reason: str,
    sort: str,
    descending: bool,
    limit: int,
    drawn: int | None,
    seed: int,
    form: str | None,
) -> None:
    """Samples, or steps that were dropped, as a list.

    Filtered, sorted, or drawn at random.

    \b
    stepmill inspect dataset/ samples --domain '*.example' --action click --min-tokens 500
    stepmill inspect dataset/ samples --sort tokens --descending --limit 5
    stepmill inspect dataset/ samples --random 5 --seed 1
    stepmill inspect dataset/ samples --limit 0 --csv
    """
    from etl.look import samples as views

    wanted = views.Wanted(domain, split, action, source, shortest, longest, reason)
    order = views.Order(sort, descending, limit, drawn or 0, seed)
    with place_at(directory) as place:
        found = views.view(place, wanted, order)
    parts = {"json": views.as_json, "csv": views.as_csv}.get(form or "", views.text)(found)
    for part in parts:
        if not show(part):
            break


@click.command()
@click.argument("id", required=False)
@_filters
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Without ID: of the one that is drawn at random.",
)
@click.option(
    "--page",
    is_flag=True,
    help="The page before and after the pruning, read again from its recording.",
)
@click.option("--whole", is_flag=True, help="All lines, instead of those around the target.")
@click.option(
    "--vocabulary",
    default="",
    metavar="NAME|FILE",
    help="Of the tokens, if it is none that is known here.",
)
@forms
def sample(
    directory: AnyPath,
    id: str | None,
    domain: str,
    split: str,
    action: str,
    source: str,
    shortest: int | None,
    longest: int | None,
    seed: int,
    page: bool,
    whole: bool,
    vocabulary: str,
    form: str | None,
) -> None:
    """One sample for reading.

    What the model is given, with the target, and what it is to write, which carries loss. ID is
    that of a sample, or of a step that was dropped; the part after the colon is enough where it is
    unequivocal. Without ID, one is drawn at random.

    \b
    stepmill inspect dataset/ sample shop-01/3
    stepmill inspect dataset/ sample shop-01/3 --page
    stepmill inspect dataset/ sample --split train --seed 7 --json
    """
    from etl.look import sample as views
    from etl.look import samples as many
    from etl.terminal.text import as_csv, flat

    wanted = many.Wanted(domain, split, action, source, shortest, longest)
    with place_at(directory) as place:
        found = views.view(place, id or many.drawn(place, wanted, seed), vocabulary, page)
    show_view(form, found, lambda: as_csv(flat(found)), lambda: views.text(found, whole))


@click.command()
@_filters
@click.option(
    "--measure",
    "measures",
    multiple=True,
    type=click.Choice(["prompt", "completion", "whole", "observation", "page"]),
    help="Only this; repeatable.",
)
@click.option(
    "--bins",
    type=click.IntRange(1, 1000),
    help="So many bins of equal width, not one a power of two.",
)
@forms
def tokens(
    directory: AnyPath,
    domain: str,
    split: str,
    action: str,
    source: str,
    shortest: int | None,
    longest: int | None,
    measures: tuple[str, ...],
    bins: int | None,
    form: str | None,
) -> None:
    """How long samples are, as histograms.

    Of prompt, completion and whole in tokens, of observation and page in characters, per split.

    \b
    stepmill inspect dataset/ tokens
    stepmill inspect dataset/ tokens --measure whole --bins 20 --domain shop.example
    """
    from etl.look import lengths as views
    from etl.look.samples import Wanted
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        found = views.view(
            place, Wanted(domain, split, action, source, shortest, longest), measures, bins or 0
        )
    show_view(form, found, lambda: as_csv(views.rows(found), views.CSV), lambda: views.text(found))
