"""Samples to the prompts of an evaluation set, by the fit and the encoder that pack samples.

A prompt is what a model reads of a packed sample: its first tokens, up to where the answer begins,
and the chat messages that they are. Messages are decoded from the tokens, as exports do it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

from etl.build.pack import PackPlan
from etl.evaluate.schema import Prompted
from schemas.errors import ConfigError
from schemas.samples import Encoded, Sample
from tokenization.encode import Encoder
from tokenization.fit import Drop, Fit
from tokenization.messages import Chat

Chunks = Literal["all", "first", "target", "recipe"]
CHUNKS: Final = ("recipe", "all", "first", "target")
"""Which chunks of a page that does not fit are asked: policies of `Fit`, or the recipe's own."""

_NODE: Final = re.compile(r' node="(\d+)"')
_LINE: Final = re.compile(r"(?m)^(\d+) ")


@dataclass(frozen=True)
class Prompter:
    """Turns samples into prompts, as the packing of a split does."""

    plan: PackPlan
    # the fit of evaluation
    fit: Fit

    @property
    def encoder(self) -> Encoder:
        """What makes tokens of samples."""
        return self.plan.encoder

    @cached_property
    def _chat(self) -> Chat:
        return Chat(self.encoder)

    def __call__(self, sample: Sample, nodes: Collection[int]) -> list[Prompted] | Drop:
        """The prompts of a sample, a chunk each, from left to right; or why there are none.

        nodes: its gold elements.
        """
        fitted = self.plan.fitted(sample, self.fit)
        if isinstance(fitted, Drop):
            return fitted
        asked = [self._chat(each.input_ids, each.labels)[:-1] for each in fitted]
        pages = [self._page(sample, messages[-1]["content"]) for messages in asked]
        if sample.fitted:  # lines were cut: only those of elements that stay have their numbers
            inside = [self._numbered(sample, page, nodes) for page in pages]
        elif sample.observation_kind == "axtree":
            inside = self._lines_inside(fitted, pages, nodes)
        else:
            wanted = {str(node) for node in nodes}
            inside = [not wanted.isdisjoint(_NODE.findall(page)) for page in pages]
        return [
            Prompted(messages, each.input_ids[: each.prompt_tokens], holds)
            for messages, each, holds in zip(asked, fitted, inside, strict=True)
        ]

    def page_tokens(self, sample: Sample) -> int:
        """The number of tokens of the whole page."""
        vocabulary = self.encoder.vocabulary
        return len(vocabulary.encode_utf8(sample.utf8, "text", normal=sample.is_normal))

    def _lines_inside(
        self, fitted: Sequence[Encoded], pages: Sequence[str], nodes: Collection[int]
    ) -> list[bool]:
        """Whether each chunk holds one of the elements, in pages whose ids count lines."""
        if self.fit.policy == "target" and fitted[0].chunks > 1:
            return [True]
        inside: list[bool] = []
        after = 0
        for page in reversed(pages):
            lines = page.rstrip("\n").count("\n") + 1
            inside.append(any(after <= node < after + lines for node in nodes))
            after += lines
        return inside[::-1]

    @staticmethod
    def _numbered(sample: Sample, page: str, nodes: Collection[int]) -> bool:
        """Whether a page of lines, of which some were cut, holds one of the elements."""
        if sample.observation_kind == "lines":
            return not {str(node) for node in nodes}.isdisjoint(_LINE.findall(page))
        return sample.target_html in map(str.strip, page.split("\n"))

    def _page(self, sample: Sample, user: str) -> str:
        """The part of the page in a prompt: between the texts around it."""
        before, after = map(self.encoder.vocabulary.normalise, self.encoder.prompt.frame(sample))
        end = len(user) - len(after)
        if user[end:] != after:  # a template that trims messages
            end = len(user) - len(after.rstrip())
        return user[len(before) : end]


def prompter(plan: PackPlan, split: str, chunks: Chunks) -> Prompter:
    """The prompter of a split.

    Raises:
        ConfigError: the plan has no such split.
    """
    fit = plan.fits.get(split) or plan.fits.get("test")
    if fit is None:
        raise ConfigError(f"no chunk policy for the split {split}; give --chunks")
    return Prompter(plan, fit if chunks == "recipe" else replace(fit, policy=chunks))
