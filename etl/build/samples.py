"""The files that phase 1 writes of one input shard; the report comes last, and makes them count.

``samples`` holds the samples, and ``light`` the columns of the same rows that the index reads.
``ledger`` holds everything that was read and what became of it, ``quarantine`` what could not be
read.

Samples are written in runs of `RUN_CHARS`. Each run is in the order of the hash by which packing
reads, so what an output shard takes from a run lies together: a row that lies alone costs a memory
page in each of 22 columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from operator import attrgetter, itemgetter
from typing import Any, Final

import orjson
import pyarrow as pa
import xxhash

from etl.build.admit import Met
from etl.dataset.layout import IN_WORK, LEDGER, LIGHT, QUARANTINE, SAMPLES, Work
from etl.dataset.reports import ShardReport
from etl.files import storage
from etl.files.arrow import ArrowWriter, atomic, write_json, write_table
from etl.files.hashes import order_hash
from etl.files.storage import AnyPath
from etl.inputs.records import InputShard
from etl.pages.page import utf8_of
from etl.tally import Tally
from schemas.ledger import LEDGER_SCHEMA, LIGHT_SCHEMA, QUARANTINE_SCHEMA
from schemas.samples import SAMPLE_SCHEMA, Sample

_values: Final = attrgetter(*SAMPLE_SCHEMA.names)
_OBSERVATION: Final = SAMPLE_SCHEMA.get_field_index("observation")
_META: Final = SAMPLE_SCHEMA.get_field_index("workflow_meta")
"""The first of the columns that the hash of a sample leaves out."""

RUN_CHARS: Final = 2**25
"""Characters of the samples that are held and ordered together."""


class Writer:
    """Writes the files of one input shard: samples as they come, then the rest.

    `opened` takes the samples; `report` writes the rest after it has ended. seed: of their order.
    """

    def __init__(self, shard: InputShard, work: Work, seed: int) -> None:
        self._shard, self._work, self._seed = shard, work, seed
        self._rows = 0
        self._files: dict[str, str] = {}

    @contextmanager
    def opened(self) -> Iterator[Callable[[Sample], None]]:
        """Open the files; yields the function that takes each sample."""
        samples, light = self._name(SAMPLES), self._name(LIGHT)
        with atomic(self._file(samples)) as stream, atomic(self._file(light)) as light_stream:
            writer, light_writer = (
                ArrowWriter(stream, SAMPLE_SCHEMA),
                ArrowWriter(light_stream, LIGHT_SCHEMA),
            )

            waiting: list[tuple[int, Sample]] = []
            chars = 0

            def add(sample: Sample) -> None:
                nonlocal chars
                waiting.append((order_hash(sample.sample_id, self._seed), sample))
                chars += _chars(sample)
                if chars >= RUN_CHARS:
                    write()

            def write() -> None:
                nonlocal chars
                waiting.sort(key=itemgetter(0))
                for _, sample in waiting:
                    values = list(_values(sample))
                    # encoded once, for the file and for the hash
                    observation = values[_OBSERVATION] = utf8_of(sample.observation)
                    writer.add(tuple(values), _chars(sample) + 1024)
                    light_writer.add(light_row(sample, observation), 256)
                waiting.clear()
                chars = 0

            yield add
            write()
            writer.close()
            light_writer.close()
        self._rows = writer.rows
        self._files = {samples: stream.sha256.hexdigest(), light: light_stream.sha256.hexdigest()}

    def report(self, tally: Tally, met: Met, settings: str, takedown: str) -> ShardReport:
        """Write ledger and quarantine, then the report.

        settings, takedown: hashes of the settings and the list that the files were made with.
        """
        key = self._shard.key
        for folder, rows, schema in (
            (LEDGER, tally.entries, LEDGER_SCHEMA),
            (QUARANTINE, tally.quarantined, QUARANTINE_SCHEMA),
        ):
            name = self._name(folder)
            if rows:
                columns = {
                    column: [getattr(row, column, key) for row in rows] for column in schema.names
                }
                self._files[name] = write_table(self._file(name), pa.table(columns, schema=schema))
            else:  # an earlier try may have left one
                storage.remove(self._file(name))
        drops = Counter((e.unit, e.stage, e.reason, e.domain) for e in tally.entries if e.reason)
        counted = tuple((*what, count) for what, count in sorted(drops.items()))
        contents, domains, removed, by, matched = (
            tuple(sorted(names))
            for names in (met.contents, met.domains, met.removed, met.by, tally.matched)
        )
        odd = tuple((kind, where, count) for (kind, where), count in sorted(tally.odd.items()))
        report = ShardReport(
            key, self._shard.name, self._shard.format, settings, takedown, self._rows, contents,
            domains, removed, by,
            matched, dict(met.taken_workflows), dict(met.taken_records), met.copies, counted,
            self._files, odd,
        )  # fmt: skip
        write_json(self._work.read_report(key), asdict(report))
        return report

    def _name(self, folder: str) -> str:
        """The path of the shard's file in one of the folders, as reports write it."""
        return IN_WORK.of_input(folder, self._shard.key).as_posix()

    def _file(self, name: str) -> AnyPath:
        return self._work.root / name


def _chars(sample: Sample) -> int:
    """Characters of the texts that may be long."""
    return len(sample.observation) + len(sample.workflow_meta) + len(sample.step_meta)


def light_row(sample: Sample, observation: bytes) -> tuple[Any, ...]:
    """The columns of a sample that the index reads: a row of `LIGHT_SCHEMA`.

    observation: the sample's, as UTF-8.
    """
    texts = (
        sample.observation,
        sample.objective,
        sample.url,
        sample.description,
        sample.target_html,
        *sample.history,
    )
    values = _values(sample)
    content = xxhash.xxh3_128(
        orjson.dumps((values[:_OBSERVATION], values[_OBSERVATION + 1 : _META]))
    )
    content.update(observation)
    return (
        sample.sample_id,
        sample.workflow,
        sample.step,
        sample.workflow_hash,
        content.hexdigest(),
        sample.domain,
        sample.website,
        sample.objective,
        sum(map(len, texts)),
        sample.whole,
    )
