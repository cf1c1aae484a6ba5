"""The files of the index: the rows of a generation, sorted, with their output shards; the lines of
the ledger for what it drops; and the content of what it quarantines.

Samples are spread over files by the first bits of their hash, and each file is sorted by itself. A
file holds some ten thousand rows; there are at most 256 files for each split and each subset.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.dataset import own_files
from etl.dataset.index import OutputShard
from etl.dataset.layout import Work, subset_of
from etl.dataset.ledger import NO_CHARS
from etl.decisions.duplicates import DECIDED
from etl.decisions.takedown import Takedown
from etl.files import storage
from etl.files.arrow import atomic, write_table
from etl.files.spill import Spread
from etl.files.storage import AnyPath
from etl.inputs.records import InputShard
from etl.inputs.source import Source
from etl.tally import Quarantined, Tally, as_record
from schemas.ledger import INDEX_SCHEMA, LEDGER_SCHEMA, QUARANTINE_SCHEMA
from schemas.reasons import TAKEN_DOWN, Reason

PART_ROWS: Final = 32_000
"""Rows of the index that are sorted together, about."""
_ROWS_FOR_PART: Final = 512
"""Rows decided on together, for each part that they are spread over."""
_PART_BITS: Final = 8
"""The most bits that number a part; each part of each split is an open file."""
_ROW_GROUP: Final = 2**16
"""Rows of an index file that are read together."""
_CLUSTER: Final = pa.field("cluster", pa.string())


class IndexFiles:
    """The index rows of one generation: spread over files, then sorted.

    They are spread by split and the first bits of their order. folder: of the index. unsorted: a
    folder for the rows in the order in which they come. clusters: rows have a ``cluster``.
    """

    def __init__(
        self, folder: AnyPath, number: int, rows: int, unsorted: Path, *, clusters: bool = False
    ) -> None:
        # planned characters of the rows that are kept, by stratum
        self.chars: Counter[str] = Counter()
        self._folder, self._number = folder, number
        self._schema = INDEX_SCHEMA.append(_CLUSTER) if clusters else INDEX_SCHEMA
        self._spread = Spread(unsorted, self._schema)
        self._bits = min((rows // PART_ROWS).bit_length(), _PART_BITS)

    @property
    def at_once(self) -> int:
        """The number of rows to add together, so that the parts are not written in crumbs."""
        return max(PART_ROWS, _ROWS_FOR_PART << self._bits)

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows of some input shards, with ``stratum`` (`etl.dataset.layout.stratum`)."""
        kept = rows.filter(pl.col("reason") == "").group_by("stratum").agg(pl.col("planned").sum())
        self.chars.update(dict(kept.iter_rows()))
        first_bits = (
            pl.col("order") // 2 ** (64 - self._bits) if self._bits else pl.lit(0, pl.UInt64)
        )
        rows = rows.with_columns(
            part=first_bits, generation=pl.lit(self._number, pl.Int32), home=pl.lit(0, pl.Int32)
        )
        for (stratum, part), group in rows.group_by("stratum", "part", maintain_order=True):
            self._spread.add(f"g{self._number:04d}-{stratum}-{part:05d}.parquet", group)

    def sorted(self, totals: Mapping[str, int]) -> list[OutputShard]:
        """Write the index files; returns the output shards that are not empty.

        totals: the number of output shards by stratum.
        """
        contents: dict[tuple[str, int], _Content] = {}
        names = self._spread.names
        for name in names:
            rows = self._spread.take(name)
            stratum = name.partition("-")[2].rpartition("-")[0]
            width = -(-(2**64) // totals[stratum])
            home = pl.lit(0) if totals[stratum] == 1 else pl.col("order") // width
            rows = rows.with_columns(home=home.cast(pl.Int32)).sort(
                "order", "sample_id", "shard", "row"
            )
            with (
                atomic(self._folder / name) as written,
                pq.ParquetWriter(
                    pa.PythonFile(written, mode="w"), self._schema, compression="zstd"
                ) as parquet,
            ):
                for group in rows.iter_slices(_ROW_GROUP):
                    parquet.write_table(group.to_arrow().cast(self._schema))
            for (number,), group in rows.filter(pl.col("reason") == "").group_by(
                "home", maintain_order=True
            ):
                contents.setdefault((stratum, int(str(number))), _Content()).add(name, group)
        for path in storage.files(self._folder, ".parquet"):
            if (
                own_files.generation_of(path.name) == f"g{self._number:04d}"
                and path.name not in names
            ):
                storage.remove(path)
        return [
            OutputShard(
                self._number,
                stratum.partition("-")[0],
                number,
                totals[stratum],
                (*of.parts,),
                of.samples,
                of.digest.hexdigest(),
                subset_of(f"{stratum}-"),
            )
            for (stratum, number), of in sorted(contents.items())
        ]


class _Content:
    """The samples of an output shard, as they are collected."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.samples = 0
        self.digest = hashlib.blake2b(digest_size=20)

    def add(self, part: str, rows: pl.DataFrame) -> None:
        self.parts.append(part)
        self.samples += rows.height
        lines = rows.select(pl.concat_str("sample_id", "sample_hash", separator=" ")).to_series()
        self.digest.update("".join(f"{line}\n" for line in lines).encode())


def ledger_rows(every: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    """Ledger lines for the dropped ones of these rows.

    One for each sample, one for its step, and one for each workflow whose samples are all dropped.
    """
    dropped = every.filter(pl.col("reason") != "")
    if not dropped.height:
        return
    kept = every.filter(pl.col("reason") == "").select("shard", "workflow")
    for unit in ("sample", "step", "workflow"):
        rows, ids = dropped, [pl.col("sample_id").alias("id"), pl.col("workflow").alias("parent")]
        if unit == "workflow":
            rows = dropped.join(kept, on=["shard", "workflow"], how="anti", maintain_order="left")
            rows = rows.unique(["shard", "workflow"], keep="first", maintain_order=True)
            ids = [pl.col("workflow").alias("id"), pl.lit("").alias("parent")]
        lines = rows.with_columns(
            *ids, *NO_CHARS, unit=pl.lit(unit), stage=pl.lit("index"), recorded=pl.lit("")
        ).select(LEDGER_SCHEMA.names)
        yield from lines.to_arrow().cast(LEDGER_SCHEMA).to_batches()


def write_quarantine(
    dropped: pl.DataFrame,
    shards: Sequence[InputShard],
    sources: Mapping[str, Source],
    work: Work,
    takedown: Takedown,
) -> None:
    """Write the content of workflows that are quarantined; their input shards are read again."""
    conflicts = dropped.filter(pl.col("reason") != "duplicate_workflow").select(*DECIDED)
    details = {
        (position, uid): (reason, text) for position, uid, reason, text in conflicts.iter_rows()
    }
    path = work.index_quarantine
    if not details:
        storage.remove(path)
        return
    kept: list[Quarantined] = []
    for record in _contents(details, shards, sources):
        if takedown.in_record(record.id, record.detail, record.raw):
            kept.append(record.without_content(TAKEN_DOWN))
        else:
            kept.append(record)
    columns = {name: [getattr(row, name) for row in kept] for name in QUARANTINE_SCHEMA.names}
    write_table(path, pa.table(columns, schema=QUARANTINE_SCHEMA))


def _contents(
    details: Mapping[tuple[int, str], tuple[Reason, str]],
    shards: Sequence[InputShard],
    sources: Mapping[str, Source],
) -> Iterator[Quarantined]:
    """The records to quarantine.

    details: reason and detail by (position of the input, uid).
    """
    for position in sorted({position for position, _ in details}):
        wanted = {uid for at, uid in details if at == position}
        shard = shards[position]
        for workflow in sources[shard.format].read(shard, Tally()):
            if workflow.uid in wanted:
                wanted.discard(workflow.uid)
                reason, detail = details[position, workflow.uid]
                yield Quarantined(
                    workflow.uid, "index", reason, detail, orjson.dumps(as_record(workflow))
                )
