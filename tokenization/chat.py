"""Chat templates: a system, a user and an assistant message as pieces of text and special tokens.

Special tokens are pieces of their own, never part of a text, so text that looks like one stays
text. The completion is a piece of its own too, because at inference the prompt is tokenized before
the answer begins. Loss is on the completion and on the token that ends it.

- chatml: Qwen2.5's ``chat_template`` with a system message, without the line break after the last
  end token.
- qwen3: Qwen3's with ``enable_thinking=false``: the prompt ends with an empty thought.
- mistral: v2 and v3, with SentencePiece or tekken, as mistral-common encodes it: the system message
  goes before the last user message.
- mistral-v1: the same, but the marks around the user message are text.
- mistral-v7: the system message stands between special tokens.
- llama3: Meta's model card. Each message is trimmed, as its ``chat_template`` does.
- plain: for base models. No roles; ends with the vocabulary's end of text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def qwen3(system: str, user: str, assistant: str) -> list[Piece]:
    """Qwen3 without thoughts."""
    *prompt, answer, end = chatml(system, user, assistant)
    opened, closed = Piece("<think>", special=True), Piece("</think>", special=True)
    return [*prompt, opened, Piece("\n\n"), closed, Piece("\n\n"), answer, end]


def mistral(system: str, user: str, assistant: str) -> list[Piece]:
    """Mistral v2 and v3."""
    return [
        Piece("<s>", special=True),
        Piece("[INST]", special=True),
        Piece(f"{system}\n\n{user}" if system else user),
        Piece("[/INST]", special=True),
        Piece(assistant, loss=True),
        Piece("</s>", special=True, loss=True),
    ]


def mistral_v1(system: str, user: str, assistant: str) -> list[Piece]:
    """Mistral v1: Mistral 7B v0.1 and Mixtral 8x7B."""
    return [
        Piece("<s>", special=True),
        Piece(f"[INST] {system}\n\n{user} [/INST]" if system else f"[INST] {user} [/INST]"),
        Piece(f" {assistant}", loss=True),
        Piece("</s>", special=True, loss=True),
    ]


def mistral_v7(system: str, user: str, assistant: str) -> list[Piece]:
    """Mistral v7."""
    opened, closed = Piece("[SYSTEM_PROMPT]", special=True), Piece("[/SYSTEM_PROMPT]", special=True)
    begin, *rest = mistral("", user, assistant)
    return [begin, *((opened, Piece(system), closed) if system else ()), *rest]


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
    "qwen3": qwen3,
    "mistral": mistral,
    "mistral-v1": mistral_v1,
    "mistral-v7": mistral_v7,
    "llama3": llama3,
    "plain": plain,
}

TRIMMED: Final = frozenset({"llama3"})
"""Templates that trim messages; all others take them as they are."""

OWN: Final = "model"
"""Stands for the template of a model's own folder (`own_chat`)."""

USUAL: Final = "auto"
"""Stands for the template that the vocabulary's models are made with (`usual`)."""

_BY_TOKENS: Final = ("chatml", "llama3", "mistral", "plain")
"""Templates that are known by their special tokens, in this order."""


def usual(known: str, special_tokens: Mapping[str, int]) -> str:
    """The template that a vocabulary's models are made with.

    known: that of its family; if it is empty, the first one whose special tokens it has.

    Raises: `ConfigError` if it has those of none.
    """
    if known:
        return known
    for name in _BY_TOKENS:
        if all(
            has(piece.text, special_tokens)
            for piece in TEMPLATES[name]("", "", "")
            if piece.special
        ):
            return name
    raise ConfigError(
        f"the vocabulary has the special tokens of none of the chat templates "
        f"{', '.join(_BY_TOKENS)}: name one as prompt.chat, or give its special tokens"
    )


def has(name: str, special_tokens: Mapping[str, int]) -> bool:
    """Whether a vocabulary has a special token that a template names."""
    return any(each in special_tokens for each in _candidates(name))


def _candidates(name: str) -> tuple[str, ...]:
    return END_OF_TEXT_NAMES if name == END_OF_TEXT else (name,)


def special_id(name: str, special_tokens: Mapping[str, int]) -> int:
    """The id of a special token.

    Raises: `ConfigError` if the vocabulary has no special token of this name.
    """
    for candidate in _candidates(name):
        if candidate in special_tokens:
            return special_tokens[candidate]
    raise ConfigError(
        f"the vocabulary has no special token {name}: choose another chat template or vocabulary"
    )
