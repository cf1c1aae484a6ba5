"""The inputs of a build, and phase 1: what is read of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.build.run.build import Build
from etl.build.tasks import SamplesWorker
from etl.dataset.layout import IN_WORK, QUARANTINE, SAMPLES
from etl.files import storage
from etl.files.arrow import read_json
from etl.inputs import find
from etl.inputs.records import InputShard
from etl.tally import Odd


@dataclass(frozen=True)
class Read:
    """What phase 1 came to."""

    # samples of each input shard
    rows: Sequence[int]
    # what was read although it was not as its format has it
    odd: Mapping[Odd, int]


def discovered(build: Build, *, remember: bool = True) -> list[InputShard]:
    """The input shards, hashed. remember: note in the work folder what need not be read again."""
    sources = build.recipe.samples.sources
    without = storage.here(build.out)
    with build.progress("finding inputs", brief=True):
        found = find.find(build.inputs, sources, without=without)
    found = [item for item in found if without or not item.place.startswith(f"{build.out}/")]
    build.record.dated(file.stamp.changed for item in found for file in item.files)
    with build.shown("inputs", sum(item.size for item in found)) as progress:
        return find.shards(
            found,
            progress.advance,
            sources=sources,
            part_bytes=build.recipe.inputs.part_bytes,
            cache=build.work.remembered,
            remember=remember,
        )


def worker(
    build: Build, removed: Iterable[str] = (), again: frozenset[str] = frozenset()
) -> SamplesWorker:
    """What phase 1 does with one input shard. removed: contents of what is taken down, as far as
    they are known. again: keys of those that are read again.
    """
    listed = build.recipe.taken_down.with_contents(removed)
    return SamplesWorker(build.recipe.samples, build.shelf, listed, again)


def quarantined(build: Build, shards: Sequence[InputShard]) -> frozenset[str]:
    """Keys of the input shards with quarantined records."""
    found = set()
    for report in _reports(build, shards):
        key = report["key"]
        if IN_WORK.of_input(QUARANTINE, key).as_posix() in report["files"]:
            found.add(key)
    return frozenset(found)


def removed(build: Build, shards: Sequence[InputShard]) -> frozenset[str]:
    """Contents that the takedown list took down when these input shards were read last."""
    if not build.recipe.taken_down:
        return frozenset()
    reports = _reports(build, shards)
    return frozenset(content for report in reports for content in report.get("removed", ()))


def _reports(build: Build, shards: Sequence[InputShard]) -> Iterable[Mapping[str, Any]]:
    paths = build.shelf.existing(SAMPLES, [shard.key for shard in shards], ".json")
    return storage.together(read_json, paths)


def read(
    build: Build,
    shards: Sequence[InputShard],
    every: Sequence[InputShard],
    again: frozenset[str] = frozenset(),
) -> Read:
    """Phase 1 of some of all input shards. again: keys of those that are read though they were.

    Copies of what is taken down can be in any input: where they are news, it is done again with
    what is known of them. It ends: what the list takes down does not depend on what is known of
    copies.
    """
    known = removed(build, every)
    while True:
        made = _read(build, shards, worker(build, known, again))
        found = removed(build, every)
        if found == known:
            return made
        known, again = found, frozenset()


def _read(build: Build, shards: Sequence[InputShard], worker: SamplesWorker) -> Read:
    sizes = {shard.key: shard.size for shard in shards}
    rows: dict[str, int] = {}  # and not the reports, which name every workflow
    odd: Counter[Odd] = Counter()
    largest_first = sorted(shards, key=lambda shard: (-shard.size, shard.name))
    reports = [f"{shard.key}.json" for shard in shards]
    folders = {work.of_inputs(SAMPLES) for work in (worker.shelf.common, worker.shelf.own)}
    with (
        build.record.counted("input_shards", folders, reports),
        build.shown("samples", sum(sizes.values())) as progress,
    ):
        for report in build.pool(worker, largest_first):
            rows[report.key] = report.rows
            odd.update({(kind, where): count for kind, where, count in report.odd})
            progress.advance(sizes[report.key], report.rows)
    return Read([rows[shard.key] for shard in shards], odd)
