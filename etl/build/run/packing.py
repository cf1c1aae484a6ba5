"""Phases 2 and 3: index everything that was read, and pack its samples into output shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from etl.build import unmatched
from etl.build.index import Indexed
from etl.build.run.build import Build
from etl.build.tasks import PackedWorker
from etl.build.unmatched import Asked
from etl.dataset import candidate, state
from etl.dataset.generations import Generations
from etl.dataset.index import OutputShard
from etl.dataset.layout import Layout
from etl.dataset.reports import PackedReport
from etl.decisions.split import check_filled
from etl.files import storage
from etl.inputs.bundles import bundled
from etl.inputs.records import InputShard


def indexed(build: Build, shards: Sequence[InputShard], generations: Generations) -> Indexed:
    """Run phase 2."""
    places = build.shelf
    bundles = bundled(shards, generations.together)
    state.save_inputs(places.own, [(bundle.key, bundle.members) for bundle in bundles], generations)
    state.end_reading(build.out)
    sources, listed = build.recipe.samples.sources, build.recipe.taken_down
    return build.recipe.index.build(shards, generations, sources, places, takedown=listed)


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


def worker(build: Build, damaged: frozenset[str] = frozenset()) -> PackedWorker:
    """The worker of phase 3.

    damaged: files of the complete build to make again.
    """
    return PackedWorker(build.recipe.packed, build.place, build.out, damaged)


def packed(
    build: Build, outputs: Sequence[OutputShard], damaged: frozenset[str] = frozenset()
) -> list[PackedReport]:
    """Run phase 3 for some output shards; returns their reports in order.

    damaged: see `worker`.
    """
    reports: dict[str, PackedReport] = {}
    largest_first = sorted(outputs, key=lambda shard: (-shard.samples, shard.name))
    names = {f"{shard.name}.json": 1 for shard in outputs}
    chosen = worker(build, damaged)
    with (
        build.record.counted("output_shards", [Layout(chosen.out).work.fitted], names),
        build.shown("packing", sum(shard.samples for shard in outputs), "samples") as progress,
    ):
        for report in build.pool(chosen, largest_first):
            reports[report.name] = report
            progress.advance(report.samples)
    return [reports[shard.name] for shard in outputs]


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
