"""A page as a model sees it: the text that training saw, and the elements behind its node ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Final

from etl.pages.page import Page
from etl.pages.reading import read
from etl.serve.expand import cut_at
from etl.serve.nodes import Nodes
from etl.serve.recipe import Serving
from schemas.errors import AnswerError, PageError
from schemas.samples import Sample
from tokenization.fit import Drop, Seen

ANSWER: Final = 512
"""Tokens of the context that are left free for the answer; few answers take a quarter of that."""


@dataclass(frozen=True)
class _Call:
    """The arguments of `observed`."""

    page: Page
    objective: str
    history: tuple[str, ...]
    url: str
    serving: Serving
    chunk: int
    answer: int
    budget: int
    # element -> the number of the expansion, from 1, in which it was asked for last
    wanted: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """What a model sees of a page."""

    # as the prompt has it
    text: str
    # number of the chunk that it is, from 0 at the right end of the page
    chunk: int
    # chunks of the page; 1: it fits whole
    chunks: int
    _call: _Call = field(repr=False, compare=False)

    @cached_property
    def tokens(self) -> int:
        """The number of tokens of `text` alone, in the recipe's vocabulary."""
        return len(self._call.serving.encoder.vocabulary.encode(self.text))

    @cached_property
    def nodes(self) -> Nodes:
        """The elements that the text shows, by node id."""
        page, serving = self._call.page, self._call.serving
        return Nodes(page, self.text, serving.pruner, partial(serving.element, page))

    def cut_at(self, node: int) -> tuple[int, ...]:
        """The ids of the elements that `expand` would show first, in document order.

        Raises:
            AnswerError: as `expand` does.
        """
        page, compactor = self._call.page, self._call.serving.compactor
        if self.chunks > 1:
            raise AnswerError(
                "nothing_cut",
                f"this is chunk {self.chunk} of {self.chunks}, whole from its start to its end; "
                "observe another chunk of the page",
            )
        if compactor is None:
            raise AnswerError("nothing_cut", "the page is shown whole: it is its only chunk")
        element = compactor.element(page, node)
        if element < 0:
            raise AnswerError("nothing_cut", f"the page has no node {node}")
        shown = {compactor.element(page, each) for each in self.nodes.tags}
        cut = cut_at(compactor, page, shown, element)
        return tuple(compactor.number(page, each) for each in cut)

    def expand(self, node: int) -> Observation:
        """The same page within the same budget, with the elements that were cut at a node.

        They come first, in their long forms. Those of earlier expansions come next, the latest
        first; the others share what is left. The history needs no step for it.

        node: with a line: what was cut right before and right after the line. Any other number of
        the page: what was cut where its line would stand.

        Raises:
            AnswerError: ``nothing_cut``: nothing was cut there, or the observation is a chunk.
            PageError: as `stepmill.observe` does.
        """
        call = self._call
        latest = max(call.wanted.values(), default=0) + 1
        element = partial(call.serving.element, call.page)
        cut = {element(id): latest for id in self.cut_at(node)}
        return _observed(replace(call, wanted={**call.wanted, **cut}))


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
    given = tuple(history)
    return _observed(_Call(read(html), objective, given, url, serving, chunk, answer, budget))


def _observed(call: _Call) -> Observation:
    serving, objective = call.serving, _one_space(call.objective)
    whole = serving.text(call.page, objective, call.history, call.budget, call.wanted)
    sample = asked(serving, objective, call.url, whole, call.history)
    seen = serving.fitting(call.answer).seen(sample, serving.encoder, call.chunk)
    if isinstance(seen, Seen) and seen.chunks > 1 and serving.fit.test == "drop":
        seen = Drop("over_context", f'{seen.chunks} chunks, and fit.test is "drop"')
    if isinstance(seen, Drop):
        raise PageError(seen.reason, seen.detail)
    return Observation(seen.text, seen.chunk, seen.chunks, call)


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
