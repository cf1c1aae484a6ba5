"""The numbers by which a model names elements: they stay when something else of a page changes.

A number is made of what its element says: of its line, and where the page has that line more than
once, of the last line before it that comes once, and of how many of the same stand between them. So
a new element, or another text, moves its own number and few others, wherever it stands. Numbers
that count elements move by one whatever stands before or after the change.

Numbers are below the first of 10, 20, 50, 100, 200, ... that is a quarter above the number of
elements. Where two would have one, the element whose hash is less keeps it, and the other takes the
next of its own sequence. `numbers_of` is the specification; the engine does the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_BITS: Final = 2**64 - 1
_STEP: Final = 0x9E3779B97F4A7C15


def hash_of(line: str) -> int:
    """FNV-1a of a line's UTF-8, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in line.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * 0x100000001B3 & _BITS
    return value


def mixed(value: int) -> int:
    """A number whose every bit depends on all bits of another: the last steps of splitmix64."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _BITS
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _BITS
    return value ^ value >> 31


def limit_of(count: int) -> int:
    """The bound below which the numbers of a page with ``count`` elements stay."""
    power = 10
    while True:
        for limit in (power, 2 * power, 5 * power):
            if 4 * limit >= 5 * count:
                return limit
        power *= 10


def numbers_of(hashes: Sequence[int]) -> npt.NDArray[np.int32]:
    """The number of each element of a page: int32.

    hashes: of their lines, in document order.
    """
    limit = limit_of(len(hashes))
    numbers = np.zeros(len(hashes), np.int32)
    taken: set[int] = set()
    keys = _keys(hashes)
    for at in sorted(range(len(keys)), key=keys.__getitem__):
        tries = 0
        while (number := mixed(keys[at] + tries * _STEP & _BITS) % limit) in taken:
            tries += 1
        taken.add(number)
        numbers[at] = number
    return numbers


def _keys(hashes: Sequence[int]) -> list[int]:
    """What tells each element of a page from all others, 64 bits."""
    counts = Counter(hashes)
    keys: list[int] = []
    around = 0  # the hash of the last line that comes once
    met: Counter[tuple[int, int]] = Counter()
    for value in hashes:
        if counts[value] == 1:
            around = value
            keys.append(mixed(value))
        else:
            keys.append(mixed(value ^ mixed(around + (1 + met[value, around]) * _STEP & _BITS)))
            met[value, around] += 1
    return keys
