r"""Where text may be cut so that the parts' tokens, joined, are the whole's tokens.

All hold for the patterns in `families.SCHEMES`, because there no pretoken reaches across the place
and no pretoken looks behind itself, and because the only look-ahead, ``\s+(?!\S)``, sees the same
on both sides:

- after ``\n`` before ``<``: a pretoken with a line break in it ends with the last line break;
- between a non-space and `` <``: white space inside a pretoken stands at its beginning or fills it;
- around the digits of ``node="N"``: digits form pretokens of their own, counted from the first
  digit;
- at a run of white space without line breaks (and none right after it): all but its last character
  is one pretoken (all of it at the end of the text).

The first three were checked on 10,000 strings and 5 vocabularies, and are again by the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

LONG_RUN: Final = 100_000
"""Characters of white space from which a run is encoded on its own: tiktoken's regex engine keeps
one backtracking entry a character and panics at its limit of a million.
"""

_PROBE: Final = 64
# Rust's \s (Unicode White_Space) without \r and \n; Python's \s has \x1c-\x1f besides.
_BLANK: Final = "[\t\x0b\x0c \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_BLANKS: Final = re.compile(f"{_BLANK}{{{LONG_RUN},}}+")

NODE_OPEN, NODE_CLOSE = 'node="', '"'

split_at_nodes: Final = re.compile(r'node="([0-9]+)"').split
"""Cut around the digits of every ``node="N"``: text, digits, text, ..., text. Each text but the
last has lost its `NODE_OPEN`, each but the first its `NODE_CLOSE`: a pattern that begins with a
literal is found four times as fast as one that looks behind (520 and 130 MB/s).
"""

split_at_tags: Final = re.compile(r"(?<=\n)(?=<)|(?<=\S)(?= <)").split
"""Cut before tags; joining the parts gives the text back."""


def tag_starts(text: bytes) -> npt.NDArray[np.int64]:
    """Positions of every ``<`` after a space after a non-space, in UTF-8; the exact place is before
    the space.

    Of white space above 0x7f only the last byte is seen, and taken for a non-space: still exact,
    since of the white space before `` <`` only the last character goes with the tag.
    """
    raw = np.frombuffer(text, np.uint8)
    starts = np.flatnonzero((raw[1:-1] == ord(" ")) & (raw[2:] == ord("<"))) + 2
    before = raw[starts - 2]
    tight = (before != ord(" ")) & ((before < ord("\t")) | (before > ord("\r")))
    return np.asarray(starts[tight], np.int64)


def has_long_run(text: str) -> bool:
    """Whether a run of `LONG_RUN` or more blanks is possible; looks at a few characters only.

    A run that long covers one of the probes, which stand half its length apart.
    """
    places = range(0, len(text), LONG_RUN // 2) if len(text) >= LONG_RUN else ()
    return any(text[at : at + _PROBE].isspace() for at in places)


def split_long_runs(text: str) -> Iterator[tuple[str, bool]]:
    """Cut out every long run of blanks: pairs (part, whether the part is one single pretoken).

    Joining the parts gives ``text`` back. A run right before a line break belongs to that line
    break's pretoken and is left in place: the engines take that one without backtracking.
    """
    done = 0
    for run in _BLANKS.finditer(text):
        start, end = run.span()
        if end < len(text):
            if text[end] in "\r\n":
                continue
            end -= 1
        if start > done:
            yield text[done:start], False
        yield text[start:end], True
        done = end
    if done < len(text):
        yield text[done:], False
