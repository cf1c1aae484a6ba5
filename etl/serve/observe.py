"""A page as a model sees it: the text that training saw, and the elements behind its node ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from etl.pages.page import Page
from etl.pages.prune import Pruner
from etl.pages.reading import read
from etl.serve.nodes import Nodes
from etl.serve.recipe import Serving
from schemas.errors import PageError
from schemas.samples import Sample
from tokenization.fit import Drop, Seen
from tokenization.vocabulary import Vocabulary

ANSWER: Final = 512
"""Tokens of the context that are left free for the answer; few answers take a quarter of that."""


@dataclass(frozen=True)
class Observation:
    """What a model sees of a page."""

    # as the prompt has it
    text: str
    # number of the chunk that it is, from 0 at the right end of the page
    chunk: int
    # chunks of the page; 1: it fits whole
    chunks: int
    _page: Page = field(repr=False, compare=False)
    _pruner: Pruner | None = field(repr=False, compare=False)
    _vocabulary: Vocabulary = field(repr=False, compare=False)

    @cached_property
    def tokens(self) -> int:
        """The number of tokens of `text` alone, in the recipe's vocabulary."""
        return len(self._vocabulary.encode(self.text))

    @cached_property
    def nodes(self) -> Nodes:
        """The elements that the text shows, by node id."""
        return Nodes(self._page, self.text, self._pruner)


def observed(
    html: str | bytes,
    objective: str,
    history: Sequence[str],
    url: str,
    serving: Serving,
    chunk: int = 0,
    answer: int = ANSWER,
    budget: int = 0,
) -> Observation:
    """What a model sees of a page in a prompt.

    html: the serialised DOM, or its UTF-8. history: the steps before, as texts. chunk: which one of
    a page that is too long. answer: tokens of the context that are left free for the answer.
    budget: tokens of the observation; 0: those of the recipe, as in training.

    Raises:
        ConfigError: ``answer`` leaves no room for a prompt, or the recipe has no budget.
        PageError: ``over_context``, if the page does not fit and the recipe does not cut it
            (``fit.test = "drop"``), or cannot be cut so that it fits.
    """
    page = read(html)
    whole = serving.text(page, _one_space(objective), history, url, budget)
    sample = asked(serving, objective, url, whole, history)
    seen = serving.fitting(answer).seen(sample, serving.encoder, chunk)
    if isinstance(seen, Seen) and seen.chunks > 1 and serving.fit.test == "drop":
        seen = Drop("over_context", f'{seen.chunks} chunks, and fit.test is "drop"')
    if isinstance(seen, Drop):
        raise PageError(seen.reason, seen.detail)
    return Observation(
        seen.text, seen.chunk, seen.chunks, page, serving.pruner, serving.encoder.vocabulary
    )


def asked(
    serving: Serving,
    objective: str,
    url: str,
    observation: str | bytes,
    history: Sequence[str],
) -> Sample:
    """A sample without an answer. observation: or its UTF-8."""
    return Sample(
        sample_id="",
        workflow="",
        step=1,
        source="",
        origin="",
        workflow_hash="",
        objective=_one_space(objective),
        website="",
        topic="",
        url=url,
        domain="",
        subdomain="",
        domain_from="",
        observation=observation,  # type: ignore[arg-type] # it holds either
        observation_kind=serving.kind,
        history=serving.latest(tuple(history)),
        action_kind="",
        action_value="",
        description="",
        node=-1,
        target_html="",
        raw_chars=0,
        language_score=-1.0,
        reward=None,
        repeat=False,
    )


def _one_space(objective: str) -> str:
    """An objective as workflows are entered with it."""
    return " ".join(objective.split())
