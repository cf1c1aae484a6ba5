"""What a recipe says of observations and prompts, read without the rest of a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

from etl.build.recipes import tables
from etl.build.recipes.encoding import FitSettings, PromptSettings, VocabularySettings
from etl.build.recipes.places import absolute, naming_files
from etl.build.recipes.toml import checked
from etl.build.recipes.vocabularies import KEY, listed
from etl.pages.compact import Compactor
from etl.pages.page import Page
from etl.pages.prune import Pruner
from etl.stages.observe.stage import Observe
from etl.stages.prune import Prune
from schemas.errors import ConfigError
from schemas.samples import Sample
from schemas.utf8 import held
from schemas.workflow import ObservationKind
from tokenization.encode import Encoder
from tokenization.fit import Fit
from tokenization.lookalikes import pattern
from tokenization.prompt import Prompt

_FILES: Final = naming_files({"vocabulary": VocabularySettings})
_UNKNOWN: Final = "x"
"""Stands for the answer that nobody knows yet."""


class Unanswered(Prompt):
    """The prompt of a sample whose answer is not known."""

    def completion(self, sample: Sample) -> str:
        """Stands for the answer."""
        return _UNKNOWN


@dataclass(frozen=True)
class Serving:
    """The settings of a recipe that decide what a model reads."""

    # its stage that makes observations
    stage: Prune | Observe
    # turns prompts into tokens
    encoder: Encoder
    fit: FitSettings
    # the most steps in the history; 0 for all
    max_history: int

    @property
    def pruner(self) -> Pruner | None:
        """Prunes pages; a process shares it. None where observations are a line an element."""
        return self.stage.pruner if isinstance(self.stage, Prune) else None

    @property
    def kind(self) -> ObservationKind:
        """What its observations are."""
        return "html" if isinstance(self.stage, Prune) else "lines"

    @property
    def compactor(self) -> Compactor | None:
        """Makes observations of a line an element; None where pages are pruned."""
        return self.stage.compactor if isinstance(self.stage, Observe) else None

    def element(self, page: Page, node: int) -> int:
        """The element of a page that its observations call so; -1 if there is none."""
        if self.compactor is not None:
            return self.compactor.element(page, node)
        return page.elements - 1 - node if 0 <= node < page.elements else -1

    def text(
        self,
        page: Page,
        objective: str,
        history: Sequence[str],
        budget: int,
        wanted: Mapping[int, int],
    ) -> str | bytes:
        """The observation of a whole page, or its UTF-8.

        budget: tokens; 0: those of the recipe. wanted: elements that were asked for, and how much.

        Raises:
            ConfigError: a budget is given, and the recipe has none.
        """
        if isinstance(self.stage, Prune):
            if budget:
                raise ConfigError(
                    f"budget = {budget}: the recipe has no section [observe], which holds a page "
                    "to a budget; take a compact recipe, or ask for another chunk"
                )
            observation: str | bytes = held(self.stage.pruner.prune(page), "observation")
            return observation
        made = self.stage.compactor(page, objective, history, budget=budget, wanted=wanted)
        return made.observation

    def latest(self, history: tuple[str, ...]) -> tuple[str, ...]:
        """The part of a history that a prompt has."""
        return history[-self.max_history :]

    @cached_property
    def end_tokens(self) -> int:
        """Tokens of the stand-in for the answer, with what the chat template puts at its end."""
        ids, prompt_tokens = self.encoder.tokens("x", _UNKNOWN)
        return len(ids) - prompt_tokens

    def fitting(self, answer: int) -> Fit:
        """Fits prompts. answer: the tokens that are left free for the answer and its end.

        Raises:
            ConfigError: the context has no room for anything else.
        """
        if not 0 < answer < self.fit.context:
            raise ConfigError(
                f"answer = {answer}: of the {self.fit.context} tokens of the context (fit.context) "
                "leave at least 1 free for the answer, and some for the prompt"
            )
        return Fit(self.fit.context - answer + self.end_tokens, "first", 0)

    @cached_property
    def lookalikes(self) -> Any:
        """Finds text that looks like a special token."""
        return pattern(self.encoder.vocabulary.special_tokens)


def serving(recipe: str) -> Serving:
    """The settings of a recipe. recipe: the name of a shipped one, or a file.

    Of other sections than those that it needs, nothing is checked. A file that has changed is read
    again; the recipes that it extends are not.

    Raises:
        ConfigError: there is no such recipe, or it cannot be used for pages as HTML.
    """
    stamp = 0
    if recipe.endswith(".toml") and (path := Path(recipe)).is_file():
        recipe, stamp = str(path.absolute()), path.stat().st_mtime_ns
    return _serving(recipe, stamp)


@lru_cache(maxsize=8)
def _serving(recipe: str, stamp: int) -> Serving:  # noqa: ARG001 - part of the cache's key
    whole = tables.extended(tables.named(recipe, _placed), _placed)
    observations = whole.get("filter", {}).get("observations", ["html"])
    if "html" not in observations:
        raise ConfigError(
            f"recipe {recipe}: it takes {', '.join(observations)} (filter.observations) and no "
            "pages as HTML, which is what is observed here; name another recipe"
        )
    vocabulary: VocabularySettings = _section(whole, "vocabulary", VocabularySettings)
    chat = ""
    if KEY in whole:
        first = listed(whole[KEY], vocabulary)[0]
        vocabulary, chat = first.settings, first.chat
    prompt: PromptSettings = _section(whole, "prompt", PromptSettings)
    made = prompt.encoder(vocabulary.loaded(), chat)
    asking = Unanswered(made.prompt.system, made.prompt.repeats)
    stage = Observe if Observe.name in whole else Prune  # as in a build, it takes the other's place
    return Serving(
        _section(whole, stage.name, stage),
        Encoder(made.vocabulary, asking, made.chat, made.variables),
        _section(whole, "fit", FitSettings),
        checked(whole.get("unroll", {}).get("max_history", 0), int, "unroll.max_history"),
    )


def _section(whole: Mapping[str, Any], name: str, kind: type) -> Any:
    return checked(whole.get(name, {}), kind, name)


def _placed(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    return absolute(given, folder, _FILES)
