"""Jobs: how a build is requested and run, for the commands and for `stepmill.py`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from etl.terminal import log
from schemas.errors import ConfigError, GateError

if TYPE_CHECKING:
    from etl.build.last_build import Hook, Record
    from etl.build.pools.local import Pool
    from etl.build.run.build import Build, Options
    from etl.dataset.generations import Generations
    from etl.dataset.manifest import Manifest
    from etl.decisions.takedown import Takedown
    from etl.files.storage import AnyPath

DEFAULT_RECIPE: Final = "scribeagent-32k"


@dataclass(frozen=True)
class Job:
    """A build as the command line, a build file or the previous build requests it."""

    # files, folders, globs and URLs to read
    inputs: tuple[str, ...]
    # the folder of the build
    out: AnyPath
    # a recipe's name, a TOML file, or the tables of one
    recipe: str | dict[str, Any]
    # changed settings, ``section.key=value`` each
    overrides: tuple[str, ...]
    # the command to run at the end
    hook: Hook | None = None
    # the previous build's takedown list, whose file may be gone
    listed: Takedown | None = None
    # whether an entry of a list that matches nothing is an error
    strict: bool = False
    # why the build cannot start; kept until folder and hook are known, to report it there
    trouble: ConfigError | None = None


def job_of(
    inputs: tuple[str, ...], out: AnyPath | None, recipe: str, overrides: tuple[str, ...]
) -> Job:
    """The build that arguments request; a single input that ends in ``.toml`` is a build file.

    Raises:
        ConfigError: if no folder is named.
    """
    if len(inputs) == 1 and inputs[0].endswith(".toml"):
        job = _build_file(Path(inputs[0]), out, overrides)
        if recipe == DEFAULT_RECIPE:
            return job
        message = (
            f'{inputs[0]} is a recipe itself: write extends = "{recipe}" there instead of --recipe'
        )
        return replace(job, trouble=ConfigError(message))
    if out is None:
        raise ConfigError("say where to build: --out DIR")
    return Job(inputs, out, recipe, overrides)


def _build_file(path: Path, out: AnyPath | None, overrides: tuple[str, ...]) -> Job:
    """Read a recipe with a [build] table: ``inputs``, ``out``, ``hook`` and ``strict``.

    ``inputs`` and ``out`` are relative to the file. What is wrong is noted as the job's trouble.

    Raises:
        ConfigError: if neither the file nor ``out`` names the folder of the build.
    """
    from etl.build.recipes import recipe
    from etl.files import nodes

    try:
        tables = recipe.tables_of(path)
    except ConfigError as error:
        if out is None:
            raise
        return Job((), out, DEFAULT_RECIPE, overrides, trouble=error)
    settings = tables.pop("build", None)
    tables.setdefault("extends", DEFAULT_RECIPE)
    table = settings if isinstance(settings, dict) else {}
    folder = out or _folder_of(table, path)
    trouble = _trouble(settings, path)
    if folder is None:
        raise trouble or ConfigError(f"{path}: [build] has no out, and there is no --out")
    command = table.get("hook")
    hook = hook_of(command, path.parent) if isinstance(command, str) and command else None
    if trouble is not None:
        return Job((), folder, tables, overrides, hook, trouble=trouble)
    inputs = tuple(
        item if nodes.remote(item) else str(path.parent / item) for item in table["inputs"]
    )
    return Job(inputs, folder, tables, overrides, hook, strict=table.get("strict", False))


def _folder_of(table: dict[str, Any], path: Path) -> AnyPath | None:
    """The folder of the build that a [build] table names, or None."""
    from etl.files import nodes
    from etl.files.storage import location

    folder = table.get("out")
    if not isinstance(folder, str) or not folder:
        return None
    return location(folder if nodes.remote(folder) else path.parent / folder)


def _trouble(settings: object, path: Path) -> ConfigError | None:
    """The first thing wrong with a [build] table, or None."""
    if not isinstance(settings, dict) or not settings.get("inputs"):
        return ConfigError(f'{path}: no [build] table with inputs = ["folder"] and out = "folder"')
    if unknown := sorted(set(settings) - {"inputs", "out", "hook", "strict"}):
        there = "inputs, out, hook, strict"
        return ConfigError(
            f"{path}: [build] has no setting {', '.join(unknown)} (there are: {there})"
        )
    inputs = settings["inputs"]
    strings = [settings.get("out", ""), settings.get("hook", "")]
    if isinstance(inputs, list):
        strings += inputs
    if not isinstance(inputs, list) or not all(isinstance(each, str) for each in strings):
        return ConfigError(f"{path}: [build] inputs is a list of strings, out and hook are strings")
    strict = settings.get("strict", False)
    if not isinstance(strict, bool):
        return ConfigError(f"{path}: [build] strict is true or false, not {strict!r}")
    return None


def hook_of(command: str, folder: Path) -> Hook:
    """A shell command that is to run in ``folder``."""
    from etl.build.last_build import Hook

    return Hook(command, str(folder.absolute()))


def loaded(source: str | dict[str, Any], overrides: Sequence[str]) -> Any:
    """Load a recipe by name, from a file or from tables, and change some settings.

    Raises:
        ConfigError: if the recipe or a setting cannot be used.
    """
    from etl.build.recipes import recipe

    if isinstance(source, str):
        return recipe.load(source, overrides)
    return recipe.from_tables(source, overrides)


def generations_of(path: Path) -> Generations:
    """The generations of a manifest.

    Raises:
        ConfigError: if it lists none.
    """
    from etl.dataset.generations import Generations
    from etl.files.arrow import read_json

    return Generations.from_json(read_json(path).get("generations"))


def prepared(
    job: Job, workers: int | None, ray: str | None = None, options: Options | None = None
) -> tuple[Build, dict[str, Any]]:
    """A build that is ready to run, and the order by which a later command repeats it.

    workers: the number of processes; 0 works in this one, None takes all cores. ray: the address of
    a Ray cluster.

    Raises:
        ConfigError: if the job, its recipe or its settings cannot be used.
    """
    from etl.build.recipes import recipe
    from etl.build.recipes.sections import TakedownSettings
    from etl.build.run.build import Build, Options
    from etl.files import nodes

    if job.trouble is not None:
        raise job.trouble
    asked = job.recipe
    if isinstance(asked, str) and asked.endswith(".toml"):  # the file may change later
        asked = recipe.tables_of(Path(asked))
    settings = loaded(asked, job.overrides)
    if job.listed is not None:
        listed = TakedownSettings(job.listed.workflows, job.listed.domains)
        settings = replace(settings, takedown=listed)
    inputs = [item if nodes.remote(item) else str(Path(item).absolute()) for item in job.inputs]
    given, out = job.inputs, job.out
    if ray is not None:  # tasks on a cluster have another working directory
        given, out = tuple(inputs), out.absolute()
    pool = _pool(workers, ray, settings.limits.page_seconds)
    chosen = replace(options or Options(), strict=job.strict)
    build = Build(settings, given, out, pool, options=chosen)
    return build, {
        "inputs": inputs,
        "recipe": asked,
        "overrides": [recipe.placed(each) for each in job.overrides],
        "hook": job.hook,
        "strict": job.strict,
        "pages": [
            each if nodes.remote(each) else str(Path(each).absolute())
            for each in settings.inputs.pages
        ],
    }


def _pool(workers: int | None, ray: str | None, page_seconds: float) -> Pool:
    """The pool that does the work.

    page_seconds: the longest that a page may take.
    """
    from etl.build.pools import local, on_ray

    if ray is not None:
        return on_ray.Ray(ray, page_seconds, workers)
    if workers == 0:
        return local.inline
    return local.Processes(workers or _cores(), page_seconds)


def run(
    job: Job,
    workers: int | None,
    ray: str | None = None,
    options: Options | None = None,
    *,
    retry: bool = False,
) -> Manifest:
    """Build, report the result, then run the hook; returns the manifest.

    workers, ray, options: as for `prepared`. retry: as for `etl.build.run.whole.run`.

    Raises:
        ConfigError: if the build cannot start.
        BuildError: if it cannot go on.
        GateError: if a gate rejects the result.
    """
    from etl.build.last_build import Record, recorded, with_hook
    from etl.build.run import whole

    record = Record()

    def build_it() -> Manifest:
        with recorded(job.out, record):
            build, order = prepared(job, workers, ray, options)
            try:
                manifest = whole.run(replace(build, record=record), order, retry=retry)
            except GateError:
                _sum_up(record, build, "rejected")
                raise
            _sum_up(record, build, f"look at it with: stepmill inspect {job.out}")
            return manifest

    return with_hook(build_it, record, job.out, job.hook)


def _sum_up(record: Record, build: Build, next_step: str) -> None:
    """Report what the dataset holds and what was dropped, for a rejected one too."""
    from etl.build import summary

    if record.made is not None:
        for line in summary.lines(record.made, build.recipe, build.out, next_step):
            log.say(line)
        for each in build.further:
            if (made := record.further[each.vocabulary].made) is not None:
                log.say(f"vocabulary {each.vocabulary}: {summary.sizes(made)}, in {each.out}")
        for line in record.effects:
            log.say(line)
        for line in record.warnings:
            log.warn(line)


def _cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered(directory: AnyPath) -> Job:
    """The job of the last run in a folder.

    Raises:
        ConfigError: if there was none, or the folder is that of one of its vocabularies.
    """
    from etl.build.last_build import Hook
    from etl.dataset import state
    from etl.dataset.layout import Layout
    from etl.decisions import takedown
    from etl.files import storage
    from etl.files.arrow import read_json

    state.check_whole(directory)
    work = Layout(directory).work
    path = work.order
    if not storage.exists(path):
        raise ConfigError(f"{directory}: no build of stepmill ({path} is missing)")
    order = read_json(path)
    hook = Hook(**order["hook"]) if order.get("hook") else None
    kept = takedown.kept(work.takedown)
    return Job(
        tuple(order["inputs"]),
        directory,
        order["recipe"],
        tuple(order["overrides"]),
        hook,
        kept,
        order.get("strict", False),
    )
