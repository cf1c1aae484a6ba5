"""Cut a large input into parts, so that one file keeps many processes busy.

Parts are about ``part_bytes`` on disk. A cut is wanted at every multiple of that: for zstandard
where the next frame begins, for Parquet at the next row group. Then it moves on to the next
beginning of a record. If a record is one step of a workflow, it also moves past every workflow that
is open there, which is one with records before and after. So reading the parts gives what reading
the whole file gives, for any order of records. If the workflows of a file are all mixed up, one
part remains.

The parts depend only on the file's content, its format and ``part_bytes``. Finding them takes one
look at the line breaks, or at the workflow's id in each record. Memory holds two numbers for each
workflow.

A single gzip stream, a single zstandard frame and a JSON document are one part, since reading
cannot begin in their middle.
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
"""Raised when the same file gives other parts."""
ROWS: Final = 1024  # rows of Parquet that are held at once, for the ids of their workflows


def bytes_of(mib: float) -> int:
    """MiB as bytes."""
    return int(mib * 2**20)


class Unit(NamedTuple):
    """A record, or bytes between two records. A cut may stand before it."""

    # decompressed bytes; of Parquet, rows
    size: int
    # how much it adds to the numbers that identify records
    records: int
    # id of the workflow of which it is a step; empty if it stands alone
    workflow: str


@dataclass(frozen=True)
class Grouping:
    """How a source divides a file."""

    # decompressed text -> the units that it consists of, with all of its bytes
    units: Callable[[Iterator[bytes]], Iterator[Unit]]
    # columns of Parquet that `key` needs
    columns: frozenset[str] = frozenset()
    # a record that is one step -> its workflow's id; None: a record is a workflow
    key: Callable[[dict[str, Any]], str] | None = None


@runtime_checkable
class Divisible(Protocol):
    """A source that can read parts of its files."""

    def grouping(self, head: InputHead) -> Grouping | None:
        """How to divide this file; None if it must be read as a whole."""
        ...


@dataclass(frozen=True)
class Cutting:
    """How large files of one format are cut."""

    source: Divisible
    # of everything that decides the parts, for `etl.inputs.remembered`
    name: str
    # size of a part on disk
    part_bytes: int

    @classmethod
    def of(cls, source: Source | None, part_bytes: int) -> Cutting | None:
        """The cutting for a source; None if its files are never cut.

        part_bytes: 0 if no file is cut.
        """
        if source is None or not part_bytes or not isinstance(source, Divisible):
            return None
        return cls(source, f"{source.name} {source.version} {VERSION} {part_bytes}", part_bytes)


class Place(NamedTuple):
    """A place between two records."""

    # decompressed bytes, or rows of Parquet, before it
    at: int
    # records before it
    records: int


class Survey:
    """Collects, unit by unit, where cuts are wanted and where each workflow begins and ends."""

    def __init__(self) -> None:
        self._wanted: list[Place] = []
        # workflow -> where it begins, and the place after its last record
        self._spans: dict[str, tuple[int, Place]] = {}
        self._here = Place(0, 0)

    def want(self) -> None:
        """Ask for a cut here, or at the next place where it is possible."""
        if self._here.at:
            self._wanted.append(self._here)

    @property
    def at(self) -> int:
        """The current place, in bytes or rows."""
        return self._here.at

    def add(self, unit: Unit) -> None:
        """Go past a unit."""
        start = self._here.at
        self._here = Place(start + unit.size, self._here.records + unit.records)
        if unit.workflow:
            self._spans[unit.workflow] = (self._spans.get(unit.workflow, (start,))[0], self._here)

    def places(self) -> list[Place]:
        """Where to cut, in order."""
        spans: list[tuple[int, Place]] = []  # those of workflows, overlapping ones joined
        for start, end in sorted(self._spans.values()):
            if spans and start < spans[-1][1].at:
                spans[-1] = (spans[-1][0], max(spans[-1][1], end))
            else:
                spans.append((start, end))
        places: list[Place] = []
        for wanted in self._wanted:
            number = bisect_right(spans, wanted.at, key=lambda span: span[0]) - 1
            inside = number >= 0 and spans[number][0] < wanted.at < spans[number][1].at
            place = spans[number][1] if inside else wanted
            if place.at < self.at and (not places or places[-1].at < place.at):
                places.append(place)
        return places


def text_parts(
    raw: io.BufferedReader[Any], size: int, part_bytes: int, grouping: Grouping
) -> list[Part]:
    """The parts of a text file, plain or zstandard; empty if it is one part.

    Reads the file to its end or its first damage. size: bytes on disk.

    Raises: OSError.
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
        pass  # reported when the last part is read
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
    """Whether this byte is the first one asked about at or after a multiple of part_bytes."""
    cut = part_bytes

    def passed(at: int) -> bool:
        nonlocal cut
        if at < cut:
            return False
        cut = at // part_bytes * part_bytes + part_bytes
        return True

    return passed


def _frame_cuts(stream: Zstd, part_bytes: int) -> Callable[[int], bool]:
    """Whether the first frame after a multiple of part_bytes begins before this decompressed byte.

    Each such frame counts once.
    """
    number, cut = 1, part_bytes

    def passed(at: int) -> bool:
        nonlocal number, cut
        is_cut = False
        while (frame := stream.frame(number)) is not None and frame[1] <= at:
            number += 1
            if frame[0] >= cut:
                cut = frame[0] // part_bytes * part_bytes + part_bytes
                is_cut = True
        return is_cut

    return passed


def parquet_parts(place: str, part_bytes: int, grouping: Grouping) -> list[Part]:
    """The parts of a Parquet file, ranges of rows; empty if it is one part, or damaged.

    Raises: OSError if it cannot be read.
    """
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
            starts = [0, *(place.at for place in survey.places())]
            stops = [*starts[1:], file.metadata.num_rows]
            return _several(
                [Part(start, stop, start) for start, stop in zip(starts, stops, strict=True)]
            )
    except BROKEN_PARQUET as error:
        if of_storage(error):
            raise
        return []  # reported when the file is read


def _group_cuts(file: pq.ParquetFile, part_bytes: int) -> list[int]:
    """The rows before each row group at which a cut is wanted."""
    cuts: list[int] = []
    cut = part_bytes
    for rows, size in _groups(file):
        if size >= cut:
            cuts.append(rows)
            cut = size // part_bytes * part_bytes + part_bytes
    return cuts


def _groups(file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
    """The number of rows and compressed bytes before each row group, and before the end."""
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
    """The rows as units."""
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
    """The rows of a Parquet file or of a part, in batches. Reads only the row groups it needs.

    Raises: `BROKEN_PARQUET`.
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
    """A file as its parts, whose sizes add up to the file's; without parts, the file itself."""
    ends = [round(shard.size * part.stop / parts[-1].stop) for part in parts]
    starts = [0, *ends]
    return [
        replace(shard, part=part, size=end - start)
        for part, start, end in zip(parts, starts, ends, strict=False)
    ] or [shard]


def _several(parts: list[Part]) -> list[Part]:
    return parts if len(parts) > 1 else []
