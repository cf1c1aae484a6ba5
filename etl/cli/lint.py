"""`stepmill lint`: where recordings contradict themselves."""

from __future__ import annotations

import click

from etl.cli.options import json_option, log_option, pages_option, show, show_json


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("--code", "codes", multiple=True, metavar="CODE", help="Show only this code; repeat.")
@click.option(
    "--examples",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    metavar="N",
    help="Show at most N findings of a code in a format.",
)
@click.option("--strict", is_flag=True, help="Exit code 1 if a finding is an error.")
@pages_option
@log_option
@json_option
def lint(
    inputs: tuple[str, ...],
    codes: tuple[str, ...],
    examples: int,
    strict: bool,
    pages: tuple[str, ...],
    as_json: bool,
) -> None:
    """Report where recordings contradict themselves.

    Reads every step and builds nothing. A finding has a code, a severity (error, warning, note) and
    its evidence. What a build does about them is up to the section lint of its recipe.

    \b
    stepmill lint recordings/
    stepmill lint recordings/ --code off_by_one --examples 20
    stepmill lint recordings/ --strict --json
    """
    from etl.look.recordings import lint as views

    report = views.view(inputs, codes, examples, pages)
    if as_json:
        show_json(report)
    else:
        show(views.text(report))
    if strict and views.errors(report):
        raise click.exceptions.Exit(1)
