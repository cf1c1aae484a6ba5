"""Records of named fields from JSON, JSON lines and Parquet, and workflows put together from rows.

A JSON file is one object or a list of objects, JSON lines hold an object on each line, and Parquet
a record in each row. A record is identified by ``<file>#item=<index from 0>``, ``#line=<number from
1>`` or ``#row=<number from 1>``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from etl.inputs.extras import INDEX_COLUMN
from etl.inputs.mended import Mended, parse
from etl.inputs.numbering import in_order
from etl.inputs.parts import Grouping, Unit, rows_of
from etl.inputs.records import (
    BROKEN_PARQUET,
    InputHead,
    InputShard,
    is_lines,
    json_items,
    of_storage,
    open_parquet,
    start_of,
)
from etl.inputs.streams import BOM, Truncated, lines, whole_lines
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.workflow import Workflow

BATCH_BYTES: Final = 16 * 1024 * 1024  # of Parquet, read at once
MAX_BATCH_ROWS: Final = 1024

Fields = dict[str, Any]
Parse = Callable[[bytes], tuple[object, Mended]]
"""As `etl.inputs.mended.parse`."""
WorkflowId = Callable[[Fields], str]
"""A record -> the id of its workflow, even if the record cannot be read; empty if it has none."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file."""

    # `<file>#line=7`
    id: str
    # of a record that cannot be read, as far as it could be
    fields: Fields = field(default_factory=dict)
    # its bytes as they were; None for a row of Parquet, which is kept as JSON
    raw: bytes | None = None
    # why it cannot be read; None: it can
    problem: RecordError | None = None
    # what had to be mended in it
    odd: tuple[Odd, ...] = ()

    def checked(self) -> Fields:
        """The fields.

        Raises: `RecordError`, the problem, if there is one.
        """
        if self.problem is not None:
            raise self.problem
        return self.fields

    def enter(self, tally: Tally, uid: str, odd: Iterable[Odd] = ()) -> None:
        """Enter this record as one that was read.

        uid: of its workflow. odd: its other oddities.
        """
        tally.read("record", self.id, parent=uid)
        tally.note((*self.odd, *odd))

    def quarantine(self, tally: Tally, error: RecordError) -> None:
        """Enter this record as one that cannot be read."""
        raw = orjson.dumps(self.fields, default=str) if self.raw is None else self.raw
        tally.quarantine(self.id, error.reason, error.detail, raw)


def records(
    shard: InputShard,
    columns: Collection[str],
    unread: Collection[str] = (),
    reader: Parse = parse,
) -> Iterator[Record]:
    """The records of a JSON, JSON lines or Parquet file or of its part, in order.

    A record that cannot be read carries its problem. Of Parquet, columns that the format does not
    know are read too, but for those that hold bytes, such as screenshots.

    columns: that the format knows. unread: those of them that are not read of Parquet. reader: of
    the JSON of a record.

    Raises: OSError.
    """
    start = start_of(shard.path)
    if start[:4] == b"PAR1":
        return _parquet(shard, columns, unread)
    if is_lines(start):
        return _json(
            shard,
            "line",
            ((n, line) for n, line in lines(shard.path, shard.part) if line.strip()),
            reader,
        )
    return _json(shard, "item", json_items(shard.path), reader)


def grouping(
    head: InputHead, columns: Collection[str] = (), workflow_id: WorkflowId | None = None
) -> Grouping | None:
    """How JSON lines and Parquet are divided; None for other JSON.

    columns: of Parquet that ``workflow_id`` needs. workflow_id: for records that are one step;
    None: a record is a workflow.
    """
    if head.start[:4] != b"PAR1" and not is_lines(head.start):
        return None

    def workflow(line: bytes) -> str:
        return workflow_id(_object("", line).fields) if workflow_id and line.strip() else ""

    def units(data: Iterator[bytes]) -> Iterator[Unit]:
        try:
            for line in whole_lines(data):
                yield Unit(len(line), 1, workflow(line.removeprefix(BOM)))
        except Truncated as error:
            yield Unit(len(error.raw), 1, workflow(error.raw))
            raise

    return Grouping(units, frozenset(columns), workflow_id)


def type_name(value: object) -> str:
    """JSON's name for the type of ``value``, with its article."""
    names = {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def text(fields: Fields, key: str, path: str = "", *, required: bool = False) -> str:
    """The string ``fields[key]``; empty if it is absent, null or NaN.

    Raises: `RecordError` ``wrong_type``, or ``missing_field`` if it is required and empty.
    """
    value = fields.get(key)
    if isinstance(value, str) and (value or not required):
        return value
    if isinstance(value, float) and math.isnan(value):  # pandas writes a missing text as NaN
        value = None
    if value is not None and not isinstance(value, str):
        raise RecordError("wrong_type", f"{path}{key}: {type_name(value)}, expected a string")
    if required:
        raise RecordError(
            "missing_field", f"{path}{key}: {'missing' if value is None else 'empty'}"
        )
    return ""


EXACT: Final = 2**53
"""Below this number a float is an exact whole number."""


def ident(fields: Fields, key: str, path: str = "", *, required: bool = False) -> str:
    """The id ``fields[key]``: a string, or a whole number in any form as its digits.

    Raises: `RecordError` ``wrong_type`` or ``missing_field``, as `text` does.
    """
    value = fields.get(key)
    if (number := whole(value)) is not None:
        return str(number)
    if isinstance(value, float) and math.isfinite(value):
        raise RecordError(
            "wrong_type", f"{path}{key}: {value!r} is no exact whole number; write ids as strings"
        )
    return text(fields, key, path, required=required)


def whole(value: Any) -> int | None:
    """A whole number from an int, or from a float or decimal that is exactly one; else None."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if not isinstance(value, float | Decimal) or not math.isfinite(value):
        return None
    number = int(value)
    return number if value == number and -EXACT < number < EXACT else None


_NUMBER: Final = re.compile(r"\s*\+?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?\s*")


def step_number(value: Any) -> int | None:
    """A step's number, written as ``1``, ``1.0`` or ``1e0``; None if it is not a number from 0."""
    number = whole(value) if not isinstance(value, str) else None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        number = whole(float(value))
    return number if number is not None and 0 <= number < 10**9 else None


def _json(
    shard: InputShard, unit: str, parts: Iterator[tuple[int, bytes]], reader: Parse
) -> Iterator[Record]:
    number = -1 if unit == "item" else shard.part.first if shard.part else 0
    try:
        for number, raw in parts:
            yield _object(f"{shard.name}#{unit}={number}", raw, reader)
    except Truncated as error:
        last = _object(f"{shard.name}#{unit}={number + 1}", error.raw, reader)
        if last.problem is None and error.reason != "broken_json":
            # The record is whole; only what came after it is missing.
            yield last
            last = Record(f"{shard.name}#{unit}={number + 2}", raw=b"")
        yield replace(last, problem=error)


def _object(record_id: str, raw: bytes, reader: Parse = parse) -> Record:
    try:
        value, made = reader(raw)
    except RecordError as error:
        return Record(record_id, raw=raw, problem=error)
    if isinstance(value, dict):
        return Record(record_id, value, raw, odd=made.odd)
    return Record(
        record_id,
        raw=raw,
        problem=RecordError("wrong_type", f"{type_name(value)}, expected an object"),
    )


def _parquet(
    shard: InputShard, columns: Collection[str], unread: Collection[str]
) -> Iterator[Record]:
    number = shard.part.start if shard.part else 0
    try:
        with open_parquet(shard.path) as file:
            names, odd = _wanted(file.schema_arrow, columns, unread)
            for batch in rows_of(file, names, _batch_rows(file), shard.part):
                for index in range(batch.num_rows):
                    number += 1
                    yield _row(f"{shard.name}#row={number}", batch.slice(index, 1), odd)
    except BROKEN_PARQUET as error:
        if of_storage(error):
            raise
        detail = str(error).replace(shard.path, shard.name)
        yield Record(
            f"{shard.name}#row={number + 1}", raw=b"", problem=RecordError("broken_parquet", detail)
        )


def _batch_rows(file: pq.ParquetFile) -> int:
    size: int = sum(
        file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)
    )
    rows: int = file.metadata.num_rows
    return min(max(BATCH_BYTES * rows // max(size, 1), 1), MAX_BATCH_ROWS)


def _wanted(
    schema: pa.Schema, columns: Collection[str], unread: Collection[str]
) -> tuple[list[str], tuple[Odd, ...]]:
    """The columns to read, and as oddities those with bytes, which are left out."""
    names: list[str] = []
    odd: list[Odd] = []
    for column in schema:
        if column.name in columns:
            names += [] if column.name in unread else [column.name]
        elif _holds_bytes(column.type):
            odd.append(("unkept_value", column.name))
        elif not INDEX_COLUMN.fullmatch(column.name):
            names.append(column.name)
    return names, tuple(odd)


def _holds_bytes(kind: pa.DataType) -> bool:
    within = [kind.field(i).type for i in range(kind.num_fields)]
    of_bytes = (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
    return of_bytes or any(_holds_bytes(each) for each in within)


def _row(record_id: str, row: pa.RecordBatch, odd: tuple[Odd, ...]) -> Record:
    try:
        return Record(record_id, row.to_pylist()[0], odd=odd)
    except (ValueError, OverflowError) as error:
        # JSON cannot hold the row, so Arrow's bytes of it are kept.
        reason: Reason = "invalid_utf8" if isinstance(error, UnicodeDecodeError) else "wrong_type"
        problem = RecordError(reason, str(error))
        return Record(record_id, raw=row.serialize().to_pybytes(), problem=problem)


class Row(NamedTuple):
    """A record that holds one step."""

    # of the step; None if the record does not say
    number: int | None
    # with that one step
    workflow: Workflow
    # oddities of the record
    odd: Sequence[Odd] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Workflows from records that hold one step each, in any order.

    The records are read twice: first for the last row of each workflow, then for the rows. So
    memory holds only the workflows that are open at a time. A workflow comes out at its last row.
    Its steps are in the order of their numbers if all of its rows have one, else in the order of
    its rows.

    A row that cannot be read ends its workflow. The rows before it stay; those after it are
    quarantined (``after_broken_row``), because their history would silently lack a step. The row's
    workflow is known from its id, or from the rows before and after it if they are of the same
    workflow; otherwise no workflow ends. If the input is cut off, every workflow keeps its rows,
    since nothing comes after the cut.
    """

    # returns the records, from the beginning each time
    read: Callable[[], Iterator[Record]]
    # makes a row of one record; raises RecordError
    row: Callable[[Fields], Row]
    # the same id as `row` finds; of a record that cannot be read, as far as it can be told
    workflow_id: WorkflowId
    # number of a workflow's first step, if the format fixes it (`etl.inputs.numbering`)
    first: int | None = None

    def workflows(self, tally: Tally) -> Iterator[Workflow]:
        """The workflows. Enters every record in ``tally``."""
        last, gaps = self._survey()
        rows: dict[str, list[Row]] = {}
        for number, record in enumerate(self.read()):
            try:
                row = self.row(record.checked())
                workflow = row.workflow
                gap = gaps.get(workflow.workflow_id, "")
                if number > last.get(workflow.workflow_id, -1):
                    raise RecordError("after_broken_row", f"{gap} of this workflow cannot be read")
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            record.enter(tally, workflow.uid, row.odd)
            kept = row._replace(workflow=replace(workflow, origin=workflow.origin or record.id))
            rows.setdefault(workflow.workflow_id, []).append(kept)
            if last[workflow.workflow_id] == number:
                yield _together(rows.pop(workflow.workflow_id), self.first)

    def _survey(self) -> tuple[dict[str, int], dict[str, str]]:
        """The position of each workflow's last row, and the broken record that ends a workflow."""
        last: dict[str, int] = {}
        gaps: dict[str, str] = {}
        previous = ""
        unknown = ""  # a broken record since the previous row, if its workflow is not known
        for number, record in enumerate(self.read()):
            try:
                workflow_id = self.row(record.checked()).workflow.workflow_id
            except RecordError:
                if workflow_id := self.workflow_id(record.fields):
                    gaps.setdefault(workflow_id, record.id)
                else:
                    unknown = unknown or record.id
                continue
            if unknown and workflow_id == previous:
                gaps.setdefault(workflow_id, unknown)
            if workflow_id not in gaps:
                last[workflow_id] = number
            previous, unknown = workflow_id, ""
        return last, gaps


def _together(rows: list[Row], first: int | None) -> Workflow:
    """One workflow from its rows."""
    if all(row.number is not None for row in rows):
        rows = sorted(rows, key=lambda row: row.number or 0)
    workflows = [row.workflow for row in rows]
    steps = [workflow.steps[0] for workflow in workflows]
    return replace(
        workflows[0],
        objective=next((workflow.objective for workflow in workflows if workflow.objective), ""),
        steps=in_order(steps, [row.number for row in rows], first),
        whole=all(row.number is not None for row in rows),
    )
