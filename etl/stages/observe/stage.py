"""Observe: each page becomes a text within a budget of tokens, in the place of `prune`.

`etl.pages.compact` does the work. It looks at the page, the objective and the steps before alone:
what a model has when it is asked. So the target may be cut; a step without its target is not
trained on (``target_cut``) and stays in the history. The same holds for the element on which a drag
ends, since the answer names it.

Of each observation ``fitted`` notes ``budget`` and ``tokens``, the target's ``element`` (its index
on the page, since its number does not tell; -1: none), the characters that each rule
``removed``, ``target_kept`` (all that the answer names is in it), and ``named`` (the target's
accessible name is). The last two are null where there is no target, or no name.

An observation is a line an element, and so is a page that was recorded as a text. The answer's
``Target`` is the target's line as it stands there; in the history, where there is no observation,
its line before anything is shortened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import orjson

from etl.files.hashes import plain
from etl.pages import axtree
from etl.pages.compact import Compacted, Compactor, CompactRules
from etl.pages.reading import read
from etl.stages.observe.names import shows
from etl.stages.wording import described, name_of
from schemas.reasons import OwnReason
from schemas.workflow import target_id
from tokenization.prompt import step_text
from tokenization.vocabulary import Vocabulary, shared

if TYPE_CHECKING:  # an agent observes pages without Arrow, and has no drafts
    from etl.tally import Tally
    from schemas.draft import Draft, StepDraft

TARGET_CUT: Final = OwnReason(
    "target_cut",
    "Its target is not among the elements that the budget has room for, chosen without knowing it.",
    "a link far down in a long list, with observe.budget = 4096",
    ("observe.budget",),
)


@dataclass(frozen=True)
class Observe(CompactRules):
    """Makes observations by the rules of `CompactRules`."""

    name: ClassVar[str] = "observe"
    version: ClassVar[int] = 3
    about: ClassVar[str] = "what a model sees of a page, within a budget"
    reasons: ClassVar[tuple[OwnReason, ...]] = (TARGET_CUT,)

    budget_vocabulary: Annotated[str, "the vocabulary that counts the tokens of the budget"] = (
        "qwen2.5"
    )

    @cached_property
    def rules(self) -> CompactRules:
        """The rules alone."""
        return CompactRules(
            **{rule.name: getattr(self, rule.name) for rule in fields(CompactRules)}
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary that counts tokens.

        Raises:
            ConfigError: there is no such vocabulary.
        """
        return shared(self.budget_vocabulary)

    @property
    def compactor(self) -> Compactor:
        """The compactor of these rules. A process shares one, which remembers what it has seen."""
        return _compactor(self.rules, self.vocabulary)

    def settings(self) -> dict[str, Any]:
        """Its fields, with the vocabulary's hash instead of its name.

        Raises:
            ConfigError: there is no such vocabulary.
        """
        return {"rules": plain(self.rules), "vocabulary": self.vocabulary.sha256}

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says how much of a page stays, for the data card."""
        budget = settings["rules"]["budget"]
        return (
            f"reduces each page to a text of at most {budget:,} tokens, a line an element, chosen "
            "by the page, the objective and the steps before, never by the target; a step whose "
            "target is cut is not trained on"
        )

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Sets ``observation``, ``start_tag`` and ``description`` of each step."""
        del tally
        compactor = self.compactor
        for draft in rows:
            history: list[str] = []
            for step_draft in draft.steps:
                _observe(step_draft, draft.objective, history, compactor)
                history.append(
                    step_text(
                        step_draft.number,
                        step_draft.description,
                        step_draft.step.action.kind,
                        target_id(step_draft.node, step_draft.ref),
                        step_draft.start_tag,
                    )
                )
            yield draft


def _observe(
    step_draft: StepDraft, objective: str, history: list[str], compactor: Compactor
) -> None:
    if step_draft.reason and step_draft.element < 0:
        step_draft.description = described(step_draft, None)
        return
    if step_draft.observed == "axtree":
        tree = axtree.read(step_draft.step.axtree)
        name = name_of(tree, step_draft.element)
        step_draft.description = described(step_draft, tree, label=name)
        if step_draft.element >= 0:
            step_draft.start_tag = tree.line(step_draft.element)
        if not step_draft.reason:
            text = compactor.text(tree, objective, history)
            _take(step_draft, text, compactor.rules.budget, name)
        return
    page = read(step_draft.page)
    step_draft.lines = True
    if step_draft.element >= 0:
        step_draft.node = compactor.number(page, step_draft.element)
    name = name_of(page, step_draft.element)
    number = partial(compactor.number, page)
    step_draft.description = described(step_draft, page, label=name, number=number)
    made = None
    if not step_draft.reason:
        made = compactor(page, objective, history)
    if made is not None and step_draft.element in made.kept:
        step_draft.start_tag = made.line(step_draft.node)
    elif step_draft.element >= 0:
        step_draft.start_tag = compactor.line(page, step_draft.element)
    if made is not None:
        _take(step_draft, made, compactor.rules.budget, name)


def _take(step_draft: StepDraft, made: Compacted, budget: int, name: str) -> None:
    """Take an observation, or drop the step if that lacks what the answer names.

    name: the target's accessible name; empty if it has none.
    """
    step_draft.observation = made.observation  # of a dropped step too: models are evaluated on it
    answer = ((step_draft.element, ""), (step_draft.destination, "where the drag ends: "))
    lacking = [what for element, what in answer if element >= 0 and element not in made.kept]
    fitted = {
        "budget": budget,
        "element": step_draft.element,
        "tokens": made.tokens,
        "removed": made.removed,
        "target_kept": not lacking if step_draft.element >= 0 else None,
        "named": shows(made.observation, name) if name else None,
    }
    step_draft.fitted = orjson.dumps(fitted).decode()
    if lacking:
        detail = f"{lacking[0]}{made.tokens} tokens without {step_draft.start_tag[:200]!r}"
        step_draft.drop(Observe.name, TARGET_CUT, detail)


@lru_cache(maxsize=2)
def _compactor(rules: CompactRules, vocabulary: Vocabulary) -> Compactor:
    return Compactor(rules, vocabulary)
