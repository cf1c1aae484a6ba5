"""Slices of a build, for several machines: run phase 1 or 3 for some bundles or shards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.build.pools.slices import Slice
from etl.build.run import folder, packing, reading
from etl.build.run.build import Build
from etl.dataset.reports import BundleReport
from etl.files import lock
from etl.inputs.bundles import bundled
from schemas.errors import BuildError


def read(build: Build, part: Slice, order: Mapping[str, Any] | None = None) -> int:
    """Run phase 1 for one slice of the inputs; returns the number of its input shards.

    Raises:
        ConfigError: the build cannot start.
        BuildError: it cannot go on.
        GateError: the inputs lack too much of the last complete dataset.
    """
    folder.check(build)
    with lock.hold(build.work.locks, part.name):
        folder.settled(build, order)
        shards = reading.discovered(build)
        every = bundled(shards, build.generations(shards).together)
        build.verdict.before({shard.name: shard.sha256 for shard in shards})
        folder.begin([build], every)
        mine = part.of_items(every, lambda bundle: bundle.size)
        reading.read(build, mine, every)
        reading.look_again(build, mine)
        return sum(len(bundle.members) for bundle in mine)


def pack(build: Build, part: Slice) -> int:
    """Run phase 3 for one slice of the output shards; returns the number of its output shards.

    Raises:
        ConfigError: settings have changed.
        BuildError: an input shard has not been read yet, or the build cannot go on.
    """
    with lock.hold(build.work.locks, part.name):
        folder.settled(build)
        shards = reading.discovered(build)
        generations = build.generations(shards)
        bundles = bundled(shards, generations.together)
        worker = reading.worker(build, reading.removed(build, bundles))
        missing = [
            shard.name
            for bundle in bundles
            if not isinstance(worker.finished(bundle), BundleReport)
            for shard in bundle.members
        ]
        if not missing and (counter := reading.counter(build)) is not None:
            uncounted = [bundle for bundle in bundles if not counter.finished(bundle.key)]
            missing = [shard.name for bundle in uncounted for shard in bundle.members]
        if missing:
            raise BuildError(
                f"{build.out}: {len(missing):,} inputs have not been read yet, {missing[0]} for "
                "one; run stepmill build --shard for all slices first (again, if copies of what "
                "is taken down were found)"
            )
        folder.begin([build, *build.further], bundles)
        outputs = packing.indexed(build, shards, generations).outputs
        mine = part.of_items(outputs, lambda shard: shard.samples)
        packing.packed([build, *build.further], mine)
        return len(mine)
