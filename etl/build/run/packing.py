"""Phases 2 and 3: index everything that was read, and pack its samples into output shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import Final

from etl.build import unmatched
from etl.build.index import Indexed
from etl.build.pack import Target
from etl.build.run.build import Build
from etl.build.tasks import PackedWorker, Packing
from etl.build.unmatched import Asked
from etl.dataset import candidate, state
from etl.dataset.generations import Generations
from etl.dataset.index import OutputShard
from etl.dataset.layout import Layout, Work
from etl.dataset.reports import PackedReport
from etl.decisions.recorded import TEST
from etl.decisions.split import check_filled
from etl.files import scratch, storage
from etl.inputs.bundles import bundled
from etl.inputs.records import InputShard
from etl.terminal.words import counted
from schemas import splits

_NEAR: Final = 0.01
"""By what share a subset may be smaller or larger than asked, before it is said."""


def indexed(
    build: Build, shards: Sequence[InputShard], generations: Generations, *, again: bool = True
) -> Indexed:
    """Run phase 2.

    again: whether to write its files; else they are those of the complete build.
    """
    places, index = build.shelf, build.recipe.index
    sources, listed = build.recipe.samples.sources, build.recipe.taken_down
    if not again:
        with scratch.folder() as into:
            return index.build(shards, generations, sources, places, Work(into), listed)
    bundles = bundled(shards, generations.together)
    state.save_inputs(places.own, [(bundle.key, bundle.members) for bundle in bundles], generations)
    state.end_reading(build.out)
    return index.build(shards, generations, sources, places, takedown=listed)


def check_names(build: Build, asked: Asked) -> None:
    """Note which entries of the recipe's lists took effect.

    Raises:
        BuildError: an entry matches nothing, and the build is strict.
    """
    record = build.record
    record.fields["unmatched"] = asked.counts()
    record.effects = list(asked.lines())
    record.warnings = list(asked.warnings())
    unmatched.check(asked, build.options.strict)


def check_splits(build: Build, samples: Iterable[tuple[str, int]], asked: Asked) -> None:
    """Check that every split that the recipe asks for has samples.

    samples: (split, number of samples), any number of times for a split.

    Raises:
        BuildError: one is empty.
    """
    counts = Counter[str]()
    for split, count in samples:
        counts[split] += count
    lines = [str(each) for each in asked.unmatched]
    check_filled(build.recipe.split.asked, counts, build.recipe.index.split, lines)


def check_subsets(build: Build, filled: Sequence[int]) -> None:
    """Note how full the recipe's subsets are, and warn of those that are not as large as asked.

    filled: the number of tokens in each.
    """
    settings = build.recipe.subsets
    if not settings.tokens:
        return
    asked = {name: settings.amount(name) for name in settings.tokens}
    build.record.fields["subsets"] = {
        name: {"asked": most, "counted": there}
        for (name, most), there in zip(asked.items(), filled, strict=True)
    }
    for (name, most), there in zip(asked.items(), filled, strict=True):
        if there < (1 - _NEAR) * most:
            build.record.warnings.append(
                f"subsets.tokens: {name} is more than the training split can fill: the subset has "
                f"{there:,} tokens, until new recordings fill it"
            )
        elif there > (1 + _NEAR) * most:
            build.record.warnings.append(
                f"subsets.tokens: {name} is so few that samples do not add up to it: the subset "
                f"has {there:,} tokens"
            )


def check_drawn(build: Build, indexed: Indexed) -> None:
    """Note what the draw of the splits counted, and warn of workflows that it could not place.

    They lack what it looks at. It also warns of a generation that is yet to come, and if nothing
    failed where failures are kept apart.
    """
    drawn, warnings = indexed.drawn, build.record.warnings
    if drawn:
        build.record.fields["drawn"] = dict(drawn)
    if count := drawn.get("without_time", 0):
        warnings.append(
            f"split: {count:,} of {counted(drawn['workflows'], 'workflow')} have no recorded time, "
            "so they count as earlier than the cut; cut between generations to go by the night in "
            'which they came (split.since = "g0002")'
        )
    if count := drawn.get("without_site", 0):
        warnings.append(
            f"split: {counted(count, 'workflow')} without topic, website or domain: nothing tells "
            "whether their sites are held out, so they are in none of the three test splits"
        )
    there = {each.split for each in indexed.outputs}
    if build.recipe.failures and not any(map(splits.of_failures, there)):
        warnings.append(
            "failures.apart: no sample is known to have failed: no recording in the dataset has a "
            f"reward under {build.recipe.failures.below:g}, and no step with an error is kept "
            "(filter.failed_actions = false keeps them)"
        )
    if build.recipe.split.of_generation and TEST not in there:
        warnings.append(
            f"split.since = {build.recipe.split.since}: nothing has come with this generation or a "
            "later one yet, so the test split is empty"
        )


def packing(build: Build, damaged: Collection[str] = ()) -> Packing:
    """Phase 3 for one vocabulary.

    damaged: files of the complete build to make again.
    """
    target = Target(build.recipe.packed, build.place, build.vocabulary)
    return Packing(target, build.out, frozenset(damaged))


def packed(
    builds: Sequence[Build],
    outputs: Sequence[OutputShard],
    damaged: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> list[list[PackedReport]]:
    """Run phase 3 for some output shards; returns their reports in order, for each vocabulary.

    builds: the build for each. damaged: files of the complete build to make again, by vocabulary.
    """
    reports: dict[str, list[PackedReport]] = {}
    largest_first = sorted(outputs, key=lambda shard: (-shard.samples, shard.name))
    names = {f"{shard.name}.json": 1 for shard in outputs}
    every = tuple(packing(build, damaged.get(build.vocabulary, ())) for build in builds)
    with ExitStack() as stack:
        for build, each in zip(builds, every, strict=True):
            folders = [Layout(each.out).work.fitted]
            stack.enter_context(build.record.counted("output_shards", folders, names))
        samples = sum(shard.samples for shard in outputs)
        progress = stack.enter_context(builds[0].shown("packing", samples, "samples"))
        for of_each in builds[0].pool(PackedWorker(every), largest_first):
            reports[of_each[0].name] = of_each
            progress.advance(of_each[0].samples)
    return [[reports[shard.name][at] for shard in outputs] for at in range(len(builds))]


def settle(build: Build, outputs: Sequence[OutputShard]) -> None:
    """Keep only these output shards of the dataset; borrow those that were not made here."""
    place = build.place
    folder = Layout(place).work.fitted
    made = {
        storage.relative(path, folder).removesuffix(".json")
        for path in storage.files(folder, ".json")
    }
    names = {shard.name for shard in outputs}
    candidate.keep_only(place, names & made)
    candidate.borrow(place, sorted(names - made))
