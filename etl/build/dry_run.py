"""A dry run: what a build would read and write and why, and which settings have changed.

It works out the index over the inputs that have been read already, in a temporary folder. New data
never change old decisions, so it names exactly the files of older generations that the build would
write or remove. Of a new generation it can only say that it comes. If inputs of an older generation
must be read again, the files from that generation on are listed as ``perhaps``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from etl.build.run import folder, packing, reading
from etl.build.run.build import Build
from etl.build.tasks import NOT_BUILT
from etl.dataset import own_files, stamps, state
from etl.dataset.generations import Generations, differing
from etl.dataset.layout import Layout, Work
from etl.dataset.reports import BundleReport
from etl.files import storage
from etl.inputs import find, strangers
from etl.inputs.bundles import bundled
from etl.inputs.records import InputShard
from etl.sources import FORMATS
from etl.terminal.words import counted

_BESIDE: Final = "it is read with others that have changed or are gone"
_LISTED: Final = 20
"""The most lines that a list shows; the rest are counted."""


@dataclass(frozen=True)
class Foreseen:
    """The effect that a build would have."""

    # settings that have changed
    changes: list[state.Change]
    # names of inputs that are new, changed and removed
    inputs: dict[str, Sequence[str]]
    # the number of input shards that are as they were
    unchanged: int
    # (name, bytes, reason) of the input shards that phase 1 reads
    read: list[tuple[str, int, str]]
    # (file under ``dataset/data``, reason); of a further vocabulary behind its label
    write: list[tuple[str, str]]
    # files that are written if inputs that are read again come out different
    perhaps: list[str]
    # files under ``dataset/data`` that are removed
    remove: list[str]
    # the name of the new generation; empty if none opens
    opens: str
    # whether there is nothing to do
    finished: bool
    # gates that fail before anything is read, a line each
    stops: list[str]
    # files of the complete build that are made again, and why
    damaged: dict[str, str]
    # (name, what it looks like) of files in no known format
    left_aside: list[tuple[str, str]]
    # (name, kind, bytes) of the archives of pages
    pages: list[tuple[str, str, int]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
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
            "pages": [
                {"name": name, "kind": kind, "bytes": size} for name, kind, size in self.pages
            ],
        }

    def as_text(self) -> str:
        """The plan for people."""
        if self.finished:
            return "nothing to do: the build is complete"
        lines = [f"stops before it starts: {line}" for line in self.stops]
        lines += [f"made again, because {what}: {name}" for name, what in self.damaged.items()]
        if self.changes:
            lines += ["settings that changed:", *state.consequences(self.changes)]
        counts = {what: len(names) for what, names in self.inputs.items()}
        counts["unchanged"] = self.unchanged
        lines.append("inputs: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
        size = sum(size for _, size, _ in self.read)
        lines.append(f"samples: {counted(len(self.read), 'input')} to read, {size / 1e6:,.1f} MB")
        lines += _some(
            [f"  {name}, {counted(size, 'byte')}: {reason}" for name, size, reason in self.read]
        )
        if self.left_aside:
            lines.append(f"left aside: {len(self.left_aside):,} of them, in no known format")
            lines += _some([f"  {name}: {says}" for name, says in self.left_aside])
        if self.pages:
            total = sum(size for _, _, size in self.pages)
            lines.append(f"pages: {counted(len(self.pages), 'archive')}, {total / 1e6:,.1f} MB")
            lines += _some([f"  {name}: {kind}" for name, kind, _ in self.pages])
        lines.append("index: worked out again, over all samples")
        new = f", and those of the new generation {self.opens}" if self.opens else ""
        lines.append(
            f"packing: {counted(len(self.write), 'file')} to write{new}; {len(self.remove):,} to "
            "remove"
        )
        lines += _some([f"  {name}: {reason}" for name, reason in self.write])
        lines += _some(
            [
                f"  {name}: perhaps, if inputs that are read again come out different"
                for name in self.perhaps
            ]
        )
        lines += _some([f"  {name}: no samples left, removed" for name in self.remove])
        return "\n".join(lines)


def _some(lines: list[str]) -> list[str]:
    """All lines of a short list; of a long one the first, and the number of the rest."""
    more = len(lines) - _LISTED
    return lines if more <= 0 else [*lines[:_LISTED], f"  and {more:,} more; --json lists all"]


def foresee(build: Build) -> Foreseen:
    """What `etl.build.run.whole.run` would do; writes nothing under the build's folder."""
    every = [build, *build.further]
    of_each = {each.vocabulary: folder.damaged(each) for each in every}
    damaged, listing, changes = of_each[""], reading.listing_of(build), folder.changes(build)
    mark = "" if changes or any(of_each.values()) else listing.mark()
    complete = folder.untouched(build, mark)
    if complete is not None and not all(folder.untouched(each, mark) for each in build.further):
        complete = None
    if complete is not None and all(each.format != find.UNKNOWN for each in complete.inputs):
        stops = build.verdict.foreseen({each.name: each.sha256 for each in complete.inputs})
        return _nothing_to_do(len(complete.inputs), stops)
    shards = reading.discovered(build, listing, remember=False)
    before = state.generations(build.work)
    generations = build.generations(shards)
    inputs = differing(before, generations)
    changed = {name for names in inputs.values() for name in names}
    bundles = bundled(shards, generations.together)
    worker = reading.worker(build, reading.removed(build, bundles), stamps.keys(damaged))
    counter, signer = reading.counter(build), reading.signer(build)
    reasons: dict[str, str] = {}
    for bundle in bundles:
        result = worker.finished(bundle)
        if isinstance(result, BundleReport) and counter and not counter.finished(bundle.key):
            result = "its tokens are counted, for subsets"
        if isinstance(result, BundleReport) and signer and not signer.finished(bundle.key):
            result = "its signatures are made, to compare pages"
        if not isinstance(result, BundleReport):
            reasons |= {member.key: _reason(member, result, changed) for member in bundle.members}
    done = [shard for shard in shards if shard.key not in reasons]
    read = [
        (shard.name, shard.size, reasons[shard.key]) for shard in shards if shard.key in reasons
    ]
    write, perhaps, remove = _files(
        every, generations, done, {name for name, _, _ in read}, of_each
    )
    return Foreseen(
        changes,
        inputs,
        sum(shard.name not in changed for shard in shards),
        read,
        write,
        perhaps,
        remove,
        next((generation.name for generation in generations.every if not generation.shards), ""),
        all(folder.finished(each, generations) is not None for each in every)
        and not any(of_each.values()),
        build.verdict.foreseen({shard.name: shard.sha256 for shard in shards}),
        {
            storage.relative(each.out / name, build.out): why
            for each in every
            for name, why in of_each[each.vocabulary].items()
        },
        [
            (shard.name, strangers.meet(shard.path, FORMATS.values()).text)
            for shard in shards
            if shard.format == find.UNKNOWN
        ],
        [
            (each.name, each.kind, each.size)
            for each in (build.recipe.pages.found().archives if build.recipe.pages else ())
        ],
    )


def _nothing_to_do(inputs: int, stops: list[str]) -> Foreseen:
    """The effect on a complete build.

    inputs: how many it has. stops: gates that fail all the same.
    """
    nothing: dict[str, Sequence[str]] = {"new": [], "changed": [], "removed": []}
    return Foreseen([], nothing, inputs, [], [], [], [], "", True, stops, {}, [])


def _reason(shard: InputShard, reason: str, changed: Collection[str]) -> str:
    """Why an input shard is read: an unchanged one may be read with others that are gone.

    reason: of its bundle. changed: names of the inputs that are new or changed.
    """
    if reason == NOT_BUILT and shard.name not in changed:
        return _BESIDE
    return reason


def _files(
    builds: Sequence[Build],
    generations: Generations,
    done: Sequence[InputShard],
    unread: set[str],
    damaged: Mapping[str, Mapping[str, str]],
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Files of the dataset to write, perhaps to write, and to remove.

    builds: the build for each vocabulary, the first one first. done: input shards that have been
    read. unread: names of inputs to read. damaged: files to make again, by vocabulary.
    """
    build = builds[0]
    closed = [generation for generation in generations.every if generation.shards]
    unsure = min((g.number for g in closed if unread & set(g.inputs)), default=None)
    with tempfile.TemporaryDirectory() as scratch:
        index = build.recipe.index
        sources = build.recipe.samples.sources
        outputs = index.build(done, generations, sources, build.shelf, Work(Path(scratch))).outputs
    numbers = {generation.number for generation in closed}
    closed_outputs = [output for output in outputs if output.generation in numbers]
    names = {f"{output.name}.arrow" for output in closed_outputs}
    write: list[tuple[str, str]] = []
    perhaps: list[str] = []
    remove: list[str] = []
    for each in builds:
        label = f"{each.vocabulary}/" if each.vocabulary else ""
        chosen = packing.packing(each, damaged[each.vocabulary])
        for output in closed_outputs:
            reason = chosen.finished(output)
            if unsure is not None and output.generation >= unsure:
                perhaps.append(f"{label}{output.name}.arrow")
            elif isinstance(reason, str):
                write.append((f"{label}{output.name}.arrow", reason))
        data = Layout(each.out).dataset.data
        there = (storage.relative(path, data) for path in storage.files(data, ".arrow"))
        remove += [
            f"{label}{name}" for name in there if name not in names and own_files.is_of_output(name)
        ]
    return write, perhaps, remove
