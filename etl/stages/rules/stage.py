"""Rules: what a recipe drops by conditions and functions of its own, each with its own reason.

::

    [[rules.drop]]
    reason = "debug_page"
    unit = "step"
    when = 'url matches "[?]debug="'
    says = "Its page was opened for debugging."

    [[rules.drop]]
    reason = "our_blocklist"
    unit = "workflow"
    call = "our_team.rules:blocked"

``when`` is a condition (`etl.stages.rules.conditions`) over documented columns
(`etl.stages.rules.columns`). ``call`` names a function instead; it is given a read-only view and
gives a text, which becomes the detail of the drop, or nothing. Its import path and the hash of its
module's file are in the fingerprint; what it imports is not. If it raises an error, its workflow is
quarantined.

A ``workflow`` is dropped with all its steps. A ``step`` or ``sample`` is not trained on, and stays
in the history; the two differ in what is known of them, and a rule for samples looks only at steps
that are trained on so far. Both are counted as steps: no sample is made. Rules for steps come
first, then those for samples, then those for workflows, each in the order of the recipe; the first
reason counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

from etl.stages.imported import found, source_hash
from etl.stages.rules.columns import (
    StepRow,
    Unit,
    View,
    WorkflowRow,
    columns_of,
    step_rows,
)
from etl.stages.rules.conditions import read
from etl.stages.rules.functions import Function, answer
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{2,59}")
SETTING: Final = "rules.drop"


@dataclass(frozen=True)
class Rule:
    """One rule: what it drops, and why.

    Raises:
        ConfigError: the reason has no name that can be one, there is not exactly one of ``when``
            and ``call``, or the condition is none over the columns of its unit.
    """

    reason: Annotated[str, "its name: small letters, digits and _"]
    unit: Annotated[Literal["workflow", "step", "sample"], "what it drops"]
    when: Annotated[str, "a condition over the columns of the unit"] = ""
    call: Annotated[str, "instead: a function by import path, package.module:function"] = ""
    says: Annotated[str, "what the reason means, a sentence"] = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.reason):
            raise ConfigError(
                f"reason {self.reason!r}: write 3 to 60 small letters, digits and _, a letter first"
            )
        if bool(self.when.strip()) == bool(self.call.strip()):
            raise ConfigError(f"{self.reason}: give either when or call")
        if self.when:
            try:
                read(self.when, columns_of(self.unit))
            except ConfigError as error:
                raise ConfigError(f"{self.reason}: when: {error}") from error

    @property
    def own(self) -> OwnReason:
        """Its reason, with the meaning."""
        return _own(self.reason, self.says, self.when or self.call)


class _Working(NamedTuple):
    """A rule at work."""

    reason: OwnReason
    # why a row is dropped, in words; None if it is not
    judge: Callable[[Unit, Any], str | None]


@dataclass(frozen=True)
class Rules:
    """The rules of a recipe."""

    name: ClassVar[str] = "rules"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "what is dropped by rules of your own, each with its reason"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    drop: Annotated[
        tuple[Rule, ...],
        "rules: tables [[rules.drop]] with reason, unit, when or call, and says (docs/rules.md)",
    ] = ()

    def __post_init__(self) -> None:
        says: dict[str, str] = {}
        for rule in self.drop:
            if says.setdefault(rule.reason, rule.own.meaning.says) != rule.own.meaning.says:
                raise ConfigError(
                    f"{SETTING}: two rules give the reason {rule.reason} and say different things; "
                    "give both the same says"
                )

    def __getstate__(self) -> dict[str, Any]:
        """Without what is made of the fields, which another process makes itself."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def own(self) -> tuple[OwnReason, ...]:
        """The reasons that the rules give."""
        return tuple({rule.reason: rule.own for rule in self.drop}.values())

    def settings(self) -> dict[str, Any]:
        """The rules, each function with the hash of its file.

        Raises:
            ConfigError: a function cannot be imported.
        """
        return {"drop": [self._setting(at, rule) for at, rule in enumerate(self.drop, 1)]}

    def _setting(self, at: int, rule: Rule) -> dict[str, str]:
        given = {each.name: getattr(rule, each.name) for each in fields(rule)}
        if not rule.call:
            return given
        _function(at, rule)  # an error names the rule
        return given | {"source": source_hash(rule.call)}

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Names the rules, for the data card."""
        rules = [
            f"`{each['reason']}` ({each['when'] or each['call']})" for each in settings["drop"]
        ]
        return f"drops by rules of the recipe's own: {'; '.join(rules)}" if rules else ""

    @cached_property
    def _working(self) -> dict[Unit, list[_Working]]:
        working: dict[Unit, list[_Working]] = {"step": [], "sample": [], "workflow": []}
        for at, rule in enumerate(self.drop, 1):
            working[rule.unit].append(_Working(rule.own, _judge(at, rule)))
        return working

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Passes on what no rule for workflows drops."""
        for draft in rows:
            row = WorkflowRow(draft)
            for unit in ("step", "sample"):
                self._judge_steps(unit, row)
            for rule in self._working["workflow"]:
                if (detail := rule.judge("workflow", row)) is not None:
                    tally.drop_workflow(draft, rule.reason, detail)
                    break
            else:
                yield draft

    def _judge_steps(self, unit: Literal["step", "sample"], workflow: WorkflowRow) -> None:
        """Take steps out of training."""
        rules = self._working[unit]
        for row in step_rows(workflow) if rules else ():
            for rule in rules:
                if row.step.reason:
                    break
                if (detail := rule.judge(unit, row)) is not None:
                    row.step.drop(self.name, rule.reason, detail)


def own_of(settings: Mapping[str, Any]) -> tuple[OwnReason, ...]:
    """The reasons that rules give. settings: of the stage, as a manifest has them."""
    rules = {each["reason"]: each for each in settings.get("drop", ())}
    return tuple(_own(each["reason"], each["says"], each["when"] or each["call"])
                 for each in rules.values())  # fmt: skip


def _own(reason: str, says: str, example: str) -> OwnReason:
    return OwnReason(reason, says or f"The recipe's rule: {example}", example, (SETTING,))


def _judge(at: int, rule: Rule) -> Callable[[Unit, Any], str | None]:
    """What a rule says of a row."""
    if rule.when:
        condition = read(rule.when, columns_of(rule.unit))
        return lambda _, row: rule.when if condition.holds(row) else None
    function = _function(at, rule)

    def judge(unit: Unit, row: WorkflowRow | StepRow) -> str | None:
        return answer(rule.call, function(View(unit, row)))

    return judge


def _function(at: int, rule: Rule) -> Function:
    try:
        return found(rule.call)
    except ConfigError as error:
        raise ConfigError(f"{SETTING}[{at}] {rule.reason}: call: {error}") from error
