"""Phase 3 of a build: make packed rows of tokens of the samples of one output shard.

Gather (rows of samples files, in the index's order) -> fit -> encode -> pack -> ``dataset/data``.
Two files go with each shard: ``work/fitted`` says what became of each sample, and
``dataset/stats/samples`` lists those that are in the shard. The shard's report is written last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import compress
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.build.pools.failures import Refused, Watch, described, known_as, unwatched
from etl.dataset.index import OutputShard
from etl.dataset.layout import Layout, files_of
from etl.dataset.reports import PackedReport
from etl.dataset.samples import gather
from etl.files.arrow import ArrowWriter, Compression, atomic, write_json
from etl.files.hashes import digest
from etl.files.storage import AnyPath
from schemas.errors import RecordError, StepmillError
from schemas.ledger import FITTED_SCHEMA, LISTING_SCHEMA
from schemas.sample_table import PACKED_SCHEMA
from schemas.samples import Encoded, Packed, Sample, labels_of
from schemas.tokens import Tokens
from tokenization.encode import Encoder
from tokenization.fit import Drop, Fit
from tokenization.pack import Packer

_BATCH_TOKENS: Final = 2**19
"""Tokens of a batch of rows, about."""

_COLUMNS: Final = (*FITTED_SCHEMA.names, "step", "history")
"""What is noted of each sample: the columns of both files beside the rows, but for the shard's own.
"""


@dataclass(frozen=True)
class PackPlan:
    """How the samples of an output shard become rows."""

    # samples to tokens
    encoder: Encoder
    # the chunk policy of each split
    fits: dict[str, Fit]
    # whether a row holds several samples, or one
    packing: bool
    # the most samples that packing holds at a time (`tokenization.pack`)
    window: int
    # all this for the fingerprint, as JSON
    settings: dict[str, Any]
    # of the data file
    compression: Compression = "none"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the settings and of the columns that are written; every report notes it."""
        return digest([self.settings, PACKED_SCHEMA.names, FITTED_SCHEMA.names])

    def fitted(self, sample: Sample, fit: Fit) -> list[Encoded] | Drop:
        """Call ``fit``; an exception drops this sample, unless it was raised to stop the build."""
        try:
            return fit(sample, self.encoder)
        except RecordError as error:
            return Drop(error.reason, error.detail)
        except (StepmillError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - as in etl.build.plan
            return Drop("stage_crashed", described(error))


class Target(NamedTuple):
    """Where a plan writes: the same samples are packed for each vocabulary."""

    plan: PackPlan
    # the folder in which the build of the vocabulary is made
    out: AnyPath
    # label of the vocabulary; empty for the first one
    vocabulary: str = ""

    def watched(self, sample: Sample) -> str:
        """The name under which pools watch and refuse a sample."""
        name = sample.sample_id
        return known_as(f"{name} ({self.vocabulary})" if self.vocabulary else name)


def build(
    shard: OutputShard,
    targets: Sequence[Target],
    refused: Sequence[Refused] = (),
    watch: Watch = unwatched,
) -> list[PackedReport]:
    """Write one file of the dataset of each vocabulary, ``work/fitted`` for it, and its report.

    The samples are gathered once. refused: samples to drop without trying them. watch: called with
    the name of each sample.
    """
    known = {each.name: each for each in refused}
    work, room = Layout(targets[0].out).work, _Room()
    with ExitStack() as stack:
        streams = [
            stack.enter_context(atomic(target.out / files_of(shard.name).data))
            for target in targets
        ]
        outputs = [
            _Output(target, shard, stream, room)
            for target, stream in zip(targets, streams, strict=True)
        ]
        for sample in gather(shard.rows(work), work):
            for output in outputs:
                output.add(sample, known, watch)
        for output in outputs:
            output.close()
    return [output.report() for output in outputs]


class _Room:
    """Memory for a batch of any output, used again: new memory has to be cleared each time."""

    def __init__(self) -> None:
        self._room = np.empty((2, 0), np.int32)

    def of(self, size: int) -> tuple[Tokens, Tokens]:
        """Arrays for that many ids and labels, int32."""
        if size > self._room.shape[1]:
            self._room = np.empty((2, size), np.int32)
        ids, labels = self._room[:, :size]
        return ids, labels


class _Output:
    """An output shard of one vocabulary, as it is written."""

    def __init__(self, target: Target, shard: OutputShard, stream: Any, room: _Room) -> None:
        self._target, self._shard, self._stream, self._room = target, shard, stream, room
        plan = target.plan
        self._fit = plan.fits[shard.split]
        self._packer = Packer(self._fit.context, plan.window if plan.packing else 1)
        self._writer = ArrowWriter(stream, PACKED_SCHEMA, plan.compression)
        # what became of each sample: `FITTED_SCHEMA` and the rest of `LISTING_SCHEMA`
        self._fitted: dict[str, dict[str, Any]] = {}
        self._waiting: list[Packed] = []
        self._size = 0
        self._rows = self._samples = self._tokens = self._loss = 0

    def add(self, sample: Sample, refused: Mapping[str, Refused], watch: Watch) -> None:
        """Fit a sample and pack its chunks; writes rows that are full."""
        name = self._target.watched(sample)
        if name in refused:
            result: list[Encoded] | Drop = Drop(refused[name].reason, refused[name].detail)
        else:
            watch(name)
            result = self._target.plan.fitted(sample, self._fit)
        dropped, chunks = (result, []) if isinstance(result, Drop) else (("", "", 0), result)
        prompt_tokens = sum(chunk.prompt_tokens for chunk in chunks)
        self._fitted[sample.sample_id] = {
            "sample_id": sample.sample_id,
            "domain": sample.domain,
            "subdomain": sample.subdomain,
            "source": sample.source,
            "action_kind": sample.action_kind,
            "step": sample.step,
            "raw_chars": sample.raw_chars,
            "history": len(sample.history),
            "pruned_chars": sample.characters,
            "reward": sample.reward,
            "repeat": sample.repeat,
            "failed_steps": sample.failed_steps,
            "loops": sample.loops,
            "failed": sample.failed,
            "chunk": chunks[0].chunk if chunks else 0,
            "chunks": chunks[0].chunks if chunks else 0,
            "kept": len(chunks),
            "prompt_tokens": prompt_tokens,
            "completion_tokens": sum(len(chunk.input_ids) for chunk in chunks) - prompt_tokens,
            "lost_tokens": chunks[0].cut_tokens if chunks else dropped[2],
            "row": -1,
            "reason": dropped[0],
            "detail": dropped[1],
        }
        for chunk in chunks:
            for row in self._packer.add(chunk):
                self._write(row)

    def _write(self, row: Packed) -> None:
        """Write packed rows in batches."""
        for sample_id in row.sample_ids:
            if self._fitted[sample_id]["row"] < 0:  # else it is another chunk of a sample
                self._fitted[sample_id]["row"] = self._rows
                self._samples += 1
        self._rows += 1
        self._tokens += row.tokens
        self._loss += row.loss_tokens
        self._waiting.append(row)
        self._size += row.tokens
        if self._size >= _BATCH_TOKENS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.add_batch(_batch(self._waiting, *self._room.of(self._size)))
        self._waiting, self._size = [], 0

    def close(self) -> None:
        """Write the remaining rows, and the end of the file."""
        for row in self._packer.rest():
            self._write(row)
        self._flush()
        self._writer.close()

    def report(self) -> PackedReport:
        """Write the files beside the rows, and then the report."""
        shard, names, build = self._shard, files_of(self._shard.name), Layout(self._target.out)
        rows = self._fitted.values()
        fitted = {name: [row[name] for row in rows] for name in _COLUMNS}
        inside = [not reason for reason in fitted["reason"]]
        listed = {name: list(compress(values, inside)) for name, values in fitted.items()}
        for name, value in (("split", shard.split), ("packed", shard.name)):
            listed[name] = [value] * sum(inside)
        files = {
            names.data: self._stream.sha256.hexdigest(),
            names.listing: _parquet(build.file(names.listing), listed, LISTING_SCHEMA),
            names.fitted: _parquet(build.file(names.fitted), fitted, FITTED_SCHEMA),
        }
        made_of = (shard.name, shard.split, shard.content, self._target.plan.fingerprint)
        counts = (self._rows, self._samples, self._tokens, self._loss)
        report = PackedReport(*made_of, *counts, files, self._stream.size)
        write_json(build.work.packed_report(shard.name), asdict(report))
        return report


def _parquet(path: AnyPath, columns: Mapping[str, list[Any]], schema: pa.Schema) -> str:
    table = pa.table({name: columns[name] for name in schema.names}, schema=schema)
    with atomic(path) as stream:
        pq.write_table(table, pa.PythonFile(stream, mode="w"), compression="zstd")
    return stream.sha256.hexdigest()


def _batch(rows: Sequence[Packed], ids: Tokens, labels: Tokens) -> pa.RecordBatch:
    """Rows as one Arrow batch; each token is copied once, and is never a Python object.

    ids, labels: arrays of their size, which hold the batch's values from now on.
    """
    samples = [sample for row in rows for sample in row.samples]
    lengths = [row.seq_lengths for row in rows]
    tokens = [row.tokens for row in rows]
    columns = [
        _lists(np.concatenate([sample.input_ids for sample in samples], out=ids), tokens),
        _lists(labels_of(samples, labels), tokens),
        _lists(np.concatenate(lengths), list(map(len, lengths))),
        pa.array([row.sample_ids for row in rows], PACKED_SCHEMA.field("sample_ids").type),
    ]
    return pa.record_batch(columns, schema=PACKED_SCHEMA)


def _lists(values: Tokens, lengths: Sequence[int]) -> pa.ListArray:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, pa.int32()))
