"""A sample's tokens as chat messages, decoded by the template that they were made with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from schemas.errors import IntegrityError
from schemas.samples import NO_LOSS
from schemas.tokens import Tokens
from tokenization.encode import Encoder
from tokenization.lookalikes import escaped, pattern

_USER: Final = "\0user\0"
_ANSWER: Final = "\0answer\0"
"""Stand for the messages where the texts around them are looked for."""

Frame = tuple[str, str]
"""The text before a message and the text after it."""


@dataclass(frozen=True)
class Chat:
    """Decodes tokens into chat messages."""

    encoder: Encoder
    """What made the tokens."""
    escape: bool = False
    """Whether to escape text that looks like a special token."""

    def __call__(self, ids: Tokens, labels: Tokens) -> list[dict[str, str]]:
        """The messages of one sample.

        Raises:
            IntegrityError: if its tokens do not follow the template, or are not text.
        """
        asked = self._text(ids[: int(np.argmax(labels != NO_LOSS))])
        messages = {
            "user": self._within(asked, self._frames[0]),
            "assistant": self.answer(ids, labels),
        }
        system = self.encoder.prompt.system
        return [
            *([{"role": "system", "content": system}] if system else []),
            *({"role": role, "content": text} for role, text in messages.items()),
        ]

    def answer(self, ids: Tokens, labels: Tokens) -> str:
        """The answer of one sample.

        Raises:
            IntegrityError: as for all of its messages.
        """
        start, end = int(np.argmax(labels != NO_LOSS)), len(ids) - len(self._end)
        if not np.array_equal(ids[end:], self._end):
            raise self._other()
        return self._within(self._text(ids[start:end]), self._frames[1])

    def guarded(self, messages: list[dict[str, str]]) -> tuple[list[dict[str, str]], int]:
        """Messages, escaped if asked for, and the number of texts that look like special tokens."""
        count, guarded = 0, []
        for message in messages:
            text, more = escaped(message["content"], self._lookalikes)
            count += more
            guarded.append(message | {"content": text} if self.escape else message)
        return guarded, count

    @cached_property
    def _lookalikes(self) -> re.Pattern[str]:
        return pattern(self.encoder.vocabulary.special_tokens)

    def _text(self, ids: Tokens) -> str:
        try:
            return self.encoder.vocabulary.decode_bytes(ids).decode("utf-8")
        except (UnicodeDecodeError, KeyError) as error:
            raise IntegrityError(
                f"its tokens are not text in the vocabulary {self.encoder.vocabulary.name}: {error}"
            ) from error

    def _within(self, text: str, frame: Frame) -> str:
        """The message that stands between the texts of its frame."""
        before, after = frame
        whole = len(before) + len(after)
        if len(text) < whole or not text.startswith(before) or not text.endswith(after):
            raise self._other()
        return text[len(before) : len(text) - len(after)]

    def _other(self) -> IntegrityError:
        return IntegrityError(
            f"a sample is not in the chat template {self.encoder.chat}; check with: stepmill verify"
        )

    @cached_property
    def _frames(self) -> tuple[Frame, Frame]:
        """What is around the user's message in the prompt, and around the answer up to `_end`."""
        prompt, answer, vocabulary = "", "", self.encoder.vocabulary
        for piece, after in self.encoder.placed(_USER, _ANSWER):
            shown = piece.text if piece.special else vocabulary.normalise(piece.text)
            if not piece.special:
                shown = vocabulary.prefix(shown, after) + shown
            if not piece.loss:
                prompt += shown
            elif _ANSWER not in answer:
                answer += shown
        before, mark, after_user = prompt.partition(_USER)
        assert mark
        return (before, after_user), answer.partition(_ANSWER)[::2]

    @cached_property
    def _end(self) -> Tokens:
        """The tokens after the text that holds the answer."""
        placed = self.encoder.placed(_USER, _ANSWER)
        at = next(i for i, (piece, _) in enumerate(placed) if _ANSWER in piece.text)
        ids = [self.encoder.ids(*each) for each in placed[at + 1 :]]
        return np.concatenate(ids) if ids else np.empty(0, np.int32)
