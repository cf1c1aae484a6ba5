"""Export the samples of a dataset one by one, for those who tokenize or pack in their own way.

- ``messages``: each sample as chat messages (system, user, assistant), for models with another
  vocabulary. The texts are decoded from the dataset, so pages are cut to the context. Text that
  looks like a special token is escaped (`tokenization.lookalikes`), or kept on demand; both are
  counted.
- ``tokens``: each sample as ``input_ids``, ``attention_mask`` and ``labels``, for trainers that do
  their own packing, such as axolotl.

An export reads the manifest and the data files of ``dataset/`` or of a published copy, nothing
else. Each data file becomes one file of the export, a batch at a time. The same dataset gives the
same bytes. ``export.json`` (`etl.publish.exported`) lists the files with their request, and says
whether they are complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.dataset import candidate
from etl.dataset.layout import IN_DATASET, LISTINGS, PREFIX, Dataset, Layout, split_of
from etl.dataset.manifest import Manifest, read
from etl.dataset.place import Place, scanned
from etl.files import scratch, storage
from etl.files.arrow import atomic, batches
from etl.files.storage import AnyPath
from etl.publish import exported, rows
from etl.publish.rows import FileType
from schemas.errors import ConfigError, IntegrityError
from schemas.tokens import Tokens
from tokenization.messages import Chat

Kind = Literal["messages", "tokens"]

_PARQUET_ROWS: Final = 64
_DATA: Final = f"{IN_DATASET.data.as_posix()}/"
_LISTED: Final = f"{LISTINGS}/"
_HASH: Final = re.compile(r"-[0-9a-f]{16}\Z")
"""What a published file's name has more than that of the build."""

MESSAGES: Final = pa.list_(pa.struct([("role", pa.string()), ("content", pa.large_string())]))
MESSAGES_SCHEMA: Final = pa.schema([("sample_id", pa.string()), ("messages", MESSAGES)])
TOKENS_SCHEMA: Final = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("attention_mask", pa.list_(pa.int8())),
        ("labels", pa.list_(pa.int32())),
    ]
)

QUALITY_FIELDS: Final = (
    pa.field("reward", pa.float64()),
    pa.field("success", pa.bool_()),
    pa.field("failed_steps", pa.int32()),
    pa.field("loops", pa.int32()),
)
"""What is known of the workflow of a sample: its reward and whether that is 1 or more, null if it
is not known; the number of its steps that failed, and of those that repeat an earlier one.
"""

Unpacked = tuple[str, Tokens, Tokens]
"""A sample's id, its tokens and its labels."""


@dataclass(frozen=True)
class Export:
    """One export, as it is requested."""

    dataset: Dataset
    """The dataset to read."""
    out: AnyPath
    """The folder of the export, outside the dataset and its build."""
    kind: Kind
    """What a row holds."""
    file_type: FileType
    """The format of the files."""
    splits: tuple[str, ...] = ()
    """The splits to write; empty for all."""
    chat: Chat | None = None
    """How to decode tokens; for messages only."""
    replace: bool = False
    """Whether to replace an export of another request."""
    quality: bool = False
    """Whether rows have the columns of `QUALITY_FIELDS` too."""

    def run(self) -> dict[str, Any]:
        """Write the files; returns a summary with files, samples and bytes of each split.

        Raises:
            ConfigError: before anything is written, if the request or the folder cannot be used.
            IntegrityError: if a data file is broken, or does not fit its vocabulary or template.
        """
        manifest = manifest_of(self.dataset)
        sources = self._wanted(manifest)
        targets = {
            f"{name.removeprefix(_DATA).rpartition('.')[0]}.{self.file_type}": name
            for name in sources
        }
        splits = {target: sources[name] for target, name in targets.items()}
        check_outside(self.dataset, self.out)
        noted = exported.begin(self.out, self._request(manifest), splits, replace=self.replace)
        counts: dict[str, dict[str, int]] = {}
        for target, name in targets.items():
            with atomic(self.out / target) as stream:
                labels = self._labels(manifest, name) if self.quality else {}
                written = self._write(self.dataset.file(name), stream, labels)
            noted.written(target, stream.sha256.hexdigest())
            count = counts.setdefault(
                sources[name], dict.fromkeys(("files", "samples", "bytes"), 0)
            )
            for key, more in {"files": 1, "bytes": stream.size, **written}.items():
                count[key] = count.get(key, 0) + more
        noted.end(counts)
        return {**noted.summary(), "splits": counts}

    def _request(self, manifest: Manifest) -> dict[str, Any]:
        """Everything that determines the bytes of a file."""
        request = {
            "format": self.kind,
            "file_type": self.file_type,
            "fingerprint": manifest.fingerprint,
        }
        if self.quality:
            request["quality"] = "yes"
        if self.chat is None:
            return request
        return request | {"special_tokens": "escape" if self.chat.escape else "keep"}

    def _wanted(self, manifest: Manifest) -> dict[str, str]:
        """Path within the dataset -> split, of the data files to export, in order.

        Raises:
            ConfigError: if there is no such split.
        """
        check_splits(self.dataset, manifest, self.splits)
        return {
            name: split
            for name, split in data_files(manifest).items()
            if not self.splits or split in self.splits
        }

    def _labels(self, manifest: Manifest, name: str) -> dict[str, dict[str, Any]]:
        """The values of `QUALITY_FIELDS` of each sample in a data file, by its id.

        Raises:
            ConfigError: the dataset lacks the list of its samples, or an earlier version made it.
        """
        of_listing = [field.name for field in QUALITY_FIELDS if field.name != "success"]
        table = listed(self.dataset, manifest, name, of_listing, "--quality")
        success = (pl.col("reward") >= 1).alias("success")
        table = table.with_columns(success).select("sample_id", *(f.name for f in QUALITY_FIELDS))
        return {row.pop("sample_id"): row for row in table.iter_rows(named=True)}

    def _write(
        self, path: AnyPath, stream: Any, labels: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, int]:
        """Write one data file as a file of the export; returns its counts.

        These are samples, and for messages texts that look like special tokens and samples with
        such texts.
        """
        writer = rows.writer(self.file_type, stream, self._schema)
        samples, like, with_like = 0, 0, 0
        for sample_id, ids, loss in unpacked(path):
            try:
                row, count = self._row(sample_id, ids, loss)
                if self.quality:
                    row |= labels[sample_id]
            except KeyError as error:
                raise IntegrityError(f"{path}: the list of samples lacks {sample_id}") from error
            except IntegrityError as error:
                raise IntegrityError(f"{path}, sample {sample_id}: {error}") from error
            writer.add(row, len(ids) * 12)
            samples, like, with_like = samples + 1, like + count, with_like + bool(count)
        writer.close()
        if self.kind == "tokens":
            return {"samples": samples}
        return {"samples": samples, exported.LIKE: like, exported.WITH_LIKE: with_like}

    def _row(self, sample_id: str, ids: Tokens, labels: Tokens) -> tuple[dict[str, Any], int]:
        """A row, and the number of texts in it that look like special tokens."""
        if self.kind == "tokens":
            return {
                "input_ids": ids,
                "attention_mask": np.ones(len(ids), np.int8),
                "labels": labels,
            }, 0
        assert self.chat is not None
        messages, count = self.chat.guarded(self.chat(ids, labels))
        return {"sample_id": sample_id, "messages": messages}, count

    @property
    def _schema(self) -> pa.Schema:
        schema = TOKENS_SCHEMA if self.kind == "tokens" else MESSAGES_SCHEMA
        return pa.schema([*schema, *QUALITY_FIELDS]) if self.quality else schema


def manifest_of(dataset: Dataset) -> Manifest:
    """The manifest of a dataset.

    Raises:
        ConfigError: if there is none.
    """
    path = dataset.manifest
    if not storage.exists(path):
        hint = candidate.hint(dataset.root.parent)
        problem = f"{dataset.root}: no finished dataset ({path} is missing){hint}"
        raise ConfigError(f"{problem}; run the build command again")
    return read(path)


def check_outside(dataset: Dataset, out: AnyPath) -> None:
    """Check that an export is not written into the dataset, or into its build.

    Raises:
        ConfigError: it is.
    """
    build = Layout(dataset.root.parent)
    within = [build.good.work.root] if build.dataset == dataset else []
    if any(storage.within(out, folder) for folder in (dataset.root, *within)):
        raise ConfigError(
            f"{out} is within the dataset or its build; choose another folder with --out"
        )


def check_splits(dataset: Dataset, manifest: Manifest, splits: Sequence[str]) -> None:
    """Check that a dataset has these splits.

    Raises:
        ConfigError: if it lacks one.
    """
    if unknown := sorted(set(splits) - set(manifest.splits)):
        there = ", ".join(manifest.splits) or "none"
        raise ConfigError(
            f"{dataset.root}: there is no split {', '.join(unknown)} (there are: {there})"
        )


def data_files(manifest: Manifest) -> dict[str, str]:
    """The split of each data file, by its path within the dataset, in order."""
    if manifest.published is not None:
        published = manifest.published.splits
        files = {file.path: split for split, every in published.items() for file in every}
        return dict(sorted(files.items()))
    names = [
        name.removeprefix(PREFIX) for name in manifest.files if name.startswith(PREFIX + _DATA)
    ]
    return {name: split_of(name) for name in sorted(names)}


def listed(
    dataset: Dataset,
    manifest: Manifest,
    name: str,
    columns: Sequence[str],
    what: str,
) -> pl.DataFrame:
    """Columns of the listing, a row for each sample of a data file.

    name: its path within the dataset. what: asks for these columns, for the message.

    Raises:
        ConfigError: the dataset lacks the list of its samples, or an earlier version made it.
    """
    beside = _HASH.sub("", name.removeprefix(_DATA).rpartition(".")[0])
    lists = (each.removeprefix(_LISTED) for each in manifest.files if each.startswith(_LISTED))
    found = next((each for each in lists if _HASH.sub("", each.rpartition(".")[0]) == beside), "")
    place = Place(dataset.root, dataset, None, manifest)
    if not found:
        raise place.lacks(f"list of the samples in {name}")
    try:
        path = scratch.copy_of(dataset.file(f"{_LISTED}{found}"))
        return scanned([path]).select("sample_id", *columns).collect()
    except FileNotFoundError as error:
        raise place.lacks(f"{_LISTED}{found}") from error
    except pl.exceptions.ColumnNotFoundError as error:
        raise ConfigError(
            f"{dataset.root}: {what}: its list of samples has no such columns; an earlier version "
            "built it: build it again"
        ) from error


def unpacked(path: AnyPath) -> Iterator[Unpacked]:
    """The samples of one data file, in their order, as views of its columns.

    Raises:
        IntegrityError: if the file is broken.
    """
    for batch in _batches(path):
        for row in range(batch.num_rows):
            ids, labels, lengths = (batch.column(name)[row].values.to_numpy() for name in _COLUMNS)
            ends = np.cumsum(lengths)
            for name, start, end in zip(
                batch.column("sample_ids")[row].as_py(), ends - lengths, ends, strict=True
            ):
                yield name, ids[start:end], labels[start:end]


_COLUMNS: Final = ("input_ids", "labels", "seq_lengths")


def _batches(path: AnyPath) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(scratch.copy_of(path)) as file:
            yield from file.iter_batches(_PARQUET_ROWS)
    else:
        yield from batches(path)
