"""Rules on texts that protocols share: set F1, plain words, how Mind2Web is cleaned, chrF."""

from __future__ import annotations

import contextlib
import html
import re
import string
import warnings
from collections import Counter
from typing import Final

_NO_WORDS: Final = re.compile(r"[^\w\d\s]+")
_WHITE_SPACE: Final = re.compile(r"\s+")
_NO_ASCII: Final = re.compile(r"[^\x00-\x7F]+")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]+")
_REPLACED: Final = str.maketrans(
    {"–": "-", "•": "-", "’": "'", "‹": "<", "×": "*", "·": ".", "”": '"', "＋": "+"}
)
_ORDER: Final = 6
"""The longest character n-grams of chrF."""


def set_f1(first: str, second: str, *, punctuation: bool = False) -> float:
    """F1 of the sets of two texts' tokens between white space.

    punctuation: tokens count that are a piece of Python's `string.punctuation`; else they go.
    """
    one, two = set(first.split()), set(second.split())
    if not punctuation:
        one = {token for token in one if token not in string.punctuation}
        two = {token for token in two if token not in string.punctuation}
    if not one or not two:
        return 1.0 if not one and not two else 0.0
    common = len(one & two)
    if not common:
        return 0.0
    precision, recall = common / len(one), common / len(two)
    return 2 * precision * recall / (precision + recall)


def plain_words(text: str) -> str:
    """A text in lower case, in which white space and all that is no word is single spaces."""
    return _WHITE_SPACE.sub(" ", _NO_WORDS.sub(" ", text).lower())


def cleaned(text: str) -> str:
    """A page or a line of Mind2Web as the reference cleans it, character by character.

    HTML entities are resolved, then backslash sequences: that reads UTF-8 as Latin-1, so each
    non-ASCII character becomes a space. Only where a sequence is broken do its replacements count.
    """
    text = html.unescape(text)
    with contextlib.suppress(UnicodeError):
        text = _unescaped(text.encode("utf-8"))
    text = text.translate(_REPLACED)
    text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    return _WHITE_SPACE.sub(" ", _CONTROLS.sub(" ", _NO_ASCII.sub(" ", text)))


def _unescaped(utf8: bytes) -> str:
    if b"\\" not in utf8:
        return utf8.decode("latin-1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sequences such as \d, which stay as they are
        return utf8.decode("unicode_escape")


def chrf(text: str, reference: str) -> float:
    """The chrF of a text, from 0 to 1, with sacrebleu's defaults: n-grams of up to 6 characters.

    White space does not count. Takes time linear in both texts.
    """
    one, two = "".join(text.split()), "".join(reference.split())
    precision = recall = 0.0
    orders = min(len(one), len(two), _ORDER)
    for n in range(1, orders + 1):
        ours = Counter([one[at : at + n] for at in range(len(one) - n + 1)])
        theirs = Counter([two[at : at + n] for at in range(len(two) - n + 1)])
        common = sum((ours & theirs).values())
        precision += common / (len(one) - n + 1)
        recall += common / (len(two) - n + 1)
    if not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    score = 5 * precision * recall / (4 * precision + recall)
    return 100 * score / 100  # sacrebleu gives it in per cent
