"""ScribeAgent's own input: one step a row, in CSV, JSON lines, JSON or Parquet, raw or after its filter.

Two sets of column names are read, see `NAMES`; other columns are ignored. What is missing in a row (objective,
description, page) is passed on empty, duplicates are passed on, and so are rows of kind ``section``, ``stack`` and
``instruction``: a filter stage drops them and says why. A row must have its workflow's id and its kind of action.

Steps are in the order of ``action_step_number`` if every row of the workflow has one, otherwise in the order of the
rows; ``step_count`` says how many there are and orders nothing. The rows of a workflow need not be together.
The format has no column for what was typed: the value of a ``type`` action is the first text in quotes behind the
word type, enter, input, write or fill in the description, or else its first text in quotes.

CSV is RFC 4180 in UTF-8 with a header (repeated headers, which joined files have, are skipped); rows are numbered
from 1 behind it. It is split here and not by the csv module, whose limit of 128 kB a field can only be changed for the
whole process, and which takes a CR in a field for the end of the row: its writers put none in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, NamedTuple

from etl import files
from etl.inputs import InputHead, InputShard
from etl.sources.columns import Fields, Record, Row, Rows, grouping, records, type_name
from etl.splitting import Grouping, Unit
from etl.streams import BOM, Truncated, chunks
from etl.tally import Tally
from schemas.actions import named
from schemas.errors import RecordError
from schemas.workflow import Action, Locator, Step, Workflow

NAMES: Final = {
    "workflow_id": ("workflow_id", "document_metadata_id"),
    "objective": ("Objective", "document_metadata_name"),
    "kind": ("action_kind",),
    "description": ("action_description",),
    "url": ("url", "action_url"),
    "selector": ("cssselector", "action_target_selector"),
    "html": ("dom", "action_dom"),
    "number": ("action_step_number",),
    "step_id": ("action_id",),
}
COLUMNS: Final = frozenset(name for names in NAMES.values() for name in names)
UNREAD_COLUMNS: Final = frozenset({"step_count", "screenshot_exists"})


@dataclass(frozen=True)
class Scribe:
    """ScribeAgent's rows, one step each."""

    name: ClassVar[str] = "scribe"
    version: ClassVar[int] = 2

    def recognise(self, head: InputHead) -> bool:
        """Columns for the workflow, the kind and the page; of a record that is cut off, no others than known ones."""
        keys = head.keys
        columns = keys.top or _header(head.start)
        needed = (NAMES["workflow_id"], NAMES["kind"], NAMES["html"])
        if all(columns & set(names) for names in needed):
            return True
        return keys.cut and bool(columns - {"workflow_id", "url"}) and columns <= COLUMNS | UNREAD_COLUMNS

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """One workflow for each id, at its last row."""
        form = InputHead.of(shard.path).keys.form
        read = partial(records, shard, COLUMNS) if form else partial(csv_records, shard)
        return Rows(read, _row, _workflow_id).workflows(tally)

    def grouping(self, head: InputHead) -> Grouping | None:
        """Rows by their workflow; CSV, JSON lines and Parquet."""
        if head.keys.form:
            return grouping(head, frozenset(NAMES["workflow_id"]), _workflow_id)
        return Grouping(_csv_units)


def _row(row: Fields) -> Row:
    description = _text(row, "description")
    selector = _text(row, "selector")
    kind, value = _kind(_text(row, "kind", required=True), bool(selector.strip()))
    number = _text(row, "number").strip()
    step = Step(
        step_id=_text(row, "step_id"),
        url=_text(row, "url"),
        html=_text(row, "html"),
        action=Action(kind, value or (_quoted(description) if kind == "type" else ""), description),
        target=(Locator("css", selector),) if selector.strip() else (),
    )
    workflow = Workflow(
        workflow_id=_text(row, "workflow_id", required=True),
        objective=_text(row, "objective"),
        steps=(step,),
        source=Scribe.name,
    )
    return int(number) if re.fullmatch(r"[0-9]{1,9}", number) else None, workflow


def _workflow_id(row: Fields) -> str:
    try:
        return _text(row, "workflow_id")
    except RecordError:
        return ""


def _text(row: Fields, key: str, *, required: bool = False) -> str:
    """The value under the first of its names that has one; whole numbers (ids, in Parquet) as text."""
    for name in NAMES[key]:
        value = row.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise RecordError("wrong_type", f"{name}: {type_name(value)}, expected a string")
        if value:
            return value
    if required:
        raise RecordError("missing_field", f"{' or '.join(NAMES[key])}: missing or empty")
    return ""


def _kind(recorded: str, on_element: bool) -> tuple[str, str]:
    """One of our words and the value that it says, or the recorder's word in snake_case."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", recorded.strip())
    kind = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return named(recorded, on_element=on_element) or (kind or recorded, "")


_AFTER_VERB: Final = re.compile(r"(?i:\b(?:type|enter|input|write|fill)\b)[^\"“]{0,20}[\"“](.*?)[\"”]", re.DOTALL)
_QUOTED: Final = re.compile(r"[\"“](.*?)[\"”]", re.DOTALL)


def _quoted(description: str) -> str:
    hit = _AFTER_VERB.search(description) or _QUOTED.search(description)
    return hit[1] if hit else ""


_ROW: Final = re.compile(rb'(?:[^",\n][^,\n]*+|"[^"]*+(?:""[^"]*+)*+"(?=,|\r?\n|\r?\Z)|,)*+')
_IN_QUOTES: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_FIELD: Final = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"|([^,]*+)')


class _Line(NamedTuple):
    """A row of CSV. fields: its text; None for a blank line or a header."""

    raw: bytes
    fields: list[str] | None
    header: list[str]
    broken: RecordError | None


def csv_records(shard: InputShard) -> Iterator[Record]:
    """The rows of a CSV file, or of its part; a broken one carries its problem."""
    number, header = 0, None
    if shard.part and shard.part.start:
        number, header = shard.part.first, _header_of(shard)
    for line in _csv_lines(chunks(shard.path, part=shard.part), header):
        if line.fields is None:
            continue
        number += 1
        fields: Fields = dict(zip(line.header, line.fields, strict=False))
        problem = line.broken or _row_problem(line.fields, line.header, line.raw)
        yield Record(f"{shard.name}#row={number}", fields, line.raw, problem)


def _csv_units(data: Iterator[bytes]) -> Iterator[Unit]:
    for line in _csv_lines(data, wanted=NAMES["workflow_id"]):
        if line.fields is None:
            yield Unit(len(line.raw), 0, "")
        else:
            yield Unit(len(line.raw), 1, _workflow_id(dict(zip(line.header, line.fields, strict=False))))


def _csv_lines(data: Iterator[bytes], header: list[str] | None = None, wanted: tuple[str, ...] = ()) -> Iterator[_Line]:
    """All rows. header: of the file, for a part that begins behind it. wanted: the columns that must be there; the
    last ones of a row may be left out then.
    """
    header = header or []
    for raw, broken in _rows(data):
        # a header again, whatever its quotes and line break, is no longer than this
        long = wanted and header and len(raw) > 2 * len("".join(header).encode()) + 3 * len(header) + 5
        needed = max((header.index(name) + 1 for name in wanted if name in header), default=1) if long else 0
        row = _fields(raw, needed) if broken is None else []
        if broken is None and (row in ([""], header) or not header):  # a blank line or a header
            header = header or (row if row != [""] else [])
            yield _Line(raw, None, header, None)
        else:
            yield _Line(raw, row, header, broken)


def _header_of(shard: InputShard) -> list[str]:
    """The header of a file, of which no more is read than that."""
    lines = _csv_lines(chunks(shard.path, block=files.SMALL_BLOCK))
    return next((line.header for line in lines if line.header), [])


def _rows(source: Iterator[bytes]) -> Iterator[tuple[bytes, RecordError | None]]:
    """The bytes of each row, and why it cannot be read, if so; time is linear in the bytes.

    A break behind a field in quotes, or outside of quotes, ends a row. Quotes within a field that does not begin with
    one are text.
    """
    buffer = b""
    start = 0
    cut: Truncated | None = None
    while True:
        hit = _ROW.match(buffer, start)
        stop = hit.end() if hit else start
        problem: RecordError | None = None
        if quoted := _IN_QUOTES.match(buffer, stop):
            problem = RecordError("broken_csv", "text behind the closing quote of a field")
            found = buffer.find(b"\n", quoted.end())
            stop = len(buffer) if found < 0 else found
        if buffer[stop : stop + 1] == b"\n":
            yield buffer[start : stop + 1], problem
            start = stop + 1
            continue
        more = b""
        if cut is None:
            # as much again as there is: a row of many chunks is looked at again a few times only
            more, cut = _take(source, len(buffer) - start)
        if more:
            buffer, start = buffer[start:] + more, 0
            continue
        rest = buffer[start:]
        if stop < len(buffer):
            problem = RecordError("truncated_csv", "a field in quotes has no end")
        if rest or cut is not None:
            yield rest, cut or problem
        return


def _take(source: Iterator[bytes], count: int) -> tuple[bytes, Truncated | None]:
    """At least ``count`` bytes and at least one chunk, unless the source ends; the error it ends with."""
    parts: list[bytes] = []
    size = 0
    try:
        for chunk in source:
            parts.append(chunk)
            size += len(chunk)
            if size >= count:
                break
    except Truncated as error:
        return b"".join(parts), error
    return b"".join(parts), None


def _fields(raw: bytes, count: int = 0) -> list[str]:
    """The texts of a row, or its first ``count``."""
    # a byte that is no UTF-8 must not hide whose row it is
    text = raw.removeprefix(BOM).removesuffix(b"\n").removesuffix(b"\r").decode(errors="surrogateescape")
    fields: list[str] = []
    position = 0
    while position <= len(text) and (hit := _FIELD.match(text, position)):
        fields.append(hit[2] if hit[1] is None else hit[1].replace('""', '"'))
        position = hit.end() + 1
        if len(fields) == count:
            break
    return fields


def _header(start: bytes) -> frozenset[str]:
    for raw, problem in _rows(iter((start,))):
        return frozenset() if problem else frozenset(_fields(raw))
    return frozenset()


def _row_problem(row: list[str], header: list[str], raw: bytes) -> RecordError | None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return RecordError("invalid_utf8", f"byte {error.start} of the row: {error.reason}")
    if len(row) != len(header):
        return RecordError("broken_csv", f"{len(row)} fields, the header has {len(header)}")
    return None
