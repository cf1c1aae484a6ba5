"""Random draws that are the same on every machine and with every version of numpy.

They are made of the raw bits of a PCG64, whose stream is fixed, and not of a distribution of numpy,
which a later version may draw in another way.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(2**32 - 1)


def bits_of(seed: int, name: str) -> np.random.PCG64:
    """The stream of bits for a seed and what it is used for, whatever else is drawn.

    name: of the use, such as ``website shop.example``.
    """
    hashed = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=16).digest()
    return np.random.PCG64(int.from_bytes(hashed, "little"))


def drawn(bits: np.random.PCG64, rows: int, below: int) -> Integers:
    """Numbers from 0 to ``below - 1``, which is less than 2**32: ``rows`` times ``below`` of them.

    A number is more likely than another by a share of at most ``below / 2**32``.
    """
    count = rows * below
    raw: npt.NDArray[np.uint64] = bits.random_raw((count + 1) // 2)
    halves = np.empty((raw.size, 2), np.uint64)
    halves[:, 0], halves[:, 1] = raw & _LOW, raw >> _HALF
    numbers = (halves.reshape(-1)[:count] * np.uint64(below)) >> _HALF
    return numbers.astype(np.int64).reshape(rows, below)


def tossed(bits: np.random.PCG64, rows: int, width: int) -> Integers:
    """Zeros and ones: ``rows`` times ``width`` of them."""
    words = (width + 63) // 64
    raw = np.asarray(bits.random_raw(rows * words), "<u8").view(np.uint8)
    tosses = np.unpackbits(raw.reshape(rows, words * 8), axis=1, bitorder="little")
    return tosses[:, :width].astype(np.int64)
