"""Text that looks like a special token: where a tokenizer reads a whole chat, it would become one.

Here special tokens are never text (`tokenization.chat`), so the dataset's own tokens are right. Who
renders messages with another chat template has texts only: ``<|im_end|>`` on a recorded page would
end the turn. `escaped` puts a backslash behind the first character, ``<\\|im_end|>``, and
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
"""Of Llama, Mistral, Gemma and BERT; those in ``<|`` and ``|>``, and DeepSeek's in ``<｜``, are
known by their form.
"""


def pattern(own: Iterable[str] = ()) -> re.Pattern[str]:
    """What finds such texts, escaped ones included. own: the special tokens of a vocabulary."""
    names = sorted({*_NAMES, *own}, key=lambda name: (-len(name), name))
    form = r"(<)(\\*)([|｜][^\s|｜<>]{1,64}[|｜]>)"
    listed = "|".join(
        rf"({re.escape(name[0])})(\\*)({re.escape(name[1:])})" for name in names if len(name) > 1
    )
    return re.compile(f"{form}|{listed}")


def escaped(text: str, found: re.Pattern[str]) -> tuple[str, int]:
    """The text with a backslash in each, and how many there are."""
    return found.subn(lambda match: match[0][0] + "\\" + match[0][1:], text)


def unescaped(text: str, found: re.Pattern[str]) -> str:
    """What `escaped` was given."""
    return found.sub(lambda match: match[0][0] + match[0][1:].removeprefix("\\"), text)
