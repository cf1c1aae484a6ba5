"""``stepmill benchmarks`` and ``stepmill contamination``: tasks of benchmarks in a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import (
    at,
    candidate_option,
    directory_argument,
    json_option,
    limit_option,
    recipe_option,
    show,
    show_json,
)
from etl.terminal import log

if TYPE_CHECKING:
    from etl.decisions.benchmarks.files import Asked
    from etl.decisions.benchmarks.recorded import Recorded
    from etl.files.storage import AnyPath


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def benchmarks(ctx: click.Context, as_json: bool) -> None:
    """List known benchmarks of web agents, or build a registry of some.

    A registry holds hashes of the tasks in the benchmarks' own files, which you have; it holds no
    text. A recipe names it in contamination.registries; workflows with one of its tasks then leave
    the training split.

    \b
    stepmill benchmarks
    stepmill benchmarks --json
    """
    if ctx.invoked_subcommand is not None:
        return
    from etl.decisions.benchmarks.catalogue import KNOWN

    if as_json:
        show_json([vars(each) for each in KNOWN])
        return
    lines: list[str] = []
    for each in KNOWN:
        tasks = f"{each.tasks:,} tasks" if each.tasks else "no fixed number of tasks"
        lines += [
            f"{each.name}: {each.title}, {each.date}, {tasks}",
            f"  where    {each.where}",
            f"  files    {each.files}",
            f"  licence  {each.licence or 'not known here'}",
        ]
    show("\n".join(lines))


@benchmarks.command("build")
@click.argument("files", nargs=-1, metavar="[NAME[@VERSION]=]FILE...")
@click.option(
    "--recordings",
    multiple=True,
    metavar="NAME[@VERSION]=PATH",
    help="Take the first pages of the tasks of a benchmark from recordings; repeatable.",
)
@recipe_option
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write the registry to.",
)
@json_option
def build(
    files: tuple[str, ...], recordings: tuple[str, ...], recipe: str, out: Path, as_json: bool
) -> None:
    """Build a registry of hashes from the files of benchmarks.

    Reads JSON, JSON lines, CSV and Parquet, compressed or not. A benchmark is recognised by the
    keys of its records; NAME= says what a file is of, and any other list of tasks becomes a
    benchmark by it. Without @VERSION, the version is the beginning of a hash of the file. Several
    files of one benchmark are put together. A file that is not understood is an error.

    With --recordings, a file or folder of recordings of a benchmark, such as Mind2Web's test tasks
    with their pages, gives the skeletons of first pages: their tags, without texts. Each recording
    whose task is in no list is a task of its own. Pages are pruned by the rules of --recipe: give
    the one that your dataset is built with.

    \b
    stepmill benchmarks build test.raw.json WebVoyager_data.jsonl --out benchmarks.registry
    stepmill benchmarks build mind2web@2023-06=test_task_0.json --out mind2web.registry
    stepmill benchmarks build --recordings mind2web=test_task/ --out mind2web.registry
    """
    from etl.decisions.benchmarks import files as read
    from etl.decisions.benchmarks import registry
    from etl.decisions.benchmarks.recorded import joined

    if not files and not recordings:
        raise click.UsageError("give a FILE of a benchmark, or --recordings NAME=PATH")
    listed = read.read([read.Asked.parse(each) for each in files])
    if recordings:
        listed = joined(listed, _recorded([read.Asked.parse(each) for each in recordings], recipe))
    made = registry.made(listed)
    registry.write(out, made)
    for each in made.sources:
        known = each.known
        if known and known.tasks and known.tasks != each.tasks:
            log.warn(
                f"{each.words}: {each.tasks:,} tasks, its publication has {known.tasks:,}: this is "
                "a part of it, or another version"
            )
    if as_json:
        show_json(about(made))
    else:
        show(_text(about(made)))


def _recorded(asked: Sequence[Asked], recipe: str) -> list[Recorded]:
    """The tasks of recordings, with their pages pruned as a recipe says."""
    from etl.build.recipes.recipe import load
    from etl.look.recordings.first_pages import taken
    from etl.stages.prune import Prune
    from schemas.errors import ConfigError
    from schemas.utf8 import held, utf8_of

    prunes = [each for each in load(recipe).samples.stages if isinstance(each, Prune)]
    if not prunes:
        raise ConfigError(
            f"{recipe} prunes no pages: what it shows depends on the task; take scribeagent-32k"
        )
    pruner = prunes[0].pruner
    found = taken(asked, lambda page: utf8_of(held(pruner.prune(page), "observation")))
    for why, count in found.left_out.items():
        log.warn(f"{count:,} recordings give no first page: {why}")
    return found.recorded


@benchmarks.command("show")
@click.argument("registry")
@json_option
def show_registry(registry: str, as_json: bool) -> None:
    """Show which benchmarks a registry has.

    \b
    stepmill benchmarks show benchmarks.registry
    """
    from etl.decisions.benchmarks import registry as registries

    made = about(registries.read(registry))
    show_json(made) if as_json else show(_text(made))


def about(registry: Any) -> dict[str, Any]:
    """What a registry holds, for people and programs."""
    return {
        "sha256": registry.sha256,
        "benchmarks": [
            {
                **vars(each),
                "with_text": sum(
                    bool(entry.exact)
                    for entry in registry.entries
                    if (entry.benchmark, entry.version) == (each.name, each.version)
                ),
                "with_page": sum(
                    bool(entry.skeleton)
                    for entry in registry.entries
                    if (entry.benchmark, entry.version) == (each.name, each.version)
                ),
            }
            for each in registry.sources
        ],
    }


def _text(made: dict[str, Any]) -> str:
    from etl.terminal.text import cell, table

    names = ("name", "version", "date", "licence")
    numbers = ("tasks", "with_text", "with_page")
    cells = [
        [*(cell(each[name]) for name in names), *(f"{each[name]:,}" for name in numbers)]
        for each in made["benchmarks"]
    ]
    return "\n".join(table([*names, "tasks", "with text", "with page"], cells))


@click.command()
@directory_argument
@click.option("--benchmark", default="", metavar="NAME", help="Only pairs with this benchmark.")
@click.option(
    "--tasks",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Show the texts of tasks from a benchmark's own file; repeatable.",
)
@limit_option("pairs")
@candidate_option
@json_option
def contamination(
    directory: AnyPath,
    benchmark: str,
    tasks: tuple[str, ...],
    limit: int,
    candidate: bool,
    as_json: bool,
) -> None:
    """Show which workflows have tasks of benchmarks.

    Figures of each benchmark in the recipe's registries, and the pairs: the workflow's objective
    beside benchmark, version, task, method and similarity. DIRECTORY is the folder of a build, or a
    published dataset, which has no objectives to show.

    \b
    stepmill contamination dataset/
    stepmill contamination dataset/ --limit 0 --json
    """
    from etl.cli.inspect import place_at
    from etl.decisions.benchmarks.files import Asked
    from etl.look.trust import contamination as views

    wanted = views.Wanted(benchmark, [Asked.parse(each) for each in tasks], limit)
    with place_at(at(directory, candidate)) as place:
        result = views.view(place, wanted)
    if as_json:
        show_json(result)
    else:
        show(views.text(result))
