"""Chat templates: a system, a user and an assistant message as pieces of text and special tokens.

A template never leaves the special tokens in text: they are pieces of their own, so text that looks
like one stays text. The completion is a piece of its own too: at inference the prompt's tokens are
fixed before the first token of the answer. Loss is on the completion and the token that ends it,
nothing after.

- chatml: Qwen2.5's ``chat_template`` with a system message (the line break after the last end token
  is left out).
- mistral: v3 with tekken, as mistral-common encodes it: the system message goes before the last
  user message.
- llama3: Meta's model card; each message is trimmed, as its ``chat_template`` does.
- plain: for base models: no roles; ends with the vocabulary's end of text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.errors import ConfigError


class Piece(NamedTuple):
    """Text to be encoded whole, or the name of one special token. loss:
    whether it is trained on.
    """

    text: str
    special: bool = False
    loss: bool = False


Template = Callable[[str, str, str], list[Piece]]


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
    """No template: the system message as a first paragraph."""
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
    """The id of a special token. Errors: ConfigError if the vocabulary has none by this name."""
    for candidate in END_OF_TEXT_NAMES if name == END_OF_TEXT else (name,):
        if candidate in special_tokens:
            return special_tokens[candidate]
    raise ConfigError(
        f"the vocabulary has no special token {name}: choose another chat template or vocabulary"
    )
