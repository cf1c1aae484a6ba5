"""The tasks of benchmarks in recordings of them, with the skeletons of their first pages.

A task's first page is that of the first step that has one, pruned by the rules of a recipe, as
samples are. Of several recordings of a task the first counts. A page that is a text has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from etl.decisions.benchmarks.files import Asked, Task
from etl.decisions.benchmarks.recorded import Recorded
from etl.decisions.near.signature import skeleton
from etl.inputs.find import UNKNOWN, find, shards
from etl.pages.page import Page
from etl.pages.reading import read
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.errors import ConfigError
from schemas.workflow import Step, Workflow

Pruning = Callable[[Page], bytes]
"""A function from a page to its observation as UTF-8."""


class Taken(NamedTuple):
    """What was read of some recordings."""

    recorded: list[Recorded]
    # workflows whose task is not taken again, or has no page, by why
    left_out: dict[str, int]


def taken(given: Sequence[Asked], pruning: Pruning) -> Taken:
    """The tasks in files and folders of recordings, in the order of their names.

    Raises:
        ConfigError: a place has no name of a benchmark, is no recording, or holds no workflow.
    """
    left_out = Counter[str]()
    every = [_of_place(asked, pruning, left_out) for asked in given]
    return Taken(every, dict(sorted(left_out.items())))


def _of_place(asked: Asked, pruning: Pruning, left_out: Counter[str]) -> Recorded:
    if not asked.name:
        raise ConfigError(
            f"{asked.path}: name the benchmark that these are recordings of: NAME={asked.path}"
        )
    inputs = sorted(
        (each for each in shards(find([asked.path], SOURCES)) if each.format != UNKNOWN),
        key=lambda each: each.name,
    )
    tally, tasks = Tally(), dict[str, Task]()
    for shard in inputs:
        for flow in SOURCES[shard.format].read(shard, tally):
            if flow.workflow_id in tasks:
                left_out["its task has been recorded before"] += 1
                continue
            tasks[flow.workflow_id] = task = _task(flow, pruning)
            if not task.skeleton:
                left_out["it has no page with markup"] += 1
    if not tasks:
        raise ConfigError(f"{asked.path}: no recording in it that can be read; see: stepmill check")
    hashes = tuple(sorted({each.sha256 for each in inputs}))
    return Recorded(asked.name, asked.version, tuple(tasks[id] for id in sorted(tasks)), hashes)


def _task(flow: Workflow, pruning: Pruning) -> Task:
    first = next((step for step in flow.steps if step.has_page), None)
    page, shapes = (b"", 0) if first is None else _skeleton(first, pruning)
    urls = [flow.steps[0].url] if flow.steps and flow.steps[0].url else []
    sites = [flow.website] if flow.website else []
    text = " ".join(flow.objective.split())
    return Task(flow.workflow_id, text, "", tuple(sites), tuple(urls), page, shapes)


def _skeleton(step: Step, pruning: Pruning) -> tuple[bytes, int]:
    found, shapes = skeleton(pruning(read(step.page)))
    return (found.tobytes(), shapes) if shapes else (b"", 0)
