"""TurkingBench: a folder with ``template.html`` and ``batch.csv``, each row one worker's answers.

A row makes one workflow. Its page is the template with ``${Column}`` replaced by the row's value,
as it is, in one pass; a name without a column stays. Each ``Answer.<name>`` is an action on the
element of that name (`etl.sources.turkingbench.answers`), in the order of the elements in the page.
The page before a step shows the answers before it: values, ticks and chosen options are filled in
as recorders write them (`etl.inputs.documents.forms`).

- ``objective`` is the row's ``Title`` and ``Description``, what the worker read before taking the
  task on. Without them it is the template's ``title``, else the folder's name.
- ``workflow_id`` is ``<folder>/<row>``, so that the answers of several workers to the same row of
  inputs are workflows of their own. ``website`` is the folder's name, ``topic`` is ``Keywords``.
- There is no URL. The last click, which sends the form, is not recorded and not made up.
- An answer for which the page has no element, or only one that no person fills in (hidden,
  disabled, read-only), is counted (``unplaced_value``). Templates that make elements by a script
  have such answers.
- A column that is neither shown in the page nor listed here is kept in the workflow's ``meta``. The
  answer as recorded is kept in the step's.

A row that cannot be read, or has no answer with an element, is quarantined. Without its template
no row can be read: the template is quarantined, and the batch is dropped (``after_broken_record``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from etl.files import nodes
from etl.inputs import csv_rows
from etl.inputs.columns import Record
from etl.inputs.description import Format
from etl.inputs.documents import folders
from etl.inputs.documents.forms import Form
from etl.inputs.extras import Extras
from etl.inputs.records import InputHead, InputShard, start_of
from etl.inputs.streams import Truncated
from etl.sources.turkingbench.answers import EMPTY, Act, acts
from etl.sources.turkingbench.described import DESCRIBED
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.workflow import Step, Workflow

TEMPLATE: Final = "template.html"
BATCH: Final = "batch.csv"
ANSWER: Final = "Answer."
OF_TASK: Final = frozenset(("Title", "Description", "Keywords"))
_COLUMN: Final = re.compile(r"\$\{([^}]*)\}")
_TITLE: Final = re.compile(r"<title\b[^>]*>([^<]*)</title", re.IGNORECASE)


@dataclass(frozen=True)
class TurkingBench:
    """Batches of answers with the form in which they were given."""

    name: ClassVar[str] = "turkingbench"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it is a folder with a template, and a batch whose header has answers."""
        names = {folders.bare(name): name for name in head.entries}
        if not names.keys() >= {TEMPLATE, BATCH}:
            return False
        for child in nodes.node(head.place).children():
            if child.name == names[BATCH] and child.kind == "file":
                columns = csv_rows.header(start_of(child.place))
                return any(column.startswith(ANSWER) for column in columns)
        return False

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """A workflow from each row. Memory holds the template, and the pages of one workflow."""
        files = folders.files(shard.path)
        template, batch = files.pop(TEMPLATE), files.pop(BATCH)
        for file in files.values():
            other = f"{shard.name}/{file.name}"
            tally.read("record", other)
            tally.drop("record", other, "not_a_step")
        rows = replace(shard, name=f"{shard.name}/{batch.name}", path=batch.place)
        raw = b""
        try:
            raw = folders.content(template.place)
            page = folders.text(raw)
        except RecordError as error:
            raw = error.raw if isinstance(error, Truncated) else raw
            where = f"{shard.name}/{template.name}"
            tally.quarantine(where, error.reason, error.detail, raw)
            tally.read("record", rows.name)
            tally.drop("record", rows.name, "after_broken_record", f"{where} cannot be read")
            return
        folder = shard.name.rpartition("/")[2]
        for record in csv_rows.records(rows, str):
            odd: list[Odd] = []
            try:
                workflow = _workflow(record, page, folder, odd)
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            record.enter(tally, workflow.uid, odd)
            yield workflow


def _workflow(record: Record, template: str, folder: str, odd: list[Odd]) -> Workflow:
    fields = record.checked()
    shown = set(_COLUMN.findall(template))
    form = Form(_COLUMN.sub(lambda hit: str(fields.get(hit[1], hit[0])), template))
    found: list[Act] = []
    for column, answer in fields.items():
        if not column.startswith(ANSWER) or answer.strip() in EMPTY:
            continue
        for act in acts(form, column.removeprefix(ANSWER), answer):
            if isinstance(act, str):
                odd.append(("unplaced_value", column))
            else:
                found.append(act)
    if not found:
        raise RecordError("workflow_without_steps", "no answer has an element in the page")
    found.sort(key=lambda act: act.place)
    extras = Extras(odd)
    others = {
        column: value
        for column, value in fields.items()
        if not column.startswith(ANSWER) and column not in shown | OF_TASK
    }
    extras.unknown(others, frozenset())
    return Workflow(
        workflow_id=f"{folder}/{record.id.rpartition('=')[2]}",
        objective=_objective(fields, template, folder),
        steps=tuple(_steps(form, found)),
        website=folder,
        topic=fields.get("Keywords", ""),
        source=TurkingBench.name,
        origin=record.id,
        meta=extras.text(),
    )


def _steps(form: Form, found: list[Act]) -> Iterator[Step]:
    for number, act in enumerate(found):
        kept = Extras([])
        kept.declared({"answer": act.answer})
        yield Step(
            step_id=str(number),
            url="",
            html=form.html(),
            action=act.action,
            target=act.target,
            meta=kept.text(),
        )
        act.apply()


def _objective(fields: dict[str, str], template: str, folder: str) -> str:
    """What the task says of itself."""
    said = [fields.get(column, "").strip() for column in ("Title", "Description")]
    if any(said):
        return "\n".join(filter(None, said))
    title = _TITLE.search(template)
    named = " ".join(title[1].split()) if title else ""
    return named or " ".join(folder.replace("_", " ").split())
