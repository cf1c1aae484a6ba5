r"""Exact places: where text may be cut so that the parts' tokens, joined, are the whole's tokens.

The places are exact for the patterns in `families.SCHEMES`: there no pretoken reaches across such a
place, no pattern looks back, and the only look-ahead, ``\s+(?!\S)``, sees the same on both sides.

- After ``\n`` before anything but another line break: a pretoken with a line break in it ends with
  the last line break.
- Between a non-space and `` <``: a pretoken has white space only at its start, or is nothing else.
- Around the digits of ``node="N"``: digits are pretokens of their own, counted from the first one.
- Around a run of white space less its last character, which is one pretoken (at the end of the text
  the whole run is). There must be no line break in the run or right after it.

The first three were checked on 10,000 strings and 5 vocabularies; the tests check them again. They
also hold without pretokens, where byte-pair encoding joins the characters of a whole text, if no
token of the vocabulary reaches across such a place (`no_token_crosses`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

LONG_RUN: Final = 100_000
"""Characters. A longer run of white space is encoded on its own.

tiktoken's regex engine keeps a backtracking entry for each character, and panics at a million.
"""

_PROBE: Final = 64  # characters
# Rust's \s (Unicode White_Space) without \r and \n; Python's \s also has \x1c-\x1f.
_BLANK: Final = "[\t\x0b\x0c \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_BLANKS: Final = re.compile(f"{_BLANK}{{{LONG_RUN},}}+")

NODE_OPEN, NODE_CLOSE = 'node="', '"'

split_at_nodes: Final = re.compile(r'node="([0-9]+)"').split
"""Cuts around the digits of every ``node="N"``: text, digits, text, ..., text.

Each text but the last has lost its `NODE_OPEN`, each but the first its `NODE_CLOSE`: a pattern that
begins with a literal is four times as fast as one that looks back (520 and 130 MB/s).
"""

split_at_tags: Final = re.compile(r"(?<=\n)(?=<)|(?<=\S)(?= <)").split
"""Cuts before tags; joining the parts gives the text back."""


def tag_starts(text: bytes) -> npt.NDArray[np.int64]:
    """Byte positions, int64, of every ``<`` that follows a space that follows a non-space.

    text: UTF-8. The exact place is before the space. White space above 0x7f counts as a non-space,
    since only its last byte is seen. That is still exact: of the white space before ``<`` only the
    last character goes with the tag.
    """
    raw = np.frombuffer(text, np.uint8)
    starts = np.flatnonzero((raw[1:-1] == ord(" ")) & (raw[2:] == ord("<"))) + 2
    before = raw[starts - 2]
    tight = (before != ord(" ")) & ((before < ord("\t")) | (before > ord("\r")))
    return np.asarray(starts[tight], np.int64)


def line_starts(text: bytes) -> npt.NDArray[np.int64]:
    """Byte positions, int64, after every line break that something else follows. text: UTF-8."""
    raw = np.frombuffer(text, np.uint8)
    after = raw[1:]
    starts = np.flatnonzero((raw[:-1] == ord("\n")) & (after != ord("\n")) & (after != ord("\r")))
    return np.asarray(starts + 1, np.int64)


_CROSSING: Final = re.compile(r'[^ ] |\n[^\r\n]|"[0-9]|[0-9]"')

split_at_spaces: Final = re.compile("(?<=[^ ])(?= )").split
"""Cuts before each run of spaces: exact where no token crosses."""


def no_token_crosses(tokens: Iterable[str]) -> bool:
    """Whether no token reaches across an exact place: the first three of the module.

    Then the place before any run of spaces is exact too. tokens: the texts that they stand for.
    """
    return not any(map(_CROSSING.search, tokens))


def has_long_run(text: str | bytes) -> bool:
    """Whether the text may have a run of `LONG_RUN` or more blanks. text: or its UTF-8.

    Looks at a few characters only: a run that long covers one of the probes, which stand half its
    length apart.
    """
    if len(text) < LONG_RUN:
        return False
    probes = (text[at : at + _PROBE] for at in range(0, len(text), LONG_RUN // 2))
    return any(
        (probe if isinstance(probe, str) else probe.decode(errors="ignore")).isspace()
        for probe in probes
    )


def split_long_runs(text: str) -> Iterator[tuple[str, bool]]:
    """The text cut at its long runs of blanks: pairs (part, whether the part is one pretoken).

    Joining the parts gives ``text`` back. A run right before a line break is not cut: it belongs to
    the line break's pretoken, which the engines read without backtracking.
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
