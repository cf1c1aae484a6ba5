"""The steps of an evaluation set, as scoring reads them: a few columns, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from etl.evaluate.files import EvalSet

_COLUMNS: Final = (
    "id",
    "step_id",
    "workflow_id",
    "split",
    "website",
    "domain",
    "kind",
    "step",
    "chunks",
    "page_tokens",
    "context",
    "facts",
)
"""What is read of each row; texts and tokens of prompts stay where they lie."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step to score."""

    id: str
    workflow: str
    split: str
    website: str
    domain: str
    # of the gold action
    kind: str
    # its number in the workflow
    number: int
    # of the whole page
    page_tokens: int
    # the budget that its prompts were made for
    context: int
    # ids of its prompts, in the order of their rows; none: nobody is asked
    prompts: tuple[str, ...]
    # JSON
    facts: str = field(default="", repr=False)


def steps(given: EvalSet, splits: Sequence[str] = ()) -> Iterator[Step]:
    """The steps of an evaluation set, in its order; of some splits, or of all.

    Raises:
        IntegrityError: a file of it is missing or not whole.
    """
    for _, rows in groupby(given.rows(_COLUMNS, splits), itemgetter("step_id")):
        yield _step([*rows])


def _step(rows: list[dict[str, Any]]) -> Step:
    first = rows[0]
    return Step(
        first["step_id"],
        first["workflow_id"],
        first["split"],
        first["website"] or "",
        first["domain"] or "",
        first["kind"] or "",
        first["step"],
        first["page_tokens"] or 0,
        first["context"] or 0,
        tuple(row["id"] for row in rows) if first["chunks"] else (),
        first["facts"],
    )
