"""Read the recorded step of a sample again from its input, with the page before pruning.

A build keeps only the pruned page. An input is looked up by its name under the places that the
build was given, and accepted only if its content has not changed since. Messages name an input as
the build does, never by its path, because they go into reports.

An input, or a part of one, is read up to the last step that is wanted. A file is hashed again only
if its size or time differs from when it was hashed last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from etl.dataset import state
from etl.dataset.index import scan
from etl.dataset.layout import LIGHT, Layout, shelf
from etl.files import nodes, storage
from etl.files.arrow import column, read_json
from etl.files.entries import Node
from etl.files.storage import AnyPath
from etl.inputs import find
from etl.inputs.archives.join import Pages
from etl.inputs.find import Found
from etl.inputs.parts import bytes_of
from etl.inputs.records import InputShard
from etl.inputs.remembered import Remembered
from etl.sources import SOURCES
from etl.stages.enter import enter
from etl.tally import Tally
from schemas.errors import StepmillError
from schemas.ledger import LIGHT_SCHEMA
from schemas.workflow import Step, Workflow


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
    splits: Mapping[str, str]
    """Step id -> its split; empty for a step that became no sample."""


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
    pending, pages = set(sample_ids), _pages(out)
    for one in _inputs(out, pl.col("sample_id").is_in(sorted(pending))):
        pending -= set(one.wanted)
        yield from _read(out, one, roots, remembered, pages)
    yield from ((each, "no such sample in the dataset") for each in sorted(pending))


def workflows(out: AnyPath, splits: Collection[str]) -> Iterator[tuple[str, Workflow | str]]:
    """Each recorded workflow with samples in these splits, or a line why it cannot be read.

    One with samples in two of them comes twice: splits by domain or website look at steps.
    Each comes with its split, in the order of the inputs and of their records. Each input is read
    once. One workflow is held in memory at a time, and the ids of all of an input's samples.

    Raises:
        BuildError: if the build's own files on remote storage cannot be read.
    """
    roots, remembered = _Roots(read_json(Layout(out).work.order)["inputs"]), _remembered(out)
    pages = _pages(out)
    for one in _inputs(out, pl.col("split").is_in(list(splits))):
        shard = _shard(out, one, roots, remembered)
        if isinstance(shard, str):
            yield from ((split, shard) for split in sorted(set(one.splits.values())))
        else:
            yield from _workflows(shard, one, pages)


def recorded_step(out: AnyPath, key: str, step_id: str) -> Step | str:
    """One recorded step of an input shard, dropped or not; or a line why it cannot be read.

    key: of the input shard.

    Raises:
        BuildError: if the build's own files on remote storage cannot be read.
    """
    work = Layout(out).work
    entry = next(member for member in state.members(work) if member["key"] == key)
    one = _Input(key, entry["name"], entry["format"], {step_id: None}, {})
    roots = _Roots(read_json(work.order)["inputs"])
    return dict(_read(out, one, roots, _remembered(out), _pages(out)))[step_id]


def _remembered(out: AnyPath) -> Remembered:
    """What the build knows of its inputs, so that they are not hashed again."""
    return Remembered(shelf(Layout(out).work).common.remembered)


def _pages(out: AnyPath) -> Pages | None:
    """The archives that pages were joined from; None if there are none, or they have changed."""
    work = Layout(out).work
    given = read_json(work.order).get("pages")
    if not given:
        return None
    pages = Pages(tuple(given))
    try:
        pages.found(Remembered(work.archives))
        return pages if pages.existing(work.pages) else None
    except (StepmillError, OSError):
        return None


def _read(
    out: AnyPath, one: _Input, roots: _Roots, remembered: Remembered, pages: Pages | None
) -> Iterator[tuple[str, Step | str]]:
    """The wanted steps of one input, or why each cannot be read."""
    shard = _shard(out, one, roots, remembered)
    if isinstance(shard, str):
        yield from ((each, shard) for each in one.wanted)
    else:
        yield from _steps(shard, one.wanted, pages)


def _shard(out: AnyPath, one: _Input, roots: _Roots, remembered: Remembered) -> InputShard | str:
    """An input of a build as it lies now; or a line why it cannot be read."""
    part_bytes = bytes_of(read_json(Layout(out).work.settings)["samples"]["part_mb"])
    return _located(one, roots, part_bytes, remembered)


def _inputs(out: AnyPath, wanted_rows: pl.Expr) -> Iterator[_Input]:
    """The inputs that samples were made from, in the build's order.

    wanted_rows: which samples of the index.
    """
    work = Layout(out).work
    kept = scan(work).filter((pl.col("reason") == "") & wanted_rows)
    rows = (
        kept.select("bundle", "shard", "row", "sample_id", "split").sort("bundle", "row").collect()
    )
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
        splits: dict[str, dict[str, str]] = {}
        chosen = places.select("shard", "row", "sample_id", "split")
        for shard, row, sample_id, split in chosen.iter_rows():
            wanted.setdefault(shard, {})[sample_id] = hashes[row]
            splits.setdefault(shard, {})[sample_id] = split
        for member in bundle["members"]:
            key = member["key"]
            if key in wanted:
                yield _Input(key, member["name"], member["format"], wanted[key], splits[key])


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
            there = Found(node.place, one.name, one.format, tuple(nodes.files_at(node)))
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


def _workflows(
    shard: InputShard, one: _Input, pages: Pages | None
) -> Iterator[tuple[str, Workflow | str]]:
    """The workflows of an input that the wanted samples are of, with the pages joined to them."""
    pending = {sample_id.rpartition("/")[0]: hashed for sample_id, hashed in one.wanted.items()}
    splits: dict[str, set[str]] = {}
    for sample_id, split in one.splits.items():
        splits.setdefault(sample_id.rpartition("/")[0], set()).add(split)
    seen: dict[str, str] = {}
    try:
        for workflow in SOURCES[shard.format].read(shard, Tally()):
            draft = enter(workflow, Tally(), seen)
            if pages is not None:
                pages.join(draft)
            if pending.get(draft.uid) == draft.content_hash:
                del pending[draft.uid]
                joined = tuple(step_draft.step for step_draft in draft.steps)
                whole = replace(workflow, steps=joined)
                yield from ((split, whole) for split in sorted(splits[draft.uid]))
            if not pending:
                return
        problem = f"this version of stepmill reads other workflows from the recording {shard.name}"
    except (StepmillError, OSError) as error:
        problem = _unreadable(shard.name, error)
    yield from ((split, f"{uid}: {problem}") for uid in pending for split in sorted(splits[uid]))


def _steps(
    shard: InputShard, wanted: Mapping[str, str | None], pages: Pages | None
) -> Iterator[tuple[str, Step | str]]:
    """The wanted steps of an input, which is read up to the last of them."""
    pending = dict(wanted)
    seen: dict[str, str] = {}
    try:
        for workflow in SOURCES[shard.format].read(shard, Tally()):
            draft = enter(workflow, Tally(), seen)
            if pages is not None:
                pages.join(draft)
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
