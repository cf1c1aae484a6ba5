"""From step to tokens: `Sample`, `Encoded`, `Packed`. Their Arrow schemas are in `sample_table`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

import numpy as np

from schemas.tokens import Tokens
from schemas.utf8 import held_characters, held_text, held_utf8, is_normal
from schemas.workflow import target_id

Int32 = Annotated[int, "int32"]
LongText = Annotated[str, "large_string"]
"""Text of a column that may hold more than 2 GiB."""

NO_LOSS: Final = -100
"""Label of a token that carries no loss, as in PyTorch's and Hugging Face's cross entropy."""


@dataclass(frozen=True)
class Sample:
    """One self-contained next-step example, in fields, so that nobody parses a prompt.

    The observation is held as text or as UTF-8 (`schemas.utf8`).
    """

    # <workflow>/<step>
    sample_id: str
    # uid of its workflow
    workflow: str
    # number within the workflow, from 1: as recorded, where steps are numbered, else counting every
    # recorded step
    step: Int32
    # name of the source that read it
    source: str
    # the file and record it was read from
    origin: str
    # hash of the recording's content without its ids
    workflow_hash: str
    objective: str
    website: str
    topic: str
    url: str
    domain: str
    subdomain: str
    # where the domain was read: url, website, none
    domain_from: str
    # the pruned page, or the page as text
    observation: LongText
    # the previous steps as text, oldest first, each rendered like this one's target text
    history: tuple[str, ...]
    action_kind: str
    action_value: str
    description: str
    # id of the target in the observation; -1 for an action without element
    node: Int32
    # start tag of the target, or its line of a text; empty for an action without element
    target_html: str
    # characters of the page as recorded
    raw_chars: int
    # probability that the objective is English, 0 to 1; -1 without an objective
    language_score: float
    # of the workflow, as recorded; None if it is not known
    reward: float | None
    # the answer is that of the step before, at the same URL
    repeat: bool
    # what else was recorded, as JSON; never in a prompt, and in no hash
    workflow_meta: str = ""
    step_meta: str = ""
    # no other file holds steps of its workflow
    whole: bool = True
    # what the observation is: html, axtree or lines
    observation_kind: str = "html"
    # id of the target in a text observation, as it stands there; empty for a page
    ref: str = ""
    # of its workflow: steps that are known to have failed, and steps that repeat an earlier one on
    # the same page, byte for byte
    failed_steps: Int32 = 0
    loops: Int32 = 0
    # its own action failed, as the recording says
    failed: bool = False
    # of an observation that was made to fit a budget: the index of its target, its tokens and what
    # was taken from it, as JSON; never in a prompt, and in no hash
    fitted: str = ""

    @property
    def utf8(self) -> bytes:
        """The observation as UTF-8, with lone surrogates."""
        return held_utf8(self, "observation")

    @property
    def characters(self) -> int:
        """The number of characters of the observation."""
        return held_characters(self, "observation")

    @property
    def target_id(self) -> str:
        """The target's id as answers give it; empty for an action without element."""
        return target_id(self.node, self.ref)

    @cached_property
    def is_normal(self) -> bool:
        """Whether the observation has no lone surrogates and is in NFC."""
        return is_normal(self.utf8)


held_text(Sample, "observation")


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A sample as tokens, with one of the chunks into which its observation was cut."""

    sample_id: str
    # int32, prompt and completion
    input_ids: Tokens
    # how many of the first ids carry no loss; all others do
    prompt_tokens: int
    # number of the chunk, from 0 at the right end of the observation
    chunk: int
    # number of chunks of the observation; 1 if it fits whole
    chunks: int
    # tokens of the sample's chunks that are not kept, together
    cut_tokens: int = 0

    @property
    def labels(self) -> Tokens:
        """``input_ids`` with `NO_LOSS` over the prompt."""
        return labels_of((self,))


def labels_of(samples: Sequence[Encoded], labels: Tokens | None = None) -> Tokens:
    """The labels of samples, one after the other, int32. labels: an array to write them into."""
    if labels is None:
        labels = np.empty(sum(len(sample.input_ids) for sample in samples), np.int32)
    labels.fill(NO_LOSS)
    end = 0
    for sample in samples:
        loss = sample.input_ids[sample.prompt_tokens :]
        end += len(sample.input_ids)
        labels[end - len(loss) : end] = loss
    return labels


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Several encoded samples in one row of the dataset."""

    samples: tuple[Encoded, ...]

    @property
    def tokens(self) -> int:
        """The number of tokens."""
        return sum(len(sample.input_ids) for sample in self.samples)

    @property
    def loss_tokens(self) -> int:
        """The number of tokens that carry loss."""
        return sum(len(sample.input_ids) - sample.prompt_tokens for sample in self.samples)

    @property
    def seq_lengths(self) -> Tokens:
        """The number of tokens of each sample, int32: the only boundary that is stored."""
        return np.array([len(sample.input_ids) for sample in self.samples], np.int32)

    @property
    def sample_ids(self) -> list[str]:
        """The id of each sample."""
        return [sample.sample_id for sample in self.samples]


def element_of(elements: int, node: int, fitted: str) -> int:
    """The index of a target among the elements of its page; -1 if it has none there.

    node, fitted: of the sample. Node ids count elements from the end; numbers of an observation
    that is lines do not, so that ``fitted`` has the index.
    """
    noted: dict[str, int] = json.loads(fitted or "{}")
    if "element" in noted:  # earlier builds counted from the end here too
        return noted["element"]
    return elements - 1 - node if 0 <= node < elements else -1
