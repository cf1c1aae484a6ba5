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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from etl.dataset import candidate
from etl.dataset.layout import IN_DATASET, PREFIX, Dataset, Layout, split_of
from etl.dataset.manifest import Manifest, read
from etl.files import scratch, storage
from etl.files.arrow import atomic, batches
from etl.files.storage import AnyPath
from etl.publish import exported
from etl.publish.messages import Chat
from schemas.errors import ConfigError, IntegrityError
from schemas.tokens import Tokens

Kind = Literal["messages", "tokens"]
FileType = Literal["jsonl", "parquet"]

_ROW_GROUP_BYTES: Final = 32 * 2**20
_PARQUET_ROWS: Final = 64
_DATA: Final = f"{IN_DATASET.data.as_posix()}/"

MESSAGES_SCHEMA: Final = pa.schema(
    [
        ("sample_id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.large_string())]))),
    ]
)
TOKENS_SCHEMA: Final = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("attention_mask", pa.list_(pa.int8())),
        ("labels", pa.list_(pa.int32())),
    ]
)

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
        if any(storage.within(self.out, folder) for folder in self._taken()):
            raise ConfigError(
                f"{self.out} is within the dataset or its build; choose another folder with --out"
            )
        noted = exported.begin(self.out, self._request(manifest), splits, replace=self.replace)
        counts: dict[str, dict[str, int]] = {}
        for target, name in targets.items():
            with atomic(self.out / target) as stream:
                written = self._write(self.dataset.file(name), stream)
            noted.written(target, stream.sha256.hexdigest())
            count = counts.setdefault(
                sources[name], dict.fromkeys(("files", "samples", "bytes"), 0)
            )
            for key, more in {"files": 1, "bytes": stream.size, **written}.items():
                count[key] = count.get(key, 0) + more
        noted.end(counts)
        return {**noted.summary(), "splits": counts}

    def _taken(self) -> list[AnyPath]:
        """The folders in which an export must not lie."""
        build = Layout(self.dataset.root.parent)
        within = [build.good.work.root] if build.dataset == self.dataset else []
        return [self.dataset.root, *within]

    def _request(self, manifest: Manifest) -> dict[str, Any]:
        """Everything that determines the bytes of a file."""
        request = {
            "format": self.kind,
            "file_type": self.file_type,
            "fingerprint": manifest.fingerprint,
        }
        if self.chat is None:
            return request
        return request | {"special_tokens": "escape" if self.chat.escape else "keep"}

    def _wanted(self, manifest: Manifest) -> dict[str, str]:
        """Path within the dataset -> split, of the data files to export, in order.

        Raises:
            ConfigError: if there is no such split.
        """
        unknown = sorted(set(self.splits) - set(manifest.splits))
        if unknown:
            there = ", ".join(manifest.splits) or "none"
            raise ConfigError(
                f"{self.dataset.root}: there is no split {', '.join(unknown)} (there are: {there})"
            )
        if manifest.published is not None:
            published = manifest.published.splits
            split_by_name = {
                file.path: split for split, files in published.items() for file in files
            }
        else:
            names = [
                name.removeprefix(PREFIX)
                for name in manifest.files
                if name.startswith(PREFIX + _DATA)
            ]
            split_by_name = {name: split_of(name) for name in names}
        return {
            name: split
            for name, split in sorted(split_by_name.items())
            if not self.splits or split in self.splits
        }

    def _write(self, path: AnyPath, stream: Any) -> dict[str, int]:
        """Write one data file as a file of the export; returns its counts.

        These are samples, and for messages texts that look like special tokens and samples with
        such texts.
        """
        writer = _Jsonl(stream) if self.file_type == "jsonl" else _Parquet(stream, self._schema)
        samples, like, with_like = 0, 0, 0
        for sample_id, ids, labels in unpacked(path):
            try:
                row, count = self._row(sample_id, ids, labels)
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
        return TOKENS_SCHEMA if self.kind == "tokens" else MESSAGES_SCHEMA


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


class _Jsonl:
    """Writes rows as lines of JSON."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def add(self, row: Mapping[str, Any], size: int) -> None:
        self._stream.write(
            orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
        )

    def close(self) -> None:
        pass


class _Parquet:
    """Writes rows as Parquet, in row groups of about `_ROW_GROUP_BYTES`."""

    def __init__(self, stream: Any, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(pa.PythonFile(stream, mode="w"), schema, compression="zstd")
        self._rows: list[Mapping[str, Any]] = []
        self._bytes = 0

    def add(self, row: Mapping[str, Any], size: int) -> None:
        self._rows.append(row)
        self._bytes += size
        if self._bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        columns = {name: [row[name] for row in self._rows] for name in self._schema.names}
        self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows, self._bytes = [], 0

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()
