"""``stepmill inspect fit``: how often a context still holds the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from etl.cli.inspect import forms, place_at, show_view

if TYPE_CHECKING:
    from etl.files.storage import AnyPath


@click.command()
@click.option("--seed", default=0, show_default=True, metavar="N", help="Draws the samples.")
@forms
def fit(directory: AnyPath, seed: int, form: str | None) -> None:
    """Measure how often a context still holds the target.

    By domain and context: the share of samples that fit whole, the share whose target is in what a
    model sees that is asked, and tokens. For a recipe with [observe] also the share of targets
    within its budget, chosen without knowing them. Encodes 1,000 samples, drawn by a seed.

    \b
    stepmill inspect dataset/ fit
    stepmill inspect dataset/ fit --seed 7 --json
    """
    from etl.look import fit as views
    from etl.terminal.text import as_csv

    with place_at(directory) as place:
        result = views.view(place, seed)
    show_view(
        form, result, lambda: as_csv(result["contexts"], views.CSV), lambda: views.text(result)
    )
