"""Slices of a build, for several machines: run phase 1 or 3 for some shards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.build.pools.slices import Slice
from etl.build.run import folder, packing, reading
from etl.build.run.build import Build
from etl.dataset.reports import ShardReport
from etl.files import lock
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
        settings = folder.settled(build, order)
        every = reading.discovered(build)
        build.verdict.before({shard.name: shard.sha256 for shard in every})
        folder.begin(build, settings, every)
        mine = part.of_items(every, lambda shard: shard.size)
        return len(reading.read(build, mine, every).rows)


def pack(build: Build, part: Slice) -> int:
    """Run phase 3 for one slice of the output shards; returns the number of its output shards.

    Raises:
        ConfigError: settings have changed.
        BuildError: an input shard has not been read yet, or the build cannot go on.
    """
    with lock.hold(build.work.locks, part.name):
        settings = folder.settled(build)
        shards = reading.discovered(build)
        worker = reading.worker(build, reading.removed(build, shards))
        missing = [
            shard.name for shard in shards if not isinstance(worker.finished(shard), ShardReport)
        ]
        if missing:
            raise BuildError(
                f"{build.out}: {len(missing):,} inputs have not been read yet, {missing[0]} for "
                "one; run stepmill build --shard for all slices first (again, if copies of what "
                "is taken down were found)"
            )
        folder.begin(build, settings, shards)
        outputs = packing.indexed(build, shards, build.generations(shards)).outputs
        mine = part.of_items(outputs, lambda shard: shard.samples)
        return len(packing.packed(build, mine))
