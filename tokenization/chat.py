"""Chat templates: a system, a user and an assistant message as pieces of text and special tokens.

Special tokens are pieces of their own, never part of a text, so text that looks like one stays
text. The completion is a piece of its own too, because at inference the prompt is tokenized before
the answer begins. Loss is on the completion and on the token that ends it.

- chatml: Qwen2.5's ``chat_template`` with a system message, without the line break after the last
  end token.
- mistral: v3 with tekken, as mistral-common encodes it: the system message goes before the last
  user message.
- llama3: Meta's model card. Each message is trimmed, as its ``chat_template`` does.
- plain: for base models. No roles; ends with the vocabulary's end of text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.errors import ConfigError


class Piece(NamedTuple):
    """Part of a conversation: text to be encoded whole, or one special token."""

    # the text, or the special token's name
    text: str
    special: bool = False
    # whether the model is trained on it
    loss: bool = False


Template = Callable[[str, str, str], list[Piece]]
"""System, user and assistant message -> the conversation in pieces."""


def chatml(system: str, user: str, assistant: str) -> list[Piece]:
    """Qwen and other ChatML models."""
    start, end = Piece("<|im_start|>", special=True), Piece("<|im_end|>", special=True)
    return [
        *(start, Piece(f"system\n{system}"), end, Piece("\n")),
        *(start, Piece(f"user\n{user}"), end, Piece("\n")),
        *(
            start,
            Piece("assistant\n"),
            Piece(assistant, loss=True),
            Piece("<|im_end|>", special=True, loss=True),
        ),
    ]


def mistral(system: str, user: str, assistant: str) -> list[Piece]:
    """Mistral v3 with tekken."""
    return [
        Piece("<s>", special=True),
        Piece("[INST]", special=True),
        Piece(f"{system}\n\n{user}" if system else user),
        Piece("[/INST]", special=True),
        Piece(assistant, loss=True),
        Piece("</s>", special=True, loss=True),
    ]


def llama3(system: str, user: str, assistant: str) -> list[Piece]:
    """Llama 3 Instruct."""
    start, end = (
        Piece("<|start_header_id|>", special=True),
        Piece("<|end_header_id|>", special=True),
    )
    stop = Piece("<|eot_id|>", special=True)
    return [
        Piece("<|begin_of_text|>", special=True),
        *(start, Piece("system"), end, Piece(f"\n\n{system.strip()}"), stop),
        *(start, Piece("user"), end, Piece(f"\n\n{user.strip()}"), stop),
        *(start, Piece("assistant"), end, Piece("\n\n")),
        Piece(assistant.strip(), loss=True),
        Piece("<|eot_id|>", special=True, loss=True),
    ]


def plain(system: str, user: str, assistant: str) -> list[Piece]:
    """No template: the system message is the first paragraph."""
    return [
        Piece(f"{system}\n\n{user}" if system else user),
        Piece(assistant, loss=True),
        Piece(END_OF_TEXT, special=True, loss=True),
    ]


END_OF_TEXT: Final = "<end of text>"
"""Stands for whichever token in `END_OF_TEXT_NAMES` the vocabulary has."""

END_OF_TEXT_NAMES: Final = ("<|endoftext|>", "</s>", "<|end_of_text|>")

TEMPLATES: Final[dict[str, Template]] = {
    "chatml": chatml,
    "mistral": mistral,
    "llama3": llama3,
    "plain": plain,
}


def special_id(name: str, special_tokens: dict[str, int]) -> int:
    """The id of a special token.

    Raises: `ConfigError` if the vocabulary has no special token of this name.
    """
    for candidate in END_OF_TEXT_NAMES if name == END_OF_TEXT else (name,):
        if candidate in special_tokens:
            return special_tokens[candidate]
    raise ConfigError(
        f"the vocabulary has no special token {name}: choose another chat template or vocabulary"
    )
