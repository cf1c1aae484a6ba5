"""Run a build, or go on with one.

The output depends neither on the pool nor on the order in which tasks end. A task is skipped if its
report is there, for the same content and settings. So the same command completes an interrupted
build, and a build over a folder that grew does only what is new (`etl.dataset.generations`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from etl.build import edited, last_build, summary, unmatched, verdict
from etl.build.pools.local import calm_collector
from etl.build.run import exact, folder, mixing, packing, reading
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

    # the vocabularies whose datasets are made, the first one first
    todo: Sequence[Build]
    # all input shards, and as they are read
    shards: Sequence[InputShard]
    bundles: Sequence[Bundle]
    # the last one may be open, until the index closes it
    generations: Generations
    # keys of the bundles to read even if they have been read
    again: frozenset[str]
    # files of the complete datasets to make again, by label of the vocabulary
    damaged: Mapping[str, Collection[str]]


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
    # a hundred thousand inputs are millions of objects that stay
    with last_build.recorded(build.out, build.record), calm_collector():
        folder.check(build)
        with lock.hold(build.work.locks) as check:
            return _run(build, order, retry, check)


def _run(
    build: Build, order: Mapping[str, Any] | None, retry: bool, check: Callable[[], None]
) -> Manifest:
    """Run a build whose folder is locked.

    check: raises if the lock was lost.
    """
    every = (build, *build.further)
    for each in every:
        candidate.go_on(each.out)
    folder.sweep(build.out)
    for each in every:
        edited.set_aside(each.out)
    folder.settled(build, order, retry=retry)
    damaged = {each.vocabulary: folder.damaged(each) for each in every}
    for each in every:
        _name_damaged(each, damaged[each.vocabulary])
    sound = [each for each in every if not retry and not damaged[each.vocabulary]]
    with build.record.phase("inputs"):
        listing = reading.listing_of(build)
        mark = "" if retry else listing.mark()
        done = _complete(sound, lambda each: folder.untouched(each, mark))
        if len(done) == len(every):
            build.record.dated([listing.newest])
            _note(build, done[""].generations)
            _again(every, done)
            build.record.status = state.NOTHING
            return done[""]
        shards = reading.discovered(build, listing)
        if build.options.exact:
            shards = exact.chosen(build, shards)
    generations = build.generations(shards)
    _note(build, generations)
    bundles = bundled(shards, generations.together)
    done = _complete(sound, lambda each: folder.finished(each, generations))
    if "" in done and len(done) < len(every) and not reading.complete(build, bundles):
        del done[""]
    todo = [each for each in every if each.vocabulary not in done]
    _again([each for each in every if each not in todo], done)
    if todo:
        again = reading.quarantined(build, bundles) if retry else frozenset()
        again |= stamps.keys(damaged[""])
        begun = _Begun(todo, shards, bundles, generations, again, damaged)
        done |= _made(build, begun, check)
    else:
        build.record.status = state.NOTHING
    for each in every:
        folder.note_untouched(each, mark, done[each.vocabulary])
    return done[""]


def _complete(
    builds: Sequence[Build], look: Callable[[Build], Manifest | None]
) -> dict[str, Manifest]:
    """The manifests of the datasets that are complete, by vocabulary."""
    found = {each.vocabulary: look(each) for each in builds}
    return {label: manifest for label, manifest in found.items() if manifest is not None}


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


def _again(builds: Sequence[Build], done: Mapping[str, Manifest]) -> None:
    """Check datasets that are complete already: this run may have other gates."""
    for each in builds:
        manifest = done[each.vocabulary]
        each.record.manifest(manifest)
        candidate.discard(each.out)
        stamps.note(each.out)
        if not each.vocabulary:
            packing.check_names(each, unmatched.kept(each.work))
        each.verdict.again(manifest)


def _made(build: Build, begun: _Begun, check: Callable[[], None]) -> dict[str, Manifest]:
    """Run all phases for the vocabularies to do; each does only what is missing.

    Returns the manifests by vocabulary.
    """
    from etl.build.finish import Made, finish

    todo, record = begun.todo, build.record
    for each in todo:
        each.verdict.before({shard.name: shard.sha256 for shard in begun.shards})
    folder.begin(todo, begun.bundles)
    with record.phase("samples"):
        read = reading.read(build, begun.bundles, begun.bundles, begun.again)
        reading.look_again(build, begun.bundles)
    check()
    with record.phase("index"), build.shown("index"):
        indexed = packing.indexed(build, begun.shards, begun.generations, again=build in todo)
        named = {**indexed.unmatched, **mixing.unmatched(build.recipe.mix, build.shelf.own)}
        asked = unmatched.look(build.shelf, build.recipe, named)
        samples = ((output.split, output.samples) for output in indexed.outputs)
        packing.check_splits(build, samples, asked)
        packing.check_names(build, asked)
        packing.check_subsets(build, indexed.filled)
        packing.check_drawn(build, indexed)
    with record.phase("packing"):
        packed = packing.packed(todo, indexed.outputs, begun.damaged)
    folder.sweep(build.out)
    check()
    with record.phase("finishing"):
        made = Made(
            begun.shards,
            read,
            indexed.generations,
            indexed.filled,
            indexed.drawn,
            indexed.overlaps,
        )
        manifests: list[Manifest] = []
        for each, reports in zip(todo, packed, strict=True):
            with each.shown("finishing"):
                packing.settle(each, indexed.outputs)
                manifest = finish(each, made, reports)
                each.record.manifest(manifest)
                samples = ((split, counts.samples) for split, counts in manifest.splits.items())
                packing.check_splits(each, samples, asked)
                edited.set_aside(each.out)  # somebody may have edited the card meanwhile
                manifests.append(manifest)
        _judge(build, todo, manifests, begun.bundles)
    for each in todo:
        stamps.note(each.out)
    return {each.vocabulary: manifest for each, manifest in zip(todo, manifests, strict=True)}


def _judge(
    build: Build,
    todo: Sequence[Build],
    manifests: Sequence[Manifest],
    bundles: Sequence[Bundle],
) -> None:
    """Accept the datasets, or raise `GateError`; either way, remove what was taken down."""
    dropped = summary.reasons(manifests[0].accounting, build.recipe)
    cases = [
        verdict.Case(each.verdict, manifest, each.vocabulary)
        for each, manifest in zip(todo, manifests, strict=True)
    ]
    try:
        verdict.give(cases, reading.removed(build, bundles), dropped)
    except GateError:
        folder.forget_taken_down(build)
        raise
    folder.forget_taken_down(build)
