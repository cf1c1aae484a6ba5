"""Samples to tokens: prompt, chat template and vocabulary together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from schemas.errors import ConfigError
from schemas.samples import Encoded, Sample
from schemas.tokens import Tokens
from schemas.utf8 import text_of
from tokenization.chat import OWN, TEMPLATES, TRIMMED, Piece, Template, special_id, usual
from tokenization.conversation import ANSWER, USER, Conversations
from tokenization.prompt import Prompt
from tokenization.vocabulary import After, Vocabulary


def usual_chat(vocabulary: Vocabulary) -> str:
    """The name of the chat template that a vocabulary's models are made with.

    Raises: `ConfigError` if none is known, and the vocabulary has the special tokens of none.
    """
    return OWN if vocabulary.own_chat else usual(vocabulary.family.chat, vocabulary.special_tokens)


@dataclass(frozen=True)
class Encoder:
    """Turns samples into `Encoded`.

    Raises: `ConfigError`, when it is made, for an unknown chat template, for one whose special
    tokens the vocabulary lacks, and for a model's own that does not take the messages.
    """

    vocabulary: Vocabulary
    prompt: Prompt = field(default_factory=Prompt)
    # name of the chat template, one of `chat.TEMPLATES` or `chat.OWN`
    chat: str = "chatml"
    # variables of a model's own chat template
    variables: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.chat == OWN:
            own = self.vocabulary.own_chat
            if own is None:
                raise ConfigError(
                    f"chat template {OWN!r}: the vocabulary {self.vocabulary.name} has none of its "
                    f"own; choose one of {', '.join(TEMPLATES)}, or a vocabulary.model with one"
                )
            replace(own, variables=self.variables).check(self.prompt.system)
        elif self.chat not in TEMPLATES:
            raise ConfigError(f"chat template {self.chat!r} is not one of {', '.join(TEMPLATES)}")
        elif self.variables:
            raise ConfigError(
                f"prompt.chat_variables are those of a model's own chat template; {self.chat} has "
                "none"
            )
        for piece in self.template(self.prompt.system, "x", "y"):
            if piece.special:
                special_id(piece.text, self.vocabulary.special_tokens)

    @cached_property
    def template(self) -> Template:
        """The chat template."""
        if self.chat != OWN:
            return TEMPLATES[self.chat]
        assert self.vocabulary.own_chat is not None
        return replace(self.vocabulary.own_chat, variables=self.variables)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the template, for a fingerprint: its name, and all else of a model's own."""
        if self.chat != OWN:
            return {"chat": self.chat}
        assert self.vocabulary.own_chat is not None
        own = {"sha256": self.vocabulary.own_chat.sha256, "variables": dict(self.variables)}
        return {"chat": self.chat, "own_chat": own}

    def __call__(self, sample: Sample) -> Encoded:
        """The whole sample as one chunk, however long."""
        return self.chunk(sample, sample.utf8, 0, 1)

    def chunk(self, sample: Sample, observation: bytes, number: int, chunks: int) -> Encoded:
        """One chunk of a sample.

        observation: the part of it in this chunk, as UTF-8. number: of the chunk, from 0 at the
        right end. chunks: how many the sample has.
        """
        (before, behind), answer = self.prompt.frame(sample), self.prompt.completion(sample)
        if self._conversations:
            ids, prompt_tokens = self._conversations(
                before, observation, behind, answer, normal=sample.is_normal
            )
        else:
            ids, prompt_tokens = self.tokens(before + text_of(observation) + behind, answer)
        return Encoded(sample.sample_id, ids, prompt_tokens, number, chunks)

    def head(self, start: str) -> int:
        """The number of tokens up to and including ``start``, with which the user's message begins.

        Right only where text may be split after ``start``.
        """
        placed = self.placed(start, "x")
        last = max(
            i for i, (piece, _) in enumerate(placed)
            if not piece.special and not piece.loss and start in piece.text
        )  # fmt: skip
        piece, after = placed[last]
        before, start, _ = piece.text.rpartition(start)
        sizes = [len(self.ids(*each)) for each in placed[:last]]
        return sum(sizes) + len(self.vocabulary.encode(before + start, after))

    def tokens(self, user: str, completion: str) -> tuple[Tokens, int]:
        """The ids of one conversation, int32, and the number of prompt tokens.

        Those are at its start, and carry no loss.
        """
        ids: list[Tokens] = []
        prompt_tokens = 0
        for piece, after in self.placed(user, completion):
            ids.append(self.ids(piece, after))
            if not piece.loss:
                prompt_tokens += len(ids[-1])
        return np.concatenate(ids), prompt_tokens

    def ids(self, piece: Piece, after: After) -> Tokens:
        """The ids of a piece of a conversation, int32."""
        fixed = self._fixed.get((*piece[:2], after))
        return self._encoded(piece, after) if fixed is None else fixed

    def _encoded(self, piece: Piece, after: After) -> Tokens:
        if piece.special:
            return np.array([special_id(piece.text, self.vocabulary.special_tokens)], np.int32)
        return self.vocabulary.encode(piece.text, after)

    @cached_property
    def _fixed(self) -> dict[tuple[str, bool, After], Tokens]:
        """The ids of the pieces that every conversation shares.

        They are the special tokens, the system message and the names of roles, keyed by (text,
        special, what stands before).
        """
        pieces = self.placed("x", "y")
        return {(*piece[:2], after): self._encoded(piece, after) for piece, after in pieces}

    @cached_property
    def _conversations(self) -> Conversations | None:
        """The template laid out; None for a model's own, and for an odd system message."""
        if self.chat == OWN or USER in self.prompt.system or ANSWER in self.prompt.system:
            return None
        placed = self.placed(USER, ANSWER)
        return Conversations(self.vocabulary, placed, self.ids, trimmed=self.chat in TRIMMED)

    def placed(self, user: str, completion: str) -> list[tuple[Piece, After]]:
        """The pieces of a conversation, each with what stands before it."""
        return list(_placed(self.template(self.prompt.system, user, completion)))


def noted(settings: Mapping[str, Any], vocabulary: Vocabulary) -> Encoder:
    """The encoder that made a dataset's tokens.

    settings: of the dataset's packing, from its manifest. vocabulary: the dataset's.

    Raises: `ConfigError` if the chat template of the model's folder is another one now.
    """
    own = settings.get("own_chat", {})
    prompt = Prompt(**settings["prompt"])
    encoder = Encoder(vocabulary, prompt, settings["chat"], own.get("variables", {}))
    if encoder.settings.get("own_chat", {}) != own:
        raise ConfigError(
            f"the chat template of {vocabulary.name} is not the one that the dataset was made with "
            f"(sha256 {own['sha256']}); name the folder that has it: --vocabulary DIR"
        )
    return encoder


def _placed(pieces: list[Piece]) -> Iterator[tuple[Piece, After]]:
    """The pieces, each with what stands before it."""
    after: After = "nothing"
    for piece in pieces:
        yield piece, after
        after = "special" if piece.special else "text"
