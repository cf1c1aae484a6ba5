"""Prune: every page becomes the text a model sees (rules: `etl.pruner`), every target its start tag there.

A target stays whatever the rules say of its tag and its content (``keep_target``), so that a step whose element was
found becomes a sample. An element that is there only because it was the target tells the answer, though, and is not
there when a model is asked: with ``keep_target = false`` such a step is not trained on (``target_pruned``) and stays in
the history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from etl import dom
from etl.pruner import Pruner, PruneRules
from etl.tally import Tally
from schemas.trail import Mark, Trail
from tokenization.vocabulary import Vocabulary

_LABEL_CHARS: Final = 80
_LABEL_ATTRIBUTES: Final = ("aria-label", "aria_label", "title", "placeholder", "alt", "value", "name")
_VERBS: Final = {
    "click": "Click",
    "double_click": "Double click",
    "right_click": "Right click",
    "hover": "Hover over",
    "focus": "Focus",
    "clear": "Clear",
    "drag": "Drag",
    "upload": "Upload to",
    "scroll": "Scroll",
}


@dataclass(frozen=True)
class Prune:
    """rules: which markup stays. vocabulary: for the characters-per-token rule. keep_target: see the module."""

    name: ClassVar[str] = "prune"
    version: ClassVar[int] = 3

    rules: PruneRules
    vocabulary: Vocabulary
    keep_target: bool = True

    def __call__(self, rows: Iterator[Trail], tally: Tally) -> Iterator[Trail]:
        """Sets ``observation``, ``start_tag`` and ``description`` of each step; releases the pages."""
        pruner = _pruner(self.rules, self.vocabulary)
        for trail in rows:
            for mark in trail.marks:
                self._prune(mark, pruner)
            yield trail

    def _prune(self, mark: Mark, pruner: Pruner) -> None:
        step = mark.step
        if mark.reason and mark.element < 0:
            mark.description = described(mark, None)
            return
        page = dom.read(step.html, mark.utf8)
        mark.description = described(mark, page)
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


@lru_cache(maxsize=2)
def _pruner(rules: PruneRules, vocabulary: Vocabulary) -> Pruner:
    return Pruner(rules, vocabulary.count)


def described(mark: Mark, page: dom.Page | None) -> str:
    """One line in words for an action: the recording's, else verb, value, and the target's label.

    What was typed or pressed is always in it, because the completion has no other place for it.
    """
    action = mark.step.action
    if action.description:
        said = action.kind not in ("type", "press") or action.value in action.description
        return action.description if said else f'{action.description}: "{action.value}"'
    label = _label(page, mark.element) if page is not None and mark.element >= 0 else ""
    quoted = f' "{label}"' if label else ""
    if action.kind == "type":
        return f'Type "{action.value}"' + (f" in{quoted}" if label else "")
    if action.kind == "select":
        return f'Select "{action.value}"' + (f" in{quoted}" if label else "")
    if action.kind == "press":
        return f'Press "{action.value}"' + (f" in{quoted}" if label else "")
    verb = _VERBS.get(action.kind, action.kind.replace("_", " ").capitalize())
    value = f" {action.value}" if action.value and mark.element < 0 else ""
    return f"{verb}{quoted}{value}"


def _label(page: dom.Page, element: int) -> str:
    attributes = page.tokens[page.position(element)].attributes()
    text = page.text_of(element, _LABEL_CHARS)
    labels = [attributes.get(name, "") for name in _LABEL_ATTRIBUTES]
    for label in (*labels[:2], text, *labels[2:]):
        label = " ".join(label.replace("\0", "").split())[:_LABEL_CHARS]
        if label:
            return label
    return ""
