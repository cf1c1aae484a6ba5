"""Is a text English? Told by py3langid's tables in whole numbers: a function of the text alone, on
every machine.

The model is naive Bayes over byte n-grams. Its tables give the evidence of a text for each
language, in nats; the score is the probability of English rather than of the likeliest other
language.

- Only words that tell a language are read. Names, codes and quoted texts do not: "Email María
  González" is English. A name is a word with a capital letter that begins no sentence.
- A text without evidence ("Export PDF", "Menu") scores near 0.5, not near 0: nothing speaks against
  English.
- Rivals of English are only the languages that recordings are likely to be in. Others, dead,
  invented or regional, win short English texts by chance; a text in one of these is measured by its
  nearest relative.
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
"""The tables' numbers are between -16 and -2 in 16 bits: multiples of 2**-9,
so exact in this unit.
"""
_LOG_UNIT: Final = 1 << 16
_NAT: Final = _TABLE_UNIT * _LOG_UNIT
"""One nat of evidence. Sums of 100,000 n-grams stay under 2**52."""

_COUNTED_TWICE: Final = 2.2
"""N-grams overlap, so that the model counts evidence about twice: nats of evidence for one of a
probability.
"""
_CLEAR: Final = 4 * _NAT
"""Evidence of the first word from which it is clearly English. Measured:
tests/stages/test_language.py.
"""
_BENEFIT: Final = 10 * _NAT
"""What a clearly English first word takes from the evidence against English."""

_CERTAIN: Final = 100 * _NAT

_QUOTED: Final = re.compile(
    r'"[^"]*"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|`[^`]*`|(?<!\w)[\'‘][^\'’]*[\'’](?!\w)'
)
_CODE: Final = re.compile(r"[\d@/\\_=<>#]|\w[.:]\w")


@dataclass(frozen=True)
class _Model:
    """rows: state -> its row of ``moves``; moves: row and byte -> state; feature: state -> n-gram,
    or -1.

    evidence: n-grams by languages, float16; prior: of languages, int64 in ``_NAT``; the first
    language is English.
    """

    rows: Any
    moves: Any
    feature: list[int]
    evidence: NDArray[np.float16]
    prior: NDArray[np.int64]

    def score(self, text: str) -> NDArray[np.int64]:
        """Evidence for each language in ``_NAT``, its sum exact; all 0 if there is none."""
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
    known = LanguageIdentifier.from_model_file(MODEL_FILE)
    names: list[str] = known.nb_classes
    columns = [names.index("en"), *(place for place, name in enumerate(names) if name in _RIVALS)]
    prior = (known.nb_pc[columns].astype(np.float64) * _TABLE_UNIT).astype(np.int64) * _LOG_UNIT
    return _Model(known.tk_row, known.tk_nextmove, known.tk_output, known.nb_ptc[:, columns], prior)


@lru_cache(maxsize=4096)
def _log(number: int) -> int:
    """Natural logarithm in ``_LOG_UNIT``, rounded."""
    return round(float(exact.log(number)) * _LOG_UNIT)


@lru_cache(maxsize=4096)
def english(text: str) -> float:
    """Probability, to 6 digits, that a text is English rather than the likeliest other language."""
    text = unicodedata.normalize("NFC", text.lower() if text.isupper() else text)
    words = list(_telling(_QUOTED.sub(" ", text))) or list(_telling(text))
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


def _telling(text: str) -> Iterator[str]:
    """The words that tell a language, in lower case: no names, no codes."""
    begins = True
    for word in text.split():
        name = not begins and any(char.isupper() for char in word)
        code = not any(char.isalpha() for char in word) or (word.isascii() and _CODE.search(word))
        if not name and not code:
            yield word.lower()
        if not name and not (code and begins):
            begins = word.endswith((".", "!", "?"))
