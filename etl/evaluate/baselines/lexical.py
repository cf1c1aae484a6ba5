"""BM25: how well texts match a query, word by word (Robertson and Zaragoza, 2009)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

_WORD: Final = re.compile(r"\w+")
_K1: Final = 1.2
_B: Final = 0.75


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def scores(query: str, texts: Sequence[str]) -> list[float]:
    """The score of each text for a query; 0 where they share no word.

    Takes time linear in the texts.
    """
    wanted = set(words(query))
    counts = [Counter(words(text)) for text in texts]
    lengths = [sum(each.values()) for each in counts]
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    inside = {word: sum(word in each for each in counts) for word in wanted}
    weights = {
        word: math.log(1 + (len(texts) - found + 0.5) / (found + 0.5))
        for word, found in inside.items()
        if found
    }
    return [
        math.fsum(
            weight * count[word] * (_K1 + 1)
            / (count[word] + _K1 * (1 - _B + _B * length / mean))
            for word, weight in sorted(weights.items())
            if count[word]
        )
        for count, length in zip(counts, lengths, strict=True)
    ]  # fmt: skip


def best(query: str, texts: Sequence[str]) -> int:
    """The first of the texts that match best; -1 if there is none."""
    found = scores(query, texts)
    return max(range(len(found)), key=lambda at: (found[at], -at), default=-1)
