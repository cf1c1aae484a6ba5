"""Baselines: answers without a model, so that a figure means something.

- ``majority``: the commonest kind of action, on the first element with the commonest tag of gold
  elements; both are counted over the gold of the same split, so it is better than it could be.
- ``random``: any element that one can act on, with the action that it takes.
- ``lexical``: the element whose text matches the objective best (BM25).
- ``last``: the step before once more, on the element with the same start tag if there is one.
- ``perfect``: the right answers, which should score 1.
- ``shuffled``: right answers, each given to another step of its split, of another website where
  there is one.

A step has one answer, which is given to each of its prompts. Only prompts are looked at, never the
recorded page, and of the gold only what is said above.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from etl.evaluate.baselines.elements import Element, again, elements, last_step, parts_of
from etl.evaluate.baselines.lexical import best
from etl.evaluate.baselines.right import Right, right_of
from etl.evaluate.files import EvalSet
from etl.files.arrow import atomic
from schemas.errors import ConfigError
from tokenization.prompt import REPEATS, target_of

NAMES: Final = ("majority", "random", "lexical", "last", "perfect", "shuffled")

_COLUMNS: Final = ("id", "step_id", "split", "objective", "step", "chunks", "messages", "gold")
_TAG: Final = re.compile(r"<([A-Za-z][^\s/>]*)")

Step = list[dict[str, Any]]
"""The rows of a step."""


@dataclass
class Baseline:
    """One baseline over an evaluation set."""

    eval_set: EvalSet
    name: str
    seed: int = 0
    # whose right answers are meant; empty: those of training
    protocol: str = ""
    repeats: int = REPEATS
    _tags: dict[str, str] = field(default_factory=dict)
    _kinds: dict[str, str] = field(default_factory=dict)

    def write(self, out: Path) -> dict[str, int]:
        """Write the predictions; returns the numbers of steps, prompts and steps without an answer.

        Raises:
            ConfigError: there is no such baseline, or none for this family.
        """
        answer = self._answer()
        counts = dict.fromkeys(("steps", "prompts", "without_answer"), 0)
        with atomic(out) as stream:
            for step in self._steps():
                outputs = answer(step)
                counts["steps"] += 1
                counts["without_answer"] += not any(outputs)
                for row in step:
                    counts["prompts"] += 1
                    said = {"output": outputs[0]} if len(outputs) == 1 else {"outputs": outputs}
                    line = {"id": row["id"], **said}
                    stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return counts

    def _steps(self, *more: str) -> Iterator[Step]:
        """The steps that are asked."""
        rows = self.eval_set.rows([*_COLUMNS, "facts", *more])
        for _, of_step in groupby(rows, itemgetter("step_id")):
            step = [row for row in of_step if row["chunks"]]
            if step:
                yield step

    def _answer(self) -> Callable[[Step], list[str]]:
        """The function that answers a step."""
        if self.name not in NAMES:
            raise ConfigError(f"{self.name}: no baseline; there are {', '.join(NAMES)}")
        right = right_of(self.eval_set.family, self.protocol)
        if self.name == "perfect":
            return lambda step: right(step[0])
        if self.name == "shuffled":
            return self._shuffled(right)
        if self.name in right.guesses:
            guess, chance = (
                right.guesses[self.name](map(itemgetter(0), self._steps())),
                self._chance,
            )
            return lambda step: guess(step[0], chance)
        if not right.holds_nodes:
            raise ConfigError(
                f"{self.name}: no such baseline for {self.eval_set.family}, whose answers name no "
                f"element of a page; there are {', '.join(right.names)}"
            )
        if self.name == "majority":
            self._count()
        found: Mapping[str, Callable[[Step, list[Element]], str]] = {
            "majority": self._majority,
            "random": self._random,
            "lexical": self._lexical,
            "last": self._last,
        }
        one = found[self.name]
        return lambda step: [one(step, _elements(step))]

    def _shuffled(self, right: Right) -> Callable[[Step], list[str]]:
        """Right answers, each of another step of its split."""
        answers: dict[str, list[Answered]] = {}
        for step in self._steps("website", "workflow_id"):
            first = step[0]
            answered = Answered(
                first["website"], first["workflow_id"], first["step_id"], right(first)
            )
            answers.setdefault(first["split"], []).append(answered)
        given: dict[str, list[str]] = {}
        for each in answers.values():
            given |= moved(each, self._chance)
        return lambda step: given[step[0]["step_id"]]

    def _count(self) -> None:
        """Find the commonest kind and tag of each split."""
        kinds: dict[str, Counter[str]] = {}
        tags: dict[str, Counter[str]] = {}
        for row in self.eval_set.rows(("split", "gold", "kind", "facts")):
            if row["facts"]:
                kinds.setdefault(row["split"], Counter())[row["kind"]] += 1
                if tag := _TAG.match(target_of(row["gold"]["text"])):
                    tags.setdefault(row["split"], Counter())[tag[1]] += 1
        self._kinds = {split: _commonest(each) for split, each in kinds.items()}
        self._tags = {split: _commonest(each) for split, each in tags.items()}

    def _majority(self, step: Step, there: list[Element]) -> str:
        split, number = step[0]["split"], step[0]["step"]
        tag = self._tags.get(split, "")
        chosen = next((each for each in there if each.tag == tag), there[0] if there else None)
        return chosen.answer(number, self._kinds[split], self.repeats) if chosen else ""

    def _random(self, step: Step, there: list[Element]) -> str:
        chosen = self._chance.choice(there) if there else None
        return chosen.answer(step[0]["step"], "", self.repeats) if chosen else ""

    @cached_property
    def _chance(self) -> random.Random:
        return random.Random(self.seed)

    def _lexical(self, step: Step, there: list[Element]) -> str:
        at = best(step[0]["objective"], [each.text for each in there])
        return there[at].answer(step[0]["step"], "", self.repeats) if at >= 0 else ""

    def _last(self, step: Step, there: list[Element]) -> str:
        last = last_step(parts_of(step[0]["messages"])[1])
        return again(step[0]["step"], last, there, self.repeats) if last else ""


def _elements(step: Step) -> list[Element]:
    """The elements of all chunks."""
    return [each for row in step for each in elements(parts_of(row["messages"])[0])]


def _commonest(counts: Counter[str]) -> str:
    """The commonest; of several the first by name."""
    return min(counts, key=lambda name: (-counts[name], name), default="")


class Answered(NamedTuple):
    """A step and its right answer."""

    website: str
    workflow: str
    step_id: str
    outputs: list[str]


def moved(every: Sequence[Answered], chance: random.Random) -> dict[str, list[str]]:
    """The answers by step, each that of another step.

    It is one of another website, as far as the largest has not more than half of all steps, since
    pages of one website are alike; else, as far as can be, of another workflow.
    """
    places: dict[tuple[str, ...], float] = {}
    for each in every:
        for name in ((each.website,), (each.website, each.workflow)):
            places.setdefault(name, chance.random())

    def place(each: Answered) -> tuple[float, float]:
        return places[each.website,], places[each.website, each.workflow]

    mixed = sorted(sorted(every, key=lambda _: chance.random()), key=place)
    largest = max(Counter(each.website for each in every).values())
    step = min(largest, max(1, len(mixed) // 2))
    return {each.step_id: mixed[(at + step) % len(mixed)].outputs for at, each in enumerate(mixed)}
