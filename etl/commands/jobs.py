"""What a build is asked to do, and running it: shared by the commands that build."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.commands.options import DEFAULT_RECIPE
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from etl.aftermath import Hook
    from etl.execute import Build
    from etl.storage import AnyPath
    from etl.takedown import Takedown


@dataclass(frozen=True)
class Job:
    """What a build is asked to do, from the command line, a build file, or by the build before (then with its list of
    what is taken down, whose file may be gone).
    """

    inputs: tuple[str, ...]
    out: AnyPath
    recipe: str | dict[str, Any]
    overrides: tuple[str, ...]
    hook: Hook | None = None
    listed: Takedown | None = None


def job_of(inputs: tuple[str, ...], out: AnyPath | None, recipe: str, overrides: tuple[str, ...]) -> Job:
    """What the arguments of a build ask for; one that ends in ``.toml`` is a build file."""
    if len(inputs) == 1 and inputs[0].endswith(".toml"):
        if recipe != DEFAULT_RECIPE:
            raise ConfigError(f'{inputs[0]} is a recipe itself: write extends = "{recipe}" there instead of --recipe')
        return _build_file(Path(inputs[0]), out, overrides)
    if out is None:
        raise ConfigError("say where to build: --out DIR")
    return Job(inputs, out, recipe, overrides)


def _build_file(path: Path, out: AnyPath | None, overrides: tuple[str, ...]) -> Job:
    """A recipe with a [build] table: ``inputs`` (a list) and ``out``, relative to the file, and a ``hook``."""
    from etl import files, recipe
    from etl.storage import location

    tables = recipe.tables_of(path)
    settings = tables.pop("build", None)
    if not isinstance(settings, dict) or not settings.get("inputs"):
        raise ConfigError(f'{path}: no [build] table with inputs = ["folder"] and out = "folder"')
    unknown = sorted(set(settings) - {"inputs", "out", "hook"})
    if unknown:
        raise ConfigError(f"{path}: [build] has no setting {', '.join(unknown)} (there are: inputs, out, hook)")
    if out is None and "out" not in settings:
        raise ConfigError(f"{path}: [build] says no out, and there is no --out")
    given, folder, hook = settings["inputs"], settings.get("out", ""), settings.get("hook", "")
    if not isinstance(given, list) or not all(isinstance(item, str) for item in [*given, folder, hook]):
        raise ConfigError(f"{path}: [build] inputs is a list of strings, out and hook are strings")
    inputs = tuple(item if files.remote(item) else str(path.parent / item) for item in given)
    tables.setdefault("extends", DEFAULT_RECIPE)
    where = out or location(folder if files.remote(folder) else path.parent / folder)
    return Job(inputs, where, tables, overrides, hook_of(hook, path.parent) if hook else None)


def hook_of(command: str, folder: Path) -> Hook:
    """A command for the shell, to be run in a folder."""
    from etl.aftermath import Hook

    return Hook(command, str(folder.absolute()))


def loaded(source: str | dict[str, Any], overrides: Sequence[str]) -> Any:
    """The recipe of a name, file or tables, with some settings changed."""
    from etl import recipe

    return recipe.load(source, overrides) if isinstance(source, str) else recipe.from_tables(source, overrides)


def prepared(
    job: Job,
    workers: int | None,
    ray: str | None = None,
    redo: bool = False,
    compact: bool = False,
    given: Path | None = None,
) -> tuple[Build, dict[str, Any]]:
    """A build, and how to ask for it again."""
    from etl import cluster, files, pools, recipe
    from etl.execute import Build
    from etl.generations import Generations
    from etl.shards import read_json

    asked = job.recipe
    if isinstance(asked, str) and asked.endswith(".toml"):  # the file may be another one later
        asked = recipe.tables_of(Path(asked))
    settings = loaded(asked, job.overrides)
    if job.listed is not None:
        settings = replace(settings, takedown=recipe.TakedownSettings(job.listed.workflows, job.listed.domains))
    seconds = settings.limits.page_seconds
    pool: pools.Pool = pools.inline if workers == 0 else pools.Processes(workers or _cores(), seconds)
    inputs = [item if files.remote(item) else str(Path(item).absolute()) for item in job.inputs]
    given_inputs, out = job.inputs, job.out
    if ray is not None:  # whose tasks work in other folders
        pool = cluster.Ray(ray, seconds, workers)
        given_inputs, out = tuple(inputs), out.absolute()
    generations = Generations.from_json(read_json(given).get("generations")) if given else None
    build = Build(settings, given_inputs, out, pool, redo=redo, compact=compact, given=generations)
    overrides = [recipe.placed(each) for each in job.overrides]
    return build, {"inputs": inputs, "recipe": asked, "overrides": overrides, "hook": job.hook}


def run(
    job: Job,
    workers: int | None,
    ray: str | None = None,
    retry: bool = False,
    redo: bool = False,
    compact: bool = False,
    given: Path | None = None,
) -> dict[str, Any]:
    """Build, then run the hook; returns the manifest."""
    from etl.aftermath import with_hook

    build, order = prepared(job, workers, ray, redo, compact, given)
    return with_hook(lambda: build.run(order, retry), build.record, build.out, job.hook)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered(directory: AnyPath) -> Job:
    """The build as it was asked for last."""
    from etl import storage, takedown
    from etl.aftermath import Hook
    from etl.shards import read_json

    path = directory / "work" / "order.json"
    if not storage.exists(path):
        raise ConfigError(f"{directory}: no build of stepmill ({path} is missing)")
    order = read_json(path)
    hook = Hook(**order["hook"]) if order.get("hook") else None
    kept = takedown.kept(directory / "work")
    return Job(tuple(order["inputs"]), directory, order["recipe"], tuple(order["overrides"]), hook, kept)
