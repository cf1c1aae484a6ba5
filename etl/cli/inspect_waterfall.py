"""``stepmill inspect waterfall``: from characters read to tokens packed."""

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
