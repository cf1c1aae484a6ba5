"""Check a build against its manifest and reports.

Checked are the hash of every file, every count, the schema, the accounting, the waterfall, that
nothing is left of what was taken down, and that `datasets` loads the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import datasets
import numpy as np
import orjson
import polars as pl
import pyarrow as pa

from etl.dataset import account, candidate, hand_written, state
from etl.dataset.layout import (
    CARD,
    LEDGER,
    MANIFEST,
    NAMES,
    PREFIX,
    SAMPLES,
    Dataset,
    Layout,
    Work,
    shelf,
    split_of,
    subset_of,
)
from etl.dataset.manifest import Manifest, read
from etl.decisions.leftovers import found_in
from etl.decisions.takedown import Takedown, kept
from etl.files import scratch, storage
from etl.files.arrow import batches, column, open_arrow, read_json, sha256_of
from etl.files.storage import AnyPath
from etl.look.flow import recount
from etl.terminal.progress import Progress
from schemas import splits as split_names
from schemas.errors import ConfigError, IntegrityError, StepmillError
from schemas.sample_table import PACKED_SCHEMA
from schemas.samples import NO_LOSS

_HOLD_THE_LIST: Final = frozenset(
    path.as_posix() for path in (NAMES.work.takedown, NAMES.work.order, NAMES.work.remembered)
)
"""The files with the list itself, and one that holds nothing but names of inputs."""
_CANDIDATES: Final = f"{NAMES.candidate.root.as_posix()}/"
_LOCKS: Final = f"{NAMES.work.locks.as_posix()}/"
_FEW: Final = 3


def verify(out: AnyPath, progress: Callable[..., Progress] = Progress) -> list[str]:
    """The problems of a build in all its vocabularies, a line each; empty if there are none.

    Raises:
        ConfigError: if there is no finished build.
        BuildError: if its remote storage cannot be read.
    """
    problems = _verify(out, progress)
    for each in state.further(Layout(out).good.root):
        beside = each if Layout(out).good == Layout(out) else each.candidate
        if storage.exists(beside.dataset.manifest):
            name = each.root.name
            problems += [f"vocabulary {name}: {line}" for line in _verify(beside.root, progress)]
        elif beside == each:
            problems.append(
                f"vocabulary {each.root.name}: no finished dataset; run the build command again"
            )
    return problems


def _verify(out: AnyPath, progress: Callable[..., Progress]) -> list[str]:
    """The problems of a build in one vocabulary.

    Raises:
        ConfigError: if there is no finished build.
        BuildError: if its remote storage cannot be read.
    """
    path = Layout(out).dataset.manifest
    if not storage.exists(path):
        problem = f"{out}: no finished build ({path} is missing){candidate.hint(out)}"
        raise ConfigError(f"{problem}; run the build command again")
    manifest = read(path)
    with progress("phase 1 of 5: what was taken down", brief=True):
        problems = _taken_down(out, manifest)
    work = [*_work_files(out)]
    size = len(manifest.files) + len(work)
    with progress("phase 2 of 5: hashes", size, "files", brief=True) as shown:
        problems += _files(out, manifest, work, shown)
    if problems:  # the rest is about whole files
        return problems
    shards = sorted(name for name in manifest.files if name.endswith(".arrow"))
    with progress("phase 3 of 5: rows", len(shards), "files", brief=True) as shown:
        for name in shards:
            problems += _rows(out / name, name, manifest.context)
            shown.advance(1)
        problems += _counts(out, manifest)
    try:
        with progress("phase 4 of 5: accounting", brief=True):
            settled = account.settle(out)
            problems += _accounts(manifest, settled)
            if not problems:  # else it is about other things than its figures
                problems += recount.problems(out, manifest, settled)
    except (IntegrityError, OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        problems.append(
            f"accounting: a file under {Layout(out).work.root} cannot be read ({error}); build "
            "again into a new folder"
        )
    with progress("phase 5 of 5: loading", brief=True):
        return problems or _loads(out, manifest)


def _files(
    out: AnyPath, manifest: Manifest, work: Sequence[tuple[AnyPath, str]], shown: Progress
) -> list[str]:
    """Files that are missing, have changed, or are not in the manifest.

    work: path and hash of the files of the work folder to check.
    """
    problems: list[str] = []
    for name, digest in manifest.files.items():
        shown.advance(1)
        path = out / name
        if not storage.exists(path):
            problems.append(f"{name}: missing; run the build command again")
        elif sha256_of(path) != digest:
            if name == CARD and hand_written.edited(out, digest):
                problems.append(
                    f"{name}: its notes were edited; run the build command again, which takes them "
                    "in"
                )
            else:
                problems.append(
                    f"{name}: not the content that the manifest says (sha256); remove it and build "
                    "again"
                )
    for path, digest in work:
        shown.advance(1)
        if not storage.exists(path) or sha256_of(path) != digest:
            name = storage.relative(path, Layout(out).good.root)
            problems.append(
                f"{name}: not what its report says (sha256); build again into a new folder"
            )
    listed = {*manifest.files, MANIFEST}
    names = [storage.relative(path, out) for path in storage.files(Layout(out).dataset.root)]
    problems += [f"{name}: not in the manifest" for name in names if name not in listed]
    return problems


def _taken_down(out: AnyPath, manifest: Manifest) -> list[str]:
    """Check that the takedown list is that of the manifest, and that nothing on it is left."""
    takedown = kept(Layout(out).work.takedown)
    if takedown.fingerprint != manifest.takedown:
        name = NAMES.work.takedown.as_posix()
        return [f"{name}: not the list that the manifest says (hash); run the build command again"]
    return _traces(out, takedown) if takedown else []


def _traces(out: AnyPath, takedown: Takedown) -> list[str]:
    """One line for each file that still holds something on the list.

    Files that cannot be read are skipped: other checks report them.
    """
    problems: list[str] = []
    for folder in (Layout(out).dataset.root, Layout(out).work.root):
        for path in storage.files(folder):
            name = storage.relative(path, out)
            if name.removeprefix(_CANDIDATES) in _HOLD_THE_LIST or name.startswith(_LOCKS):
                continue
            ledger = Work(path.parents[1]).of_input(LEDGER, path.stem)
            try:
                names_found = sorted(set(found_in(path, takedown, ledger)))
            except (IntegrityError, pa.ArrowException, orjson.JSONDecodeError):
                continue
            if names_found:
                more = f" and {len(names_found) - _FEW:,} more" if len(names_found) > _FEW else ""
                shown = ", ".join(names_found[:_FEW]) + more
                problems.append(
                    f"{name}: holds what is taken down: {shown}; remove the file and build again"
                )
    return problems


def _work_files(out: AnyPath) -> Iterator[tuple[AnyPath, str]]:
    """Path and hash of the files that the accounting is computed from, from their reports."""
    work = Layout(out).work
    places = shelf(work)
    paths = [places.work(key).read_report(key) for key in state.keys(work)]
    for path, report in zip(paths, storage.together(read_json, paths), strict=True):
        for name, digest in report["files"].items():
            if not name.startswith(f"{SAMPLES}/"):
                yield path.parent.parent / name, digest
    for report in storage.together(read_json, storage.files(work.fitted, ".json")):
        for name, digest in report["files"].items():
            if not name.startswith(PREFIX):
                yield out / name, digest


def _rows(path: AnyPath, name: str, context: int) -> list[str]:
    """Violations of the invariants of packed rows, in one data file."""
    try:
        schema = open_arrow(path).schema
        if not schema.equals(PACKED_SCHEMA):
            return [f"{name}: schema {schema} is not {PACKED_SCHEMA}"]
        return [
            problem
            for number, batch in enumerate(batches(path))
            for problem in _in_batch(batch, f"{name}: batch {number}", context)
        ]
    except IntegrityError as error:
        return [str(error)]


def _in_batch(batch: pa.RecordBatch, name: str, context: int) -> Iterator[str]:
    for row in range(batch.num_rows):
        ids, labels, lengths = (batch.column(i)[row].values.to_numpy() for i in range(3))
        count = len(batch.column(3)[row])
        where = f"{name}, row {row}"
        if len(ids) > context:
            yield f"{where}: {len(ids)} tokens, context {context}"
        if lengths.sum() != len(ids) or len(labels) != len(ids) or len(lengths) != count:
            yield f"{where}: lengths of its columns do not agree"
        elif not np.array_equal(labels[labels != NO_LOSS], ids[labels != NO_LOSS]):
            yield f"{where}: a label is neither -100 nor its token"


def _counts(out: AnyPath, manifest: Manifest) -> list[str]:
    problems: list[str] = []
    for split, counts in manifest.splits.items():
        every = storage.files(Layout(out).dataset.data, ".arrow")
        paths = [path for path in every if split_of(path.name) == split]
        rows = sum(storage.together(_height, paths))
        if (len(paths), rows) != (counts.files, counts.rows):
            expected = f"{counts.files} files with {counts.rows} rows"
            problems.append(
                f"{split}: {len(paths)} files with {rows} rows, the manifest says {expected}"
            )
    return problems


def _height(path: AnyPath) -> int:
    return sum(map(len, column(path, "sample_ids", PACKED_SCHEMA)))


def _loads(out: AnyPath, manifest: Manifest) -> list[str]:
    """Load the dataset with `datasets`: splits, row counts, and the first row of each split."""
    datasets.disable_progress_bars()
    if not manifest.splits:
        return []
    try:
        with _beginning(Layout(out).dataset, manifest) as path:
            info = datasets.load_dataset_builder(path).info
            first = {
                name: next(iter(rows))
                for name, rows in datasets.load_dataset(path, streaming=True).items()
            }
            problems = [*_subsets(path, manifest), *_failures(path, manifest)]
    except StepmillError:
        raise
    except Exception as error:  # noqa: BLE001 - a user would meet any of its errors
        return [f"datasets.load_dataset cannot read it: {type(error).__name__}: {error}"]
    declared = {name: split.num_examples for name, split in (info.splits or {}).items()}
    expected = {
        name: counts.rows
        for name, counts in manifest.splits.items()
        if not split_names.of_failures(name)
    }
    if declared != expected:
        problems.append(f"the card declares {declared}, the manifest says {expected}")
    for name, row in first.items():
        if set(row) != set(PACKED_SCHEMA.names):
            problems.append(f"{name}: loaded rows have the columns {sorted(row)}")
    return problems


def _subsets(path: str, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the configurations of subsets. path: of a dataset that can be loaded."""
    for subset in manifest.subsets or ():
        if not subset.rows:
            continue
        info = datasets.load_dataset_builder(path, subset.name).info
        rows = info.splits["train"].num_examples if info.splits else 0
        if rows != subset.rows:
            yield (
                f"the card declares {rows:,} rows of the subset {subset.name}, the manifest says "
                f"{subset.rows:,}"
            )
        train = datasets.load_dataset(path, subset.name, split="train", streaming=True)
        if set(next(iter(train))) != set(PACKED_SCHEMA.names):
            yield f"{subset.name}: loaded rows have other columns"


def _failures(path: str, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the configuration of failures. path: as for `_subsets`."""
    counts = {
        split_names.shown_as(name): split.rows
        for name, split in manifest.splits.items()
        if split_names.of_failures(name)
    }
    if not counts:
        return
    info = datasets.load_dataset_builder(path, split_names.FAILURES).info
    rows = {name: split.num_examples for name, split in (info.splits or {}).items()}
    if rows != counts:
        yield (
            f"the card declares {rows} rows of {split_names.FAILURES}, the manifest says {counts}"
        )
    loaded = datasets.load_dataset(path, split_names.FAILURES, streaming=True)
    for name, each in loaded.items():
        if set(next(iter(each))) != set(PACKED_SCHEMA.names):
            yield f"{split_names.FAILURES}, {name}: loaded rows have other columns"


@contextmanager
def _beginning(dataset: Dataset, manifest: Manifest) -> Iterator[str]:
    """The path of a dataset that `datasets` can load.

    For a remote one, it is a local folder with the card and the first file of each split and each
    subset.
    """
    if storage.here(dataset.root):
        yield str(dataset.root)
        return
    data = sorted(name for name in manifest.files if name.endswith(".arrow"))
    families = {(split_of(name), subset_of(name)): name for name in reversed(data)}
    first = sorted(families.values())
    with scratch.folder() as here:
        for name in (*first, CARD):
            copy = here / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(scratch.copy_of(dataset.file(name)))
        yield str(Layout(here).dataset.root)


def _accounts(manifest: Manifest, settled: account.Account) -> list[str]:
    problems: list[str] = []
    for unit, counts in settled.units.items():
        problems += [
            f"accounting: {found.count} {unit}s are {what}, for example {found.first}"
            for what, found in counts.errors.items()
        ]
        noted = manifest.accounting[unit]
        for key in ("read", "kept", "dropped"):
            now, then = getattr(counts, key), getattr(noted, key)
            if now != then:
                problems.append(f"accounting: {now} {unit}s {key}, the manifest says {then}")
    return problems
