"""Conversations of one chat template, laid out once: only two messages differ from one to the next.

The tokens of all else are known before, and the page, most of the user's message, stays UTF-8. The
ids are those of `Encoder.tokens`, which calls the template each time. A model's own template may do
anything with a message, so it is not laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np

from schemas.tokens import Tokens
from schemas.utf8 import is_normal, utf8_of
from tokenization.chat import Piece
from tokenization.vocabulary import After, Vocabulary

USER: Final = "\0u"
ANSWER: Final = "\0a"
"""What stands for the two messages when the template is called."""


class _Gap(NamedTuple):
    """A piece with a message in it."""

    # whether the message is the user's; else it is the answer
    user: bool
    # the rest of the piece on either side, as UTF-8
    before: bytes
    behind: bytes
    # what stands before the piece
    after: After


class _Part(NamedTuple):
    """Part of a conversation."""

    # ids of pieces that are the same in all, or a gap
    content: Tokens | _Gap
    loss: bool


class Conversations:
    """Turns two messages into the ids of a conversation."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        placed: Iterable[tuple[Piece, After]],
        ids: Callable[[Piece, After], Tokens],
        *,
        trimmed: bool,
    ) -> None:
        """Lay out a template.

        placed: the pieces of a conversation of `USER` and `ANSWER`, each with what stands before
        it. ids: gives those of a piece. trimmed: whether the template trims the messages.
        """
        self._vocabulary, self._trimmed = vocabulary, trimmed
        self._parts: list[_Part] = []
        for piece, after in placed:
            message = next((each for each in (USER, ANSWER) if each in piece.text), "")
            if message:
                before, _, behind = piece.text.partition(message)
                gap = _Gap(message == USER, utf8_of(before), utf8_of(behind), after)
                self._parts.append(_Part(gap, piece.loss))
            else:
                self._add(ids(piece, after), loss=piece.loss)

    def _add(self, ids: Tokens, *, loss: bool) -> None:
        last = self._parts[-1] if self._parts else None
        if last and not isinstance(last.content, _Gap) and last.loss == loss:
            self._parts[-1] = _Part(np.concatenate([last.content, ids]), loss)
        else:
            self._parts.append(_Part(ids, loss))

    def __call__(
        self, before: str, page: bytes, behind: str, answer: str, *, normal: bool
    ) -> tuple[Tokens, int]:
        """The ids of one conversation, int32, and the number of prompt tokens.

        before, page, behind: the user's message; the first ends in a space, the last begins with a
        line break, and neither is blank. normal: whether the page is known to have no lone
        surrogates, and to be in NFC.
        """
        if self._trimmed:
            before, behind, answer = before.lstrip(), behind.rstrip(), answer.strip()
        head, tail = utf8_of(before), utf8_of(behind)
        ids: list[Tokens] = []
        prompt_tokens = 0
        for content, loss in self._parts:
            if not isinstance(content, _Gap):
                found = content
            elif content.user:
                start, end = content.before + head, tail + content.behind
                found = self._vocabulary.encode_utf8(
                    b"".join((start, page, end)),
                    content.after,
                    normal=normal and is_normal(start) and is_normal(end),
                )
            else:
                utf8 = content.before + utf8_of(answer) + content.behind
                found = self._vocabulary.encode_utf8(utf8, content.after)
            ids.append(found)
            if not loss:
                prompt_tokens += len(found)
        return np.concatenate(ids), prompt_tokens
