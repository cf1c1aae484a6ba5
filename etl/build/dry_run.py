"""What a build would do, without doing it: settings that changed, inputs to read and why, files to
write and why.

The index is worked out over what has been read already, in a temporary folder. New data never
change old decisions, so this names exactly the files of older generations that would be written or
removed; of a new generation it can only say that it comes. Where inputs of older generations have
to be read again, their files are listed as ``perhaps``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from etl.build.run import folder, packing, reading
from etl.build.run.build import Build
from etl.dataset import own_files, stamps, state
from etl.dataset.generations import Generations, differing
from etl.dataset.layout import Layout, Work
from etl.dataset.reports import ShardReport
from etl.files import storage
from etl.inputs import find, strangers
from etl.inputs.records import InputShard
from etl.sources import FORMATS
from etl.terminal.words import counted

_LISTED: Final = 20
"""Lines of each list; more are counted."""


@dataclass(frozen=True)
class Foreseen:
    """changes: settings, as `state.changes` has them. inputs: names that are new, changed and
    removed. read: (name, bytes, reason) of input shards that phase 1 reads. write, remove: (file,
    reason) under ``dataset/data``. opens: the new generation's name, or empty. finished: there is
    nothing to do. stops: gates that fail before anything is read. damaged: files of the complete
    build that are made again, and why. left_aside: files in no known format, and what each is.
    """

    changes: list[state.Change]
    inputs: dict[str, Sequence[str]]
    unchanged: int
    read: list[tuple[str, int, str]]
    write: list[tuple[str, str]]
    perhaps: list[str]
    remove: list[str]
    opens: str
    finished: bool
    stops: list[str]
    damaged: dict[str, str]
    left_aside: list[tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "finished": self.finished,
            "gate_failures": self.stops,
            "damaged": self.damaged,
            "settings": [
                {"phase": each.phase, "field": each.path, "change": each.line}
                for each in self.changes
            ],
            "inputs": {**self.inputs, "unchanged": self.unchanged},
            "read": [
                {"name": name, "bytes": size, "reason": reason} for name, size, reason in self.read
            ],
            "write": [{"file": name, "reason": reason} for name, reason in self.write],
            "perhaps": self.perhaps,
            "remove": self.remove,
            "new_generation": self.opens,
            "left_aside": [{"name": name, "says": says} for name, says in self.left_aside],
        }

    def as_text(self) -> str:
        """For people."""
        if self.finished:
            return "nothing to do: the build is complete"
        lines = [f"stops before it starts: {line}" for line in self.stops]
        lines += [f"made again, because {what}: {name}" for name, what in self.damaged.items()]
        lines += [
            *(["settings that changed:", *state.consequences(self.changes)] if self.changes else [])
        ]
        counts = {what: len(names) for what, names in self.inputs.items()} | {
            "unchanged": self.unchanged
        }
        lines.append("inputs: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
        size = sum(size for _, size, _ in self.read)
        lines.append(f"samples: {counted(len(self.read), 'input')} to read, {size / 1e6:,.1f} MB")
        lines += _some(
            [f"  {name}, {counted(size, 'byte')}: {reason}" for name, size, reason in self.read]
        )
        if self.left_aside:
            lines.append(f"left aside: {len(self.left_aside):,} of them, in no known format")
            lines += _some([f"  {name}: {says}" for name, says in self.left_aside])
        lines.append("index: worked out again, over all samples")
        new = f", and those of the new generation {self.opens}" if self.opens else ""
        lines.append(
            f"packing: {counted(len(self.write), 'file')} to write{new}; {len(self.remove):,} to "
            "remove"
        )
        lines += _some([f"  {name}: {reason}" for name, reason in self.write])
        lines += _some(
            [
                f"  {name}: perhaps, if what is read again comes out otherwise"
                for name in self.perhaps
            ]
        )
        lines += _some([f"  {name}: no samples left, removed" for name in self.remove])
        return "\n".join(lines)


def _some(lines: list[str]) -> list[str]:
    """A list as it is, or its beginning and how long it is."""
    more = len(lines) - _LISTED
    return lines if more <= 0 else [*lines[:_LISTED], f"  and {more:,} more; --json lists all"]


def foresee(build: Build) -> Foreseen:
    """What `etl.build.run.whole.run` would do. Writes nothing under the build's folder."""
    shards = reading.discovered(build, remember=False)
    before = state.generations(build.work)
    generations = build.generations(shards)
    inputs = differing(before, generations)
    changed = {name for names in inputs.values() for name in names}
    damaged = folder.damaged(build)
    worker = reading.worker(build, reading.removed(build, shards), stamps.keys(damaged))
    states = {shard.key: worker.finished(shard) for shard in shards}
    known = [shard for shard in shards if isinstance(states[shard.key], ShardReport)]
    read = [
        (shard.name, shard.size, str(states[shard.key])) for shard in shards if shard not in known
    ]
    write, perhaps, remove = _files(
        build, generations, known, {name for name, _, _ in read}, frozenset(damaged)
    )
    changes = folder.changes(build)
    return Foreseen(
        changes,
        inputs,
        sum(shard.name not in changed for shard in shards),
        read,
        write,
        perhaps,
        remove,
        next((generation.name for generation in generations.every if not generation.shards), ""),
        folder.finished(build, build.settings, generations) is not None and not damaged,
        build.verdict.foreseen({shard.name: shard.sha256 for shard in shards}),
        damaged,
        [
            (shard.name, strangers.meet(shard.path, FORMATS.values()).text)
            for shard in shards
            if shard.format == find.UNKNOWN
        ],
    )


def _files(
    build: Build,
    generations: Generations,
    known: Sequence[InputShard],
    unread: set[str],
    damaged: frozenset[str],
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Files of the dataset to write, perhaps to write, and to remove."""
    closed = [generation for generation in generations.every if generation.shards]
    unsure = min((g.number for g in closed if unread & set(g.inputs)), default=None)
    with tempfile.TemporaryDirectory() as scratch:
        index = build.recipe.index
        sources = build.recipe.samples.sources
        outputs = index.build(known, generations, sources, build.shelf, Work(Path(scratch))).outputs
    numbers = {generation.number for generation in closed}
    worker = packing.worker(build, damaged)
    write: list[tuple[str, str]] = []
    perhaps: list[str] = []
    names = set()
    for output in outputs:
        if output.generation in numbers:
            names.add(f"{output.name}.arrow")
            reason = worker.finished(output)
            if unsure is not None and output.generation >= unsure:
                perhaps.append(f"{output.name}.arrow")
            elif isinstance(reason, str):
                write.append((f"{output.name}.arrow", reason))
    data = Layout(build.out).dataset.data
    there = [storage.relative(path, data) for path in storage.files(data, ".arrow")]
    return (
        write,
        perhaps,
        [name for name in there if name not in names and own_files.is_of_output(name)],
    )
