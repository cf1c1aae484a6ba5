"""What a protocol is: it scores the answers to one step, and makes the reference's own means."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SCORED: Final = "scored"
NO_ANSWER: Final = "no_usable_answer"
STOPS: Final = "reference stops: "
"""How the outcome of a row begins at which the reference stops; the exception follows."""

NO_STEPS: Final = "task_without_steps"
"""The outcome of a row that stands for a task without steps: it has no part in means over steps."""

STOPPED: Final = (
    "Where the reference stops with an error it gives no number for the whole file; here the row "
    "is named by its outcome and counts 0 in every metric."
)


class Stops(Exception):
    """The reference stops here; the argument is the name of its exception."""


Answers = Sequence[Sequence[str] | None]
"""The outputs of each prompt of a step, in order; None: the call failed."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of the answers to one step."""

    # `SCORED`, or in a word why not
    outcome: str
    # by name; None: not applicable, or not to be decided
    metrics: Mapping[str, float | None]
    # the element that was chosen, if the protocol knows it by a node id
    node: int | None = None
    # chunk and position of the answer that was read
    answer: tuple[int, int] | None = None
    # kind, element and value all equal; None: not to be decided
    strict: bool | None = False
    # what else is to be said of this row
    notes: tuple[str, ...] = ()
    # what the reference's means group rows by, where that is not in a row
    group: str = ""

    @property
    def stopped(self) -> bool:
        """Whether the reference stops here."""
        return self.outcome.startswith(STOPS)


@dataclass(frozen=True, slots=True)
class Row:
    """A scored step with what the reference's means group by."""

    task: str
    website: str
    # the file or split that the task is in
    file: str
    # its number in the task
    step: int
    scored: Scored


class Protocol(typing.Protocol):
    """How answers are read and scored."""

    @property
    def name(self) -> str:
        """As the command line has it."""

    @property
    def family(self) -> str:
        """The family of facts (`etl.evaluate.facts.known`)."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of a step."""

    @property
    def defects(self) -> tuple[str, ...]:
        """Sentences: where the reference has a defect, which the protocol reproduces."""

    def score(self, facts: Any, answers: Answers) -> Scored:
        """Score the answers to one step."""

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        """The reference's own means, by its own names; None is a mean over nothing."""


def stop(exception: str, metrics: Iterable[str], *notes: str, group: str = "") -> Scored:
    """The row at which the reference stops: it counts 0."""
    return Scored(STOPS + exception, dict.fromkeys(metrics, 0.0), notes=notes, group=group)


def nothing(outcome: str, metrics: Iterable[str], group: str = "") -> Scored:
    """A row that counts 0."""
    return Scored(outcome, dict.fromkeys(metrics, 0.0), group=group)


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that apply; None if none does."""
    applying = [value for value in values if value is not None]
    return sum(applying) / len(applying) if applying else None


def of_steps(rows: Iterable[Row]) -> list[Row]:
    """The rows that are steps."""
    return [row for row in rows if row.scored.outcome != NO_STEPS]


def by_task(rows: Iterable[Row]) -> dict[tuple[str, str], list[Scored]]:
    """The steps of each task, by file and task; none of a task without steps."""
    tasks: dict[tuple[str, str], list[Scored]] = {}
    for row in rows:
        steps = tasks.setdefault((row.file, row.task), [])
        if row.scored.outcome != NO_STEPS:
            steps.append(row.scored)
    return tasks


def stops_in(rows: Iterable[Row]) -> int:
    """The number of rows at which the reference stops."""
    return sum(row.scored.stopped for row in rows)
