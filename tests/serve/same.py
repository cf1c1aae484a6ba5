"""Compares the prompts of a dataset with those that `stepmill.observe` and `Prompt` give."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

import stepmill
from etl.inputs.find import find
from etl.inputs.records import InputShard
from etl.serve.observe import Observation
from etl.sources import SOURCES
from etl.stages.enter import enter
from etl.tally import Tally
from schemas.errors import AnswerError
from schemas.samples import NO_LOSS, Sample
from schemas.workflow import Step, Workflow
from tests.support import builds
from tokenization.prompt import Prompt as TrainingPrompt


class Recorded(NamedTuple):
    """A step as it was recorded."""

    workflow: Workflow
    step: Step


def recorded(inputs: Sequence[Path]) -> dict[str, Recorded]:
    """Every recorded step by the id of the sample that is made of it."""
    steps: dict[str, Recorded] = {}
    for found in find(list(map(str, inputs)), SOURCES):
        shard = InputShard(found.name, found.place, found.format, found.size, "")
        tally, seen = Tally(), dict[str, str]()
        for workflow in SOURCES[found.format].read(shard, tally):
            draft = enter(workflow, tally, seen)
            for step_draft in draft.steps:
                steps.setdefault(draft.step_id(step_draft), Recorded(workflow, step_draft.step))
    return steps


@dataclass
class Compared:
    """The outcome of a comparison."""

    # samples by source and by what their observation is: whole, or which chunk of the page
    same: Counter[tuple[str, str]] = field(default_factory=Counter)
    # ids of samples whose prompt is another one
    different: list[str] = field(default_factory=list)
    # answers that `Prompt.read` reads as the recorded action, by source; and what of the others
    read: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)


def compared(out: Path, inputs: Sequence[Path], recipe: str | Path, most: int = 1000) -> Compared:
    """Every prompt of a dataset, at most so many of each source, beside what serving gives.

    out: of the build of the inputs by the recipe.
    """
    steps, prompt, result = recorded(inputs), stepmill.Prompt(recipe), Compared()
    samples = builds.samples(out)
    seen_of: defaultdict[str, int] = defaultdict(int)
    for emitted in builds.emitted(out):
        sample = samples[emitted.sample_id]
        if seen_of[sample.source] >= most:
            continue
        seen_of[sample.source] += 1
        loss = int(np.count_nonzero(emitted.labels != NO_LOSS))
        ids = emitted.input_ids[: len(emitted.input_ids) - loss].tolist()
        workflow, step = steps[emitted.sample_id]
        for kind, served in _served(sample, workflow, step, recipe, loss, emitted.split):
            if prompt.ids(workflow.objective, step.url, served, sample.history) == ids:
                result.same[sample.source, kind] += 1
                _read_back(prompt, sample, served, result)
                break
        else:
            result.different.append(emitted.sample_id)
    return result


def _served(
    sample: Sample, workflow: Workflow, step: Step, recipe: str | Path, loss: int, split: str
) -> Iterator[tuple[str, Observation]]:
    """The observations that serving gives; the one that testing has first.

    loss: tokens of the answer. split: only training knows which chunk holds the target.
    """
    given = (step.html, workflow.objective, sample.history, step.url, recipe)
    first = stepmill.observe(*given, answer=loss)
    yield "whole" if first.chunks == 1 else "the right-most chunk", first
    for chunk in range(1, first.chunks if split == "train" else 0):
        yield "another chunk", stepmill.observe(*given, chunk=chunk, answer=loss)


def _read_back(
    prompt: stepmill.Prompt, sample: Sample, seen: Observation, result: Compared
) -> None:
    """Read the answer of a sample."""
    completion = TrainingPrompt().completion(sample)
    try:
        answer = prompt.read(completion, seen)
    except AnswerError as error:
        result.unread.append(f"{sample.sample_id}: {error}: {completion}")
        return
    said = (answer.kind, answer.node, answer.value, answer.target, answer.description)
    value = sample.action_value or answer.value  # a recording without values may say them in words
    target = (sample.action_kind, sample.node, value, sample.target_html)
    if said[:4] == target:
        result.read[sample.source] += 1
    else:
        result.unread.append(f"{sample.sample_id}: {said} is not {target}")
