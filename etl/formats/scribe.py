"""ScribeAgent's rows, described."""

from __future__ import annotations

import csv
import io
from typing import Final

from etl.formats.description import Field, Format

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
_PAGE: Final = '<html><body><input id="name" placeholder="Name"><button id="go">Go</button></body></html>'


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


SCRIBE: Final = Format(
    name="scribe",
    about="The rows of ScribeAgent's pipeline: one step a row, as CSV, JSON lines, JSON or Parquet.",
    record="a step; rows with one workflow id are one workflow",
    files="CSV with a header (comma, UTF-8), JSON lines, a JSON list, or Parquet",
    fields=(
        _field("workflow_id", "names the workflow that the step is of", required=True,
               like="id session_id task_id"),
        _field("objective", "what the user wants done", like="goal task intent"),
        _field("kind", "the kind of action, see below", required=True,
               like="action kind type action_type"),
        _field("description", "the action in words; what was typed stands in it, in quotes"),
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
        "are ignored."),
        ("Without `action_dom` in the file it is not recognised; a row whose page is empty is "
        "dropped as `missing_dom`."),
    ),
    csv=True,
)  # fmt: skip
