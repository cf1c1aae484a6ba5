"""Views of `stepmill inspect` that show samples: a list of them, a single one, and lengths."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from etl.cli.inspect import forms, place_at, show_view
from etl.cli.options import domain_option, show

if TYPE_CHECKING:
    from etl.files.storage import AnyPath
    from etl.look.samples import Wanted


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose samples; the command gets them as ``wanted``."""

    @wraps(command)
    def filtered(
        *arguments: Any,
        domain: str,
        split: str,
        action: str,
        source: str,
        min_tokens: int | None,
        max_tokens: int | None,
        **others: Any,
    ) -> None:
        from etl.look.samples import Wanted

        wanted = Wanted(domain, split, action, source, min_tokens, max_tokens)
        command(*arguments, wanted=wanted, **others)

    for option in (  # a decorator adds its option in front of those before it
        click.option(
            "--max-tokens",
            type=click.IntRange(0),
            metavar="N",
            help="Only samples of at most N tokens, prompt and completion together.",
        ),
        click.option(
            "--min-tokens",
            type=click.IntRange(0),
            metavar="N",
            help="Only samples of at least N tokens, prompt and completion together.",
        ),
        click.option("--source", default="", metavar="FORMAT", help="Only this recording format."),
        click.option(
            "--action",
            default="",
            metavar="KIND",
            help="Only this kind of action: click, type, ...",
        ),
        click.option("--split", default="", help="Only this split."),
        domain_option,
    ):
        filtered = option(filtered)
    return filtered


@click.command()
@_filters
@click.option("--reason", default="", help="List steps dropped for this reason instead of samples.")
@click.option(
    "--sort",
    default="",
    metavar="COLUMN",
    help="Sort by this column; --csv lists them all.  [default: the order of the dataset]",
)
@click.option("--descending", is_flag=True, help="Show the largest first.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Show at most N; 0 shows all.",
)
@click.option(
    "--random",
    "drawn",
    type=click.IntRange(1),
    metavar="N",
    help="Show N drawn at random instead of the first ones.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of --random.")
@forms
def samples(
    directory: AnyPath,
    wanted: Wanted,
    reason: str,
    sort: str,
    descending: bool,
    limit: int,
    drawn: int | None,
    seed: int,
    form: str | None,
) -> None:
    """List samples, or dropped steps.

    They can be filtered, sorted, or drawn at random.

    \b
    stepmill inspect dataset/ samples --domain '*.example' --action click --min-tokens 500
    stepmill inspect dataset/ samples --sort tokens --descending --limit 5
    stepmill inspect dataset/ samples --random 5 --seed 1
    stepmill inspect dataset/ samples --limit 0 --csv
    """
    from dataclasses import replace

    from etl.look import samples as views

    order = views.Order(sort, descending, limit, drawn or 0, seed)
    with place_at(directory) as place:
        result = views.view(place, replace(wanted, reason=reason), order)
    write = {"json": views.as_json, "csv": views.as_csv}.get(form or "", views.text)
    for part in write(result):
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
    help="Seed of the random choice that is made without ID.",
)
@click.option(
    "--page",
    is_flag=True,
    help="Show the page before and after pruning, read again from the recording.",
)
@click.option("--whole", is_flag=True, help="Show all lines, not only those around the target.")
@click.option(
    "--vocabulary",
    default="",
    metavar="NAME|FILE",
    help="The dataset's vocabulary, if it is not one of stepmill's own.",
)
@forms
def sample(
    directory: AnyPath,
    wanted: Wanted,
    id: str | None,
    seed: int,
    page: bool,
    whole: bool,
    vocabulary: str,
    form: str | None,
) -> None:
    """Show one sample in full.

    Shows the prompt with its target, and the completion, which carries the loss. ID identifies a
    sample or a dropped step; the part after the colon is enough where it is unambiguous. Without
    ID, one is drawn at random.

    \b
    stepmill inspect dataset/ sample shop-01/3
    stepmill inspect dataset/ sample shop-01/3 --page
    stepmill inspect dataset/ sample --split train --seed 7 --json
    """
    from etl.look import sample as views
    from etl.look import samples as many
    from etl.terminal.text import as_csv, flat

    with place_at(directory) as place:
        chosen = id or many.drawn(place, wanted, seed)
        result = views.view(place, chosen, vocabulary, page)
    show_view(form, result, lambda: as_csv(flat(result)), lambda: views.text(result, whole))


@click.command()
@_filters
@click.option(
    "--measure",
    "measures",
    multiple=True,
    type=click.Choice(["prompt", "completion", "whole", "observation", "page"]),
    help="Show only this length; repeatable.",
)
@click.option(
    "--bins",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Use N bins of equal width.  [default: one a power of two]",
)
@forms
def tokens(
    directory: AnyPath,
    wanted: Wanted,
    measures: tuple[str, ...],
    bins: int | None,
    form: str | None,
) -> None:
    """Show the lengths of samples as histograms.

    Prompt, completion and whole sample are measured in tokens, observation and page in characters,
    for each split.

    \b
    stepmill inspect dataset/ tokens
    stepmill inspect dataset/ tokens --measure whole --bins 20 --domain shop.example
    """
    from etl.look import lengths as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, wanted, measures, bins or 0)
    show_view(
        form, result, lambda: as_csv(views.rows(result), views.CSV), lambda: views.text(result)
    )
