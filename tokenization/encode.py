"""Samples to tokens: prompt, chat template and vocabulary together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from schemas.errors import ConfigError
from schemas.samples import Encoded, Sample
from schemas.tokens import Tokens
from tokenization.chat import TEMPLATES, special_id
from tokenization.prompt import Prompt
from tokenization.vocabulary import Vocabulary


@dataclass(frozen=True)
class Encoder:
    """Turns samples into `Encoded`.

    Raises: `ConfigError`, when it is made, for an unknown chat template and for one whose special
    tokens the vocabulary lacks.
    """

    vocabulary: Vocabulary
    prompt: Prompt = field(default_factory=Prompt)
    # name of the chat template, one of `chat.TEMPLATES`
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
        """One chunk of a sample, with ``user`` as its prompt.

        number: of the chunk, from 0 at the right end. chunks: how many the sample has.
        """
        ids, prompt_tokens = self.tokens(user, self.prompt.completion(sample))
        return Encoded(sample.sample_id, ids, prompt_tokens, number, chunks)

    def head(self, start: str) -> int:
        """The number of tokens up to and including ``start``, with which the user's message begins.

        Right only where text may be split after ``start``.
        """
        size = 0
        for piece in TEMPLATES[self.chat](self.prompt.system, start, ""):
            size += 1 if piece.special else len(self.vocabulary.encode(piece.text))
            if not piece.special and piece.text.endswith(start):
                break
        return size

    def tokens(self, user: str, completion: str) -> tuple[Tokens, int]:
        """The ids of one conversation, int32, and the number of prompt tokens.

        Those are at its start, and carry no loss.
        """
        ids: list[Tokens] = []
        prompt_tokens = 0
        for piece in TEMPLATES[self.chat](self.prompt.system, user, completion):
            fixed = self._fixed.get(piece[:2])
            ids.append(self.vocabulary.encode(piece.text) if fixed is None else fixed)
            if not piece.loss:
                prompt_tokens += len(ids[-1])
        return np.concatenate(ids), prompt_tokens

    @cached_property
    def _fixed(self) -> dict[tuple[str, bool], Tokens]:
        """The ids of the pieces that every conversation shares.

        They are the special tokens, the system message and the names of roles, keyed by (text,
        special).
        """
        fixed: dict[tuple[str, bool], Tokens] = {}
        for piece in TEMPLATES[self.chat](self.prompt.system, "", ""):
            if piece.special:
                token = special_id(piece.text, self.vocabulary.special_tokens)
                ids = np.array([token], np.int32)
            else:
                ids = self.vocabulary.encode(piece.text)
            fixed[piece.text, piece.special] = ids
        return fixed
