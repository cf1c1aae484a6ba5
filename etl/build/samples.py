"""The files that phase 1 writes of one bundle; the report comes last, and makes them count.

``samples`` holds the samples, and ``light`` the columns of the same rows that the index reads.
``ledger`` holds everything that was read and what became of it, ``quarantine`` what could not be
read, ``lint`` where recordings contradict themselves, and ``replaced`` how many private values were
replaced in what, if stages looked for these.

Samples are written in runs of `RUN_CHARS`. Each run is in the order of the hash by which packing
reads, so what an output shard takes from a run lies together: a row that lies alone costs a memory
page in each of 22 columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter, itemgetter
from typing import Any, Final

import orjson
import pyarrow as pa
import xxhash

from etl.build.admit import Met
from etl.dataset.layout import (
    IN_WORK,
    LEDGER,
    LIGHT,
    LINT,
    QUARANTINE,
    REPLACED,
    SAMPLES,
    Work,
)
from etl.dataset.reports import BundleReport
from etl.files import storage
from etl.files.arrow import ArrowWriter, atomic, write_json, write_table
from etl.files.hashes import order_hash
from etl.files.storage import AnyPath
from etl.inputs.records import InputShard
from etl.tally import Odd, Tally
from schemas.findings import FINDING_SCHEMA, REPLACEMENT_SCHEMA
from schemas.ledger import LEDGER_SCHEMA, LIGHT_SCHEMA, QUARANTINE_SCHEMA
from schemas.sample_table import SAMPLE_SCHEMA
from schemas.samples import Sample

_values: Final = itemgetter(*SAMPLE_SCHEMA.names)
"""The values of a sample's ``__dict__`` in the order of the columns."""
_OBSERVATION: Final = SAMPLE_SCHEMA.get_field_index("observation")
_META: Final = SAMPLE_SCHEMA.get_field_index("workflow_meta")
"""The first of the columns that the hash of a sample leaves out."""

_TABLES: Final = {
    LEDGER: LEDGER_SCHEMA,
    QUARANTINE: QUARANTINE_SCHEMA,
    LINT: FINDING_SCHEMA,
    REPLACED: REPLACEMENT_SCHEMA,
}

RUN_CHARS: Final = 2**25
"""Characters of the samples that are held and ordered together."""


class Writer:
    """Writes the files of a bundle: samples as they come, then the rest.

    `opened` takes the samples, and `end` what else is known of each input shard; `report` writes
    the rest. key: of the bundle. seed: of the order of samples.
    """

    def __init__(self, key: str, work: Work, seed: int) -> None:
        self._key, self._work, self._seed = key, work, seed
        self._rows: Counter[str] = Counter()
        self._files: dict[str, str] = {}
        self._met = Met()
        self._odd: Counter[Odd] = Counter()
        self._matched: set[str] = set()
        self._page_chars = 0
        self._replaced: Counter[tuple[str, str]] = Counter()
        self._drops: Counter[tuple[str, str, str, str]] = Counter()
        # columns of these files, by folder
        self._columns: dict[str, dict[str, list[Any]]] = {
            folder: {name: [] for name in schema.names} for folder, schema in _TABLES.items()
        }

    @contextmanager
    def opened(self) -> Iterator[Callable[[InputShard, Sample], None]]:
        """Open the files; yields the function that takes an input shard and its sample."""
        samples, light = self._name(SAMPLES), self._name(LIGHT)
        with atomic(self._file(samples)) as stream, atomic(self._file(light)) as light_stream:
            writer, light_writer = (
                ArrowWriter(stream, SAMPLE_SCHEMA),
                ArrowWriter(light_stream, LIGHT_SCHEMA),
            )

            waiting: list[tuple[int, str, Sample]] = []
            chars = 0

            def add(shard: InputShard, sample: Sample) -> None:
                nonlocal chars
                self._rows[shard.name] += 1
                waiting.append((order_hash(sample.sample_id, self._seed), shard.key, sample))
                chars += _chars(sample)
                if chars >= RUN_CHARS:
                    write()

            def write() -> None:
                nonlocal chars
                waiting.sort(key=itemgetter(0))
                for _, key, sample in waiting:
                    sample.__dict__["observation"] = sample.utf8  # it may have been compressed
                    light_writer.add(light_row(key, sample), 256)
                    writer.add(_values(sample.__dict__), _chars(sample) + 1024)
                waiting.clear()
                chars = 0

            yield add
            write()
            writer.close()
            light_writer.close()
        self._files = {samples: stream.sha256.hexdigest(), light: light_stream.sha256.hexdigest()}

    def end(self, shard: InputShard, tally: Tally, met: Met) -> None:
        """Take what else is known of an input shard that has been read."""
        self._rows[shard.name] += 0
        self._met.add(met)
        if tally.odd:
            self._odd.update(tally.odd)
        self._matched |= tally.matched
        replaced = tally.replacements
        for each in replaced:
            self._replaced[each.kind, each.domain] += each.times
        for entry in tally.entries:
            if entry.reason:
                self._drops[entry.unit, entry.stage, entry.reason, entry.domain] += 1
            elif entry.unit == "step":
                self._page_chars += entry.chars
        key = shard.key
        tables: tuple[tuple[str, Sequence[object]], ...] = (
            (LEDGER, tally.entries),
            (QUARANTINE, tally.quarantined),
            (LINT, tally.findings),
            (REPLACED, replaced),
        )
        for folder, rows in tables:
            if rows:
                for name, column in self._columns[folder].items():
                    column += [key] * len(rows) if name == "shard" else map(attrgetter(name), rows)

    def report(self, settings: str, takedown: str) -> BundleReport:
        """Write ledger, quarantine and what stages noted, then the report.

        settings, takedown: hashes of the settings and the list that the files were made with.
        """
        for folder, schema in _TABLES.items():
            name = self._name(folder)
            if self._columns[folder]["id"]:
                table = pa.table(self._columns[folder], schema=schema)
                self._files[name] = write_table(self._file(name), table)
            else:  # an earlier try may have left one
                storage.remove(self._file(name))
        met = self._met
        contents, domains, removed, by, matched = (
            tuple(sorted(names))
            for names in (met.contents, met.domains, met.removed, met.by, self._matched)
        )
        report = BundleReport(
            self._key, settings, takedown, dict(self._rows), contents, domains, removed, by,
            matched, dict(met.taken_workflows), dict(met.taken_records), met.copies,
            tuple((*what, count) for what, count in sorted(self._drops.items())),
            self._files,
            tuple((kind, where, count) for (kind, where), count in sorted(self._odd.items())),
            self._page_chars,
            tuple((*what, count) for what, count in sorted(self._replaced.items())),
        )  # fmt: skip
        write_json(self._work.read_report(self._key), report.as_json())
        return report

    def _name(self, folder: str) -> str:
        """The path of the bundle's file in one of the folders, as reports write it."""
        return IN_WORK.of_input(folder, self._key).as_posix()

    def _file(self, name: str) -> AnyPath:
        return self._work.root / name


def _chars(sample: Sample) -> int:
    """Characters of the texts that may be long."""
    return sample.characters + len(sample.workflow_meta) + len(sample.step_meta)


def light_row(shard: str, sample: Sample) -> tuple[Any, ...]:
    """The columns of a sample that the index reads: a row of `LIGHT_SCHEMA`.

    shard: key of its input shard.
    """
    texts = (
        sample.objective,
        sample.url,
        sample.description,
        sample.target_html,
        *sample.history,
    )
    values = _values(sample.__dict__)
    content = xxhash.xxh3_128(
        orjson.dumps((values[:_OBSERVATION], values[_OBSERVATION + 1 : _META]))
    )
    content.update(sample.utf8)
    return (
        shard,
        sample.sample_id,
        sample.workflow,
        sample.step,
        sample.workflow_hash,
        content.hexdigest(),
        sample.domain,
        sample.website,
        sample.objective,
        sample.url,
        sample.characters + sum(map(len, texts)),
        sample.whole,
    )
