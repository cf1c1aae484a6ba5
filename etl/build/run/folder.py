"""The folder of a build: checks that it may be built into, and finds or tidies what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from etl.build import edited
from etl.build.run import vocabularies
from etl.build.run.build import Build
from etl.dataset import candidate, stamps, state
from etl.dataset.generations import Generations
from etl.dataset.layout import Layout
from etl.dataset.manifest import Manifest, current, hashes
from etl.decisions import takedown
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.hashes import digest
from etl.files.storage import AnyPath
from etl.inputs.bundles import Bundle
from etl.pages import compiled
from etl.terminal import log
from schemas.errors import ConfigError

_OF_SOURCE: Final = "samples.source "
_READ: Final = frozenset({".arrow", ".parquet", ".json"})
"""Endings of files that would be read as ours where output shards lie."""


def check(build: Build) -> None:
    """Check that the recipe can be used and the folder is new or ours, before anything is written.

    It warns if pages will be read slowly.

    Raises:
        ConfigError: the recipe, or the folder, cannot be used.
    """
    if advice := compiled.advice():
        log.warn(advice)
    for each in (build, *build.further):
        _ = each.settings, each.recipe.taken_down, each.notes
    if build.options.compact and build.recipe.split.of_generation:
        raise ConfigError(
            f"split.since = {build.recipe.split.since} cuts between generations, and compacting "
            'makes one of all; cut at a time (split.since = "2026-01-31"), or do not compact'
        )
    if storage.holds_anything(build.out) and not state.is_build(build.out):
        raise ConfigError(
            f"{build.out} is not empty and holds no build; choose another folder with --out"
        )
    vocabularies.check(build)
    foreign = [path for each in (build, *build.further) for path in candidate.foreign(each.out)]
    read = [path for path in foreign if path.suffix in _READ]
    if read:
        more = f" and {len(read) - 1:,} more" if len(read) > 1 else ""
        raise ConfigError(
            f"{read[0]}{more}: not a file of this build, but it would be read as one; move it out "
            "of the folder"
        )
    for path in foreign:
        log.warn(f"{path}: not a file of this build; it is left as it is")


def changes(build: Build) -> list[state.Change]:
    """The settings that have changed since the last complete dataset, of all vocabularies.

    There are none of a vocabulary if a candidate beside its dataset was made with the settings of
    now.
    """
    changed = _changes(build)
    for each in build.further:
        new = [change for change in _changes(each) if change not in changed]
        changed += [
            replace(change, line=f"vocabulary {each.vocabulary}: {change.line}") for change in new
        ]
    return [*vocabularies.gone(build), *changed]


def _changes(build: Build) -> list[state.Change]:
    """`changes` of one vocabulary."""
    places = build.work, Layout(build.out).candidate.work
    paths = [work.settings for work in places if storage.exists(work.settings)]
    changed = [state.changes(read_json(path), build.settings) for path in paths]
    return changed[0] if changed and all(changed) else []


def settled(build: Build, order: Mapping[str, Any] | None = None, *, retry: bool = False) -> None:
    """Check the settings against those of the folder, and keep order and takedown list there.

    The folders of vocabularies that are gone are removed.

    order: how to request this build again. retry: whether versions of sources may have changed.

    Raises:
        ConfigError: settings have changed, and the options do not allow it.
    """
    changed = changes(build)
    if retry:
        changed = [change for change in changed if not change.path.startswith(_OF_SOURCE)]
    if changed and not build.options.redo:
        raise ConfigError(
            f"{build.out} was built with other settings:\n"
            + "\n".join(state.consequences(changed))
            + "\nDo that with --redo, or build into a new folder with --out."
        )
    if order is not None:
        write_json(build.work.order, {**order, "vocabulary": build.recipe.vocabulary.noted})
    if build.recipe.pages is not None:
        build.known_archives.save()
    takedown.keep(build.work.takedown, build.recipe.taken_down)
    vocabularies.settle(build)


def begin(builds: Sequence[Build], bundles: Sequence[Bundle]) -> None:
    """Mark these vocabularies of a build as in the making, with these inputs."""
    for build in builds:
        if not build.vocabulary:
            state.begin_reading(build.out, [bundle.key for bundle in bundles])
        place = build.place
        candidate.begin(build.out, place)
        path = Layout(place).work.settings
        if not storage.exists(path) or read_json(path) != build.settings:
            write_json(path, build.settings)
        state.forget(build.work, build.recipe.taken_down.domains)


def finished(build: Build, generations: Generations) -> Manifest | None:
    """The manifest if this very build is complete and its files are there; else None."""
    manifest = current(Layout(build.out).dataset.manifest)
    if manifest is None or manifest.fingerprint != build.fingerprint(generations):
        return None
    return manifest if _whole(build, manifest) else None


def untouched(build: Build, mark: str) -> Manifest | None:
    """The manifest if the very build was complete when its inputs had this mark; else None.

    It finds that out without a look at any single input. mark: see `etl.inputs.listing`; empty if
    there is none.
    """
    path, options = build.work.listing, build.options
    if not mark or options.compact or options.given is not None or not storage.exists(path):
        return None
    noted = read_json(path)
    if noted["request"] != _request(build, mark):
        return None
    manifest = current(Layout(build.out).dataset.manifest)
    if manifest is None or manifest.fingerprint != noted["fingerprint"]:
        return None
    return manifest if _whole(build, manifest) else None


def note_untouched(build: Build, mark: str, manifest: Manifest) -> None:
    """Note that a build is complete, for `untouched`."""
    path = build.work.listing
    noted = {
        "request": _request(build, mark),
        "fingerprint": manifest.fingerprint,
    }
    if not mark:
        storage.remove(path)
    elif not storage.exists(path) or read_json(path) != noted:
        write_json(path, noted)


def _request(build: Build, mark: str) -> str:
    """A hash of all that a build is asked for."""
    return digest([build.settings, build.recipe.taken_down.fingerprint, build.notes.parts, mark])


def _whole(build: Build, manifest: Manifest) -> bool:
    """Whether the files of a complete build are there."""
    return storage.exists(build.work.fit_ledger) and not storage.missing(build.out, manifest.files)


def damaged(build: Build) -> dict[str, str]:
    """Files of the last complete build that are damaged, and what is wrong with each."""
    path = Layout(build.out).dataset.manifest
    return stamps.damaged(build.out, hashes(path)) if storage.exists(path) else {}


def sweep(out: AnyPath) -> None:
    """Remove files that a process left half-written when it died."""
    for path in state.half_written(out):
        storage.remove(path)


def clean(out: AnyPath) -> None:
    """Remove files that nothing uses."""
    for path in state.stale(out):
        storage.remove(path)


def forget_taken_down(build: Build) -> None:
    """Remove files of inputs that are gone, and edited copies, that may hold what is taken down."""
    if build.recipe.taken_down:
        clean(build.out)
        for each in (build, *build.further):
            edited.forget(each.out, build.recipe.taken_down)
