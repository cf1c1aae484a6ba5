"""`stepmill inspect`: every view of a build or a published dataset, as text, JSON or CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import click

from etl.cli.options import CANDIDATE, Folder, at, show, show_json

if TYPE_CHECKING:
    from etl.dataset.place import Place
    from etl.files.storage import AnyPath

_OVERVIEW: Final = "overview"
_FLAGS: Final = frozenset({"--json", "--csv", "--candidate"})
"""Options of all views, which may come before a view."""


class _Views(click.Group):
    """A group whose argument comes before the view, and whose view may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts in what was left out, and where it belongs what came too early."""
        early = [*takewhile(_FLAGS.__contains__, args)]
        place, rest = args[len(early) :][:1], args[len(early) + 1 :]
        late = [*takewhile(_FLAGS.__contains__, rest)]
        args = [*place, *rest[len(late) :], *late, *early]
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

    DIRECTORY is the folder of a build, or a published dataset/ alone, here or on s3://, hf:// and
    the like. Every view has --json and --csv, and --candidate for what gates rejected. Help on a
    view: stepmill inspect VIEW --help

    \b
    stepmill inspect dataset/
    stepmill inspect dataset/ --json
    stepmill inspect dataset/dataset domains --top 10
    """
    ctx.obj = directory


def _colored(ctx: click.Context, _: click.Parameter, value: bool | None) -> None:
    """What `click.echo` goes by: whether there is colour; None is as the terminal has it."""
    ctx.color = False if value is None and os.environ.get("NO_COLOR") else value


def _candidate(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """The view is of the build that was rejected."""
    ctx.obj = at(ctx.obj, value)


def forms(command: Any) -> Any:
    """The options of every view: how it is printed."""
    color = "Colour; by default on a terminal, unless $NO_COLOR is set."
    for option in (
        click.option(
            "--candidate", is_flag=True, expose_value=False, callback=_candidate, help=CANDIDATE
        ),
        click.option(
            "--color/--no-color", default=None, expose_value=False, callback=_colored, help=color
        ),
        click.option("--csv", "form", flag_value="csv", help="Print CSV."),
        click.option("--json", "form", flag_value="json", help="Print JSON."),
    ):
        command = option(command)
    return click.pass_obj(command)


@contextmanager
def place_at(directory: AnyPath) -> Iterator[Place]:
    """What is at a location. A file in it that cannot be read is an error of ours."""
    import polars as pl
    import pyarrow as pa

    from etl.dataset.place import place_of
    from schemas.errors import IntegrityError

    try:
        yield place_of(directory)
    except (pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise IntegrityError(
            f"{directory}: a file in it cannot be read ({error}); which one says: stepmill verify "
            f"{directory}"
        ) from error


def show_view(
    form: str | None, value: Any, rows: Callable[[], str], text: Callable[[], str]
) -> None:
    """A view in the form that is asked for."""
    if form == "json":
        show_json(value)
    else:
        show(rows() if form == "csv" else text())


@inspect.command()
@click.option(
    "--recount", is_flag=True, help="Work out the accounting again from the files of the build."
)
@forms
def overview(directory: AnyPath, recount: bool, form: str | None) -> None:
    """Totals, splits, accounting, drops, largest domains.

    \b
    stepmill inspect dataset/ overview --csv
    stepmill inspect dataset/ overview --recount
    """
    from etl.look import overview as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        found = views.view(place, recount)
    show_view(form, found, lambda: as_csv(views.rows(found)), lambda: views.text(found, directory))


@inspect.command()
@click.option(
    "--domain", "pattern", default="", metavar="GLOB", help="Only these: shop.example, '*.test'."
)
@click.option("--subdomains", is_flag=True, help="Subdomains instead.")
@click.option(
    "--sort",
    default="tokens",
    show_default=True,
    metavar="COLUMN",
    help="By any column that --csv has.",
)
@click.option("--ascending", is_flag=True, help="Smallest first.")
@click.option("--top", type=click.IntRange(1), help="Only so many, the first of that order.")
@click.option("--bottom", type=click.IntRange(1), help="Only so many, the last of that order.")
@click.option("--outliers", is_flag=True, help="Only those that are unlike the others.")
@forms
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
) -> None:
    """Domains side by side, and which are unlike the others.

    Counts, shares of samples and tokens, drops, targets kept. Unlike the others is what has a
    modified z-score, by the median absolute deviation, beyond 3.5.

    \b
    stepmill inspect dataset/ domains --sort survival --ascending --top 20
    stepmill inspect dataset/ domains --domain '*.example' --csv
    stepmill inspect dataset/ domains --outliers
    """
    from etl.look import domains as views
    from etl.terminal.text import as_csv

    wanted = views.Wanted(pattern, sort, ascending, top or 0, bottom or 0, outliers)
    with place_at(directory) as place:
        found = views.view(place, wanted, subdomains)
    show_view(form, found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


@inspect.command()
@click.option(
    "--unit",
    default="",
    type=click.Choice(["", "record", "workflow", "step", "sample"]),
    help="Only these.",
)
@click.option("--stage", default="", help="Only those that this stage dropped.")
@click.option("--reason", default="", help="Only those dropped for this reason.")
@click.option(
    "--domain", default="", metavar="GLOB", help="Only these domains: shop.example, '*.test'."
)
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["stage", "reason", "domain"]),
    default=("stage", "reason"),
    show_default=True,
    help="What is counted apart; repeatable.",
)
@click.option(
    "--examples", type=click.IntRange(0), default=0, metavar="N", help="N ids with details of each."
)
@forms
def drops(
    directory: AnyPath,
    unit: str,
    stage: str,
    reason: str,
    domain: str,
    by: tuple[str, ...],
    examples: int,
    form: str | None,
) -> None:
    """What was dropped: by unit, stage, reason, domain.

    \b
    stepmill inspect dataset/ drops
    stepmill inspect dataset/ drops --unit step --by reason --by domain
    stepmill inspect dataset/ drops --examples 3
    """
    from etl.look import drops as views
    from etl.terminal.text import as_csv

    wanted = views.Wanted(unit, stage, reason, domain, by)
    with place_at(directory) as place:
        found = views.view(place, wanted, examples)
    show_view(form, found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


@inspect.command()
@forms
def actions(directory: AnyPath, form: str | None) -> None:
    """Kinds of action, and words that were taken for none with the nearest kind.

    \b
    stepmill inspect dataset/ actions
    stepmill inspect dataset/ actions --json
    """
    from etl.look import actions as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        found = views.view(place)
    show_view(form, found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


def _findings(kind: str, directory: AnyPath, form: str | None) -> None:
    from etl.look import findings as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        found = views.view(place, kind)
    show_view(form, found, lambda: as_csv(views.rows(found)), lambda: views.text(found))


@inspect.command()
@forms
def lint(directory: AnyPath, form: str | None) -> None:
    """Findings of lint, if a stage looked for any.

    \b
    stepmill inspect dataset/ lint
    """
    _findings("lint", directory, form)


@inspect.command()
@forms
def privacy(directory: AnyPath, form: str | None) -> None:
    """Findings of personal data, if a stage looked for any.

    \b
    stepmill inspect dataset/ privacy
    """
    _findings("privacy", directory, form)
