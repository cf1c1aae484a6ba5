"""The command that asks a language model: augment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import click

from etl.cli.jobs import loaded
from etl.cli.options import log_option, recipe_option, set_option
from etl.terminal import log

_KINDS: Final = ("objectives", "descriptions")  # of `etl.build.augment.rewrite`


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the mappings.",
)
@click.option("--base-url", required=True, help="OpenAI-compatible endpoint.")
@click.option("--model", required=True, help="Name of the model there.")
@click.option(
    "--key-env",
    default="OPENAI_API_KEY",
    show_default=True,
    help="Environment variable that holds the key.",
)
@click.option(
    "--what",
    type=click.Choice(["all", *_KINDS]),
    default="all",
    show_default=True,
    help="Texts to rewrite.",
)
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Calls at a time."
)
@click.option(
    "--attempts", type=click.IntRange(1), default=5, show_default=True, help="Of one call."
)
@click.option(
    "--temperature", default="0", show_default=True, help="Empty leaves it to the server."
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=JSON",
    help="Of the request, too; repeatable.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1),
    default=60,
    show_default=True,
    help="Seconds of one attempt.",
)
@recipe_option
@set_option
@log_option
def augment(
    inputs: tuple[str, ...],
    out: Path,
    base_url: str,
    model: str,
    key_env: str,
    what: Any,
    parallel: int,
    attempts: int,
    timeout: float,
    temperature: str,
    parameters: tuple[str, ...],
    recipe: str,
    overrides: tuple[str, ...],
) -> None:
    """Rewrite objectives and bare descriptions with a language model, for a build to use.

    Answers are kept: the same command again asks only for what is new or failed. Entries of other
    recordings stay, and so does what you have edited by hand. Exit code 1 if something failed.

    \b
    stepmill augment recordings/ --out rewritten/ --attempts 1 --base-url http://localhost:8000/v1 --model qwen2.5
    stepmill augment recordings/ --out other/ --attempts 1 --base-url http://localhost:8000 --model o3 --temperature ''
    stepmill build recordings/ --out dataset/ --set augment.objectives=rewritten/objectives.json
    """  # noqa: E501 - a command is one line
    from etl.build.augment.rewrite import Endpoint, rewrite

    endpoint = Endpoint(
        base_url,
        model,
        os.environ.get(key_env, ""),
        timeout,
        attempts,
        parameters=_parameters(f"temperature={temperature}", *parameters),
    )
    chosen = loaded(recipe, overrides)
    counts = rewrite(inputs, out, chosen, endpoint, what, parallel, told=log.say)
    log.say(
        ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing to rewrite"
    )
    if any(name.startswith("failed") for name in counts):
        raise click.exceptions.Exit(1)


def _parameters(*given: str) -> dict[str, Any]:
    """The parameters of a request; one without a value is left out. Raises `click.BadParameter`."""
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals or name in ("model", "messages", "stream"):
            raise click.BadParameter(
                f"{each}: write NAME=JSON, for example max_completion_tokens=4000"
            )
        found.pop(name, None)
        if value.strip():
            try:
                found[name] = json.loads(value)
            except ValueError as error:
                hint = f'texts stand in quotes: {name}="{value}"'
                raise click.BadParameter(f"{each}: {value!r} is no JSON; {hint}") from error
    return found
