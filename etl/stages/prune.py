"""Prune: each page becomes the text a model sees, and each target its start tag there.

`etl.pages.prune` does the work, by the rules of `etl.pages.rules`. A step whose target they remove
is not trained on (``target_pruned``) and stays in the history: an element that stayed only because
it is the target would give the answer away, and is missing when a model is asked. With
``keep_target`` it stays all the same, as in the reference pipeline. The element on which a drag
ends never does; the answer names it, so without it the step is not trained on. A page that is a
text stays as it is (`etl.pages.axtree`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from etl.files.hashes import plain
from etl.pages import axtree
from etl.pages.page import Page
from etl.pages.prune import Pruner
from etl.pages.reading import read
from etl.pages.rules import RECORDER_MARKERS, PruneRules
from etl.stages.wording import described
from schemas.errors import ConfigError
from schemas.reasons import OwnReason
from schemas.utf8 import held, utf8_of
from tokenization.vocabulary import Vocabulary, shared

if TYPE_CHECKING:  # an agent prunes pages without Arrow, and has no drafts
    from etl.tally import Tally
    from schemas.draft import Draft, StepDraft


@dataclass(frozen=True)
class Prune(PruneRules):
    """Prunes pages by the rules of `PruneRules`, with a choice about the target."""

    name: ClassVar[str] = "prune"
    version: ClassVar[int] = 7
    about: ClassVar[str] = "what a model sees of a page"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    ratio_vocabulary: Annotated[str, "the vocabulary by which characters a token are counted"] = (
        "qwen2.5"
    )
    keep_target: Annotated[
        bool, "keep the target even where the rules remove it, which gives the answer away"
    ] = False

    def __post_init__(self) -> None:
        markers = sorted(name for name in self.kept_attributes if RECORDER_MARKERS.search(name))
        if markers:
            raise ConfigError(
                f"prune.kept_attributes: {', '.join(markers)} would tell the target: recorders "
                "mark it so"
            )

    @cached_property
    def rules(self) -> PruneRules:
        """The rules alone."""
        return PruneRules(**{rule.name: getattr(self, rule.name) for rule in fields(PruneRules)})

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary that counts the tokens of a text, for its characters per token.

        Raises:
            ConfigError: there is no such vocabulary.
        """
        return shared(self.ratio_vocabulary)

    def settings(self) -> dict[str, Any]:
        """Its fields, with the vocabulary's hash instead of its name.

        Raises:
            ConfigError: there is no such vocabulary.
        """
        rules, vocabulary = plain(self.rules), self.vocabulary.sha256
        return {"rules": rules, "vocabulary": vocabulary, "keep_target": self.keep_target}

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says how much of a page stays, for the data card."""
        rules = settings["rules"]
        target = "goes as the rules say"
        if settings["keep_target"]:
            target = "stays even where the rules would remove it"
        return (
            f"reduces each page to text: {len(rules['kept_tags'])} kinds of tags and "
            f"{len(rules['kept_attributes'])} of attributes stay, every element gets a node id, "
            f"the target {target}"
        )

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Sets ``observation``, ``start_tag`` and ``description`` of each step."""
        from etl.files.compressed import Holder  # an agent needs no compression

        pruner = self.pruner
        for draft in rows:
            holder = Holder()
            for step_draft in draft.steps:
                self._prune(step_draft, pruner)
                step_draft.observation = holder.hold(held(step_draft, "observation"))
            yield draft

    @property
    def pruner(self) -> Pruner:
        """The pruner of these rules. A process shares one, which remembers what it has judged."""
        return _pruner(self.rules, self.vocabulary)

    def _prune(self, step_draft: StepDraft, pruner: Pruner) -> None:
        if step_draft.reason and step_draft.element < 0:
            step_draft.description = described(step_draft, None)
            return
        if step_draft.observed == "axtree":
            _take_text(step_draft)
            return
        page = read(step_draft.page)
        step_draft.description = described(step_draft, page, pruner)
        if step_draft.element < 0:
            step_draft.observation = held(pruner.prune(page), "observation")
        elif step_draft.reason:
            step_draft.start_tag = pruner.start_tag(page, step_draft.element)
        else:
            pruned = pruner.prune(page, step_draft.element, self.keep_target)
            step_draft.observation = held(pruned, "observation")
            step_draft.start_tag = pruned.start_tag
            if not step_draft.start_tag:
                step_draft.start_tag = pruner.start_tag(page, step_draft.element)
                step_draft.observation = ""
                step_draft.drop(
                    self.name, "target_pruned", f"the rules remove {step_draft.start_tag[:200]}"
                )
            elif step_draft.destination >= 0:
                self._check_destination(step_draft, page, pruner)

    def _check_destination(self, step_draft: StepDraft, page: Page, pruner: Pruner) -> None:
        """Drop a drag whose end is not in the observation: the answer names that element."""
        node = f' node="{page.node(step_draft.destination)}"'
        if utf8_of(node) not in utf8_of(held(step_draft, "observation")):
            tag = pruner.start_tag(page, step_draft.destination)
            step_draft.observation = ""
            step_draft.drop(
                self.name, "target_pruned", f"where the drag ends: the rules remove {tag[:200]}"
            )


def _take_text(step_draft: StepDraft) -> None:
    """Set what `Prune` sets, of a step whose page is a text."""
    tree = axtree.read(step_draft.step.axtree)
    step_draft.description = described(step_draft, tree)
    if step_draft.element >= 0:
        step_draft.start_tag = tree.line(step_draft.element)
    if not step_draft.reason:
        step_draft.observation = tree.text


@lru_cache(maxsize=2)
def _pruner(rules: PruneRules, vocabulary: Vocabulary) -> Pruner:
    return Pruner(rules, vocabulary.count)
