"""`stepmill inspect`: every view of a build or a published dataset, as text, JSON or CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from etl.commands.options import Folder, show, show_json

if TYPE_CHECKING:
    from etl.storage import AnyPath
    from etl.views.place import Place

_OVERVIEW: Final = "overview"


class _Views(click.Group):
    """A group whose argument comes before the view, and whose view may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts in what was left out."""
        if args and not {*ctx.help_option_names}.isdisjoint(args):
            if args[0] in self.commands:
                args = [".", *args]  # help on a view needs no folder
            elif len(args) == 1 or args[1] not in self.commands:
                args = ["--help"]
        elif args and (len(args) == 1 or args[1].startswith("-")):
            args = [args[0], _OVERVIEW, *args[1:]]
        return super().parse_args(ctx, args)


@click.group(cls=_Views, subcommand_metavar="[VIEW [OPTIONS]...]")
@click.argument("directory", type=Folder())
@click.pass_context
def inspect(ctx: click.Context, directory: AnyPath) -> None:
    """Look at a build or a published dataset, by one of the views below; without one, the overview.

    DIRECTORY is the folder of a build, or a published dataset/ alone, here or on s3://, hf:// and the like. Every view
    has --json and --csv. Help on a view: stepmill inspect VIEW --help

    \b
    stepmill inspect dataset/
    stepmill inspect dataset/ --json
    stepmill inspect dataset/dataset domains --top 10
    """
    ctx.obj = directory


def _forms(command: Any) -> Any:
    """The options of every view: how it is printed."""
    color = "Colour; by default on a terminal, unless $NO_COLOR is set."
    for option in (
        click.option("--color/--no-color", default=None, help=color),
        click.option("--csv", "form", flag_value="csv", help="Print CSV."),
        click.option("--json", "form", flag_value="json", help="Print JSON."),
    ):
        command = option(command)
    return click.pass_obj(command)


def _filters(command: Any) -> Any:
    """The options by which samples are chosen."""
    for option in (
        click.option("--max-tokens", "longest", type=click.IntRange(0), help="At most so many tokens, all in all."),
        click.option("--min-tokens", "shortest", type=click.IntRange(0), help="At least so many tokens, all in all."),
        click.option("--source", default="", help="Only those read from this format."),
        click.option("--action", default="", metavar="KIND", help="Only this kind of action: click, type, ..."),
        click.option("--split", default="", help="Only this split."),
        click.option("--domain", default="", metavar="GLOB", help="Only these domains: shop.example, '*.test'."),
    ):
        command = option(command)
    return command


@contextmanager
def _place(directory: AnyPath) -> Iterator[Place]:
    """What is at a location. A file in it that cannot be read is an error of ours."""
    import polars as pl
    import pyarrow as pa

    from etl.views.place import place_of
    from schemas.errors import IntegrityError

    try:
        yield place_of(directory)
    except (pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise IntegrityError(
            f"{directory}: a file in it cannot be read ({error}); which one says: stepmill verify {directory}"
        ) from error


def _print(
    form: str | None, color: bool | None, value: Callable[[], Any], rows: Callable[[], str], text: Callable[[], str]
) -> None:
    """A view in the form that is asked for."""
    if form == "json":
        show_json(value())
    elif form == "csv":
        show(rows())
    else:
        show(text(), False if color is None and os.environ.get("NO_COLOR") else color)


@inspect.command()
@click.option("--recount", is_flag=True, help="Work out the accounting again from the files of the build.")
@_forms
def overview(directory: AnyPath, recount: bool, form: str | None, color: bool | None) -> None:
    """Totals, splits, accounting, drops, and the largest domains.

    \b
    stepmill inspect dataset/ overview --csv
    stepmill inspect dataset/ overview --recount
    """
    from etl.views import overview as views
    from etl.views.paper import as_csv

    with _place(directory) as place:
        found = views.view(place, recount)
    _print(form, color, lambda: found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


@inspect.command()
@click.option("--domain", "pattern", default="", metavar="GLOB", help="Only these: shop.example, '*.test'.")
@click.option("--subdomains", is_flag=True, help="Subdomains instead.")
@click.option("--sort", default="tokens", show_default=True, metavar="COLUMN", help="By any column that --csv has.")
@click.option("--ascending", is_flag=True, help="Smallest first.")
@click.option("--top", type=click.IntRange(1), help="Only so many, the first of that order.")
@click.option("--bottom", type=click.IntRange(1), help="Only so many, the last of that order.")
@click.option("--outliers", is_flag=True, help="Only those that are unlike the others.")
@_forms
def domains(
    directory: AnyPath,
    pattern: str,
    subdomains: bool,
    sort: str,
    ascending: bool,
    top: int | None,
    bottom: int | None,
    outliers: bool,
    form: str | None,
    color: bool | None,
) -> None:
    """Domains side by side: counts, shares of samples and tokens, drops, targets kept, and which are unlike the others.

    Unlike the others is what has a modified z-score (by the median absolute deviation) beyond 3.5.

    \b
    stepmill inspect dataset/ domains --sort survival --ascending --top 20
    stepmill inspect dataset/ domains --domain '*.example' --csv
    stepmill inspect dataset/ domains --outliers
    """
    from etl.views import domains as views
    from etl.views.paper import as_csv

    wanted = views.Wanted(pattern, sort, ascending, top or 0, bottom or 0, outliers)
    with _place(directory) as place:
        found = views.view(place, wanted, subdomains)
    _print(form, color, lambda: found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


@inspect.command()
@_filters
@click.option("--reason", default="", help="Steps that were dropped for this reason, instead.")
@click.option("--sort", default="", metavar="COLUMN", help="By any column that --csv has; as in the dataset without.")
@click.option("--descending", is_flag=True, help="Largest first.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="At most so many; 0 for all.")
@click.option("--random", "drawn", type=click.IntRange(1), metavar="N", help="So many at random, instead.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@_forms
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
    color: bool | None,
) -> None:
    """A list of samples, or of steps that became none: filtered, sorted, or drawn at random.

    \b
    stepmill inspect dataset/ samples --domain '*.example' --action click --min-tokens 500
    stepmill inspect dataset/ samples --sort tokens --descending --limit 5
    stepmill inspect dataset/ samples --random 5 --seed 1
    stepmill inspect dataset/ samples --limit 0 --csv
    """
    from etl.views import samples as views

    wanted = views.Wanted(domain, split, action, source, shortest, longest, reason)
    order = views.Order(sort, descending, limit, drawn or 0, seed)
    with _place(directory) as place:
        found = views.view(place, wanted, order)
    _print(form, color, lambda: views.as_json(found), lambda: views.as_csv(found), lambda: views.text(found))


@inspect.command()
@click.argument("id", required=False)
@_filters
@click.option("--seed", type=int, default=0, show_default=True, help="Without ID: of the one that is drawn at random.")
@click.option("--page", is_flag=True, help="The page before and after the pruning, read again from its recording.")
@click.option("--whole", is_flag=True, help="All lines, instead of those around the target.")
@click.option("--vocabulary", default="", metavar="NAME|FILE", help="Of the tokens, if it is none that is known here.")
@_forms
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
    color: bool | None,
) -> None:
    """One sample for reading: what the model is given and is to write, the target, what carries loss.

    ID is that of a sample, or of a step that was dropped; the part after the colon is enough where it is unequivocal.
    Without ID, one is drawn at random.

    \b
    stepmill inspect dataset/ sample shop-01/3
    stepmill inspect dataset/ sample shop-01/3 --page
    stepmill inspect dataset/ sample --split train --seed 7 --json
    """
    from etl.views import sample as views
    from etl.views import samples as many
    from etl.views.paper import as_csv, flat

    wanted = many.Wanted(domain, split, action, source, shortest, longest)
    with _place(directory) as place:
        found = views.view(place, id or many.drawn(place, wanted, seed), vocabulary, page)
    _print(form, color, lambda: found, lambda: as_csv(flat(found)), lambda: views.text(found, whole))


@inspect.command()
@_filters
@click.option(
    "--measure",
    "measures",
    multiple=True,
    type=click.Choice(["prompt", "completion", "whole", "observation", "page"]),
    help="Only this; repeatable.",
)
@click.option("--bins", type=click.IntRange(1, 1000), help="So many bins of equal width, not one a power of two.")
@_forms
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
    color: bool | None,
) -> None:
    """How long samples are: histograms of prompt, completion and whole, of observation and page, per split.

    \b
    stepmill inspect dataset/ tokens
    stepmill inspect dataset/ tokens --measure whole --bins 20 --domain shop.example
    """
    from etl.views import lengths as views
    from etl.views.paper import as_csv
    from etl.views.samples import Wanted

    with _place(directory) as place:
        found = views.view(place, Wanted(domain, split, action, source, shortest, longest), measures, bins or 0)
    _print(form, color, lambda: found, lambda: as_csv(views.rows(found), views.CSV), lambda: views.text(found))


@inspect.command()
@click.option("--unit", default="", type=click.Choice(["", "record", "workflow", "step", "sample"]), help="Only these.")
@click.option("--stage", default="", help="Only those that this stage dropped.")
@click.option("--reason", default="", help="Only those dropped for this reason.")
@click.option("--domain", default="", metavar="GLOB", help="Only these domains: shop.example, '*.test'.")
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["stage", "reason", "domain"]),
    default=("stage", "reason"),
    show_default=True,
    help="What is counted apart; repeatable.",
)
@click.option("--examples", type=click.IntRange(0), default=0, metavar="N", help="N ids with details of each.")
@_forms
def drops(
    directory: AnyPath,
    unit: str,
    stage: str,
    reason: str,
    domain: str,
    by: tuple[str, ...],
    examples: int,
    form: str | None,
    color: bool | None,
) -> None:
    """What was dropped: records, workflows, steps and samples, by stage, reason and domain.

    \b
    stepmill inspect dataset/ drops
    stepmill inspect dataset/ drops --unit step --by reason --by domain
    stepmill inspect dataset/ drops --examples 3
    """
    from etl.views import drops as views
    from etl.views.paper import as_csv

    wanted = views.Wanted(unit, stage, reason, domain, by)
    with _place(directory) as place:
        found = views.view(place, wanted, examples)
    _print(form, color, lambda: found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


def _findings(kind: str, directory: AnyPath, form: str | None, color: bool | None) -> None:
    from etl.views import findings as views
    from etl.views.paper import as_csv

    with _place(directory) as place:
        found = views.view(place, kind)
    _print(form, color, lambda: found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


@inspect.command()
@_forms
def lint(directory: AnyPath, form: str | None, color: bool | None) -> None:
    """What stages found wrong with samples, as far as a stage of the build looked for it.

    \b
    stepmill inspect dataset/ lint
    """
    _findings("lint", directory, form, color)


@inspect.command()
@_forms
def privacy(directory: AnyPath, form: str | None, color: bool | None) -> None:
    """What stages found and redacted of people's data, as far as a stage of the build looked for it.

    \b
    stepmill inspect dataset/ privacy
    """
    _findings("privacy", directory, form, color)
