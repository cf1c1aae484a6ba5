"""Cut a large input into parts, so that one file keeps many processes busy.

Parts are about ``part_bytes`` on disk. A cut is first put at every multiple of that (for zstandard:
where the next frame begins; for Parquet: the next row group) and then moved on: to the first record
that begins there or behind it and, where a record is one step of a workflow, past every workflow
that is open at that record, which is any of which records come before and after. So each part is
read by itself to what reading the whole file gives, whatever the order of its records; of a file in
which workflows are all mixed up, one part is left.

Where the parts are is a function of the file's content, its format and ``part_bytes`` alone.
Finding them takes one more look at the file: at its line breaks, or at the id of each record's
workflow. Held are two numbers a workflow.

A single gzip stream, a single zstandard frame and a JSON document are one part: there is no way
into their middle.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq

from etl.inputs.records import BROKEN_PARQUET, InputHead, InputShard, of_storage, open_parquet
from etl.inputs.source import Source
from etl.inputs.streams import Part, Truncated, Zstd, decompressed, is_zstd, pieces

VERSION: Final = 1
"""Raised when other parts are made of the same file."""
ROWS: Final = 1024  # of Parquet, of whose workflows the ids are held at once


def bytes_of(part_mb: float) -> int:
    """The size of a part in bytes, of MiB."""
    return int(part_mb * 2**20)


class Unit(NamedTuple):
    """What a cut may stand before: a record, or what is between two.

    size: decompressed bytes. records: what it adds to the number by which records are named.
    workflow: the id of the workflow of which it is a step; empty if it stands alone.
    """

    size: int
    records: int
    workflow: str


@dataclass(frozen=True)
class Grouping:
    """How a source takes a file to pieces.

    units: of decompressed text; all of its bytes. key: the workflow of a record that is one step,
    of which it needs these columns of Parquet; None: a record is a workflow.
    """

    units: Callable[[Iterator[bytes]], Iterator[Unit]]
    columns: frozenset[str] = frozenset()
    key: Callable[[dict[str, Any]], str] | None = None


@runtime_checkable
class Divisible(Protocol):
    """A source that can read parts of its files."""

    def grouping(self, head: InputHead) -> Grouping | None:
        """How to take this file to pieces; None if it must be read as a whole."""
        ...


@dataclass(frozen=True)
class Cutting:
    """How large files of one format are cut."""

    source: Divisible
    name: str
    part_bytes: int

    @classmethod
    def of(cls, source: Source | None, part_bytes: int) -> Cutting | None:
        """None if files of this source are never cut, or none are. part_bytes: 0 for none."""
        if source is None or not part_bytes or not isinstance(source, Divisible):
            return None
        return cls(source, f"{source.name} {source.version} {VERSION} {part_bytes}", part_bytes)


class Place(NamedTuple):
    """Between two records: decompressed bytes, or rows of Parquet, before it; and how many records
    these are.
    """

    at: int
    records: int


class Survey:
    """Collects, while units go by, where cuts are wanted
    and where each workflow begins and ends.
    """

    def __init__(self) -> None:
        self._wanted: list[Place] = []
        self._spans: dict[
            str, tuple[int, Place]
        ] = {}  # workflow -> where it begins; behind its last record
        self._here = Place(0, 0)

    def want(self) -> None:
        """A cut here, or as soon behind it as may be."""
        if self._here.at:
            self._wanted.append(self._here)

    @property
    def at(self) -> int:
        """Where we are."""
        return self._here.at

    def add(self, unit: Unit) -> None:
        """Go past a unit."""
        start = self._here.at
        self._here = Place(start + unit.size, self._here.records + unit.records)
        if unit.workflow:
            self._spans[unit.workflow] = (self._spans.get(unit.workflow, (start,))[0], self._here)

    def places(self) -> list[Place]:
        """Where to cut, in order."""
        closed: list[tuple[int, Place]] = []  # spans that overlap are one
        for start, end in sorted(self._spans.values()):
            if closed and start < closed[-1][1].at:
                closed[-1] = (closed[-1][0], max(closed[-1][1], end))
            else:
                closed.append((start, end))
        found: list[Place] = []
        for wanted in self._wanted:
            number = bisect_right(closed, wanted.at, key=lambda span: span[0]) - 1
            inside = number >= 0 and closed[number][0] < wanted.at < closed[number][1].at
            place = closed[number][1] if inside else wanted
            if place.at < self.at and (not found or found[-1].at < place.at):
                found.append(place)
        return found


def text_parts(
    raw: io.BufferedReader[Any], size: int, part_bytes: int, grouping: Grouping
) -> list[Part]:
    """The parts of a file of text, plain or zstandard, which is read from its beginning to its end
    or first damage.

    Empty if it is one part. size: bytes on disk.
    """
    frames = is_zstd(raw.peek(4)[:4])
    stream = decompressed(raw)
    inner = stream.raw if frames else None  # type: ignore[attr-defined]
    next_cut = (
        _frame_cuts(inner, part_bytes) if isinstance(inner, Zstd) else _plain_cuts(part_bytes)
    )
    survey = Survey()
    try:
        for unit in grouping.units(pieces(stream)):
            if next_cut(survey.at):
                survey.want()
            survey.add(unit)
    except Truncated:
        pass  # the last part comes upon it too
    places = [Place(0, 0), *survey.places()]
    if isinstance(inner, Zstd):
        starts = [inner.frame_at(place.at) for place in places]
    else:
        starts = [(place.at, place.at) for place in places]
    stops = [*(start for start, _ in starts[1:]), size]
    takes = [*(later.at - place.at for place, later in pairwise(places)), -1]
    return _several(
        [
            Part(start, stop, place.records, take, frames, place.at - within)
            for place, (start, within), stop, take in zip(places, starts, stops, takes, strict=True)
        ]
    )


def _plain_cuts(part_bytes: int) -> Callable[[int], bool]:
    cut = part_bytes

    def passed(at: int) -> bool:
        nonlocal cut
        if at < cut:
            return False
        cut = at // part_bytes * part_bytes + part_bytes
        return True

    return passed


def _frame_cuts(stream: Zstd, part_bytes: int) -> Callable[[int], bool]:
    """Whether a frame has begun, up to this decompressed byte, that is the first behind a multiple
    of part_bytes.
    """
    number, cut = 1, part_bytes

    def passed(at: int) -> bool:
        nonlocal number, cut
        found = False
        while (frame := stream.frame(number)) is not None and frame[1] <= at:
            number += 1
            if frame[0] >= cut:
                cut = frame[0] // part_bytes * part_bytes + part_bytes
                found = True
        return found

    return passed


def parquet_parts(place: str, part_bytes: int, grouping: Grouping) -> list[Part]:
    """The parts of a Parquet file: ranges of rows. Empty if it is one part, or damaged."""
    try:
        with open_parquet(place) as file:
            wanted = _group_cuts(file, part_bytes)
            if not wanted:
                return []
            rows = _spans_of_rows(file, grouping)
            survey = Survey()
            for unit in rows:
                while wanted and survey.at >= wanted[0]:
                    survey.want()
                    del wanted[0]
                survey.add(unit)
            starts = [0, *(found.at for found in survey.places())]
            stops = [*starts[1:], file.metadata.num_rows]
            return _several(
                [Part(start, stop, start) for start, stop in zip(starts, stops, strict=True)]
            )
    except BROKEN_PARQUET as error:
        if of_storage(error):
            raise
        return []  # reported when the file is read


def _group_cuts(file: pq.ParquetFile, part_bytes: int) -> list[int]:
    """Rows before each row group with which a part would begin."""
    cuts: list[int] = []
    cut = part_bytes
    for rows, size in _groups(file):
        if size >= cut:
            cuts.append(rows)
            cut = size // part_bytes * part_bytes + part_bytes
    return cuts


def _groups(file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
    """Rows and compressed bytes before each row group, and at the end."""
    rows = size = 0
    for number in range(file.metadata.num_row_groups):
        yield rows, size
        group = file.metadata.row_group(number)
        rows += group.num_rows
        size += sum(
            group.column(column).total_compressed_size for column in range(group.num_columns)
        )
    yield rows, size


def _spans_of_rows(file: pq.ParquetFile, grouping: Grouping) -> Iterator[Unit]:
    if grouping.key is None:
        yield from (Unit(1, 1, "") for _ in range(file.metadata.num_rows))
        return
    names = [name for name in file.schema_arrow.names if name in grouping.columns]
    for batch in file.iter_batches(ROWS, columns=names):
        for number in range(batch.num_rows):
            yield Unit(1, 1, _key_of(batch.slice(number, 1), grouping.key))


def _key_of(row: pa.RecordBatch, key: Callable[[dict[str, Any]], str]) -> str:
    try:
        return key(row.to_pylist()[0])
    except (ValueError, OverflowError):
        return ""  # cannot be read later either


def rows_of(
    file: pq.ParquetFile, columns: Sequence[str], batch_rows: int, part: Part | None
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, or of a part of it: of other row groups than those it lies in
    nothing is read.
    """
    if part is None:
        yield from file.iter_batches(batch_rows, columns=columns)
        return
    ends = [rows for rows, _ in _groups(file)]
    groups = [n for n in range(len(ends) - 1) if ends[n] < part.stop and ends[n + 1] > part.start]
    at = ends[groups[0]] if groups else 0
    for batch in file.iter_batches(batch_rows, row_groups=groups, columns=columns):
        start, stop = max(part.start - at, 0), min(part.stop - at, batch.num_rows)
        at += batch.num_rows
        if start < stop:
            yield batch.slice(start, stop - start)
        if at >= part.stop:
            return


def split(shard: InputShard, parts: Sequence[Part]) -> list[InputShard]:
    """A file as its parts, the sizes of which add up to the file's; itself if it has none."""
    ends = [round(shard.size * part.stop / parts[-1].stop) for part in parts]
    starts = [0, *ends]
    return [
        replace(shard, part=part, size=end - start)
        for part, start, end in zip(parts, starts, ends, strict=False)
    ] or [shard]


def _several(parts: list[Part]) -> list[Part]:
    return parts if len(parts) > 1 else []
