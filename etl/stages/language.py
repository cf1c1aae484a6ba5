"""Score how likely a text is English, by py3langid's tables.

All sums are in whole numbers, so the score depends on the text alone, on every machine. The model
is naive Bayes over byte n-grams. Its tables give a text's evidence for each language, in nats; the
score is the probability of English rather than the likeliest other language.

- Only words that show a language are read. Names, codes and quoted texts do not: "Email María
  González" is English. A name is a word with a capital letter that begins no sentence.
- A text without evidence ("Export PDF", "Menu") scores near 0.5, not near 0: nothing speaks against
  English.
- English is compared only with languages that recordings are likely to be in. Others (dead,
  invented or regional) win short English texts by chance; a text in one of them is scored by its
  nearest relative on the list.
- A task in English begins with its verb. Where the first word is clearly English, the others need
  more evidence against English: "Find spaghetti carbonara recipe".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from schemas import exact

_RIVALS: Final = frozenset(
    "af am ar az be bg bn ca cs cy da de el es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja "
    "ka kk km kn ko lo lt lv mk ml mn mr ms my ne nl no pa pl pt ro ru si sk sl sq sr sv sw ta te "
    "th tl tr uk ur uz vi zh".split()
)

_TABLE_UNIT: Final = 1 << 10
"""One nat in the units of a table.

The tables hold numbers from -16 to -2 in 16 bits: multiples of 2**-9, so exact in this unit.
"""
_LOG_UNIT: Final = 1 << 16
"""One nat in the units of a logarithm."""
_NAT: Final = _TABLE_UNIT * _LOG_UNIT
"""One nat of evidence. Sums of 100,000 n-grams stay under 2**52."""

_COUNTED_TWICE: Final = 2.2
"""Nats of evidence for one nat of a probability: n-grams overlap and count about twice."""
_CLEAR: Final = 4 * _NAT
"""Least evidence of a first word that is clearly English; measured in
tests/stages/test_language.py.
"""
_BENEFIT: Final = 10 * _NAT
"""How much a clearly English first word takes from the evidence against English."""

_CERTAIN: Final = 100 * _NAT
"""Evidence beyond which the probability does not change."""

_QUOTED: Final = re.compile(
    r'"[^"]*"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|`[^`]*`|(?<!\w)[\'‘][^\'’]*[\'’](?!\w)'
)
_CODE: Final = re.compile(r"[\d@/\\_=<>#]|\w[.:]\w")


@dataclass(frozen=True)
class _Model:
    """The automaton that finds n-grams, and their evidence for each language.

    The first language is English.
    """

    # by state: its row of ``moves``
    rows: Any
    # by 256 * row + byte: the next state
    moves: Any
    # by state: the n-gram that ends there; -1 if none does
    feature: list[int]
    # (n-grams, languages), in nats
    evidence: NDArray[np.float16]
    # (languages), one nat is ``_NAT``
    prior: NDArray[np.int64]

    def score(self, text: str) -> NDArray[np.int64]:
        """Evidence for each language, an exact sum: shape (languages), one nat is ``_NAT``.

        All 0 for a text without any n-gram of the model.
        """
        counts: Counter[int] = Counter()
        state = 0
        for byte in text.encode("utf-8", "surrogatepass"):
            state = self.moves[(self.rows[state] << 8) + byte]
            if self.feature[state] >= 0:
                counts[self.feature[state]] += 1
        if not counts:
            return np.zeros_like(self.prior)
        table = (self.evidence[list(counts)].astype(np.float64) * _TABLE_UNIT).astype(np.int64)
        weights = np.array([_log(count + 1) for count in counts.values()], np.int64)
        total: NDArray[np.int64] = (table * weights[:, None]).sum(axis=0) + self.prior
        return total


@lru_cache(maxsize=1)
def _model() -> _Model:
    trained = LanguageIdentifier.from_model_file(MODEL_FILE)
    names: list[str] = trained.nb_classes
    columns = [names.index("en"), *(place for place, name in enumerate(names) if name in _RIVALS)]
    prior = (trained.nb_pc[columns].astype(np.float64) * _TABLE_UNIT).astype(np.int64) * _LOG_UNIT
    return _Model(
        rows=trained.tk_row,
        moves=trained.tk_nextmove,
        feature=trained.tk_output,
        evidence=trained.nb_ptc[:, columns],
        prior=prior,
    )


@lru_cache(maxsize=4096)
def _log(number: int) -> int:
    """The natural logarithm of a number; one nat is ``_LOG_UNIT``."""
    return round(float(exact.log(number)) * _LOG_UNIT)


@lru_cache(maxsize=4096)
def english(text: str) -> float:
    """Probability that a text is English rather than the likeliest other language, to 6 digits."""
    text = unicodedata.normalize("NFC", text.lower() if text.isupper() else text)
    words = list(_words(_QUOTED.sub(" ", text))) or list(_words(text))
    if not words:
        return 0.5
    scores = _model().score(f" {' '.join(words)} ")
    rival = 1 + int(scores[1:].argmax())
    against = int(scores[rival] - scores[0])
    first = _model().score(f" {words[0]} ")
    if int(first[0] - first[rival]) >= _CLEAR:
        against -= _BENEFIT
    nats = max(-_CERTAIN, min(against, _CERTAIN)) / _NAT
    return exact.share(exact.exp(nats / _COUNTED_TWICE), 6)


def _words(text: str) -> Iterator[str]:
    """The words that show a language, in lower case: no names, no codes."""
    begins = True
    for word in text.split():
        name = not begins and any(char.isupper() for char in word)
        code = not any(char.isalpha() for char in word) or (word.isascii() and _CODE.search(word))
        if not name and not code:
            yield word.lower()
        if not name and not (code and begins):
            begins = word.endswith((".", "!", "?"))
