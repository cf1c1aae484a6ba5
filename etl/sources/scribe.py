"""ScribeAgent's own input: each row is a step, in CSV, JSON lines, JSON or Parquet.

It is read raw or after that pipeline's filter, with two sets of column names (`NAMES`). Other
columns are kept in the step's meta. A row must have its workflow's id and its kind of action. The
filter stage decides on everything else and gives the reason, so empty objectives, descriptions and
pages are passed on, and so are duplicates and rows of kind ``section``, ``stack`` and
``instruction``.

- Order: by ``action_step_number`` if every row of the workflow has one, else that of the rows. A
  missing number is a gap (`etl.inputs.numbering`). ``step_count`` is the number of steps and orders
  nothing. The rows of a workflow need not be together.
- Value: the format has no column for typed text. The value of a ``type`` action is the first quoted
  text after the word type, enter, input, write or fill in the description, or else its first quoted
  text.
- CSV is read by `etl.inputs.csv_rows`. Names in its header may be in any case, with spaces around
  them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

from etl.inputs import csv_rows
from etl.inputs.columns import Fields, Record, Row, Rows, grouping, ident, records, step_number
from etl.inputs.description import Field, Format
from etl.inputs.extras import Extras
from etl.inputs.parts import Grouping, Unit
from etl.inputs.records import InputHead, InputShard
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


_PAGE: Final = (
    '<html><body><input id="name" placeholder="Name"><button id="go">Go</button></body></html>'
)


def _example() -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([names[-1] for names in NAMES.values()])
    url = "https://forms.example/new"
    goal = "Fill in the form and send it"
    for number, (kind, said, selector) in enumerate(
        (
            ("keyboard_sequence_action", 'Type "Ann" into Name', "#name"),
            ("mouse_click_action", "Click Go", "#go"),
        ),
        1,
    ):
        row = {
            "workflow_id": "form-01", "objective": goal, "kind": kind, "description": said,
            "url": url, "selector": selector, "html": _PAGE, "number": number,
            "step_id": f"form-01-{number}",
        }  # fmt: skip
        writer.writerow([row[key] for key in NAMES])
    return text.getvalue()


def _field(key: str, says: str, *, required: bool = False, like: str = "") -> Field:
    first, *others = reversed(NAMES[key])
    return Field(first, "string or whole number", says, required, tuple(others), like)


DESCRIBED: Final = Format(
    name="scribe",
    sign="has columns for a workflow, a kind of action and a page",
    about="The rows of ScribeAgent's pipeline: each is a step, as CSV, JSON lines, JSON or "
          "Parquet.",
    record="a step; rows with the same workflow id are one workflow",
    files="CSV with a header (comma, UTF-8), JSON lines, a JSON list, or Parquet",
    fields=(
        _field("workflow_id", "names the step's workflow", required=True,
               like="id session_id task_id"),
        _field("objective", "what the user wants done", like="goal task intent"),
        _field("kind", "the kind of action, see below", required=True,
               like="action kind type action_type"),
        _field("description", "the action in words, with the typed text in quotes"),
        _field("url", "the page's address"),
        _field("selector", "CSS of the element", like="selector css target"),
        _field("html", "the page before the action", required=True, like="html page content"),
        _field("number", "the step's place in its workflow; the rows' order unless all have one"),
        _field("step_id", "names the step"),
    ),
    example=_example(),
    example_name="form.csv",
    notes=(
        ("Two sets of column names are read, before and after the pipeline's filter; other columns "
        "are kept as meta, never trained on."),
        ("A file without `action_dom` or `dom` is not recognised; a row whose page is empty is "
        "dropped as `missing_dom`."),
    ),
    csv=True,
)  # fmt: skip


@dataclass(frozen=True)
class Scribe:
    """ScribeAgent's rows, each of which is a step."""

    name: ClassVar[str] = "scribe"
    version: ClassVar[int] = 3
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it has columns for workflow, kind and page; if cut off, only known columns."""
        keys = head.keys
        columns = keys.top or frozenset(map(_name, csv_rows.header(head.start)))
        needed = (NAMES["workflow_id"], NAMES["kind"], NAMES["html"])
        if all(columns & set(names) for names in needed):
            return True
        return (
            keys.cut
            and bool(columns - {"workflow_id", "url"})
            and columns <= COLUMNS | OTHER_COLUMNS
        )

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """A workflow for each id, which comes at its last row."""
        form = InputHead.of(shard.path).keys.form
        read = partial(records, shard, COLUMNS) if form else partial(csv_records, shard)
        return Rows(read, _row, _workflow_id).workflows(tally)

    def grouping(self, head: InputHead) -> Grouping | None:
        """How CSV, JSON lines and Parquet are divided: rows by their workflow."""
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
    """The value under the first of a column's names that has one; a whole number as its digits."""
    for name in NAMES[key]:
        if value := ident(row, name):
            return value
    if required:
        raise RecordError("missing_field", f"{' or '.join(NAMES[key])}: missing or empty")
    return ""


def _kind(recorded: str, on_element: bool) -> tuple[str, str]:
    """One of our kinds and the value it implies, or the recorder's word in snake_case."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", recorded.strip())
    kind = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return named(recorded, on_element=on_element) or (kind or recorded, "")


_AFTER_VERB: Final = re.compile(
    r"(?i:\b(?:type|enter|input|write|fill)\b)[^\"“]{0,20}[\"“](.*?)[\"”]", re.DOTALL
)
_QUOTED: Final = re.compile(r"[\"“](.*?)[\"”]", re.DOTALL)


def _quoted(description: str) -> str:
    """The typed text that a description quotes; empty if it quotes none."""
    hit = _AFTER_VERB.search(description) or _QUOTED.search(description)
    return hit[1] if hit else ""


_CANONICAL: Final = {name.casefold(): name for name in COLUMNS | OTHER_COLUMNS}


def _name(column: str) -> str:
    """The format's name for a column of CSV; an unknown name as it is."""
    return _CANONICAL.get(column.strip().casefold(), column)


def csv_records(shard: InputShard) -> Iterator[Record]:
    """The rows of a CSV file or of its part. A row that cannot be read carries its problem."""
    return csv_rows.records(shard, _name)


def _csv_units(data: Iterator[bytes]) -> Iterator[Unit]:
    """The rows of CSV as units, each with its workflow's id."""
    for line in csv_rows.lines(data, _name, wanted=NAMES["workflow_id"]):
        if line.fields is None:
            yield Unit(len(line.raw), 0, "")
            continue
        row = dict(zip(line.names, line.fields, strict=False))
        yield Unit(len(line.raw), 1, _workflow_id(row))
