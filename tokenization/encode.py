"""Samples to tokens: prompt, chat template and vocabulary together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from schemas.errors import ConfigError
from schemas.samples import Encoded, Sample, Tokens
from tokenization.chat import TEMPLATES, special_id
from tokenization.prompt import Prompt
from tokenization.vocabulary import Vocabulary


@dataclass(frozen=True)
class Encoder:
    """Samples to `Encoded`. chat: a name in `chat.TEMPLATES`.

    Errors: ConfigError at once for an unknown template or one whose special tokens the vocabulary
    lacks.
    """

    vocabulary: Vocabulary
    prompt: Prompt = field(default_factory=Prompt)
    chat: str = "chatml"

    def __post_init__(self) -> None:
        if self.chat not in TEMPLATES:
            raise ConfigError(f"chat template {self.chat!r} is not one of {', '.join(TEMPLATES)}")
        for piece in TEMPLATES[self.chat]("", "", ""):
            if piece.special:
                special_id(piece.text, self.vocabulary.special_tokens)

    def __call__(self, sample: Sample) -> Encoded:
        """The whole sample as one chunk, however long."""
        return self.chunk(sample, self.prompt.user(sample), 0, 1)

    def chunk(self, sample: Sample, user: str, number: int, chunks: int) -> Encoded:
        """A sample with ``user`` as its prompt: chunk ``number`` (from 0 at the right end) of
        ``chunks``.
        """
        ids, prompt_tokens = self.tokens(user, self.prompt.completion(sample))
        return Encoded(sample.sample_id, ids, prompt_tokens, number, chunks)

    def head(self, start: str) -> int:
        """How many tokens come before what follows ``start`` in the user's message, if they may be
        split there.
        """
        size = 0
        for piece in TEMPLATES[self.chat](self.prompt.system, start, ""):
            size += 1 if piece.special else len(self.vocabulary.encode(piece.text))
            if not piece.special and piece.text.endswith(start):
                break
        return size

    def tokens(self, user: str, completion: str) -> tuple[Tokens, int]:
        """The ids of one conversation, int32, and how many of the first carry no loss."""
        ids: list[Tokens] = []
        prompt_tokens = 0
        for piece in TEMPLATES[self.chat](self.prompt.system, user, completion):
            found = self._fixed.get(piece[:2])
            ids.append(self.vocabulary.encode(piece.text) if found is None else found)
            if not piece.loss:
                prompt_tokens += len(ids[-1])
        return np.concatenate(ids), prompt_tokens

    @cached_property
    def _fixed(self) -> dict[tuple[str, bool], Tokens]:
        """The ids of what every conversation has: special tokens, the system message, names of
        roles.
        """
        vocabulary = self.vocabulary
        return {
            (piece.text, piece.special): np.array(
                [special_id(piece.text, vocabulary.special_tokens)], np.int32
            )
            if piece.special
            else vocabulary.encode(piece.text)
            for piece in TEMPLATES[self.chat](self.prompt.system, "", "")
        }
