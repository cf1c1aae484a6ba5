"""The recorded step that a sample was made from, read again from the input: of a page a build keeps
only what pruning left.

An input is looked for under the places that the build was given, by its name, and known again by
its content: what has changed since is not taken for what was read then. Reasons name inputs as the
build does, never where they lie: they go into reports. Costs what reading goes on up to the last
step that is asked for in each input (or part of one); hashed again are only files that look other
than when they were hashed last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from etl.dataset.index import scan
from etl.dataset.layout import LIGHT, Layout, shelf
from etl.files import nodes, storage
from etl.files.arrow import column, read_json
from etl.files.nodes import Node
from etl.files.storage import AnyPath
from etl.inputs import find
from etl.inputs.find import Found
from etl.inputs.parts import bytes_of
from etl.inputs.records import InputShard
from etl.sources import SOURCES
from etl.stages.enter import enter
from etl.tally import Tally
from schemas.errors import StepmillError
from schemas.ledger import LIGHT_SCHEMA
from schemas.workflow import Step


@dataclass(frozen=True)
class _Input:
    """An input, or a part of one, as the build knows it, and what is wanted of it: ids, and the
    hash of the workflow that each is of; of a step that became no sample there is none.
    """

    key: str
    name: str
    format: str
    wanted: Mapping[str, str | None]


def recorded(out: AnyPath, sample_ids: Collection[str]) -> Iterator[tuple[str, Step | str]]:
    """The recorded step of each sample of a build's dataset, or a line that says why it cannot be
    had.

    Each id comes once, in the order of the inputs and of what is in them; one workflow is held at a
    time.

    Raises `BuildError` where the build's own files on remote storage cannot be read.
    """
    order = Layout(out).work.order
    if not storage.exists(order):
        said = "there is no work folder, which knows where the recordings are"
        yield from ((each, said) for each in sorted(set(sample_ids)))
        return
    roots, left = _Roots(read_json(order)["inputs"]), set(sample_ids)
    for one in _inputs(out, left):
        left -= set(one.wanted)
        yield from _read(out, one, roots)
    yield from ((each, "no such sample in the dataset") for each in sorted(left))


def recorded_step(out: AnyPath, key: str, step_id: str) -> Step | str:
    """One step of the input shard with this key, whatever became of it; or why it cannot be had.
    Errors as above.
    """
    work = Layout(out).work
    entry = next(entry for entry in read_json(work.inputs) if entry["key"] == key)
    one = _Input(key, entry["name"], entry["format"], {step_id: None})
    return dict(_read(out, one, _Roots(read_json(work.order)["inputs"])))[step_id]


def _read(out: AnyPath, one: _Input, roots: _Roots) -> Iterator[tuple[str, Step | str]]:
    """What is wanted of one input."""
    work = Layout(out).work
    part_bytes = bytes_of(read_json(work.settings)["samples"]["part_mb"])
    shard = _found(one, roots, part_bytes, shelf(work).common.remembered)
    if isinstance(shard, str):
        yield from ((each, shard) for each in one.wanted)
    else:
        yield from _steps(shard, one.wanted)


def _inputs(out: AnyPath, sample_ids: Collection[str]) -> Iterator[_Input]:
    """The inputs that samples were made from, in the build's order."""
    work = Layout(out).work
    kept = scan(work).filter((pl.col("reason") == "") & pl.col("sample_id").is_in(list(sample_ids)))
    rows = kept.select("shard", "row", "sample_id").sort("shard", "row").collect()
    of_shard: dict[str, list[tuple[int, str]]] = {}
    lies = shelf(work)
    for shard, row, sample_id in rows.iter_rows():
        of_shard.setdefault(shard, []).append((row, sample_id))
    for entry in read_json(work.inputs):
        if places := of_shard.get(entry["key"]):
            path = lies.file(LIGHT, entry["key"])
            hashes = [
                each
                for batch in column(path, "workflow_hash", LIGHT_SCHEMA)
                for each in batch.to_pylist()
            ]
            wanted: dict[str, str | None] = {sample_id: hashes[row] for row, sample_id in places}
            yield _Input(entry["key"], entry["name"], entry["format"], wanted)


class _Roots:
    """Where a build was told to look for recordings. trouble: why one of the places could not be
    looked at.
    """

    def __init__(self, given: Sequence[str]) -> None:
        self.trouble: StepmillError | OSError | None = None
        self._given = given
        self._nodes: list[Node] | None = None

    def named(self, name: str) -> list[Node]:
        """Every file or folder that goes by this name there."""
        if self._nodes is None:
            self._nodes = []
            for given in self._given:
                try:
                    self._nodes += nodes.expand(given)
                except (StepmillError, OSError) as error:
                    if error.__cause__ or isinstance(error, OSError):  # else there is nothing
                        self.trouble = error
        found = [root for root in self._nodes if root.name == name]
        for root in self._nodes:
            found += _under(root, name)
        return found


def _under(root: Node, name: str) -> list[Node]:
    """What has this path in a folder, if anything does."""
    found = [root]
    for part in name.split("/"):
        found = [child for node in found for child in node.children() if child.name == part]
    return found


def _found(one: _Input, roots: _Roots, part_bytes: int, remembered: AnyPath) -> InputShard | str:
    """An input where it lies now; a line that says why not, if it is gone or another."""
    name, tilde, number = one.name.rpartition(
        "~"
    )  # the second of a name under several roots goes by name~2
    names = (one.name, name) if tilde and number.isdigit() else (one.name,)
    changed = ""
    try:
        for node in (node for name in names for node in roots.named(name)):
            parts = (
                (node,)
                if node.kind == "file"
                else tuple(c for c in node.children() if c.kind == "file")
            )
            there = Found(node.place, one.name, one.format, parts)
            for shard in find.shards(
                [there], sources=SOURCES, part_bytes=part_bytes, cache=remembered, remember=False
            ):
                if shard.key == one.key:
                    return shard
            changed = (
                f"the recording {one.name} is not the one that the dataset was built from: "
                "its content differs"
            )
    except (StepmillError, OSError) as error:
        return _unreadable(one.name, error)
    if roots.trouble and not changed:
        return _unreadable(one.name, roots.trouble)
    return (
        changed
        or f"the recording {one.name} is gone from the inputs of the build (work/order.json names "
        "them)"
    )


def _unreadable(name: str, error: StepmillError | OSError) -> str:
    said = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
    return f"the recording {name} cannot be read: {said}"


def _steps(shard: InputShard, wanted: Mapping[str, str | None]) -> Iterator[tuple[str, Step | str]]:
    """The steps of an input that are asked for, while it is read; it is read no further than to the
    last one.
    """
    left = dict(wanted)
    seen: dict[str, str] = {}
    try:
        for workflow in SOURCES[shard.format].read(shard, Tally()):
            trail = enter(workflow, Tally(), seen)
            for mark in trail.marks:
                sample_id = trail.step_id(mark)
                if left.get(sample_id, "") in {trail.content_hash, None}:
                    del left[sample_id]
                    yield sample_id, mark.step
            if not left:
                return
        problem = (
            f"the recording {shard.name} is read to other workflows by this version of stepmill"
        )
    except (StepmillError, OSError) as error:
        problem = _unreadable(shard.name, error)
    yield from ((each, problem) for each in left)
