"""Text that looks like a special token, and becomes one where a tokenizer reads a whole chat.

In this package special tokens are never text (`tokenization.chat`), so the dataset's own tokens are
right. Another chat template renders messages as text, and there ``<|im_end|>`` on a recorded page
would end the turn. `escaped` puts a backslash after the first character, ``<\\|im_end|>``;
`unescaped` takes it off again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_NAMES: Final = (
    *("<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<mask>"),
    *("<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    *(
        "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]",
        "[TOOL_CALLS]",
        "[TOOL_RESULTS]",
        "[/TOOL_RESULTS]",
    ),
    *("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[IMG]", "[THINK]", "[/THINK]"),
)
"""Special tokens of Llama, Mistral, Gemma and BERT.

Those in ``<|`` and ``|>``, and DeepSeek's in ``<｜``, are recognised by their form.
"""


def pattern(own: Iterable[str] = ()) -> re.Pattern[str]:
    """A pattern that finds texts like special tokens, escaped ones included.

    own: the special tokens of a vocabulary.
    """
    names = sorted({*_NAMES, *own}, key=lambda name: (-len(name), name))
    form = r"(<)(\\*)([|｜][^\s|｜<>]{1,64}[|｜]>)"
    listed = "|".join(
        rf"({re.escape(name[0])})(\\*)({re.escape(name[1:])})" for name in names if len(name) > 1
    )
    return re.compile(f"{form}|{listed}")


def escaped(text: str, lookalikes: re.Pattern[str]) -> tuple[str, int]:
    """The text with a backslash in each lookalike, and the number of lookalikes."""
    return lookalikes.subn(lambda match: match[0][0] + "\\" + match[0][1:], text)


def unescaped(text: str, lookalikes: re.Pattern[str]) -> str:
    """The text from which `escaped` made this one."""
    return lookalikes.sub(lambda match: match[0][0] + match[0][1:].removeprefix("\\"), text)
