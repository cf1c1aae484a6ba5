"""Run a build, or go on with one.

The output depends neither on the pool nor on the order in which tasks end. A task is skipped if its
report is there, for the same content and settings. So the same command completes an interrupted
build, and a build over a folder that grew does only what is new (`etl.dataset.generations`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from etl.build import edited, last_build, summary, unmatched
from etl.build.run import folder, packing, reading
from etl.build.run.build import Build
from etl.dataset import candidate, stamps, state
from etl.dataset.generations import Generations, differing
from etl.dataset.manifest import Manifest
from etl.files import lock
from etl.inputs.bundles import Bundle, bundled
from etl.inputs.records import InputShard
from etl.terminal import log
from schemas.errors import GateError

_SHOWN: Final = 10
"""The most damaged files that are named."""


@dataclass(frozen=True)
class _Begun:
    """A build just before its phases."""

    # what decides the output, by phase
    settings: Mapping[str, Any]
    # all input shards, and as they are read
    shards: Sequence[InputShard]
    bundles: Sequence[Bundle]
    # the last one may be open, until the index closes it
    generations: Generations
    # keys of the bundles to read even if they have been read
    again: frozenset[str]
    # files of the complete build to make again
    damaged: frozenset[str]


def run(build: Build, order: Mapping[str, Any] | None = None, *, retry: bool = False) -> Manifest:
    """Build, or go on with a build; returns the manifest.

    order: how to request this build again, kept in the work folder for ``retry`` and ``finish``.
    retry: whether to read bundles with quarantined records again; only then may a source's
    version have changed since.

    Raises:
        ConfigError: it cannot start.
        BuildError: it cannot go on.
        GateError: a gate stops it before it reads, or rejects the result.
    """
    with last_build.recorded(build.out, build.record):
        folder.check(build)
        with lock.hold(build.work.locks) as check:
            return _run(build, order, retry, check)


def _run(
    build: Build, order: Mapping[str, Any] | None, retry: bool, check: Callable[[], None]
) -> Manifest:
    """Run a build whose folder is locked.

    check: raises if the lock was lost.
    """
    candidate.go_on(build.out)
    folder.sweep(build.out)
    edited.set_aside(build.out)
    settings = folder.settled(build, order, retry=retry)
    damaged = folder.damaged(build)
    _name_damaged(build, damaged)
    with build.record.phase("inputs"):
        listing = reading.listing_of(build)
        mark = "" if retry else listing.mark()
        done = None if damaged else folder.untouched(build, settings, mark)
        if done is not None:
            build.record.dated([listing.newest])
            _note(build, done.generations)
            return _again(build, done)
        shards = reading.discovered(build, listing)
    generations = build.generations(shards)
    _note(build, generations)
    done = None if retry or damaged else folder.finished(build, settings, generations)
    if done is not None:
        folder.note_untouched(build, settings, mark, done)
        return _again(build, done)
    build.verdict.before({shard.name: shard.sha256 for shard in shards})
    bundles = bundled(shards, generations.together)
    folder.begin(build, settings, bundles)
    again = reading.quarantined(build, bundles) if retry else frozenset()
    again |= stamps.keys(damaged)
    begun = _Begun(settings, shards, bundles, generations, again, frozenset(damaged))
    made = _made(build, begun, check)
    stamps.note(build.out)
    folder.note_untouched(build, settings, mark, made)
    return made


def _name_damaged(build: Build, damaged: Mapping[str, str]) -> None:
    for name, what in sorted(damaged.items())[:_SHOWN]:
        log.warn(f"{build.out / name}: {what}; it is made again")
    if len(damaged) > _SHOWN:
        log.warn(f"and {len(damaged) - _SHOWN:,} more files")


def _note(build: Build, generations: Generations) -> None:
    """Note which inputs are new, changed and removed, and which generation opens."""
    before = state.generations(build.work)
    build.record.inputs(differing(before, generations))
    opened = f"g{generations.last:04d}" if generations.last > before.last else ""
    build.record.fields["generation"] = opened


def _again(build: Build, done: Manifest) -> Manifest:
    """Check a build that is complete already: this run may have other gates."""
    build.record.manifest(done)
    candidate.discard(build.out)
    stamps.note(build.out)
    packing.check_names(build, unmatched.kept(build.work))
    build.verdict.again(done)
    build.record.status = state.NOTHING
    return done


def _made(build: Build, begun: _Begun, check: Callable[[], None]) -> Manifest:
    """Run all phases; each does only what is missing."""
    from etl.build.finish import Made, finish

    record = build.record
    with record.phase("samples"):
        read = reading.read(build, begun.bundles, begun.bundles, begun.again)
    check()
    with record.phase("index"), build.shown("index"):
        indexed = packing.indexed(build, begun.shards, begun.generations)
        asked = unmatched.look(build.shelf, build.recipe, indexed.unmatched)
        samples = ((output.split, output.samples) for output in indexed.outputs)
        packing.check_splits(build, samples, asked)
        packing.check_names(build, asked)
    with record.phase("packing"):
        packed = packing.packed(build, indexed.outputs, begun.damaged)
        packing.settle(build, indexed.outputs)
    folder.sweep(build.out)
    check()
    with record.phase("finishing"), build.shown("finishing"):
        made = Made(begun.settings, begun.shards, read, indexed.generations, packed)
        manifest = finish(build, made)
        record.manifest(manifest)
        samples = ((split, counts.samples) for split, counts in manifest.splits.items())
        packing.check_splits(build, samples, asked)
        edited.set_aside(build.out)  # somebody may have edited the card meanwhile
        _judge(build, manifest, begun.bundles)
    return manifest


def _judge(build: Build, manifest: Manifest, bundles: Sequence[Bundle]) -> None:
    """Accept the dataset, or raise `GateError`; either way, remove what was taken down."""
    dropped = summary.reasons(manifest.accounting, build.recipe)
    try:
        build.verdict.give(manifest, reading.removed(build, bundles), dropped)
    except GateError:
        folder.forget_taken_down(build)
        raise
    folder.forget_taken_down(build)
