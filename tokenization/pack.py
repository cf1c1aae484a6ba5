"""Packing: several encoded samples in one row of at most ``context`` tokens.

Best-fit decreasing (Johnson 1974: at most 11/9 of the fewest rows, plus one) over a bounded window:
longest sample first, each into the open row with the least room that still takes it, found by
bisection over sorted (room, row) pairs; n log n comparisons. Rows come out in the order in which
their earliest sample came in, samples inside a row in the order in which they came in, so packing
sorts nothing by length.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Final

from schemas.samples import Encoded, Packed

WINDOW: Final = 8192
"""Samples looked at together. About 99.5% full on log-normal lengths at 32k."""

WINDOW_TOKENS: Final = 32 << 20
"""Tokens looked at together: 128 MiB of ids."""


def pack(
    encoded: Iterable[Encoded],
    context: int,
    window: int = WINDOW,
    window_tokens: int = WINDOW_TOKENS,
) -> Iterator[Packed]:
    """Rows of whole samples. Lazy; holds at most ``window`` samples and about ``window_tokens``
    tokens.

    Errors: ValueError for a sample that is empty or longer than ``context``.
    """
    waiting: list[Encoded] = []
    tokens = 0
    for sample in encoded:
        waiting.append(_checked(sample, context))
        tokens += len(sample.input_ids)
        if len(waiting) >= window or tokens >= window_tokens:
            yield from _rows(waiting, context)
            waiting, tokens = [], 0
    yield from _rows(waiting, context)


def unpacked(encoded: Iterable[Encoded], context: int) -> Iterator[Packed]:
    """One row a sample. Errors: as `pack`."""
    for sample in encoded:
        yield Packed((_checked(sample, context),))


def assign(lengths: list[int], context: int) -> list[list[int]]:
    """Indices of samples by row: best-fit decreasing.
    Both levels are in rising order of indices.
    """
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        at = bisect_left(room, (lengths[i], 0))
        if at < len(room):
            left, row = room.pop(at)
        else:
            left, row = context, len(rows)
            rows.append([])
        rows[row].append(i)
        if left > lengths[i]:
            insort(room, (left - lengths[i], row))
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
