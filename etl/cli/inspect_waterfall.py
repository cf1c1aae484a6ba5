"""Views of `stepmill inspect` that add up tokens: the waterfall, and what contexts still hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from etl.cli.inspect import forms, place_at, show_view
from etl.cli.options import domain_option

if TYPE_CHECKING:
    from etl.files.storage import AnyPath


@click.command()
@domain_option
@forms
def waterfall(directory: AnyPath, domain: str, form: str | None) -> None:
    """Follow characters and tokens from recordings to the dataset.

    Each level is the one before it, less the losses between them, exactly: pages read, pages of
    samples, what pruning leaves, what is encoded, what is packed. Losses are counted by reason.
    Records that could not be read, or were taken down, have no characters here.

    \b
    stepmill inspect dataset/ waterfall
    stepmill inspect dataset/ waterfall --domain '*.example' --json
    """
    from etl.look.flow import waterfall as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, domain)
    show_view(
        form, result, lambda: as_csv(views.rows(result)), lambda: views.text(result, directory)
    )


@click.command()
@click.option("--seed", default=0, show_default=True, metavar="N", help="Draws the samples.")
@forms
def fit(directory: AnyPath, seed: int, form: str | None) -> None:
    """Measure how often a context still holds the target.

    By domain and context: the share of samples that fit whole, the share whose target is in what a
    model sees that is asked, and tokens. Encodes 1,000 samples, drawn by a seed. For a recipe with
    [observe] also what its budget kept, chosen without knowing targets, in all and by domain:
    targets, names of targets, tokens. The published dataset alone knows that too.

    \b
    stepmill inspect dataset/ fit
    stepmill inspect dataset/ fit --seed 7 --json
    """
    from etl.look import fit as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, seed)
    show_view(
        form, result, lambda: as_csv(views.rows(result), views.CSV), lambda: views.text(result)
    )
