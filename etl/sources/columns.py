"""Recordings that are records of named fields: JSON, JSON lines and Parquet read alike, rows put together.

A JSON file is one object or a list of objects; JSON lines hold one object a line; a Parquet file one record a row.
A record is identified as ``<file>#item=<index from 0>``, ``#line=<number from 1>`` or ``#row=<number from 1>``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from etl.inputs import BROKEN_PARQUET, InputHead, InputShard, is_lines, json_items, of_storage, open_parquet
from etl.splitting import Grouping, Unit, rows_of
from etl.streams import BOM, Truncated, lines, whole_lines
from etl.tally import Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.workflow import Workflow

BATCH_BYTES: Final = 16 * 1024 * 1024
MAX_BATCH_ROWS: Final = 1024

Fields = dict[str, Any]
WorkflowId = Callable[[Fields], str]
"""The id of a record's workflow, as far as it can be told from a record that cannot be read; else empty."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its ``fields``, or the ``problem`` why it cannot be read (``fields`` then hold what could be).

    raw: its bytes as they were; None for a row of Parquet, whose bytes are its fields as JSON.
    """

    id: str
    fields: Fields = field(default_factory=dict)
    raw: bytes | None = None
    problem: RecordError | None = None

    def checked(self) -> Fields:
        """The fields. Raises the problem, if there is one."""
        if self.problem is not None:
            raise self.problem
        return self.fields

    def quarantine(self, tally: Tally, error: RecordError) -> None:
        """Enter this record as one that cannot be read."""
        raw = orjson.dumps(self.fields, default=str) if self.raw is None else self.raw
        tally.quarantine(self.id, error.reason, error.detail, raw)


def records(shard: InputShard, columns: Collection[str] | None = None) -> Iterator[Record]:
    """The records of a JSON, JSON lines or Parquet file, or of its part, in order; a broken one carries its problem.

    columns: what is read of Parquet; all columns by default.
    """
    start = InputHead.of(shard.path).start
    if start[:4] == b"PAR1":
        return _parquet(shard, columns)
    if is_lines(start):
        return _json(shard, "line", ((n, line) for n, line in lines(shard.path, shard.part) if line.strip()))
    return _json(shard, "item", json_items(shard.path))


def grouping(head: InputHead, columns: Collection[str] = (), workflow_id: WorkflowId | None = None) -> Grouping | None:
    """Where JSON lines and Parquet may be cut; None for other JSON.

    workflow_id: of a record that holds one step; columns: of Parquet that it looks at. None: a record is a workflow.
    """
    if head.start[:4] != b"PAR1" and not is_lines(head.start):
        return None

    def workflow(line: bytes) -> str:
        return workflow_id(_object("", line).fields) if workflow_id and line.strip() else ""

    def units(data: Iterator[bytes]) -> Iterator[Unit]:
        try:
            for number, line in enumerate(whole_lines(data)):
                yield Unit(len(line), 1, workflow(line if number else line.removeprefix(BOM)))
        except Truncated as error:
            yield Unit(len(error.raw), 1, workflow(error.raw))
            raise

    return Grouping(units, frozenset(columns), workflow_id)


def parse(raw: bytes | str) -> Any:
    """JSON to Python. Raises RecordError: invalid_utf8, truncated_json (it breaks off at its end), broken_json."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if isinstance(raw, bytes):
            try:
                raw = raw.decode()
            except UnicodeDecodeError as broken:
                raise RecordError("invalid_utf8", f"byte {broken.start}: {broken.reason}") from error
        cut_off = raw and error.pos >= len(raw) and "unexpected end" in error.msg
        raise RecordError("truncated_json" if cut_off else "broken_json", str(error)) from error


def type_name(value: object) -> str:
    """What JSON calls the type of ``value``."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", dict: "an object", list: "a list"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def text(fields: Fields, key: str, path: str = "", *, required: bool = False) -> str:
    """The string ``fields[key]``; absent or null: the empty string.

    Raises RecordError: wrong_type, or missing_field if it is required and absent, null or empty.
    """
    value = fields.get(key)
    if isinstance(value, str) and (value or not required):
        return value
    if value is not None and not isinstance(value, str):
        raise RecordError("wrong_type", f"{path}{key}: {type_name(value)}, expected a string")
    if required:
        raise RecordError("missing_field", f"{path}{key}: {'missing' if value is None else 'empty'}")
    return ""


def _json(shard: InputShard, unit: str, parts: Iterator[tuple[int, bytes]]) -> Iterator[Record]:
    number = -1 if unit == "item" else shard.part.first if shard.part else 0
    try:
        for number, raw in parts:
            yield _object(f"{shard.name}#{unit}={number}", raw)
    except Truncated as error:
        last = _object(f"{shard.name}#{unit}={number + 1}", error.raw)
        if last.problem is None and error.reason != "broken_json":  # only what came behind it is missing
            yield last
            last = Record(f"{shard.name}#{unit}={number + 2}", raw=b"")
        yield replace(last, problem=error)


def _object(record_id: str, raw: bytes) -> Record:
    try:
        value = parse(raw)
    except RecordError as error:
        return Record(record_id, raw=raw, problem=error)
    if isinstance(value, dict):
        return Record(record_id, value, raw)
    return Record(record_id, raw=raw, problem=RecordError("wrong_type", f"{type_name(value)}, expected an object"))


def _parquet(shard: InputShard, columns: Collection[str] | None) -> Iterator[Record]:
    number = shard.part.start if shard.part else 0
    try:
        with open_parquet(shard.path) as file:
            names = [name for name in file.schema_arrow.names if columns is None or name in columns]
            for batch in rows_of(file, names, _batch_rows(file), shard.part):
                for index in range(batch.num_rows):
                    number += 1
                    yield _row(f"{shard.name}#row={number}", batch.slice(index, 1))
    except BROKEN_PARQUET as error:
        if of_storage(error):
            raise
        detail = str(error).replace(shard.path, shard.name)
        yield Record(f"{shard.name}#row={number + 1}", raw=b"", problem=RecordError("broken_parquet", detail))


def _batch_rows(file: pq.ParquetFile) -> int:
    size: int = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    rows: int = file.metadata.num_rows
    return min(max(BATCH_BYTES * rows // max(size, 1), 1), MAX_BATCH_ROWS)


def _row(record_id: str, row: pa.RecordBatch) -> Record:
    try:
        return Record(record_id, row.to_pylist()[0])
    except (ValueError, OverflowError) as error:  # no JSON can hold the row: it is kept as Arrow holds it
        reason: Reason = "invalid_utf8" if isinstance(error, UnicodeDecodeError) else "wrong_type"
        problem = RecordError(reason, str(error))
        return Record(record_id, raw=row.serialize().to_pybytes(), problem=problem)


Row = tuple[int | None, Workflow]
"""The number of a step, where the row tells it, and the workflow with that one step."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Workflows out of records that hold one step each; the rows of a workflow need not be together.

    read: the records, from the beginning each time it is called. row: of one record; raises RecordError.
    workflow_id: of any record: what `row` finds, and what can be told of a record that cannot be read.

    The records are read twice: first for the last row of each workflow, then for the rows, so that memory holds the
    workflows that are open at a time. A workflow's steps are in the order of their numbers if all of its rows have
    one, equal ones and all others in the order of its rows; it comes out at its last row.

    A row that cannot be read ends its workflow: the rows before it stay, those behind it are quarantined
    (after_broken_row), because their history would lack a step and say nothing about it. Whose row it is, is told by
    its id or by the rows before and behind it being of one workflow; otherwise no workflow is ended. Where the
    input is cut off, every workflow keeps its rows: nothing comes behind the cut.
    """

    read: Callable[[], Iterator[Record]]
    row: Callable[[Fields], Row]
    workflow_id: WorkflowId

    def workflows(self, tally: Tally) -> Iterator[Workflow]:
        """The workflows; every record is entered in ``tally``."""
        last, gaps = self._survey()
        rows: dict[str, list[Row]] = {}
        for number, record in enumerate(self.read()):
            try:
                place, workflow = self.row(record.checked())
                gap = gaps.get(workflow.workflow_id, "")
                if number > last.get(workflow.workflow_id, -1):
                    raise RecordError("after_broken_row", f"{gap} of this workflow cannot be read")
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            tally.read("record", record.id, parent=workflow.uid)
            origin = workflow.origin or record.id
            rows.setdefault(workflow.workflow_id, []).append((place, replace(workflow, origin=origin)))
            if last[workflow.workflow_id] == number:
                yield _together(rows.pop(workflow.workflow_id))

    def _survey(self) -> tuple[dict[str, int], dict[str, str]]:
        """The position of each workflow's last row, and the record that cannot be read of those that have one."""
        last: dict[str, int] = {}
        gaps: dict[str, str] = {}
        previous = ""
        unknown = ""  # a broken record since the previous row, if it does not tell its workflow
        for number, record in enumerate(self.read()):
            try:
                workflow_id = self.row(record.checked())[1].workflow_id
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


def _together(rows: list[Row]) -> Workflow:
    if all(number is not None for number, _ in rows):
        rows = sorted(rows, key=lambda row: row[0] or 0)
    workflows = [workflow for _, workflow in rows]
    steps = (step for workflow in workflows for step in workflow.steps)
    return replace(
        workflows[0],
        objective=next((workflow.objective for workflow in workflows if workflow.objective), ""),
        steps=tuple(step if step.step_id else replace(step, step_id=str(i)) for i, step in enumerate(steps)),
    )
