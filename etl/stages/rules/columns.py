"""The columns that rules look at, with their meanings, and the views that functions are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from etl.stages.outcome import failed, loops
from etl.stages.rules.conditions import Column, Type, Value
from schemas.draft import Draft, StepDraft
from schemas.utf8 import held_characters, text_of

Unit = Literal["workflow", "step", "sample"]
UNITS: Final[tuple[Unit, ...]] = ("workflow", "step", "sample")


@dataclass(frozen=True)
class WorkflowRow:
    """A workflow that a rule looks at."""

    draft: Draft

    @cached_property
    def failed(self) -> int:
        """The number of its steps that failed."""
        return failed(self.draft.workflow)

    @cached_property
    def loops(self) -> int:
        """The number of its steps that repeat an earlier one."""
        return loops(self.draft.workflow)


@dataclass(frozen=True)
class StepRow:
    """A step that a rule looks at."""

    of: WorkflowRow
    step: StepDraft
    # the number of steps before it in the history
    history: int


class Described(NamedTuple):
    """A column, for people."""

    # the unit from which on it is known
    unit: Unit
    type: Type
    # with its unit of measure
    says: str
    of_workflow: Callable[[WorkflowRow], Value] | None
    # None: as of the workflow
    of_step: Callable[[StepRow], Value] | None = None


def _success(row: WorkflowRow) -> bool | None:
    reward = row.draft.workflow.reward
    return None if reward is None else reward >= 1


def _english(row: WorkflowRow) -> float | None:
    score = row.draft.language_score
    return None if score < 0 else score


def _tag(row: StepRow) -> str:
    tag = row.step.start_tag
    return tag[1:].split(">", 1)[0].split(None, 1)[0].rstrip("/") if tag.startswith("<") else ""


COLUMNS: Final[Mapping[str, Described]] = MappingProxyType({
    "workflow": Described("workflow", "text", "its id: source:id",
                          lambda row: row.draft.uid),
    "source": Described("workflow", "text", "name of the recording's format",
                        lambda row: row.draft.workflow.source),
    "input": Described("workflow", "text", "the file that it was read from",
                       lambda row: row.draft.workflow.origin.partition("#")[0]),
    "objective": Described("workflow", "text", "what its user wants",
                           lambda row: row.draft.objective),
    "website": Described("workflow", "text", "as recorded; empty if it is not",
                         lambda row: row.draft.workflow.website),
    "topic": Described("workflow", "text", "as recorded; empty if it is not",
                       lambda row: row.draft.workflow.topic),
    "meta": Described("workflow", "text", "what else was recorded of it, as JSON; may be empty",
                      lambda row: row.draft.workflow.meta),
    "domain": Described("workflow", "text", "the registrable domain: of a workflow that of its "
                        "first page, of a step its own",
                        lambda row: row.draft.domain,
                        lambda row: row.of.draft.domains[row.step.place][0]),
    "reward": Described("workflow", "number", "as recorded; null if it is not known",
                        lambda row: row.draft.workflow.reward),
    "success": Described("workflow", "truth", "whether the reward is 1 or more; null if it is not "
                         "known", _success),
    "english": Described("workflow", "number", "probability that the objective is English, 0 to "
                         "1; null without an objective", _english),
    "steps": Described("workflow", "number", "recorded steps of the workflow",
                       lambda row: len(row.draft.workflow.steps)),
    "samples": Described("workflow", "number", "steps of the workflow that are trained on so far",
                         lambda row: sum(not each.reason for each in row.draft.steps)),
    "failed_steps": Described("workflow", "number", "steps of the workflow that are known to have "
                              "failed", lambda row: row.failed),
    "loops": Described("workflow", "number", "steps of the workflow that repeat an earlier one on "
                       "the same page, byte for byte", lambda row: row.loops),
    "step": Described("step", "number", "number in the workflow, from 1", None,
                      lambda row: row.step.number),
    "url": Described("step", "text", "address of its page", None, lambda row: row.step.step.url),
    "host": Described("step", "text", "the whole host of the address", None,
                      lambda row: row.of.draft.domains[row.step.place][1]),
    "kind": Described("step", "text", "kind of the action: click, type, select, ...", None,
                      lambda row: row.step.step.action.kind),
    "value": Described("step", "text", "what was typed, chosen or pressed", None,
                       lambda row: row.step.step.action.value),
    "description": Described("step", "text", "what the step does, in words", None,
                             lambda row: row.step.description),
    "error": Described("step", "text", "what the recorder reported; empty: nothing", None,
                       lambda row: row.step.step.error),
    "page_chars": Described("step", "number", "characters of the page as recorded", None,
                            lambda row: row.step.step.characters),
    "observation": Described("step", "text", "kind of the observation: html, axtree or lines", None,
                             lambda row: row.step.shown),
    "target": Described("step", "text", "the target's start tag after pruning; empty without one",
                        None, lambda row: row.step.start_tag),
    "target_tag": Described("step", "text", "the target's tag; empty without one", None, _tag),
    "step_meta": Described("step", "text", "what else was recorded of it, as JSON; may be empty",
                           None, lambda row: row.step.step.meta),
    "dropped": Described("step", "text", "why it is not trained on, for functions; empty: it is, "
                         "so far, as all are that a rule for steps looks at", None,
                         lambda row: str(row.step.reason)),
    "history": Described("sample", "number", "steps before it in the history", None,
                         lambda row: row.history),
    "observation_chars": Described("sample", "number", "characters of the page after pruning",
                                   None, lambda row: held_characters(row.step, "observation")),
})  # fmt: skip
"""Every column by its name. A unit has the columns of the units before it too."""


def columns_of(unit: Unit) -> dict[str, Column]:
    """The columns that a rule of a unit may name."""
    known = UNITS[: UNITS.index(unit) + 1]
    return {
        name: Column(each.type, _value(each, unit))
        for name, each in COLUMNS.items()
        if each.unit in known
    }


def _value(column: Described, unit: Unit) -> Callable[[Any], Value]:
    if unit == "workflow":
        assert column.of_workflow is not None
        return column.of_workflow
    if column.of_step is not None:
        return column.of_step
    of_workflow = column.of_workflow
    assert of_workflow is not None
    return lambda row: of_workflow(row.of)


class View:
    """What a function of a rule is given: each column of its unit is an attribute, read-only.

    A step or sample has its page too: ``html`` as recorded, and ``pruned``. A workflow has views of
    its steps: ``each_step``.
    """

    __slots__ = ("_row", "_unit")

    def __init__(self, unit: Unit, row: WorkflowRow | StepRow) -> None:
        object.__setattr__(self, "_unit", unit)
        object.__setattr__(self, "_row", row)

    def __getattr__(self, name: str) -> Any:
        columns = _COLUMNS_OF[self._unit]
        if name not in columns:
            raise AttributeError(f"a {self._unit} has no column {name}")
        return columns[name].value(self._row)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} cannot be set: a rule looks at a {self._unit} only")

    def __repr__(self) -> str:
        return f"<view of {self._unit} {self.workflow}>"

    @property
    def html(self) -> str:
        """The page as recorded; empty for a workflow, or if there is none."""
        return text_of(self._row.step.step.page) if isinstance(self._row, StepRow) else ""

    @property
    def pruned(self) -> str:
        """The page after pruning; empty for a workflow, or if it is not trained on."""
        return self._row.step.observation if isinstance(self._row, StepRow) else ""

    @property
    def each_step(self) -> tuple[View, ...]:
        """The steps of a workflow, in order; none for a step."""
        if isinstance(self._row, StepRow):
            return ()
        rows = step_rows(self._row)
        return tuple(View("sample", row) for row in rows)


def step_rows(workflow: WorkflowRow) -> list[StepRow]:
    """The steps of a workflow, in order."""
    return [StepRow(workflow, each, at) for at, each in enumerate(workflow.draft.steps)]


_COLUMNS_OF: Final[Mapping[str, dict[str, Column]]] = {unit: columns_of(unit) for unit in UNITS}
