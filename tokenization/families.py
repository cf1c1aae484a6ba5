"""What a vocabulary's file lacks: split pattern, special tokens, normalisation, spaces.

A byte-level BPE vocabulary is its ranks and a pattern that first cuts text into pretokens. The
patterns and ids are published with each model: Qwen2.5 and Qwen3 (tokenizer_config.json), tiktoken
(openai_public.py), Llama 3 (tokenizer.py), Mistral's tekken (in the rank file; repeated here to
recognise it). SentencePiece cuts no pretokens, and has spaces of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

SPACE: Final = "\u2581"
"""Stands for a space in the pieces of SentencePiece, and in text cannot be told from one."""

QWEN_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| "
    r"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K_PATTERN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| "
    r"?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
LLAMA3_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| "
    r"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
O200K_PATTERN: Final = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN_PATTERN: Final = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

SCHEMES: Final[dict[str, str]] = {
    QWEN_PATTERN: "qwen2",
    CL100K_PATTERN: "gpt4",
    LLAMA3_PATTERN: "gpt4",
    O200K_PATTERN: "o200k",
    TEKKEN_PATTERN: "nemotron",
}
"""Split pattern -> gigatoken's name for the scheme that makes the same pretokens.

`splits` is exact for these patterns only. With any other, text is encoded whole, by tiktoken alone.
Llama 3's pattern is cl100k's in another spelling.
"""


@dataclass(frozen=True)
class Family:
    """Vocabularies that share a split pattern, special tokens and normalisation."""

    # regular expression that cuts text into pretokens; empty where tokenizers must do it
    pattern: str
    # text -> id
    special_tokens: dict[str, int] = field(default_factory=dict)
    # whether text is brought to NFC before it is cut
    nfc: bool = False
    # of the one rank file that is this vocabulary, in hex; empty where several are in use
    sha256: str = ""
    # name of the rank file in tiktoken's cache folder: the sha1 of its URL; empty if there is none
    cached_as: str = ""
    # the chat template of `tokenization.chat` that its models are made with; empty if not known
    chat: str = ""
    # where a space is put in front: of "every" text that follows no other text, or of the "first"
    # text of a sample
    prefix: Literal["", "first", "every"] = ""
    # whether that space is put only before a text that begins with none
    once: bool = False
    # whether U+2581 in a text is a space
    spaces: bool = False
    # whether text can be cut at the places in `splits` although nothing cuts pretokens
    uncut: bool = False
    # added tokens of white space, which are found in a text; others never are
    blank: tuple[str, ...] = ()


def _numbered(start: int, *names: str) -> dict[str, int]:
    return {name: start + i for i, name in enumerate(names)}


# fmt: off
QWEN_SPECIAL: Final = _numbered(
    151643, "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)
QWEN3_SPECIAL: Final = _numbered(
    151665, "<tool_response>", "</tool_response>", "<think>", "</think>",
)
LLAMA3_SPECIAL: Final = _numbered(
    128000, "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|reserved_special_token_2|>", "<|reserved_special_token_3|>", "<|start_header_id|>",
    "<|end_header_id|>",
    "<|reserved_special_token_4|>", "<|eot_id|>",
)
TEKKEN_SPECIAL: Final = _numbered(
    0, "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
)
# fmt: on

_QWEN_RANKS: Final = "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"

FAMILIES: Final[dict[str, Family]] = {
    "qwen2.5": Family(
        QWEN_PATTERN,
        QWEN_SPECIAL,
        nfc=True,
        sha256=_QWEN_RANKS,
        chat="chatml",
    ),
    "qwen3": Family(
        QWEN_PATTERN, QWEN_SPECIAL | QWEN3_SPECIAL, nfc=True, sha256=_QWEN_RANKS, chat="qwen3"
    ),
    "cl100k": Family(
        CL100K_PATTERN,
        {"<|endofprompt|>": 100276}
        | _numbered(100257, "<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        cached_as="9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        chat="plain",
    ),
    "o200k": Family(
        O200K_PATTERN,
        {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        cached_as="fb374d419588a4632f3f557e76b4b70aebbca790",
        chat="plain",
    ),
    "llama3": Family(LLAMA3_PATTERN, LLAMA3_SPECIAL, chat="llama3"),
    "tekken": Family(TEKKEN_PATTERN, TEKKEN_SPECIAL, chat="mistral"),
}
