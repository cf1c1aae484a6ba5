"""Phase 3 of a build: make packed rows of tokens of the samples of one output shard.

Gather (rows of samples files, in the index's order) -> fit -> encode -> pack -> ``dataset/data``.
Two files go with each shard: ``work/fitted`` says what became of each sample, and
``dataset/stats/samples`` lists those that are in the shard. The shard's report is written last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.build.pools.failures import Refused, Watch, described, known_as, unwatched
from etl.dataset.index import OutputShard
from etl.dataset.layout import Layout, files_of
from etl.dataset.reports import PackedReport
from etl.dataset.samples import gather
from etl.files.arrow import ArrowWriter, atomic, write_json
from etl.files.hashes import digest
from etl.files.storage import AnyPath
from schemas.errors import RecordError, StepmillError
from schemas.ledger import FITTED_SCHEMA, LISTING_SCHEMA
from schemas.samples import PACKED_SCHEMA, Encoded, Packed, Sample, labels_of
from schemas.tokens import Tokens
from tokenization.encode import Encoder
from tokenization.fit import Drop, Fit
from tokenization.pack import pack, unpacked

_BATCH_TOKENS: Final = 2**19
"""Tokens of a batch of rows, about."""


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

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the settings and of the columns that are written; every report notes it."""
        return digest([self.settings, PACKED_SCHEMA.names, FITTED_SCHEMA.names])

    def build(
        self,
        shard: OutputShard,
        out: AnyPath,
        refused: Sequence[Refused] = (),
        watch: Watch = unwatched,
    ) -> PackedReport:
        """Write one file of the dataset, ``work/fitted`` for it, and its report.

        refused: samples to drop without trying them. watch: called with the name of each sample.
        """
        fit = self.fits[shard.split]
        fitted: dict[str, dict[str, Any]] = {}
        names, build = files_of(shard.name), Layout(out)
        samples = gather(shard.rows(build.work), build.work)
        encoded = self._fitted(samples, fit, fitted, {r.name: r for r in refused}, watch)
        rows = (
            pack(encoded, fit.context, self.window)
            if self.packing
            else unpacked(encoded, fit.context)
        )
        with atomic(build.file(names.data)) as stream:
            writer = ArrowWriter(stream, PACKED_SCHEMA)
            counts = _write(rows, writer, fitted)
            writer.close()
        inside = [
            row | {"split": shard.split, "packed": shard.name}
            for row in fitted.values()
            if not row["reason"]
        ]
        files = {
            names.data: stream.sha256.hexdigest(),
            names.listing: _parquet(build.file(names.listing), inside, LISTING_SCHEMA),
            names.fitted: _parquet(build.file(names.fitted), fitted.values(), FITTED_SCHEMA),
        }
        made_of = (shard.name, shard.split, shard.content, self.fingerprint)
        report = PackedReport(*made_of, writer.rows, *counts, files, stream.size)
        write_json(build.work.packed_report(shard.name), asdict(report))
        return report

    def _fit(self, sample: Sample, fit: Fit) -> list[Encoded] | Drop:
        """Call ``fit``; an exception drops this sample, unless it was raised to stop the build."""
        try:
            return fit(sample, self.encoder)
        except RecordError as error:
            return Drop(error.reason, error.detail)
        except (StepmillError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - as in etl.build.plan
            return Drop("stage_crashed", described(error))

    def _fitted(
        self,
        samples: Iterator[Sample],
        fit: Fit,
        fitted: dict[str, dict[str, Any]],
        refused: Mapping[str, Refused],
        watch: Watch,
    ) -> Iterator[Encoded]:
        """Yield the samples' chunks; ``fitted`` gets a row about each sample."""
        for sample in samples:
            name = known_as(sample.sample_id)
            if name in refused:
                result: list[Encoded] | Drop = Drop(refused[name].reason, refused[name].detail)
            else:
                watch(name)
                result = self._fit(sample, fit)
            dropped, chunks = (result, []) if isinstance(result, Drop) else (("", ""), result)
            prompt_tokens = sum(chunk.prompt_tokens for chunk in chunks)
            fitted[sample.sample_id] = {
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
                "chunk": chunks[0].chunk if chunks else 0,
                "chunks": chunks[0].chunks if chunks else 0,
                "kept": len(chunks),
                "prompt_tokens": prompt_tokens,
                "completion_tokens": sum(len(chunk.input_ids) for chunk in chunks) - prompt_tokens,
                "row": -1,
                "reason": dropped[0],
                "detail": dropped[1],
            }
            yield from chunks


def _parquet(path: AnyPath, rows: Collection[Mapping[str, Any]], schema: pa.Schema) -> str:
    table = pa.table({name: [row[name] for row in rows] for name in schema.names}, schema=schema)
    with atomic(path) as stream:
        pq.write_table(table, pa.PythonFile(stream, mode="w"), compression="zstd")
    return stream.sha256.hexdigest()


def _write(
    rows: Iterator[Packed], writer: ArrowWriter, fitted: dict[str, dict[str, Any]]
) -> tuple[int, int, int]:
    """Write packed rows in batches; returns the number of samples, tokens and tokens with loss."""
    samples = tokens = loss = 0
    waiting: list[Packed] = []
    size = 0
    for number, row in enumerate(rows):
        for sample_id in row.sample_ids:
            if fitted[sample_id]["row"] < 0:  # else it is another chunk of a sample
                fitted[sample_id]["row"] = number
                samples += 1
        tokens += row.tokens
        loss += row.loss_tokens
        waiting.append(row)
        size += row.tokens
        if size >= _BATCH_TOKENS:
            writer.add_batch(_batch(waiting))
            waiting, size = [], 0
    if waiting:
        writer.add_batch(_batch(waiting))
    return samples, tokens, loss


def _batch(rows: Sequence[Packed]) -> pa.RecordBatch:
    """Rows as one Arrow batch; each token is copied once, and is never a Python object."""
    samples = [sample for row in rows for sample in row.samples]
    lengths = [row.seq_lengths for row in rows]
    tokens = [row.tokens for row in rows]
    columns = [
        _lists(np.concatenate([sample.input_ids for sample in samples]), tokens),
        _lists(labels_of(samples), tokens),
        _lists(np.concatenate(lengths), list(map(len, lengths))),
        pa.array([row.sample_ids for row in rows], PACKED_SCHEMA.field("sample_ids").type),
    ]
    return pa.record_batch(columns, schema=PACKED_SCHEMA)


def _lists(values: Tokens, lengths: Sequence[int]) -> pa.ListArray:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, pa.int32()))
