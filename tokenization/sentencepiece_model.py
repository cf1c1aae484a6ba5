"""SentencePiece models (``tokenizer.model``): what the file says, and the program that encodes.

The file is a protocol buffer. The few fields that matter are read here, so that nothing has to
agree with the version of a protobuf library: https://github.com/google/sentencepiece, file
``src/sentencepiece_model.proto``. Text is encoded by the package sentencepiece itself, on a copy of
the file with two changes:

- It puts no space in front of a text. `Vocabulary` does that, where the model would.
- Pieces that the trainer added by hand become control pieces, which no text is encoded as. Those
  that are blank, such as runs of line breaks, stay.
"""

from __future__ import annotations

import importlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from schemas.tokens import Tokens
from tokenization.families import SPACE, Family
from tokenization.splits import no_token_crosses

_NORMAL, _UNKNOWN, _CONTROL, _BY_HAND, _BYTE = 1, 2, 3, 4, 6
_NO_TEXT: Final = (_UNKNOWN, _CONTROL, _BYTE)
_NO_PREFIX: Final = b"\x1a\x02\x18\x00"
"""``normalizer_spec { add_dummy_prefix: false }``: what follows in a message replaces fields."""
_AS_CONTROL: Final = b"\x18\x03"
"""``type: CONTROL``, at the end of a piece."""


class Piece(NamedTuple):
    """One entry of the vocabulary; its place is its id."""

    # with `SPACE` for spaces; ``<0x0A>`` for a byte
    text: str
    # `_NORMAL` or another of the numbers above
    kind: int

    @property
    def bytes(self) -> bytes:
        """What it stands for in a text."""
        if self.kind == _BYTE:
            return bytes([int(self.text[3:5], 16)])
        return (
            b" \xe2\x81\x87 " if self.kind == _UNKNOWN else self.text.replace(SPACE, " ").encode()
        )

    @property
    def by_hand(self) -> bool:
        """Whether it was added by hand and is more than white space."""
        return self.kind == _BY_HAND and not self.text.replace(SPACE, " ").isspace()


@dataclass(frozen=True)
class PieceModel:
    """What a SentencePiece model file says; make one with `read`."""

    pieces: Sequence[Piece]
    # 2 for byte-pair encoding
    algorithm: int
    # whether bytes stand for characters that are no pieces
    byte_fallback: bool
    # whether a space is put in front of a text
    prefix: bool
    # whether text is changed in other ways: its characters or runs of spaces
    rewrites: bool

    @property
    def special_tokens(self) -> dict[str, int]:
        """The pieces that no text is encoded as, by their texts."""
        return {
            piece.text: i
            for i, piece in enumerate(self.pieces)
            if piece.kind in (_UNKNOWN, _CONTROL) or piece.by_hand
        }

    @property
    def uncut(self) -> bool:
        """Whether the places in `splits` are exact.

        Byte-pair encoding joins neighbours whose concatenation is a piece. If no piece reaches
        across a place, nothing on one side changes what is joined on the other.
        """
        spelled = (p.text.replace(SPACE, " ") for p in self.pieces if p.kind not in _NO_TEXT)
        whole = sum(piece.kind == _BYTE for piece in self.pieces) == 256
        plain = self.algorithm == 2 and self.byte_fallback and not self.rewrites
        return plain and whole and no_token_crosses(spelled)

    @property
    def family(self) -> Family:
        """What `Vocabulary` needs to know, with mistral-common's rule for prefixes."""
        prefix = self.prefix and not self.rewrites
        return Family(
            "", self.special_tokens, prefix="every" if prefix else "", spaces=True, uncut=self.uncut
        )


def is_model(content: bytes) -> bool:
    """Whether a file is a SentencePiece model: it begins with a piece, and is no text."""
    return content[:1] == b"\n" and content[2:3] == b"\n"


def read(content: bytes) -> PieceModel:
    """What a model file says.

    Raises: ValueError for a file of another form.
    """
    pieces: list[Piece] = []
    trainer: dict[int, int | bytes] = {}
    normaliser: dict[int, int | bytes] = {}
    for number, value, _ in _fields(content):
        if number > 3:
            continue
        inner = {key: each for key, each, _ in _fields(_message(value))}
        if number == 1:
            text, kind = _message(inner[1]).decode(), inner.get(3, _NORMAL)
            pieces.append(Piece(text, int(kind)))
        else:
            (trainer if number == 2 else normaliser).update(inner)
    if not pieces:
        raise ValueError("it has no pieces")
    as_suffix, delimiter = trainer.get(24, 0), trainer.get(53, b"")
    squeezes, escapes = normaliser.get(4, 1), normaliser.get(5, 1)
    rewrites = any((normaliser.get(2, b""), squeezes, not escapes, as_suffix, delimiter))
    return PieceModel(
        pieces, int(trainer.get(3, 1)), bool(trainer.get(35, 0)), bool(normaliser.get(3, 1)),
        rewrites,
    )  # fmt: skip


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")  # noqa: TRY004 - of the file
    return value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes, bytes]]:
    """The fields of a protocol buffer: number, value, and the bytes of the whole field."""
    at = 0
    while at < len(message):
        start = at
        key, at = _number(message, at)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _number(message, at)
            case 2:
                size, at = _number(message, at)
                value, at = message[at : at + size], at + size
            case 1 | 5 as wire:
                size = 8 if wire == 1 else 4
                value, at = message[at : at + size], at + size
            case wire:
                raise ValueError(f"a field of type {wire}")
        if at > len(message):
            raise ValueError("it ends within a field")
        yield key >> 3, value, message[start:at]


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and the place after it."""
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("it ends within a number")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _changed(content: bytes, model: PieceModel) -> bytes:
    """The file as it is encoded with; see the module."""
    if not any(piece.by_hand for piece in model.pieces):
        changed = content
    else:
        out, pieces = bytearray(), iter(model.pieces)
        for number, value, whole in _fields(content):
            if number == 1 and next(pieces).by_hand:
                piece = _message(value) + _AS_CONTROL
                whole = b"\n" + _written(len(piece)) + piece
            out += whole
        changed = bytes(out)
    return changed if model.rewrites else changed + _NO_PREFIX


class PiecesOracle:
    """The package sentencepiece on a model file.

    Without a space in front, unless the model changes text in other ways.
    """

    def __init__(self, content: bytes, special_tokens: Mapping[str, int]) -> None:
        """special_tokens: names in place of those in the file, which may be placeholders."""
        sentencepiece: Any = importlib.import_module("sentencepiece")
        self._model = read(content)
        self._special = {i: token.encode() for token, i in special_tokens.items()}
        self._processor = sentencepiece.SentencePieceProcessor(
            model_proto=_changed(content, self._model)
        )

    def ids(self, text: str) -> list[int]:
        """The ids of ``text`` as ordinary text."""
        ids: list[int] = self._processor.encode(text)
        return ids

    def encode(self, text: str) -> Tokens:
        """See `engines.Engine`."""
        return np.frombuffer(array("i", self.ids(text)), dtype=np.int32)

    def count(self, text: str) -> int:
        """See `engines.Engine`."""
        return len(self.ids(text))

    @cached_property
    def token_bytes(self) -> dict[int, bytes]:
        """Id -> the bytes that it stands for in a text; of a special token its name."""
        return {i: piece.bytes for i, piece in enumerate(self._model.pieces)} | self._special

    def decode(self, ids: list[int]) -> bytes:
        """The bytes of ``ids``. Raises: KeyError for an unknown id."""
        return b"".join(map(self.token_bytes.__getitem__, ids))
