"""Prune: every page becomes the text a model sees (rules: `etl.pages.prune`), every target its
start tag there.

A target stays whatever the rules say of its tag and its content (``keep_target``), so that a step
whose element was found becomes a sample. An element that is there only because it was the target
tells the answer, though, and is not there when a model is asked: with ``keep_target = false`` such
a step is not trained on (``target_pruned``) and stays in the history. The element that a drag ends
on has no such privilege: the answer names it, so it must be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from etl import pages
from etl.pages.prune import Pruner, PruneRules
from etl.stages.wording import described
from etl.tally import Tally
from schemas.trail import Mark, Trail
from tokenization.vocabulary import Vocabulary


@dataclass(frozen=True)
class Prune:
    """rules: which markup stays. vocabulary: for the characters-per-token rule. keep_target: see
    the module.
    """

    name: ClassVar[str] = "prune"
    version: ClassVar[int] = 6

    rules: PruneRules
    vocabulary: Vocabulary
    keep_target: bool = True

    def __call__(self, rows: Iterator[Trail], tally: Tally) -> Iterator[Trail]:
        """Sets ``observation``, ``start_tag`` and ``description`` of each step;
        releases the pages.
        """
        pruner = self.pruner
        for trail in rows:
            for mark in trail.marks:
                self._prune(mark, pruner)
            yield trail

    @property
    def pruner(self) -> Pruner:
        """What prunes by these rules, and remembers what it has judged."""
        return _pruner(self.rules, self.vocabulary)

    def _prune(self, mark: Mark, pruner: Pruner) -> None:
        step = mark.step
        if mark.reason and mark.element < 0:
            mark.description = described(mark, None)
            return
        page = pages.read(step.html, mark.utf8)
        mark.description = described(mark, page, pruner)
        if mark.element < 0:
            mark.observation = pruner.prune(page).observation
        elif mark.reason:
            mark.start_tag = pruner.start_tag(page, mark.element)
        else:
            mark.observation, mark.start_tag = pruner.prune(page, mark.element, self.keep_target)
            if not mark.start_tag:
                mark.start_tag = pruner.start_tag(page, mark.element)
                mark.observation = ""
                mark.drop(self.name, "target_pruned", f"the rules remove {mark.start_tag[:200]}")
            elif mark.destination >= 0:
                self._check_destination(mark, page, pruner)

    def _check_destination(self, mark: Mark, page: pages.Page, pruner: Pruner) -> None:
        """The element that a drag ends on must stand in the observation,
        where the answer names it.
        """
        if f' node="{page.node(mark.destination)}"' not in mark.observation:
            tag = pruner.start_tag(page, mark.destination)
            mark.observation = ""
            mark.drop(
                self.name, "target_pruned", f"where the drag ends: the rules remove {tag[:200]}"
            )


@lru_cache(maxsize=2)
def _pruner(rules: PruneRules, vocabulary: Vocabulary) -> Pruner:
    return Pruner(rules, vocabulary.count)
