"""Lint as a stage: finds, counts and, where the recipe says so, mends or drops.

It sees a workflow after its targets were located, with the steps that the filter left. What it
finds goes to the work folder, with evidence; only counts are published. By itself it changes
nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final

from etl.stages.lint.check import check
from etl.stages.lint.codes import CODES, REASONS
from etl.stages.lint.found import Found
from etl.stages.lint.mend import MENDS, shift
from etl.stages.lint.sight import Sight
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.findings import SEVERITIES, Finding, Outcome
from schemas.reasons import OwnReason

_DROPS: Final = (*CODES, *SEVERITIES)


@dataclass(frozen=True)
class Lint:
    """What becomes of recordings that contradict themselves."""

    name: ClassVar[str] = "lint"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "what becomes of recordings that contradict themselves"
    reasons: ClassVar[tuple[OwnReason, ...]] = REASONS

    drop_steps: Annotated[
        tuple[str, ...],
        "codes or severities (error, warning, note): such steps are not trained on, and stay in "
        "the history",
    ] = ()
    drop_workflows: Annotated[
        tuple[str, ...], "codes or severities: workflows with such a step are left out"
    ] = ()
    mend: Annotated[
        tuple[str, ...],
        "codes: off_by_one gives all steps the pages that fit, repeated_step leaves repeats out",
    ] = ()

    def __post_init__(self) -> None:
        _known("drop_steps", self.drop_steps, _DROPS)
        _known("drop_workflows", self.drop_workflows, _DROPS)
        _known("mend", self.mend, MENDS)

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says what is done about contradictions, for the data card."""
        parts = ["looks for places where a recording contradicts itself"]
        for name, words in (
            ("mend", "mends {}"),
            ("drop_steps", "does not train on steps with {}"),
            ("drop_workflows", "leaves out workflows with {}"),
        ):
            if settings[name]:
                listed = ", ".join(f"`{code}`" for code in settings[name])
                parts.append(words.format(listed))
        return "; ".join(parts)

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Enters findings in the tally, and mends and drops as its settings say."""
        for draft in rows:
            mended = self._mend(draft, tally)
            steps = list(draft.steps)
            found = findings(draft)
            worst = next((each for each in found if self._in(self.drop_workflows, each)), None)
            for each, step_draft in zip(found, _steps(found, draft, steps), strict=True):
                if worst is None and self._in(self.drop_steps, each):
                    step_draft.drop(self.name, CODES[each.code].reason, each.evidence)
            by_id = {draft.step_id(step_draft): step_draft for step_draft in steps}
            for each in found:
                outcome: Outcome = "step_dropped" if by_id[each.id].reason else "kept"
                if worst is not None:
                    outcome = "workflow_dropped"
                tally.findings.append(replace(each, outcome=outcome))
            tally.findings += mended
            if worst is None:
                yield draft
            else:
                detail = f"step {worst.step}: {worst.evidence}"
                tally.drop_workflow(draft, CODES[worst.code].reason, detail)

    @staticmethod
    def _in(names: Sequence[str], finding: Finding) -> bool:
        return finding.code in names or finding.severity in names

    def _mend(self, draft: Draft, tally: Tally) -> list[Finding]:
        """Set right what the recipe wants mended; returns what was found of it."""
        if not self.mend:
            return []
        checked = check(_sights(draft))
        wrong = {
            name: [_finding(draft, draft.steps[each.at], each, "mended") for each in found]
            for name in self.mend
            if (found := [each for each in checked.found if each.code == name])
        }
        again = wrong.get("repeated_step", [])
        side = checked.side if "off_by_one" in wrong else 0
        if side:
            shift(self.name, draft.steps, side)
        gone = {each.id for each in again}
        for each in again:
            reason = CODES["repeated_step"].reason
            tally.drop("step", each.id, reason, each.evidence, draft.uid, draft.domain)
        draft.steps = [each for each in draft.steps if draft.step_id(each) not in gone]
        return [*(wrong["off_by_one"] if side else ()), *again]


def findings(draft: Draft) -> list[Finding]:
    """Where a workflow contradicts itself, in the order of its steps; its targets are located."""
    return [_finding(draft, draft.steps[each.at], each) for each in check(_sights(draft)).found]


def _sights(draft: Draft) -> list[Sight]:
    return [Sight(step_draft, at) for at, step_draft in enumerate(draft.steps)]


def _steps(found: Sequence[Finding], draft: Draft, steps: Sequence[StepDraft]) -> list[StepDraft]:
    """The step of each finding."""
    by_id = {draft.step_id(step_draft): step_draft for step_draft in steps}
    return [by_id[each.id] for each in found]


def _finding(
    draft: Draft, step_draft: StepDraft, found: Found, outcome: Outcome = "kept"
) -> Finding:
    return Finding(
        draft.step_id(step_draft),
        draft.uid,
        step_draft.number,
        draft.workflow.source,
        draft.domain,
        found.code,
        CODES[found.code].severity,
        found.evidence,
        found.mend,
        outcome,
    )


def _known(setting: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise `ConfigError` for a name that is not known."""
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; is {close[0]} meant?" if close else ""
            raise ConfigError(f"lint.{setting}: {name!r} is none of {', '.join(known)}{hint}")
