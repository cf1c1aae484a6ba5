"""Packing: several encoded samples in one row of at most ``context`` tokens.

The algorithm is best-fit decreasing (Johnson 1974: at most 11/9 of the fewest rows, plus one) over
a bounded window. It takes the longest sample first and puts each into the open row with the least
room that still holds it. Bisection over sorted (room, row) pairs finds that row, so packing takes
n log n comparisons. Rows come out in the order of their earliest samples, and samples in a row keep
their order, so the output is not sorted by length.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Final

from schemas.samples import Encoded, Packed

WINDOW: Final = 8192
"""Most samples packed together. Rows are about 99.5% full on log-normal lengths at 32k."""

WINDOW_TOKENS: Final = 32 << 20
"""Most tokens packed together: 128 MiB of ids."""


def pack(
    encoded: Iterable[Encoded],
    context: int,
    window: int = WINDOW,
    window_tokens: int = WINDOW_TOKENS,
) -> Iterator[Packed]:
    """Rows of whole samples, each of at most ``context`` tokens.

    Lazy: holds at most ``window`` samples and about ``window_tokens`` tokens.

    Raises: ValueError for a sample that is empty or longer than ``context``.
    """
    packer = Packer(context, window, window_tokens)
    for sample in encoded:
        yield from packer.add(sample)
    yield from packer.rest()


class Packer:
    """Packs samples that come one by one.

    window: 1 for one row a sample. window_tokens: see `pack`.
    """

    def __init__(
        self, context: int, window: int = WINDOW, window_tokens: int = WINDOW_TOKENS
    ) -> None:
        self._context, self._window, self._window_tokens = context, window, window_tokens
        self._waiting: list[Encoded] = []
        self._tokens = 0

    def add(self, sample: Encoded) -> Iterator[Packed]:
        """Add a sample; yields the rows of a window, if that is full.

        Raises: ValueError, as `pack` does.
        """
        self._waiting.append(_checked(sample, self._context))
        self._tokens += len(sample.input_ids)
        if len(self._waiting) >= self._window or self._tokens >= self._window_tokens:
            yield from self.rest()

    def rest(self) -> Iterator[Packed]:
        """The rows of all samples that wait."""
        waiting, self._waiting, self._tokens = self._waiting, [], 0
        yield from _rows(waiting, self._context)


def assign(lengths: list[int], context: int) -> list[list[int]]:
    """The indices of samples in each row, by best-fit decreasing.

    Indices rise within a row; rows are in the order of their first indices.
    """
    rows: list[list[int]] = []
    open_rows: list[tuple[int, int]] = []  # (room, row), sorted
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        at = bisect_left(open_rows, (lengths[i], 0))
        if at < len(open_rows):
            room, row = open_rows.pop(at)
        else:
            room, row = context, len(rows)
            rows.append([])
        rows[row].append(i)
        if room > lengths[i]:
            insort(open_rows, (room - lengths[i], row))
    return sorted(sorted(row) for row in rows)


def _checked(sample: Encoded, context: int) -> Encoded:
    if not 0 < len(sample.input_ids) <= context:
        raise ValueError(
            f"sample {sample.sample_id} has {len(sample.input_ids)} tokens, a row takes 1 to "
            f"{context}"
        )
    return sample


def _rows(samples: list[Encoded], context: int) -> Iterator[Packed]:
    for row in assign([len(sample.input_ids) for sample in samples], context):
        yield Packed(tuple(samples[i] for i in row))
