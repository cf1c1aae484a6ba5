"""Run a build: three phases, each resumable, each a pure function of its inputs.

A pool maps a function over tasks and yields results as they come; pools differ in nothing else, and nothing that is
written depends on the order of completion. A task whose report is there, for the same content, is not done again.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import orjson
import polars as pl

from etl import discover
from etl.packing import OutputShard, PackedReport, PackPlan, output_shards
from etl.plan import InputShard, Plan, ShardReport
from etl.progress import Progress
from etl.recipe import Recipe
from etl.shards import read_json, write_json
from schemas.errors import BuildError, ConfigError

_OF_SOURCE: Final = "samples.source "

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

_SHAPING_LIBRARIES: Final = ("turbohtml", "cssselect", "lxml", "publicsuffixlist", "py3langid", "pyarrow")
"""Libraries whose version can change the output; part of the fingerprint. Vocabularies are in it by their hash."""


class Worker(Protocol[T_contra, R_co]):
    """What a pool runs: a picklable callable of one task."""

    def __call__(self, task: T_contra) -> R_co:
        """Do one task."""
        ...


@dataclass(frozen=True)
class SamplesWorker:
    """Phase 1 of one input shard."""

    plan: Plan
    work: Path

    def __call__(self, task: InputShard) -> ShardReport:
        """Build it, unless its report says that it is there."""
        path = self.work / "samples" / f"{task.key}.json"
        if path.exists():
            report = _report(ShardReport, read_json(path))
            if all((self.work / name).exists() for name in report.files):
                return report
        path.unlink(missing_ok=True)
        return self.plan.build(task, self.work)


@dataclass(frozen=True)
class PackedWorker:
    """Phase 3 of one output shard."""

    plan: PackPlan
    out: Path

    def __call__(self, task: OutputShard) -> PackedReport:
        """Build it, unless its report says that it is there, made of the same samples."""
        path = self.out / "work" / "fitted" / f"{task.name}.json"
        if path.exists():
            report = _report(PackedReport, read_json(path))
            if report.content == task.content_hash() and all((self.out / name).exists() for name in report.files):
                return report
        path.unlink(missing_ok=True)
        return self.plan.build(task, self.out)


def _report(kind: type[R], values: dict[str, Any]) -> R:
    if "drops" in values:
        values["drops"] = tuple(tuple(drop) for drop in values["drops"])
    return kind(**values)


def _calm_collector() -> None:
    """Let the cyclic garbage collector run seldom: the memos hold millions of objects and no cycles."""
    gc.set_threshold(100_000, 50, 1000)


def inline(worker: Worker[T, R], tasks: Iterable[T]) -> Iterator[R]:
    """One task after the other, in this process."""
    thresholds = gc.get_threshold()
    _calm_collector()
    try:
        yield from map(worker, tasks)
    finally:
        gc.set_threshold(*thresholds)


_WORKER: Any = None  # of this process, set once: pickled with its vocabulary once, not once a task


def _start(worker: Any) -> None:
    global _WORKER  # noqa: PLW0603 - the executor's initializer has no other way to hand something to the tasks
    _WORKER = worker
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # on Ctrl-C the first process speaks for all
    _calm_collector()


def _work(task: Any) -> Any:
    return _WORKER(task)


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Processes started inside are deaf to Ctrl-C until `_start`: while they import, they would print a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Processes:
    """A pool of ``workers`` processes, started fresh: a fork would copy the threads of Arrow and Polars half."""

    workers: int

    def __call__(self, worker: Worker[T, R], tasks: Iterable[T]) -> Iterator[R]:
        """Results as they come. Raises `BuildError` if a worker dies."""
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, context, _start, (worker,)) as executor:
            with _without_interrupt():
                futures = [executor.submit(_work, task) for task in tasks]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool as error:
                raise BuildError("a worker process died; run the same command again to go on") from error
            finally:
                for future in futures:
                    future.cancel()


@dataclass(frozen=True)
class Build:
    """A recipe, its inputs as given, the output folder, and how many processes work on it."""

    recipe: Recipe
    inputs: tuple[str, ...]
    out: Path
    workers: int = 1
    progress: Callable[[str, int, str], Progress] = field(default=Progress)

    @property
    def work(self) -> Path:
        """Everything that is not published."""
        return self.out / "work"

    def run(self, order: Mapping[str, Any] | None = None, retry: bool = False) -> dict[str, Any]:
        """Build, or go on with a build; returns the manifest.

        order: how to ask for this build again, kept in the work folder for ``retry`` and ``inspect``. retry: read input
        shards with quarantined records again; only then may a source's version have changed since.

        Raises `ConfigError` before work starts, `BuildError` where it cannot go on.
        """
        from etl import finish

        settings = self.settings()
        self._check_settings(settings, retry)
        if order is not None:
            write_json(self.work / "order.json", order)
        shards = self._discover()
        done = self._finished(fingerprint(settings, shards), retry)
        if done is not None:
            return done
        reports = self._samples(shards)
        self.forget(shards)
        index = self.recipe.index.build(shards, self.recipe.samples.sources, self.work)
        packed = self._packed(index)
        return finish.finish(self.out, self.recipe, settings, fingerprint(settings, shards), shards, reports, packed)

    def settings(self) -> dict[str, Any]:
        """The fingerprint of everything but the inputs."""
        libraries = {name: metadata.version(name) for name in _SHAPING_LIBRARIES}
        return {**self.recipe.settings(), "libraries": libraries}

    def _check_settings(self, settings: dict[str, Any], retry: bool) -> None:
        path = self.work / "settings.json"
        if path.exists():
            changes = differences(read_json(path), settings)
            if retry:
                self._forget_reports(changes)
                changes = [change for change in changes if not change.startswith(_OF_SOURCE)]
                if not changes:
                    write_json(path, settings)
            if changes:
                raise ConfigError(
                    f"{self.out} was built with other settings:\n  "
                    + "\n  ".join(changes)
                    + "\nBuild into a new folder with --out, or remove this one."
                )
            return
        if self.out.exists() and any(self.out.iterdir()) and not self.work.exists():
            raise ConfigError(f"{self.out} is not empty and holds no build; choose another folder with --out")
        write_json(path, settings)

    def _finished(self, fingerprint: str, retry: bool) -> dict[str, Any] | None:
        """The manifest, if it is of this very build and its files are there; one of another build is removed."""
        path = self.out / "dataset" / "manifest.json"
        if not path.exists():
            return None
        manifest: dict[str, Any] = read_json(path)
        if (
            not retry
            and manifest["fingerprint"] == fingerprint
            and all((self.out / name).exists() for name in manifest["files"])
        ):
            return manifest
        path.unlink()  # what is there is in the making from here on
        return None

    def _forget_reports(self, changes: Sequence[str]) -> None:
        """Phase 1 is done again for input shards with quarantined records, or whose source has changed."""
        formats = {change.removeprefix(_OF_SOURCE).split(".")[0] for change in changes if change.startswith(_OF_SOURCE)}
        for path in sorted((self.work / "samples").glob("*.json")):
            report = read_json(path)
            if report["format"] in formats or f"quarantine/{report['key']}.arrow" in report["files"]:
                path.unlink()

    def _discover(self) -> list[InputShard]:
        found = discover.find(self.inputs, self.recipe.samples.sources, without=self.out)
        progress = self.progress("hashing inputs", sum(item.size for item in found), "MB")
        shards = discover.shards(
            found,
            progress.advance,
            sources=self.recipe.samples.sources,
            part_bytes=self.recipe.inputs.part_bytes,
            cache=self.work / "inputs.json",
        )
        progress.finish()
        return shards

    def _pool(self, worker: Worker[T, R], tasks: Sequence[T]) -> Iterator[R]:
        workers = min(self.workers, len(tasks))
        return Processes(workers)(worker, tasks) if workers > 1 else inline(worker, tasks)

    def _samples(self, shards: list[InputShard]) -> list[ShardReport]:
        sizes = {shard.key: shard.size for shard in shards}
        progress = self.progress("samples", sum(sizes.values()), "MB")
        reports: dict[str, ShardReport] = {}
        largest_first = sorted(shards, key=lambda shard: (-shard.size, shard.name))
        for report in self._pool(SamplesWorker(self.recipe.samples, self.work), largest_first):
            reports[report.key] = report
            progress.advance(sizes[report.key], report.rows)
        progress.finish()
        return [reports[shard.key] for shard in shards]

    def forget(self, shards: list[InputShard]) -> None:
        """Remove what belongs to inputs that are gone, so that everything under ``work`` is about this dataset."""
        keys = {shard.key for shard in shards} | {"index"}
        for folder in ("samples", "ledger", "quarantine"):
            for path in (self.work / folder).glob("*"):
                if path.name.split(".")[0] not in keys:
                    path.unlink()

    def _packed(self, index: pl.DataFrame) -> list[PackedReport]:
        shards = output_shards(index)
        progress = self.progress("packing", sum(shard.rows.height for shard in shards), "samples")
        reports: dict[str, PackedReport] = {}
        for report in self._pool(PackedWorker(self.recipe.packed, self.out), shards):
            reports[report.name] = report
            progress.advance(report.samples)
        progress.finish()
        for folder in (self.out / "dataset" / "data", self.work / "fitted"):
            for path in folder.rglob("*"):
                if path.is_file() and path.name.split(".")[0] not in reports:
                    path.unlink()
        return [reports[shard.name] for shard in shards]


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """What differs between two settings, one line a field."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        lines: list[str] = []
        for key in sorted({*old, *new}):
            lines += differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return lines
    if old == new:
        return []
    if isinstance(old, list) and isinstance(new, list):
        gone, come = [item for item in old if item not in new], [item for item in new if item not in old]
        return [f"{path}: without {gone}, with {come}"]
    return [f"{path}: {old!r} is now {new!r}"]


def fingerprint(settings: Mapping[str, Any], inputs: Sequence[InputShard]) -> str:
    """One hash of settings and inputs."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS))
    for shard in inputs:
        digest.update(f"{shard.name}\0{shard.sha256}\n".encode())
    return digest.hexdigest()
