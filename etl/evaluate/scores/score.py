"""Score an evaluation set: each step by a protocol, then tables, aggregates and outcomes.

A step counts once, however many prompts it has. A prompt without a prediction counts as a call that
failed; a step without any is scored like that, so it is wrong, and it is counted by itself. Facts
are read, scored and forgotten, a step at a time; what stays of a step are its labels and figures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from etl.evaluate.predictions import Outputs
from etl.evaluate.protocols import outcomes
from etl.evaluate.protocols.outcomes import MISSING, OUTCOMES
from etl.evaluate.protocols.protocol import STOPS, Protocol, Row, Scored
from etl.evaluate.scores.intervals import Scores
from etl.evaluate.scores.paired import Difference, difference
from etl.evaluate.scores.steps import Step
from etl.evaluate.scores.tables import ALL, numbered, tables

Answers = Mapping[str, Outputs]
"""Id of a prompt -> its outputs in order; None among them: that call failed."""

STRICT: Final = "strict"
"""The metric beside those of a protocol with defects: kind, element and value are all equal."""

_NAMED: Final = 5
"""At most this many ids are named."""


@dataclass
class Scoring:
    """One set of predictions in the making of its score."""

    protocol: Protocol
    answers: Answers
    # of each step, in the order of the set
    scored: list[Scored] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    # prompts without a prediction: how many, and the first of them
    missing: int = 0
    missing_ids: list[str] = field(default_factory=list)
    # prompts whose call failed
    failed: int = 0

    def add(self, step: Step, facts: Any) -> None:
        """Score a step."""
        absent = [prompt for prompt in step.prompts if prompt not in self.answers]
        answers = [_answered(self.answers.get(prompt, ())) for prompt in step.prompts]
        self.missing += len(absent)
        self.missing_ids += absent[: _NAMED - len(self.missing_ids)]
        self.failed += answers.count(None) - len(absent)
        scored = self.protocol.score(facts, answers)
        self.scored.append(scored)
        self.outcomes[self.outcome(-1, step)] += 1

    def outcome(self, number: int, step: Step) -> str:
        """What became of a step, by its number in the order of the set.

        One without a prediction that no answer could have decided is what it is.
        """
        scored = self.scored[number]
        decided = any(value is not None for value in scored.metrics.values())
        lost = step.prompts and not any(prompt in self.answers for prompt in step.prompts)
        return MISSING if lost and decided else scored.outcome

    def figures(self) -> dict[str, Scores]:
        """A value a step of each metric, and of `STRICT` beside a protocol with defects."""
        found = {
            name: _values([scored.metrics.get(name) for scored in self.scored])
            for name in self.protocol.metrics
        }
        if self.protocol.defects and STRICT not in found:
            strict = _values([scored.strict for scored in self.scored])
            if not np.isnan(strict).all():
                found[STRICT] = strict
        return found


def _answered(outputs: Outputs) -> Sequence[str] | None:
    """The outputs of the calls that did not fail; None if all did, or there was none."""
    return [each for each in outputs if each is not None] or None


def _values(values: Sequence[float | None]) -> Scores:
    return np.array([math.nan if value is None else value for value in values], np.float64)


@dataclass(frozen=True)
class Result:
    """A scored set."""

    protocol: Protocol
    # without facts
    steps: Sequence[Step]
    scoring: Scoring
    # the predictions that it is compared with
    other: Scoring | None
    seed: int

    @cached_property
    def figures(self) -> dict[str, Scores]:
        """A value a step of each metric; nan where it does not apply."""
        return self.scoring.figures()

    def as_json(self) -> dict[str, Any]:
        """All of it but the single steps, as values for JSON."""
        found = {
            "protocol": self.protocol.name,
            "steps": len(self.steps),
            "prompts": sum(len(step.prompts) for step in self.steps),
            "workflows": len({step.workflow for step in self.steps}),
            "seed": self.seed,
            "defects": list(self.protocol.defects),
            **_counts(self.scoring),
            "aggregates": self._aggregates(),
            "tables": tables(self.steps, self.figures, self.seed),
        }
        return found if self.other is None else found | {"against": self._against(self.other)}

    def _aggregates(self) -> dict[str, dict[str, float | None]]:
        """The protocol's own, of each split and of all steps; by the reference's names."""
        rows = [
            Row(step.workflow, step.website, step.split, step.number, scored)
            for step, scored in zip(self.steps, self.scoring.scored, strict=True)
        ]
        found = {ALL: self.protocol.aggregate(rows)}
        for split in dict.fromkeys(step.split for step in self.steps):
            of_split = [row for row in rows if row.file == split]
            found[split] = self.protocol.aggregate(of_split)
        return found

    def _against(self, other: Scoring) -> dict[str, Any]:
        """The other's counts, and what this one is better by: in all steps, and in each split."""
        names, splits = numbered([step.split for step in self.steps])
        _, workflows = numbered([step.workflow for step in self.steps])
        others = other.figures()
        groups = {ALL: np.ones(len(self.steps), bool)}
        groups |= {name: splits == at for at, name in enumerate(names)}
        found = []
        for name, chosen in groups.items():
            for metric in (each for each in self.figures if each in others):
                pair = self.figures[metric][chosen], others[metric][chosen]
                compared = difference(*pair, workflows[chosen], self.seed, f"against {name}")
                found.append({"split": name, "metric": metric, **_compared(compared, *pair)})
        return {**_counts(other), "differences": found}


def meaning(outcome: str) -> str:
    """The meaning of an outcome; empty if it is on no list."""
    known = outcome in OUTCOMES or outcome.startswith(STOPS)
    return outcomes.meaning(outcome) if known else ""


def _counts(scoring: Scoring) -> dict[str, Any]:
    """What became of answers."""
    notes = Counter(note for scored in scoring.scored for note in scored.notes)
    return {
        "outcomes": dict(scoring.outcomes.most_common()),
        "meanings": {outcome: meaning(outcome) for outcome in scoring.outcomes},
        "notes": dict(notes.most_common()),
        "missing": scoring.missing,
        "missing_ids": scoring.missing_ids,
        "failed_calls": scoring.failed,
    }


def _compared(found: Difference, values: Scores, others: Scores) -> dict[str, Any]:
    both = ~np.isnan(values - others)
    low, high = found.interval or (None, None)
    return {
        "this": _mean(values[both]),
        "other": _mean(others[both]),
        "difference": found.difference,
        "low": low,
        "high": high,
        "p": found.p,
        "n": found.n,
        "better": found.better,
        "worse": found.worse,
    }


def _mean(values: Scores) -> float | None:
    return math.fsum(values.tolist()) / values.size if values.size else None


def score(
    steps: Iterable[Step],
    protocol: Protocol,
    read: Callable[[str], Any],
    answers: Answers,
    others: Answers | None = None,
    seed: int = 0,
) -> Result:
    """Score the steps of a set.

    read: the facts of a step from their JSON. others: the predictions to compare with. seed: of
    all draws.
    """
    scoring = Scoring(protocol, answers)
    other = None if others is None else Scoring(protocol, others)
    kept: list[Step] = []
    for step in steps:
        facts = read(step.facts)
        for each in (scoring, other):
            if each is not None:
                each.add(step, facts)
        kept.append(replace(step, facts=""))
    return Result(protocol, kept, scoring, other, seed)
