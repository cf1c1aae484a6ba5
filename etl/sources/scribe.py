"""ScribeAgent's own input: one step a row, in CSV, JSON lines, JSON or Parquet, raw or after its filter.

Two sets of column names are read, see `NAMES`; what is in other columns is kept in the step's meta. What is missing in
a row (objective, description, page) is passed on empty, duplicates are passed on, and so are rows of kind ``section``,
``stack`` and ``instruction``: a filter stage drops them and says why. A row must have its workflow's id and its kind of
action.

Steps are in the order of ``action_step_number`` if every row of the workflow has one, otherwise in the order of the
rows; a gap in these numbers is seen (`etl.sources.numbering`). ``step_count`` says how many there are and orders
nothing. The rows of a workflow need not be together.
The format has no column for what was typed: the value of a ``type`` action is the first text in quotes behind the
word type, enter, input, write or fill in the description, or else its first text in quotes.

CSV is that of `etl.sources.csv_rows`; names in its header may be in any case, with spaces around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

from etl.inputs import InputHead, InputShard
from etl.sources import csv_rows
from etl.sources.columns import Fields, Record, Row, Rows, grouping, ident, records, step_number
from etl.sources.extras import Extras
from etl.splitting import Grouping, Unit
from etl.tally import Odd, Tally
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
OTHER_COLUMNS: Final = frozenset({"step_count", "screenshot_exists"})


@dataclass(frozen=True)
class Scribe:
    """ScribeAgent's rows, one step each."""

    name: ClassVar[str] = "scribe"
    version: ClassVar[int] = 3

    def recognise(self, head: InputHead) -> bool:
        """Columns for the workflow, the kind and the page; of a record that is cut off, no others than known ones."""
        keys = head.keys
        columns = keys.top or frozenset(map(_name, csv_rows.header(head.start)))
        needed = (NAMES["workflow_id"], NAMES["kind"], NAMES["html"])
        if all(columns & set(names) for names in needed):
            return True
        return keys.cut and bool(columns - {"workflow_id", "url"}) and columns <= COLUMNS | OTHER_COLUMNS

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
    odd: list[Odd] = []
    extras = Extras(odd)
    extras.unknown({name: value for name, value in row.items() if value != ""}, COLUMNS)
    step = Step(
        step_id=_text(row, "step_id"),
        url=_text(row, "url"),
        html=_text(row, "html"),
        action=Action(kind, value or (_quoted(description) if kind == "type" else ""), description),
        target=(Locator("css", selector),) if selector.strip() else (),
        meta=extras.text(),
    )
    workflow = Workflow(
        workflow_id=_text(row, "workflow_id", required=True),
        objective=_text(row, "objective"),
        steps=(step,),
        source=Scribe.name,
    )
    number = step_number(row.get(NAMES["number"][0]))
    return Row(number, workflow, [each for each in odd if each[1] not in OTHER_COLUMNS])


def _workflow_id(row: Fields) -> str:
    try:
        return _text(row, "workflow_id")
    except RecordError:
        return ""


def _text(row: Fields, key: str, *, required: bool = False) -> str:
    """The value under the first of its names that has one; whole numbers (ids) as text."""
    for name in NAMES[key]:
        if value := ident(row, name):
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


_CANONICAL: Final = {name.casefold(): name for name in COLUMNS | OTHER_COLUMNS}


def _name(column: str) -> str:
    """The name of a column of CSV as the format has it."""
    return _CANONICAL.get(column.strip().casefold(), column)


def csv_records(shard: InputShard) -> Iterator[Record]:
    """The rows of a CSV file, or of its part; a broken one carries its problem."""
    return csv_rows.records(shard, _name)


def _csv_units(data: Iterator[bytes]) -> Iterator[Unit]:
    for line in csv_rows.lines(data, _name, wanted=NAMES["workflow_id"]):
        if line.fields is None:
            yield Unit(len(line.raw), 0, "")
        else:
            yield Unit(len(line.raw), 1, _workflow_id(dict(zip(line.names, line.fields, strict=False))))
