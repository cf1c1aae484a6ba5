"""Mind2Web's task files as evaluation sets, for answers with node ids and for multiple choice.

A step's page is cleaned and pruned by the recipe, as for training; every positive candidate that
the page holds is right. A step is asked if the pruned page shows one of them, or if that is for the
model to find out among choices; it is in the set in any case. The split is that of the file's name:
``test_task_3.json`` is of ``test_task``, a file in a folder ``test_website`` of that.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final

from etl.build.evalset.built import step_of
from etl.build.evalset.prompts import Chunks, Prompter, prompter
from etl.build.evalset.steps import Chain, Recorded
from etl.build.recipes.recipe import Recipe
from etl.evaluate.facts import known, mind2web_direct, mind2web_multichoice, steps
from etl.evaluate.facts.outline import Outline, in_order, outline
from etl.evaluate.facts.recorded import Recorded as RecordedAction
from etl.evaluate.facts.recorded import recorded
from etl.evaluate.files import split_name
from etl.evaluate.protocols.mind2web_multichoice import MINDACT
from etl.evaluate.ranks import Ranked, Ranks
from etl.evaluate.schema import Candidate, EvalStep
from etl.inputs.columns import Fields, records
from etl.inputs.find import Found
from etl.inputs.records import InputShard
from etl.pages.page import Page
from etl.pages.reading import read
from etl.sources.mind2web import COLUMNS, Mind2Web, workflow_of
from etl.tally import Odd
from schemas.errors import ConfigError, RecordError
from schemas.utf8 import held, utf8_of
from schemas.workflow import Workflow

_SPLITS: Final = ("test_task", "test_website", "test_domain")
_NUMBERED: Final = re.compile(r"[_-]\d+$")


def split_of(name: str) -> str:
    """The split of a file, by its name or that of its folder."""
    path = PurePath(name)
    stem = path.name.partition(".")[0]
    for each in _SPLITS:
        if stem.startswith(each) or each in path.parts:
            return each
    return split_name(_NUMBERED.sub("", stem))


@dataclass
class Mind2WebTasks:
    """Some task files."""

    files: Sequence[Found]
    recipe: Recipe
    chunks: Chunks = "recipe"
    ranks: Ranks | None = None
    family: str = mind2web_direct.FAMILY
    # of all files; empty: by their names
    split: str = ""
    # shuffles candidates
    seed: int = 0
    # tasks and records that are not in the set, by reason
    lost: Counter[str] = field(default_factory=Counter)
    # steps without a row in the table of ranks
    unranked: int = 0

    def __post_init__(self) -> None:
        if self.family == mind2web_multichoice.FAMILY and self.ranks is None:
            raise ConfigError(
                f"{self.family}: candidates are those of rank under 50, so the table of ranks is "
                "needed: --ranks scores_all_data.pkl"
            )
        several = self.family == mind2web_multichoice.FAMILY
        self._chain = Chain(self.recipe, with_pages=several)
        self._prompters: dict[str, Prompter] = {}

    def steps(self) -> Iterator[EvalStep]:
        """The steps of all tasks, a task in memory at a time."""
        for found in self.files:
            split = self.split or split_of(found.name)
            shard = InputShard(found.name, found.place, Mind2Web.name, found.size, "")
            for record in records(shard, COLUMNS):
                odd: list[Odd] = []
                try:
                    task = record.checked()
                    if "actions" not in task:
                        raise ConfigError(
                            f"{found.place}: its records are single actions; an evaluation set is "
                            "made of files of whole tasks, as Mind2Web's test sets are"
                        )
                    workflow = workflow_of(task, record.id, odd)
                    yield from self._task(task, workflow, split)
                except RecordError as error:
                    self.lost[error.reason] += 1

    def _task(self, task: Fields, workflow: Workflow, split: str) -> Iterator[EvalStep]:
        actions = [recorded(each) for each in task["actions"]]
        pages = [read(step.page) for step in workflow.steps]
        outlines = [outline(page) for page in pages]
        shown = {
            place: node
            for place, (page, seen, action) in enumerate(zip(pages, outlines, actions, strict=True))
            if (node := self._shown(page, seen, action)) is not None
        }
        for each in self._chain(workflow, shown):
            place = each.step_draft.place
            yield self._step(
                each,
                actions[place],
                _line(task, place),
                outlines[place],
                pages[place],
                self._ranked(task, place),
                split,
                len(actions),
            )

    def _shown(self, page: Page, seen: Outline, action: RecordedAction) -> int | None:
        """The first positive, in the order of the source's locators, that the pruned page shows."""
        nodes = in_order(seen, action.positives)
        observation = utf8_of(held(self._chain.prune.pruner.prune(page), "observation"))
        for positive in action.positives:
            for node in nodes.get(positive, ()):
                if b' node="%d"' % node in observation:
                    return node
        return None

    def _ranked(self, task: Fields, place: int) -> dict[str, Ranked] | None:
        if self.ranks is None:
            return None
        uid = task["actions"][place].get("action_uid")
        table = self.ranks.of(f"{task.get('annotation_id')}_{uid}")
        self.unranked += table is None
        return table

    def _prompter(self, split: str) -> Prompter:
        if split not in self._prompters:
            chunks = self.chunks
            if chunks == "recipe":  # a page in parts is asked part by part, as the reference does
                chunks = "all" if self.family == mind2web_direct.FAMILY else "first"
            self._prompters[split] = prompter(self.recipe.packed, split, chunks)
        return self._prompters[split]

    def _step(
        self,
        each: Recorded,
        action: RecordedAction,
        line: str,
        seen: Outline,
        page: Page,
        table: dict[str, Ranked] | None,
        split: str,
        count: int,
    ) -> EvalStep:
        nodes = in_order(seen, action.positives)
        gold = sorted({node for found in nodes.values() for node in found})
        # a choice may be right whatever the pruned page shows
        unasked = "" if self.family == mind2web_multichoice.FAMILY else each.unasked
        made = step_of(each.sample, split, count, self._prompter(split), gold, unasked)
        facts: Any
        if self.family == mind2web_multichoice.FAMILY:
            ranks = {id: each.rank for id, each in (table or {}).items() if each.rank is not None}
            shuffle = random.Random(f"{self.seed} {made.step_id}")
            facts = mind2web_multichoice.made(action, ranks, shuffle)
            if MINDACT.next_round(facts, ()) is None:  # nothing to choose from
                made = replace(made, prompts=(), unasked=facts.lost or "not_in_cleaned_page")
        else:
            held_in = any(prompt.in_chunk for prompt in made.prompts)
            common = steps.Facts(made.kind, made.value, tuple(gold), made.text, held_in, ())
            order = None if table is None else list(table)
            facts = mind2web_direct.made(action, line, common, table=order, page=page)
        return replace(
            made,
            facts=known.text(facts),
            operation=action.op,
            value=action.value,
            candidates=_candidates(action, seen, table),
        )


def _line(task: Fields, place: int) -> str:
    """The annotators' line of an action; empty if there is none."""
    lines = task.get("action_reprs")
    line = lines[place] if isinstance(lines, list) and place < len(lines) else ""
    return line if isinstance(line, str) else ""


def _candidates(
    action: RecordedAction, seen: Outline, table: dict[str, Ranked] | None
) -> list[Candidate]:
    """Positives, then negatives, in the order of the file."""
    nodes = in_order(seen, [*action.positives, *action.negatives])
    ranked = table or {}
    unknown = Ranked(None, None)
    return [
        Candidate(
            nodes[id][-1] if id in nodes else -1,
            id,
            ranked.get(id, unknown).rank,
            ranked.get(id, unknown).score,
            positive,
        )
        for positive, ids in ((True, action.positives), (False, action.negatives))
        for id in ids
    ]
