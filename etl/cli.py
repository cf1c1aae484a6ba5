"""The command line. stdout carries data only; progress and messages go to stderr.

Exit codes: 0 done; 1 finished or stopped with something wrong; 2 unusable arguments or configuration.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
import orjson

from schemas.errors import ConfigError, StepmillError

if TYPE_CHECKING:
    from etl.aftermath import Hook
    from etl.execute import Build, Slice
    from etl.storage import AnyPath
    from etl.takedown import Takedown

DEFAULT_RECIPE: Final = "scribeagent-32k"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stepmill")
def cli() -> None:
    """Turn recorded web workflows into train-ready token datasets.

    \b
    stepmill check recordings/                     what is in there
    stepmill build recordings/ --out dataset/      build (the same command again goes on or does nothing)
    stepmill inspect dataset/                      look at the result
    """


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        sys.exit(cli(standalone_mode=False))  # click returns the code of an Exit
    except click.exceptions.Abort:
        _stop("stopped; run the same command again to go on", 1)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except ConfigError as error:
        _stop(str(error), 2)
    except StepmillError as error:
        _stop(str(error), 1)
    except OSError as error:
        _stop(
            f"{error.filename or 'file system'}: {error.strerror or error}; mend it and run the same command again", 1
        )


def _interrupted(_number: int, _frame: object) -> NoReturn:
    """A batch system's way to end a job is a user's Ctrl-C."""
    raise KeyboardInterrupt


def _stop(message: str, code: int) -> NoReturn:
    click.echo(f"stepmill: {message}", err=True)
    sys.exit(code)


def _print(text: str) -> None:
    """Data on stdout. A reader of a pipe that has seen enough is no error: the rest goes nowhere."""
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json(value: object) -> None:
    _print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


@dataclass(frozen=True)
class _Job:
    """What a build is asked to do, from the command line, a build file, or by the build before (then with its list of
    what is taken down, whose file may be gone).
    """

    inputs: tuple[str, ...]
    out: AnyPath
    recipe: str | dict[str, Any]
    overrides: tuple[str, ...]
    hook: Hook | None = None
    listed: Takedown | None = None


class _Folder(click.ParamType["AnyPath"]):
    """A folder here or elsewhere. exists: it must be there; elsewhere that is found out by reading from it."""

    name = "directory"

    def __init__(self, *, exists: bool = False) -> None:
        self._local = click.Path(exists=exists, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises `ConfigError` for a URL that cannot be used."""
        from etl.storage import location

        where = location(value)
        if isinstance(where, Path):
            self._local.convert(str(where), param, ctx)
        return where


_KINDS = ("objectives", "descriptions")  # of `etl.rewrite`
_recipe_option = click.option(
    "--recipe", default=DEFAULT_RECIPE, show_default=True, help="Name of a recipe, or a TOML file."
)
_set_option = click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one setting; repeatable."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_workers_option = click.option(
    "--workers", type=click.IntRange(0), help="Processes; all cores unless given; 0 works in this process."
)
_ray_option = click.option(
    "--ray", "ray", metavar="ADDRESS", help="Work on a Ray cluster: auto, host:port, or local for one of its own."
)


class _SliceType(click.ParamType[Any]):
    """``2/8``."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from etl.execute import Slice

        number, _, of = str(value).partition("/")
        if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
            self.fail(f"{value!r} is not of the form 2/8", param, ctx)
        return Slice(int(number), int(of))


_slice_option = click.option("--shard", "part", type=_SliceType(), help="Only this slice of the work, say 2/8.")
_dir = click.argument("directory", type=_Folder(exists=True))


@cli.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("--out", type=_Folder(), help="Folder of the build: a path, s3://bucket/path, gs://, hf://.")
@_recipe_option
@_set_option
@_workers_option
@_ray_option
@_slice_option
@click.option("--redo", is_flag=True, help="Where settings have changed, do again the phases they are about.")
@click.option(
    "--generations",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Build by the generations of this manifest.",
)
@click.option("--hook", default="", help="Command for the shell, run when the build has ended, however that was.")
@click.option("--dry-run", is_flag=True, help="Say what would be done: settings, inputs, files, reasons.")
@_json_option
def build(
    inputs: tuple[str, ...],
    out: AnyPath | None,
    recipe: str,
    overrides: tuple[str, ...],
    workers: int | None,
    ray: str | None,
    part: Slice | None,
    redo: bool,
    generations: Path | None,
    hook: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Build a dataset from files, folders or globs; or from one build file with a [build] table.

    Running the same command again completes an interrupted build and changes nothing in a finished one. Over inputs
    that grew, it does what is new or changed, as a new generation.

    The hook finds how the build ended in $STEPMILL_STATUS (complete, nothing_to_do, gate_failed, failed, interrupted),
    and a summary in the file $STEPMILL_LAST_BUILD.

    \b
    stepmill build recordings/ --out dataset/
    stepmill build a.jsonl.zst 'more/*.csv' --out dataset/ --recipe scribeagent-64k --workers 8
    stepmill build recordings/ --out dataset/ --set fit.context=16384 --set split.key=domain
    stepmill build nightly.toml
    stepmill build nightly.toml --dry-run
    stepmill build nightly.toml --set gates.max_drop_rate=0.9 --hook 'echo $STEPMILL_STATUS'
    stepmill build recordings/ --out sliced/ --shard 1/2
    """
    job = _job(inputs, out, recipe, overrides)
    job = replace(job, hook=_hook(hook, Path())) if hook else job
    if dry_run:
        from etl.foresee import foresee

        seen = foresee(_prepared(job, workers, ray, redo=redo, given=generations)[0])
        _json(seen.as_json()) if as_json else _print(seen.as_text())
        return
    if part is not None:
        build, order = _prepared(job, workers, ray, redo=redo, given=generations)
        count = build.run_samples(part, order)
        click.echo(f"slice {part.name}: {count:,} inputs read; when all are: stepmill finish {job.out}", err=True)
        return
    manifest = _run(job, workers, ray, redo=redo, given=generations)
    if as_json:
        _json({key: manifest[key] for key in ("recipe", "fingerprint", "splits", "totals", "quarantined")})
    else:
        totals = manifest["totals"]
        click.echo(
            f"{totals['samples']:,} samples, {totals['tokens']:,} tokens, {manifest['quarantined']:,} records "
            f"quarantined; look at it with: stepmill inspect {job.out}",
            err=True,
        )


def _job(inputs: tuple[str, ...], out: AnyPath | None, recipe: str, overrides: tuple[str, ...]) -> _Job:
    if len(inputs) == 1 and inputs[0].endswith(".toml"):
        if recipe != DEFAULT_RECIPE:
            raise ConfigError(f'{inputs[0]} is a recipe itself: write extends = "{recipe}" there instead of --recipe')
        return _build_file(Path(inputs[0]), out, overrides)
    if out is None:
        raise ConfigError("say where to build: --out DIR")
    return _Job(inputs, out, recipe, overrides)


def _build_file(path: Path, out: AnyPath | None, overrides: tuple[str, ...]) -> _Job:
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
    return _Job(inputs, where, tables, overrides, _hook(hook, path.parent) if hook else None)


def _hook(command: str, folder: Path) -> Hook:
    from etl.aftermath import Hook

    return Hook(command, str(folder.absolute()))


def _load(source: str | dict[str, Any], overrides: Sequence[str]) -> Any:
    from etl import recipe

    return recipe.load(source, overrides) if isinstance(source, str) else recipe.from_tables(source, overrides)


def _prepared(
    job: _Job,
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
    loaded = _load(asked, job.overrides)
    if job.listed is not None:
        loaded = replace(loaded, takedown=recipe.TakedownSettings(job.listed.workflows, job.listed.domains))
    seconds = loaded.limits.page_seconds
    pool: pools.Pool = pools.inline if workers == 0 else pools.Processes(workers or _cores(), seconds)
    inputs = [item if files.remote(item) else str(Path(item).absolute()) for item in job.inputs]
    given_inputs, out = job.inputs, job.out
    if ray is not None:  # whose tasks work in other folders
        pool = cluster.Ray(ray, seconds, workers)
        given_inputs, out = tuple(inputs), out.absolute()
    generations = Generations.from_json(read_json(given).get("generations")) if given else None
    build = Build(loaded, given_inputs, out, pool, redo=redo, compact=compact, given=generations)
    return build, {"inputs": inputs, "recipe": asked, "overrides": job.overrides, "hook": job.hook}


def _run(
    job: _Job,
    workers: int | None,
    ray: str | None = None,
    retry: bool = False,
    redo: bool = False,
    compact: bool = False,
    given: Path | None = None,
) -> dict[str, Any]:
    from etl.aftermath import with_hook

    build, order = _prepared(job, workers, ray, redo, compact, given)
    return with_hook(lambda: build.run(order, retry), build.record, build.out, job.hook)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cli.command()
@click.argument("inputs", nargs=-1, required=True)
@_json_option
def check(inputs: tuple[str, ...], as_json: bool) -> None:
    """Say what is in recordings: formats, counts, first errors. Builds nothing.

    \b
    stepmill check recordings/
    """
    from etl import inspect

    report = inspect.check(inputs)
    _json(report) if as_json else _print(inspect.check_text(report))


@cli.command()
@_dir
@click.option("--domains", is_flag=True, help="All domains instead of the largest.")
@click.option("--sample", metavar="ID", help="One sample: prompt and completion, the part with loss coloured.")
@_json_option
def inspect(directory: AnyPath, domains: bool, sample: str | None, as_json: bool) -> None:
    """Summary of a build: splits, accounting, domains; or one sample as the model sees it.

    \b
    stepmill inspect dataset/
    stepmill inspect dataset/ --domains
    stepmill inspect dataset/ --sample mind2web:7bda9645/3
    stepmill inspect dataset/ --json
    """
    from etl import inspect as views

    if sample:
        view = views.sample(directory, sample)
        _json(view) if as_json else _print(views.sample_text(view))
        return
    summary = views.summary(directory)
    _json(summary) if as_json else _print(views.summary_text(summary, None if domains else 10))


@cli.command()
@_dir
@click.argument("id")
@_json_option
def explain(directory: AnyPath, id: str, as_json: bool) -> None:
    """The way of a workflow, step or sample through every stage, with reasons.

    ID is a workflow's, a step's or sample's (workflow/number), or a record's; the part after the colon is enough
    where it is unequivocal.

    \b
    stepmill explain dataset/ shop-01
    stepmill explain dataset/ shop-01/3
    """
    from etl import inspect as views

    found = views.explain(directory, id)
    _json(found) if as_json else _print(views.explain_text(found))


@cli.command()
@click.argument("old")
@click.argument("new")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Rows of a table; 0 shows all.")
@_json_option
def diff(old: str, new: str, limit: int, as_json: bool) -> None:
    """Compare two builds: totals, shares of domains and actions, drops, inputs, generations, settings.

    OLD and NEW are folders of builds, published datasets, or their manifests.

    \b
    stepmill diff dataset/ nightly/ --limit 10
    """
    from etl import compare
    from etl.storage import location

    view = compare.compare(*(compare.manifest_of(location(place)) for place in (old, new)))
    _json(view) if as_json else _print(compare.as_text(view, limit))


@cli.command()
@_dir
@_json_option
def verify(directory: AnyPath, as_json: bool) -> None:
    """Check a build against its manifest: hashes, counts, schema, accounting. Exit code 1 if anything is off.

    \b
    stepmill verify dataset/
    """
    from etl import verify as checks

    problems = checks.verify(directory)
    if as_json:
        _json({"problems": problems})
    else:
        _print(
            "\n".join(problems) if problems else f"{directory}: all files, counts and accounts are as they should be"
        )
    if problems:
        raise click.exceptions.Exit(1)


@cli.command()
@_dir
@_workers_option
def retry(directory: AnyPath, workers: int | None) -> None:
    """Read what was quarantined again, with the sources as they are now, and build what has become readable.

    \b
    stepmill retry dataset/
    """
    job = _ordered(directory)
    before = _quarantined(directory)
    manifest = _run(job, workers, retry=True)
    click.echo(f"{before:,} records were quarantined, {manifest['quarantined']:,} are now", err=True)


@cli.command()
@_dir
@_workers_option
@_ray_option
@_slice_option
def finish(directory: AnyPath, workers: int | None, ray: str | None, part: Slice | None) -> None:
    """Complete a build whose inputs were read in slices; with --shard, pack one slice of it first.

    \b
    stepmill build recordings/ --out sliced/ --shard 1/2
    stepmill build recordings/ --out sliced/ --shard 2/2
    stepmill finish sliced/ --shard 1/2
    stepmill finish sliced/
    """
    job = _ordered(directory)
    if part is None:
        manifest = _run(job, workers, ray)
        click.echo(f"{manifest['totals']['samples']:,} samples, {manifest['totals']['tokens']:,} tokens", err=True)
        return
    build, _ = _prepared(job, workers, ray)
    click.echo(f"slice {part.name}: {build.run_packed(part):,} files packed", err=True)


@cli.command()
@_dir
@_workers_option
def compact(directory: AnyPath, workers: int | None) -> None:
    """Make one generation of all: shuffled as a whole, packed in full. Every file of the dataset is written anew.

    \b
    stepmill compact dataset/
    """
    manifest = _run(_ordered(directory), workers, compact=True)
    files = sum(split["files"] for split in manifest["splits"].values())
    click.echo(f"{manifest['totals']['samples']:,} samples in {files:,} files of one generation", err=True)


@cli.command()
@_dir
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
def clean(directory: AnyPath, dry_run: bool) -> None:
    """Remove work files that nothing uses: of inputs that are gone, and what an interruption left behind.

    \b
    stepmill clean dataset/ --dry-run
    """
    from etl import lock, state, storage

    with lock.hold(directory / "work" / "locks"):
        for path in state.stale(directory):
            _print(str(path))
            if not dry_run:
                storage.remove(path)


def _ordered(directory: AnyPath) -> _Job:
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
    return _Job(tuple(order["inputs"]), directory, order["recipe"], tuple(order["overrides"]), hook, kept)


def _quarantined(directory: AnyPath) -> int:
    from etl import account

    return account.quarantined(directory).height


@cli.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the mappings.")
@click.option("--base-url", required=True, help="OpenAI-compatible endpoint.")
@click.option("--model", required=True, help="Name of the model there.")
@click.option("--key-env", default="OPENAI_API_KEY", show_default=True, help="Environment variable that holds the key.")
@click.option("--what", type=click.Choice(["all", *_KINDS]), default="all", show_default=True, help="Texts to rewrite.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Calls at a time.")
@click.option("--attempts", type=click.IntRange(1), default=5, show_default=True, help="Of one call.")
@click.option("--timeout", type=click.FloatRange(0.1), default=60, show_default=True, help="Seconds of one attempt.")
@_recipe_option
@_set_option
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
    recipe: str,
    overrides: tuple[str, ...],
) -> None:
    """Rewrite objectives and bare descriptions with a language model, for a build to use.

    Answers are kept: the same command again asks only for what is new or failed. Exit code 1 if something failed.

    \b
    stepmill augment recordings/ --out rewritten/ --attempts 1 --base-url http://localhost:8000/v1 --model qwen2.5
    stepmill build recordings/ --out dataset/ --set augment.objectives=rewritten/objectives.json
    """
    from etl import rewrite

    endpoint = rewrite.Endpoint(base_url, model, os.environ.get(key_env, ""), timeout, attempts)
    counts = rewrite.rewrite(inputs, out, _load(recipe, overrides), endpoint, what, parallel)
    click.echo(", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing to rewrite", err=True)
    if any(name.startswith("failed") for name in counts):
        raise click.exceptions.Exit(1)


@cli.command()
@_json_option
def formats(as_json: bool) -> None:
    """The recording formats that can be read.

    \b
    stepmill formats
    """
    from etl.sources import SOURCES

    known = {name: _first_line(source) for name, source in SOURCES.items() if name != "unknown"}
    _json(known) if as_json else _print("\n".join(f"{name:<12} {about}" for name, about in known.items()))


def _first_line(source: object) -> str:
    module = sys.modules[type(source).__module__]
    return (module.__doc__ or "").strip().splitlines()[0]


@cli.command()
@click.argument("name", required=False)
@_json_option
def recipes(name: str | None, as_json: bool) -> None:
    """The shipped recipes, or all settings of one.

    \b
    stepmill recipes
    stepmill recipes scribeagent-32k
    """
    from etl import recipe

    if name:
        settings = recipe.load(name).settings()
        _json(settings)
        return
    known = recipe.shipped()
    _json(known) if as_json else _print("\n".join(f"{name:<18} {about}" for name, about in known.items()))
