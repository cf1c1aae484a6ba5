"""Whether a text shows an accessible name, as it stands or word by word.

An observation splits texts: a line stands for an element, and the words of those within it have
lines of their own. So a name is shown if each of its words is in the text, wherever.
"""

from __future__ import annotations

import re
from typing import Final

from etl.pages.labels import LONGEST

_WORD: Final = re.compile(r"\w+")


def shows(text: str, name: str) -> bool:
    """Whether a text shows a name (`etl.pages.labels.label_of`); an empty one always."""
    if not name or name in text:
        return True
    words = _WORD.findall(name)
    if len(name) >= LONGEST:
        words.pop()  # it may be cut off
    return bool(words) and all(_holds(text, word) for word in words)


def _holds(text: str, word: str) -> bool:
    """Whether a word is in a text, and not as a part of a longer one."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not any(map(_of_word, (text[at - 1 : at], text[end : end + 1]))):
            return True
        at = text.find(word, at + 1)
    return False


def _of_word(char: str) -> bool:
    return char.isalnum() or char == "_"
