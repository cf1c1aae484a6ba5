"""``stepmill inspect``: views of a build or a published dataset, as text, JSON or CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import click

from etl.cli.options import CANDIDATE, Folder, at, domain_option, show, show_json

if TYPE_CHECKING:
    from etl.dataset.place import Place
    from etl.files.storage import AnyPath

_OVERVIEW: Final = "overview"
_FLAGS: Final = frozenset({"--json", "--csv", "--candidate"})
"""Options of all views; they may be written before the view's name."""


class _Views(click.Group):
    """A group whose DIRECTORY comes before the view, and whose view may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Bring the arguments into the order that click expects: DIRECTORY, view, options."""
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
    """Look at a build or a published dataset.

    DIRECTORY is the folder of a build or a published dataset, here or at a URL (s3://, hf://, ...).
    VIEW is one of those below; the default is overview. Every view takes --json and --csv, and
    --candidate shows the dataset that gates rejected. Help on a view: stepmill inspect VIEW --help

    \b
    stepmill inspect dataset/
    stepmill inspect dataset/ --json
    stepmill inspect dataset/dataset domains --top 10
    """
    ctx.obj = directory


def _colored(ctx: click.Context, _: click.Parameter, value: bool | None) -> None:
    """Set whether `click.echo` writes colours; None leaves that to the kind of terminal."""
    ctx.color = False if value is None and os.environ.get("NO_COLOR") else value


def _candidate(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """With --candidate, view the dataset that the gates rejected."""
    ctx.obj = at(ctx.obj, value)


def forms(command: Any) -> Any:
    """Add the options of every view: which dataset is shown, and how it is printed."""
    color = "Print colours.  [default: on a terminal, unless $NO_COLOR is set]"
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
    """Open a build or a published dataset.

    Raises:
        IntegrityError: if a file of it cannot be read, also later inside the ``with`` block.
    """
    import polars as pl
    import pyarrow as pa

    from etl.dataset.place import place_of
    from schemas.errors import IntegrityError

    try:
        yield place_of(directory)
    except (pl.exceptions.PolarsError, pa.ArrowException) as error:
        raise IntegrityError(
            f"{directory}: a file in it cannot be read ({error}); to find out which, run: "
            f"stepmill verify {directory}"
        ) from error


def show_view(
    form: str | None, value: Any, rows: Callable[[], str], text: Callable[[], str]
) -> None:
    """Print a view as JSON, as CSV, or as text."""
    if form == "json":
        show_json(value)
    else:
        show(rows() if form == "csv" else text())


@inspect.command()
@click.option(
    "--recount", is_flag=True, help="Compute the accounting again from the files of the build."
)
@forms
def overview(directory: AnyPath, recount: bool, form: str | None) -> None:
    """Show totals, splits, accounts, drops, large domains.

    \b
    stepmill inspect dataset/ overview --csv
    stepmill inspect dataset/ overview --recount
    """
    from etl.look import overview as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, recount)
    show_view(
        form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result, directory)
    )


@inspect.command()
@domain_option
@click.option("--subdomains", is_flag=True, help="List subdomains instead of domains.")
@click.option(
    "--sort",
    default="tokens",
    show_default=True,
    metavar="COLUMN",
    help="Sort by this column; --csv lists them all.",
)
@click.option("--ascending", is_flag=True, help="Show the smallest first.")
@click.option("--top", type=click.IntRange(1), metavar="N", help="Show only the first N.")
@click.option("--bottom", type=click.IntRange(1), metavar="N", help="Show only the last N.")
@click.option("--outliers", is_flag=True, help="Show only outliers.")
@forms
def domains(
    directory: AnyPath,
    domain: str,
    subdomains: bool,
    sort: str,
    ascending: bool,
    top: int | None,
    bottom: int | None,
    outliers: bool,
    form: str | None,
) -> None:
    """Compare domains, and mark the outliers.

    Shows counts, shares of samples and tokens, drops, and targets kept. An outlier has a modified
    z-score (from the median absolute deviation) beyond 3.5.

    \b
    stepmill inspect dataset/ domains --sort survival --ascending --top 20
    stepmill inspect dataset/ domains --domain '*.example' --csv
    stepmill inspect dataset/ domains --outliers
    """
    from etl.look import domains as views
    from etl.terminal.text import as_csv

    wanted = views.Wanted(domain, sort, ascending, top or 0, bottom or 0, outliers)
    with place_at(directory) as place:
        result = views.view(place, wanted, subdomains)
    show_view(form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result))


@inspect.command()
@click.option(
    "--unit",
    default="",
    type=click.Choice(["", "record", "workflow", "step", "sample"]),
    help="Count only drops of this unit.",
)
@click.option("--stage", default="", help="Count only drops of this stage.")
@click.option("--reason", default="", help="Count only drops for this reason.")
@domain_option
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["stage", "reason", "domain"]),
    default=("stage", "reason"),
    show_default=True,
    help="Group the counts by this; repeatable.",
)
@click.option(
    "--examples",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Show N ids of each group, with details.",
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
    """Count drops by unit, stage, reason and domain.

    \b
    stepmill inspect dataset/ drops
    stepmill inspect dataset/ drops --unit step --by reason --by domain
    stepmill inspect dataset/ drops --examples 3
    """
    from etl.look import drops as views
    from etl.terminal.text import as_csv

    wanted = views.Wanted(unit, stage, reason, domain, by)
    with place_at(directory) as place:
        result = views.view(place, wanted, examples)
    show_view(form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result))


@inspect.command()
@forms
def actions(directory: AnyPath, form: str | None) -> None:
    """Count kinds of action.

    Words of the recordings that name no known kind are listed with the nearest one.

    \b
    stepmill inspect dataset/ actions
    stepmill inspect dataset/ actions --json
    """
    from etl.look import actions as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place)
    show_view(form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result))


@inspect.command()
@forms
def sources(directory: AnyPath, form: str | None) -> None:
    """Show what each recording format gave.

    Counts files, workflows, steps and samples, drops by reason, and how many targets were found of
    those that were looked for.

    \b
    stepmill inspect dataset/ sources
    stepmill inspect dataset/ sources --csv
    """
    from etl.look.recordings import sources as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place)
    show_view(form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result))


@inspect.command()
@domain_option
@forms
def subsets(directory: AnyPath, domain: str, form: str | None) -> None:
    """Compare subsets with the whole training split.

    Shows the size of each subset, its domains, and how far their shares are from those in the
    whole split.

    \b
    stepmill inspect dataset/ subsets
    stepmill inspect dataset/ subsets --domain '*.example' --csv
    """
    from etl.look import subsets as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, domain)
    show_view(form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result))


@inspect.command()
@click.option(
    "--recorded", is_flag=True, help="Look at the pages as recorded, not at what pruning leaves."
)
@click.option(
    "--recipe",
    "form",
    flag_value="recipe",
    help="Print only the section of a recipe that takes the marks off.",
)
@forms
def leaks(directory: AnyPath, recorded: bool, form: str | None) -> None:
    """Find marks of recorders that give targets away.

    Attributes, classes, styles and texts that sit almost only on targets or directly around them,
    by format and domain, with the section of a recipe that takes them off. What real pages have on
    other elements too, such as type=submit, is none.

    \b
    stepmill inspect dataset/ leaks
    stepmill inspect dataset/ leaks --recorded --json
    stepmill inspect dataset/ leaks --recipe
    """
    from etl.look.leaks import view as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, recorded)
    if form == "recipe":
        show(result["recipe"])
    else:
        show_view(
            form,
            result,
            lambda: as_csv(views.rows(result), views.CSV),
            lambda: views.text(result),
        )


def _findings(kind: str, directory: AnyPath, form: str | None) -> None:
    from etl.look import findings as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, kind)
    show_view(form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result))


@inspect.command()
@forms
def lint(directory: AnyPath, form: str | None) -> None:
    """Show where recordings contradict themselves, if the build looked for that.

    Shows counts by source, domain, code and severity, and what was done; of a build also the first
    findings of each code. A build looks if its recipe has the section lint.

    \b
    stepmill inspect dataset/ lint
    """
    _findings("lint", directory, form)


@inspect.command()
@forms
def privacy(directory: AnyPath, form: str | None) -> None:
    """Count private values that became pseudonyms, by kind and domain.

    \b
    stepmill inspect dataset/ privacy
    """
    _findings("privacy", directory, form)
