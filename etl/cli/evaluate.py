"""``stepmill evalset``, ``predict``, ``rounds``, ``baseline``: questions and answers of models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from etl.cli.augment import parameters_of
from etl.cli.options import (
    attempts_option,
    json_option,
    key_env_option,
    log_option,
    parallel_option,
    parameter_option,
    set_option,
    show_json,
    temperature_option,
    timeout_option,
)
from etl.terminal import log
from etl.terminal.words import counted

_FAMILIES = ("steps", "mind2web-direct", "mind2web-multichoice", "weblinx", "webarena")
_out_folder = click.Path(file_okay=False, path_type=Path)
_in_folder = click.Path(exists=True, file_okay=False, path_type=Path)
_file = click.Path(dir_okay=False, path_type=Path)
_given_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--out", required=True, type=_out_folder, help="Folder of the evaluation set.")
@click.option(
    "--recipe",
    default="",
    help="Recipe of the prompts: a name, or a TOML file; of a build's pages, which are pruned "
    "already, only [vocabulary], [prompt] and [fit] count.  [default: the build's own, or "
    "scribeagent-32k]",
)
@set_option
@click.option(
    "--chunks",
    type=click.Choice(["recipe", "all", "first", "target"]),
    default="recipe",
    show_default=True,
    help="Which parts of a page that does not fit are asked; recipe: as fit.test says, of "
    "Mind2Web's files all.",
)
@click.option(
    "--family",
    type=click.Choice(_FAMILIES),
    help="What scoring looks at.  [default: what the sources are; of Mind2Web's files "
    "mind2web-direct]",
)
@click.option(
    "--ranks",
    type=_given_file,
    help="Mind2Web's table of ranks: scores_all_data.pkl, or the same as JSON.",
)
@click.option(
    "--candidates",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A file of WebLINX's candidates; repeatable.",
)
@click.option("--lists", type=_given_file, help="WebLINX's splits.json: demonstrations by split.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Of a build, only this split (repeatable); of files, the split that all are in.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME=URL",
    help="The address for a placeholder of WebArena, such as __GITLAB__=http://...; repeatable.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Shuffles candidates.")
@json_option
@log_option
def evalset(
    sources: tuple[str, ...],
    out: Path,
    recipe: str,
    overrides: tuple[str, ...],
    chunks: Any,
    family: str | None,
    ranks: Path | None,
    candidates: tuple[str, ...],
    lists: Path | None,
    splits: tuple[str, ...],
    hosts: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Make an evaluation set, with the prompts that training has.

    SOURCES are a build's folder, whose test splits are asked; or files of tasks with their answers:
    Mind2Web's test sets, WebLINX's demonstrations, or the tasks of WebArena. What no model is asked
    about is in the set all the same, and counts.

    \b
    stepmill evalset dataset/ --out eval/
    stepmill evalset test_task_*.json test_website_*.json test_domain_*.json --out mind2web-eval/
    stepmill evalset test_task_*.json --family mind2web-multichoice --ranks scores_all_data.pkl --out choices-eval/
    stepmill evalset test.raw.json --out webarena-eval/ --host __GITLAB__=http://localhost:8023
    """  # noqa: E501 - a command is one line
    from etl.build.evalset.make import Wanted

    addresses = dict(each.partition("=")[::2] for each in hosts)
    if "" in addresses.values():
        raise click.BadParameter("write NAME=URL", param_hint="--host")
    wanted = Wanted(
        sources, out, recipe, overrides, chunks, family or "", ranks, candidates, lists, splits,
        addresses, seed,
    )  # fmt: skip
    manifest = wanted.made()
    if as_json:
        show_json(manifest)
        return
    for name, counts in manifest["splits"].items():
        log.say(
            f"{name}: {counted(counts['prompts'], 'prompt')} of {counted(counts['steps'], 'step')} "
            f"in {counted(counts['workflows'], 'workflow')}, {counts['tokens']:,} tokens"
        )
    for words, key in (("not asked, and counted as wrong", "unasked"), ("left out", "left_out")):
        if reasons := manifest[key]:
            listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
            log.say(f"{words}: {listed}")
    if like := manifest["look_like_special_tokens"].get("prompts"):
        log.warn(
            f"{counted(like, 'prompt')} with text that looks like special tokens, such as "
            "<|im_end|>: training reads it as text, and a server may not"
        )
    log.say(f"ask a model: stepmill predict {out} --endpoint URL --model NAME --out answers.jsonl")


@click.command()
@click.argument("directory", type=_in_folder)
@click.option("--endpoint", required=True, help="URL of an OpenAI-compatible endpoint.")
@click.option("--model", required=True, help="Name of the model at that endpoint.")
@click.option("--out", required=True, type=_file, help="File of the answers; it is the cache too.")
@key_env_option
@click.option("--split", "splits", multiple=True, help="Ask only this split; repeatable.")
@click.option(
    "--samples",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Answers to each prompt, to vote over.",
)
@click.option(
    "--protocol",
    default="",
    help="For choices in rounds: the protocol that reads the answers before.",
)
@temperature_option
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="The most tokens of an answer.",
)
@parameter_option
@parallel_option(8, 256)
@attempts_option
@timeout_option(120)
@json_option
@log_option
def predict(
    directory: Path,
    endpoint: str,
    model: str,
    out: Path,
    key_env: str,
    splits: tuple[str, ...],
    samples: int,
    protocol: str,
    temperature: str,
    max_tokens: int,
    parameters: tuple[str, ...],
    parallel: int,
    attempts: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Ask a model every prompt of an evaluation set.

    Each answer is kept as soon as it comes: the same command again asks only for what is missing or
    has failed. Tokens are those that the server counts. Exit code 1 if a prompt stays without an
    answer.

    \b
    stepmill predict eval/ --endpoint http://localhost:8000/v1 --model mine --attempts 1 --out answers.jsonl
    stepmill predict eval/ --endpoint http://localhost:8000/v1 --model mine --attempts 1 --out five.jsonl --samples 5
    """  # noqa: E501 - a command is one line
    from etl.evaluate.asking.endpoint import Endpoint
    from etl.evaluate.asking.predict import Asking
    from etl.evaluate.files import opened

    if samples > 1 and temperature.strip() in ("0", "0.0"):
        log.warn("several samples at temperature 0 are alike; give --temperature")
    given = (f"temperature={temperature}", f"max_tokens={max_tokens}", *parameters)
    client = Endpoint(
        endpoint, model, os.environ.get(key_env, ""), timeout, attempts,
        parameters=parameters_of(*given),
    )  # fmt: skip
    asking = Asking(opened(directory), client, out, samples, parallel, splits, protocol, log.say)
    counts = asking.run()
    if as_json:
        show_json(counts)
    else:
        log.say(
            f"{counts['answered']:,} answered, {counts['kept']:,} kept from before, "
            f"{counts['failed']:,} failed"
        )
        for reason, count in counts["failures"].items():
            log.say(f"failed: {count:,} {reason}")
        if counts["cut_off"]:
            log.warn(f"{counts['cut_off']:,} answers were cut off; allow more: --max-tokens")
        if tokens := counts["tokens"]:
            log.say("tokens: " + ", ".join(f"{n:,} {name}" for name, n in tokens.items()))
    if counts["failed"]:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("directory", type=_in_folder)
@click.argument("answers", nargs=-1, type=_given_file)
@click.option("--protocol", required=True, help="The protocol that reads the answers.")
@click.option("--out", required=True, type=_file, help="File of the prompts.")
@json_option
@log_option
def rounds(
    directory: Path, answers: tuple[Path, ...], protocol: str, out: Path, as_json: bool
) -> None:
    """Write the prompts of the next round of choices, for a harness of your own.

    ANSWERS are files of the rounds before. A line is {"id", "round", "messages"}; answer with
    {"id", "round", "output"}, and run it again with all answers until no prompt is left.

    \b
    stepmill rounds choices-eval/ --protocol mind2web-multichoice/llm --out round-0.jsonl
    """
    from etl.evaluate.asking.rounds import rounds_of, write_next
    from etl.evaluate.files import opened
    from etl.evaluate.predictions import read
    from schemas.errors import ConfigError

    eval_set = opened(directory)
    how = rounds_of(eval_set.family, protocol)
    if how is None:
        raise ConfigError(
            f"{protocol}: its prompts stand in {directory / 'prompts'}; only choices come in rounds"
        )
    given = read(answers, eval_set.ids())
    counts = write_next(eval_set, how, given.outputs, out)
    if as_json:
        show_json(counts)
        return
    for line in given.lines() if answers else ():
        log.say(line)
    log.say(f"{counted(counts['prompts'], 'prompt')}; {counts['over']:,} steps are over")


@click.command()
@click.argument("directory", type=_in_folder)
@click.argument(
    "name", type=click.Choice(["majority", "random", "lexical", "last", "perfect", "shuffled"])
)
@click.option("--out", required=True, type=_file, help="File of the predictions.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of chance.")
@click.option(
    "--protocol",
    default="",
    help="Write right answers in the form of this protocol.  [default: as training does]",
)
@json_option
@log_option
def baseline(
    directory: Path, name: str, out: Path, seed: int, protocol: str, as_json: bool
) -> None:
    """Answer an evaluation set without a model.

    majority: the commonest action on the commonest tag; random: any element that one can act on;
    lexical: the element whose text is most like the objective (BM25); last: the step before once
    more; perfect: the right answers; shuffled: right answers, each given to a step of another
    website.

    \b
    stepmill baseline eval/ random --out random.jsonl --seed 1
    stepmill baseline eval/ perfect --out perfect.jsonl
    """
    from etl.evaluate.baselines.baseline import Baseline
    from etl.evaluate.files import opened

    eval_set = opened(directory)
    repeats = int(eval_set.manifest["node_repeats"])
    counts = Baseline(eval_set, name, seed, protocol, repeats).write(out)
    if as_json:
        show_json(counts)
        return
    log.say(
        f"{name}: {counted(counts['prompts'], 'prediction')} for {counted(counts['steps'], 'step')}"
    )
    if counts["without_answer"]:
        log.say(f"{counted(counts['without_answer'], 'step')} without an answer")
