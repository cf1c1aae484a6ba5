"""From step to tokens: `Sample`, `Encoded`, `Packed` and their Arrow schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Tokens = npt.NDArray[np.int32]

NO_LOSS: Final = -100
"""Label of a token that carries no loss, as in PyTorch's and Hugging Face's cross entropy."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One self-contained next-step example, structured: nobody ever parses a prompt.

    sample_id: ``<workflow uid>/<step>``. step: number within the workflow, from 1: as recorded,
    where steps are numbered, else counting every recorded step. observation: the pruned page.
    history: the previous steps as text, oldest first, each rendered like this one's target text.
    node, target_html: id and start tag of the target; -1 and empty for an action without element.
    raw_chars: characters of the page as recorded. workflow_hash: of the recording's content without
    its ids. reward: of the workflow, as recorded; None if it is not known. repeat: the answer is
    that of the step before, at the same URL. workflow_meta, step_meta: what else was recorded, as
    JSON; never in a prompt, and in no hash. whole: no other file has more of its workflow.
    """

    sample_id: str
    workflow: str
    step: int
    source: str
    origin: str
    workflow_hash: str
    objective: str
    website: str
    topic: str
    url: str
    domain: str
    subdomain: str
    domain_from: str
    observation: str
    history: tuple[str, ...]
    action_kind: str
    action_value: str
    description: str
    node: int
    target_html: str
    raw_chars: int
    language_score: float
    reward: float | None
    repeat: bool
    workflow_meta: str = ""
    step_meta: str = ""
    whole: bool = True


SAMPLE_SCHEMA: Final = pa.schema(
    [
        ("sample_id", pa.string()),
        ("workflow", pa.string()),
        ("step", pa.int32()),
        ("source", pa.string()),
        ("origin", pa.string()),
        ("workflow_hash", pa.string()),
        ("objective", pa.string()),
        ("website", pa.string()),
        ("topic", pa.string()),
        ("url", pa.string()),
        ("domain", pa.string()),
        ("subdomain", pa.string()),
        ("domain_from", pa.string()),
        ("observation", pa.large_string()),
        ("history", pa.list_(pa.string())),
        ("action_kind", pa.string()),
        ("action_value", pa.string()),
        ("description", pa.string()),
        ("node", pa.int32()),
        ("target_html", pa.string()),
        ("raw_chars", pa.int64()),
        ("language_score", pa.float64()),
        ("reward", pa.float64()),
        ("repeat", pa.bool_()),
        ("workflow_meta", pa.string()),
        ("step_meta", pa.string()),
        ("whole", pa.bool_()),
    ]
)
assert SAMPLE_SCHEMA.names == [field.name for field in fields(Sample)]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A sample as tokens: int32 ``input_ids``; the first ``prompt_tokens`` carry no loss, all
    others do.

    chunk, chunks: which of the observation's context-sized chunks this is, from 0 at the right end,
    and how many there are (1 when the page fits whole).
    """

    sample_id: str
    input_ids: Tokens
    prompt_tokens: int
    chunk: int
    chunks: int

    @property
    def labels(self) -> Tokens:
        """``input_ids`` with `NO_LOSS` over the prompt."""
        return labels_of((self,))


def labels_of(samples: Sequence[Encoded]) -> Tokens:
    """The labels of samples, one after the other."""
    labels = np.full(sum(len(sample.input_ids) for sample in samples), NO_LOSS, np.int32)
    end = 0
    for sample in samples:
        loss = sample.input_ids[sample.prompt_tokens :]
        end += len(sample.input_ids)
        labels[end - len(loss) : end] = loss
    return labels


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Several encoded samples in one row. ``seq_lengths`` (their lengths, in order) is the only
    stored boundary.
    """

    samples: tuple[Encoded, ...]

    @property
    def tokens(self) -> int:
        """How many there are."""
        return sum(len(sample.input_ids) for sample in self.samples)

    @property
    def loss_tokens(self) -> int:
        """How many of them carry loss."""
        return sum(len(sample.input_ids) - sample.prompt_tokens for sample in self.samples)

    @property
    def seq_lengths(self) -> Tokens:
        """Tokens of each sample."""
        return np.array([len(sample.input_ids) for sample in self.samples], np.int32)

    @property
    def sample_ids(self) -> list[str]:
        """The id of each sample."""
        return [sample.sample_id for sample in self.samples]


PACKED_SCHEMA: Final = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("seq_lengths", pa.list_(pa.int32())),
        ("sample_ids", pa.list_(pa.string())),
    ]
)
