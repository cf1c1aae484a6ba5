"""``stepmill augment``: rewrite texts with a language model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import click

from etl.build.jobs import loaded
from etl.cli.options import (
    attempts_option,
    key_env_option,
    log_option,
    parallel_option,
    parameter_option,
    recipe_option,
    set_option,
    temperature_option,
    timeout_option,
)
from etl.terminal import log

_KINDS: Final = ("objectives", "descriptions")  # of `etl.build.augment.rewrite`


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write the mappings to.",
)
@click.option("--base-url", required=True, help="URL of an OpenAI-compatible endpoint.")
@click.option("--model", required=True, help="Name of the model at that endpoint.")
@key_env_option
@click.option(
    "--what",
    type=click.Choice(["all", *_KINDS]),
    default="all",
    show_default=True,
    help="Which texts to rewrite.",
)
@parallel_option(4, 64)
@attempts_option
@temperature_option
@parameter_option
@timeout_option(60)
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
    """Rewrite objectives and bare descriptions with an LLM.

    The mappings it writes are read by a build with --objectives FILE and --set
    augment.descriptions=FILE. Answers are kept: the same command again asks only for texts that are
    new or have failed. Entries of other recordings stay, and so do your own edits. Exit code 1 if a
    request failed.

    \b
    stepmill augment recordings/ --out rewritten/ --attempts 1 --base-url http://localhost:8000/v1 --model qwen2.5
    stepmill augment recordings/ --out other/ --attempts 1 --base-url http://localhost:8000 --model o3 --temperature ''
    stepmill build recordings/ --out dataset/ --objectives rewritten/objectives.json
    """  # noqa: E501 - a command is one line
    from etl.build.augment.rewrite import Endpoint, rewrite

    endpoint = Endpoint(
        base_url,
        model,
        os.environ.get(key_env, ""),
        timeout,
        attempts,
        parameters=parameters_of(f"temperature={temperature}", *parameters),
    )
    counts = rewrite(inputs, out, loaded(recipe, overrides), endpoint, what, parallel, told=log.say)
    summary = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    log.say(summary or "nothing to rewrite")
    if any(name.startswith("failed") for name in counts):
        raise click.exceptions.Exit(1)


def parameters_of(*given: str) -> dict[str, Any]:
    """Parse ``NAME=JSON`` arguments; the last one of a name counts, and an empty value removes it.

    Raises:
        click.BadParameter: if one is malformed, or sets what stepmill sets itself.
    """
    parameters: dict[str, Any] = {}
    for argument in given:
        name, equals, value = argument.partition("=")
        if not name or not equals or name in ("model", "messages", "stream"):
            raise click.BadParameter(
                f"{argument}: write NAME=JSON, for example max_completion_tokens=4000"
            )
        parameters.pop(name, None)
        if not value.strip():
            continue
        try:
            parameters[name] = json.loads(value)
        except ValueError as error:
            hint = f'write strings in quotes: {name}="{value}"'
            raise click.BadParameter(f"{argument}: {value!r} is not JSON; {hint}") from error
    return parameters
