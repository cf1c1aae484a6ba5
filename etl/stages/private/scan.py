"""Where in a text a private value may stand: by plain search, before any pattern is tried.

The functions of `PLAIN` say what is found. The compiled engine finds the same in one pass over the
text, at about a byte in a nanosecond (`etl/pages/compiled/scan.pxi`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from etl.pages import compiled

_RUN: Final = re.compile(rb"[0-9][0-9A-Z .()/+%\xc2\xa0-]{5,}")
"""Where a number may be: a digit, and more of what numbers are written with."""
_NO_DIGITS: Final = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_BREAKS: Final = bytes(
    byte if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "_-.:/$+=") else 32
    for byte in range(256)
)
"""Bytes of tokens, and a space for each other one."""
_SORTS: Final = bytes(
    65 if 65 <= byte <= 90 else 48 if 48 <= byte <= 57 else 32 if byte == 32 else 95
    for byte in range(256)
)
"""Of each byte its sort: A for a capital, 0 for a digit, a space, and _ for all others."""
_PARAMETER: Final = re.compile(
    rb"[?&;#%](?:(?<=%)(?:3[Ff]|26))?(?:amp;)?([A-Za-z][\w.\-\[\]]{1,50})(?:=|%3[Dd])"
    rb"((?:(?!%26)[^&\"'\s<>#;?]){2,4096})"
)


class Plain:
    """The specification."""

    @staticmethod
    def runs(text: bytes) -> list[tuple[int, int]]:
        """Where numbers of seven digits or more may be, or of four parts."""
        return [
            match.span()
            for match in _RUN.finditer(text)
            if len(match[0].translate(None, _NO_DIGITS)) >= 7 or match[0].count(b".") > 2
        ]

    @staticmethod
    def long_words(text: bytes, least: int) -> bytes:
        """The words of so many bytes or more, of which tokens may be, with spaces between them."""
        return b" ".join([word for word in text.translate(_BREAKS).split() if len(word) >= least])

    @staticmethod
    def parameters(text: bytes) -> list[tuple[bytes, bytes]]:
        """(name, value) of the parameters of URLs, as written."""
        return _PARAMETER.findall(text)

    @staticmethod
    def shapes(text: bytes, sorts: tuple[bytes, ...]) -> list[list[int]]:
        """The places where a shape begins, for each of them; all begin with two capitals."""
        sorted_ = text.translate(_SORTS)
        return [list(places(sorted_, each)) for each in sorts]

    @staticmethod
    def tags(text: bytes, names: tuple[bytes, ...]) -> list[int]:
        """The places of start tags of these names, and of names that begin with them."""
        either = re.compile(b"<(?:%b)" % b"|".join(names), re.IGNORECASE)
        return [match.start() for match in either.finditer(text)]

    @staticmethod
    def in_common(one: bytes, other: bytes) -> tuple[int, int]:
        """The number of bytes with which two texts begin, and with which their rests end."""
        start = _common(one, other)
        return start, _common(one[start:][::-1], other[start:][::-1])

    class Needles:
        """Texts of two bytes or more that are sought together."""

        def __init__(self, texts: Sequence[bytes]) -> None:
            self._texts = tuple(texts)

        def find(self, text: bytes) -> list[tuple[int, int]]:
            """(number of the text, place) of each that is found, sorted."""
            each = enumerate(self._texts)
            return [(number, at) for number, sought in each for at in places(text, sought)]


def _common(one: bytes, other: bytes) -> int:
    """The number of bytes with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (each, its) in pairs if each != its), min(len(one), len(other)))


def places(text: bytes, sought: bytes) -> Iterator[int]:
    """The places of a text in another one."""
    at = text.find(sought)
    while at >= 0:
        yield at
        at = text.find(sought, at + 1)


_BY: Final[Any] = compiled.ENGINE or Plain

runs: Final[Callable[[bytes], list[tuple[int, int]]]] = _BY.runs
long_words: Final[Callable[[bytes, int], bytes]] = _BY.long_words
parameters: Final[Callable[[bytes], list[tuple[bytes, bytes]]]] = _BY.parameters
shapes: Final[Callable[[bytes, tuple[bytes, ...]], list[list[int]]]] = _BY.shapes
in_common: Final[Callable[[bytes, bytes], tuple[int, int]]] = _BY.in_common
tags: Final[Callable[[bytes, tuple[bytes, ...]], list[int]]] = _BY.tags


def needles(texts: Sequence[bytes]) -> Plain.Needles:
    """Texts of two bytes or more that are sought together."""
    made: Plain.Needles = _BY.Needles(texts)
    return made
