"""Read the recorded step of a sample again from its input, with the page before pruning.

A build keeps only the pruned page. An input is looked up by its name under the places that the
build was given, and accepted only if its content has not changed since. Messages name an input as
the build does, never by its path, because they go into reports.

An input, or a part of one, is read up to the last step that is wanted. A file is hashed again only
if its size or time differs from when it was hashed last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from etl.dataset import state
from etl.dataset.index import scan
from etl.dataset.layout import LIGHT, Layout, shelf
from etl.files import nodes, storage
from etl.files.arrow import column, read_json
from etl.files.entries import Node
from etl.files.storage import AnyPath
from etl.inputs import find
from etl.inputs.find import Found
from etl.inputs.parts import bytes_of
from etl.inputs.records import InputShard
from etl.inputs.remembered import Remembered
from etl.sources import SOURCES
from etl.stages.enter import enter
from etl.tally import Tally
from schemas.errors import StepmillError
from schemas.ledger import LIGHT_SCHEMA
from schemas.workflow import Step


@dataclass(frozen=True)
class _Input:
    """An input, or a part of one, and the steps that are wanted from it."""

    key: str
    """The key of its input shard."""
    name: str
    """Its name in the build."""
    format: str
    """The name of its recording format."""
    wanted: Mapping[str, str | None]
    """Step id -> its workflow's content hash, or None for a step that became no sample."""


def recorded(out: AnyPath, sample_ids: Collection[str]) -> Iterator[tuple[str, Step | str]]:
    """The recorded step of each sample, or a line that says why it cannot be read.

    Each id comes once, in the order of the inputs and of their records. One workflow is held in
    memory at a time.

    Raises:
        BuildError: if the build's own files on remote storage cannot be read.
    """
    order = Layout(out).work.order
    if not storage.exists(order):
        problem = "there is no work folder, which knows where the recordings are"
        yield from ((each, problem) for each in sorted(set(sample_ids)))
        return
    roots, remembered = _Roots(read_json(order)["inputs"]), _remembered(out)
    pending = set(sample_ids)
    for one in _inputs(out, pending):
        pending -= set(one.wanted)
        yield from _read(out, one, roots, remembered)
    yield from ((each, "no such sample in the dataset") for each in sorted(pending))


def recorded_step(out: AnyPath, key: str, step_id: str) -> Step | str:
    """One recorded step of an input shard, dropped or not; or a line why it cannot be read.

    key: of the input shard.

    Raises:
        BuildError: if the build's own files on remote storage cannot be read.
    """
    work = Layout(out).work
    entry = next(member for member in state.members(work) if member["key"] == key)
    one = _Input(key, entry["name"], entry["format"], {step_id: None})
    roots = _Roots(read_json(work.order)["inputs"])
    return dict(_read(out, one, roots, _remembered(out)))[step_id]


def _remembered(out: AnyPath) -> Remembered:
    """What the build knows of its inputs, so that they are not hashed again."""
    return Remembered(shelf(Layout(out).work).common.remembered)


def _read(
    out: AnyPath, one: _Input, roots: _Roots, remembered: Remembered
) -> Iterator[tuple[str, Step | str]]:
    """The wanted steps of one input, or why each cannot be read."""
    work = Layout(out).work
    part_bytes = bytes_of(read_json(work.settings)["samples"]["part_mb"])
    shard = _located(one, roots, part_bytes, remembered)
    if isinstance(shard, str):
        yield from ((each, shard) for each in one.wanted)
    else:
        yield from _steps(shard, one.wanted)


def _inputs(out: AnyPath, sample_ids: Collection[str]) -> Iterator[_Input]:
    """The inputs that samples were made from, in the build's order."""
    work = Layout(out).work
    kept = scan(work).filter((pl.col("reason") == "") & pl.col("sample_id").is_in(list(sample_ids)))
    rows = kept.select("bundle", "shard", "row", "sample_id").sort("bundle", "row").collect()
    of_bundle = rows.partition_by("bundle", as_dict=True)
    lies = shelf(work)
    for bundle in state.bundles(work):
        places = of_bundle.get((bundle["key"],))
        if places is None:
            continue
        path = lies.file(LIGHT, bundle["key"])
        hashes = [
            each
            for batch in column(path, "workflow_hash", LIGHT_SCHEMA)
            for each in batch.to_pylist()
        ]
        wanted: dict[str, dict[str, str | None]] = {}
        for shard, row, sample_id in places.select("shard", "row", "sample_id").iter_rows():
            wanted.setdefault(shard, {})[sample_id] = hashes[row]
        for member in bundle["members"]:
            if member["key"] in wanted:
                yield _Input(member["key"], member["name"], member["format"], wanted[member["key"]])


class _Roots:
    """The places that a build was given as inputs."""

    def __init__(self, given: Sequence[str]) -> None:
        self.trouble: StepmillError | OSError | None = None
        """Why one of the places could not be listed."""
        self._given = given
        self._nodes: list[Node] | None = None

    def named(self, name: str) -> list[Node]:
        """Every file or folder that has this name in the build."""
        if self._nodes is None:
            self._nodes = []
            for given in self._given:
                try:
                    self._nodes += nodes.expand(given)
                except (StepmillError, OSError) as error:
                    if error.__cause__ or isinstance(error, OSError):  # else there is nothing
                        self.trouble = error
        nodes_named = [root for root in self._nodes if root.name == name]
        for root in self._nodes:
            nodes_named += _under(root, name)
        return nodes_named


def _under(root: Node, name: str) -> list[Node]:
    """The files and folders at a path below a folder; a remote one may hold several of a name."""
    reached = [root]
    for part in name.split("/"):
        reached = [child for node in reached for child in node.children() if child.name == part]
    return reached


def _located(
    one: _Input, roots: _Roots, part_bytes: int, remembered: Remembered
) -> InputShard | str:
    """Find an input again; returns a line that says why not if it is gone or has changed."""
    # the second input of one name, under another root, is called name~2
    name, tilde, number = one.name.rpartition("~")
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
                [there], sources=SOURCES, part_bytes=part_bytes, remembered=remembered
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
    """Why a recording cannot be read; an OSError's own words would show its path."""
    why = str(error)
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
    return f"the recording {name} cannot be read: {why}"


def _steps(shard: InputShard, wanted: Mapping[str, str | None]) -> Iterator[tuple[str, Step | str]]:
    """The wanted steps of an input, which is read up to the last of them."""
    pending = dict(wanted)
    seen: dict[str, str] = {}
    try:
        for workflow in SOURCES[shard.format].read(shard, Tally()):
            draft = enter(workflow, Tally(), seen)
            for step_draft in draft.steps:
                sample_id = draft.step_id(step_draft)
                if pending.get(sample_id, "") in {draft.content_hash, None}:
                    del pending[sample_id]
                    yield sample_id, step_draft.step
            if not pending:
                return
        problem = f"this version of stepmill reads other workflows from the recording {shard.name}"
    except (StepmillError, OSError) as error:
        problem = _unreadable(shard.name, error)
    yield from ((each, problem) for each in pending)
