"""Commands that change a build: build, retry, finish, compact, clean."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.build.jobs import Job, generations_of, hook_of, job_of, loaded, ordered, prepared, run
from etl.cli.options import (
    Folder,
    directory_argument,
    json_option,
    log_option,
    objectives_option,
    pages_option,
    ray_option,
    recipe_option,
    removal_option,
    set_option,
    setting,
    show,
    show_json,
    slice_option,
    workers_option,
)
from etl.terminal import log
from etl.terminal.words import counted
from schemas.errors import ConfigError
from schemas.workflow import OBSERVATION_KINDS

if TYPE_CHECKING:
    from etl.build.pools.slices import Slice
    from etl.dataset.manifest import Manifest
    from etl.files.storage import AnyPath


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--out",
    type=Folder(),
    help="Folder of the build: a path, or a URL such as s3://bucket/path, gs:// or hf://.",
)
@recipe_option
@set_option
@pages_option
@objectives_option
@workers_option
@ray_option
@slice_option
@click.option(
    "--redo", is_flag=True, help="Run the phases again whose settings or versions have changed."
)
@removal_option
@click.option(
    "--observation",
    type=click.Choice(OBSERVATION_KINDS),
    multiple=True,
    help="Take this kind of observation; repeatable, the first that a step has counts. As "
    "filter.observations.",
)
@click.option(
    "--generations",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Assign inputs to generations as this manifest does.",
)
@click.option(
    "--hook",
    default="",
    help="Shell command to run when the build ends, whether it succeeds or fails.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Fail with exit code 1 if an entry of a list matches nothing.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what would be read and written, and why; build nothing.",
)
@log_option
@json_option
def build(
    inputs: tuple[str, ...],
    out: AnyPath | None,
    recipe: str,
    overrides: tuple[str, ...],
    pages: tuple[str, ...],
    objectives: tuple[str, ...],
    workers: int | None,
    ray: str | None,
    part: Slice | None,
    redo: bool,
    allow_removal: bool,
    observation: tuple[str, ...],
    generations: Path | None,
    hook: str,
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Build a dataset from recordings, or continue a build.

    INPUTS are files, folders and globs, or a single build file: a recipe with a [build] table.

    Running the same command again completes an interrupted build and changes nothing in a finished
    one. Inputs that are new or have changed are added as a new generation.

    The hook reads in $STEPMILL_STATUS how the build ended (complete, nothing_to_do, gate_failed,
    failed, interrupted). $STEPMILL_LAST_BUILD is the path of a summary in JSON.

    \b
    stepmill build recordings/ --out dataset/
    stepmill build a.jsonl.zst 'more/*.csv' --out dataset/ --recipe scribeagent-64k --workers 8
    stepmill build recordings/ --out dataset/ --set fit.context=16384 --set split.key=domain
    stepmill build nightly.toml
    stepmill build nightly.toml --dry-run
    stepmill build nightly.toml --set gates.max_drop_rate=0.9 --hook 'echo $STEPMILL_STATUS'
    stepmill build recordings/ --out sliced/ --shard 1/2
    stepmill build recordings/ --out dataset/ --pages crawl.warc.gz --pages saved-pages/
    stepmill build recordings/ --out dataset/ --objectives webarena/test.raw.json
    """
    from etl.build.run.build import Options

    if observation:
        overrides += (f"filter.observations={json.dumps(observation)}",)
    given_files = (*setting("inputs.pages", pages), *setting("augment.objectives", objectives))
    job = job_of(inputs, out, recipe, (*overrides, *given_files))
    job = replace(job, hook=hook_of(hook, Path())) if hook else job
    job = replace(job, strict=job.strict or strict)
    given = generations_of(generations) if generations else None
    options = Options(redo=redo, given=given, allow_removal=allow_removal)
    if dry_run:
        from etl.build.dry_run import foresee

        seen = foresee(prepared(job, workers, ray, options)[0])
        show_json(seen.as_json()) if as_json else show(seen.as_text())
        return
    if part is not None:
        from etl.build.run import slices

        build, order = prepared(job, workers, ray, options)
        count = slices.read(build, part, order)
        log.say(
            f"slice {part.name}: {counted(count, 'input')} read; after the last slice run: "
            f"stepmill finish {job.out}"
        )
        return
    manifest = run(job, workers, ray, options)
    if as_json:
        from etl.build import unmatched
        from etl.dataset.layout import Layout

        names = (
            "recipe",
            "fingerprint",
            "splits",
            "totals",
            "quarantined",
            "unknown_actions",
            "oddities",
        )
        whole = manifest.as_json()
        shown = {key: whole[key] for key in names} | {"dropped": _dropped(manifest, job)}
        show_json(shown | unmatched.kept(Layout(job.out).work).as_json())


def _dropped(manifest: Manifest, job: Job) -> list[dict[str, Any]]:
    """The reasons for drops with their counts, and the setting that decides each."""
    from etl.build import summary

    return summary.dropped(manifest.accounting, loaded(job.recipe, job.overrides))


@click.command()
@directory_argument
@workers_option
@removal_option
@log_option
def retry(directory: AnyPath, workers: int | None, allow_removal: bool) -> None:
    """Read quarantined records again.

    Run it after you have repaired the recordings or upgraded stepmill. What can be read now is
    added to the build.

    \b
    stepmill retry dataset/
    """
    from etl.build.run.build import Options

    job = ordered(directory)
    before = _quarantined(directory)
    manifest = run(job, workers, options=Options(allow_removal=allow_removal), retry=True)
    log.say(f"quarantined before: {counted(before, 'record')}, now: {manifest.quarantined:,}")


@click.command()
@directory_argument
@workers_option
@ray_option
@slice_option
@removal_option
@log_option
def finish(
    directory: AnyPath,
    workers: int | None,
    ray: str | None,
    part: Slice | None,
    allow_removal: bool,
) -> None:
    """Complete a build that was made in slices.

    Its inputs were read by stepmill build --shard I/N. With --shard, one slice is packed. Without,
    the rest is packed and the manifest written.

    \b
    stepmill build recordings/ --out sliced/ --shard 1/2
    stepmill build recordings/ --out sliced/ --shard 2/2
    stepmill finish sliced/ --shard 1/2
    stepmill finish sliced/
    """
    from etl.build.run import slices
    from etl.build.run.build import Options

    job = ordered(directory)
    if part is None:
        run(job, workers, ray, Options(allow_removal=allow_removal))
        return
    build, _ = prepared(job, workers, ray)
    log.say(f"slice {part.name}: {counted(slices.pack(build, part), 'file')} packed")


@click.command()
@directory_argument
@workers_option
@removal_option
@log_option
def compact(directory: AnyPath, workers: int | None, allow_removal: bool) -> None:
    """Merge all generations of a dataset into one.

    Samples are shuffled across the whole dataset, and rows are filled. Every file of the dataset is
    written again.

    \b
    stepmill compact dataset/
    """
    from etl.build.run.build import Options

    options = Options(compact=True, allow_removal=allow_removal)
    manifest = run(ordered(directory), workers, options=options)
    files = sum(split.files for split in manifest.splits.values())
    log.say(f"{counted(files, 'file')} of one generation")


@click.command()
@directory_argument
@click.option("--dry-run", is_flag=True, help="Print what would be removed; remove nothing.")
def clean(directory: AnyPath, dry_run: bool) -> None:
    """Remove work files that no build uses any more.

    These are the work files of inputs that are gone, and the remains of interrupted runs. The work
    of an unfinished build stays, between its slices too. Files that stepmill did not write stay.

    \b
    stepmill clean dataset/ --dry-run
    """
    from etl.dataset import state
    from etl.dataset.layout import Layout
    from etl.files import lock, storage

    state.check_whole(directory)
    if not state.is_build(directory):
        raise ConfigError(f"{directory}: no build of stepmill; nothing is removed")
    with lock.hold(Layout(directory).work.locks):
        for path in state.stale(directory):
            show(str(path))
            if not dry_run:
                storage.remove(path)


def _quarantined(directory: AnyPath) -> int:
    from etl.dataset import account

    return account.in_quarantine(directory)
