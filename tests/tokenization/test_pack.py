"""Packing: loses, repeats and reorders nothing; rows within the context and nearly full."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.build.pack import _batch
from schemas.samples import NO_LOSS, Encoded, Packed, labels_of
from tokenization.pack import assign, pack


def encoded(lengths: list[int]) -> list[Encoded]:
    """Samples whose every token is unlike any other's."""
    starts = np.cumsum([0, *lengths])
    return [
        Encoded(
            f"s{i}", np.arange(starts[i], starts[i] + length, dtype=np.int32), length // 3, 0, 1
        )
        for i, length in enumerate(lengths)
    ]


def check(samples: list[Encoded], rows: list[Packed], context: int) -> None:
    """Every sample is in exactly one row, whole, in order and with its own labels."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    room = np.empty((2, sum(row.tokens for row in rows)), np.int32)
    for row, written in zip(rows, _batch(rows, *room).to_pylist() if rows else [], strict=True):
        input_ids, labels, lengths, names = written.values()
        assert len(input_ids) == len(labels) == sum(lengths) == row.tokens <= context
        assert sum(label != NO_LOSS for label in labels) == row.loss_tokens
        assert len(lengths) == len(names) > 0
        for name, end, length in zip(names, accumulate(lengths), lengths, strict=True):
            assert name not in found
            found[name] = input_ids[end - length : end], labels[end - length : end]
    plain = [(one.sample_id, one.input_ids.tolist(), one.prompt_tokens) for one in samples]
    assert found == {name: (ids, [NO_LOSS] * prompt + ids[prompt:]) for name, ids, prompt in plain}


capacities = st.integers(1, 97)
mixes = capacities.flatmap(
    lambda context: st.tuples(
        st.just(context),
        st.lists(st.integers(1, context), max_size=60),
        st.integers(1, 20),
        st.integers(1, 400),
    )
)


@settings(max_examples=300, deadline=None)
@given(mixes)
def test_packing_loses_repeats_and_reorders_nothing(mix: tuple[int, list[int], int, int]) -> None:
    """For any context, lengths and windows, each sample is there once, whole, with its labels."""
    context, lengths, window, window_tokens = mix
    samples = encoded(lengths)
    check(samples, list(pack(iter(samples), context, window, window_tokens)), context)
    check(samples, list(pack(iter(samples), context, window=1)), context)
    assert [row.sample_ids for row in pack(samples, context, window=1)] == [
        [one.sample_id] for one in samples
    ]


@settings(max_examples=200, deadline=None)
@given(mixes)
def test_rows_come_in_the_order_of_their_first_sample(mix: tuple[int, list[int], int, int]) -> None:
    """Rows, and samples in a row, keep the input's order, so a shuffled input stays shuffled."""
    context, lengths, window, window_tokens = mix
    rows = [
        [int(name[1:]) for name in row.sample_ids]
        for row in pack(encoded(lengths), context, window, window_tokens)
    ]
    assert all(row == sorted(row) for row in rows)
    firsts = [row[0] for row in rows]
    assert firsts == sorted(firsts)


@settings(max_examples=200, deadline=None)
@given(mixes)
def test_best_fit_decreasing_is_what_it_says(mix: tuple[int, list[int], int, int]) -> None:
    """Bisection gives the rows that the plain quadratic best-fit decreasing gives."""
    context, lengths, _, _ = mix
    rows: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        room = [context - sum(lengths[j] for j in row) for row in rows]
        fitting = [(left, number) for number, left in enumerate(room) if left >= lengths[i]]
        if fitting:
            rows[min(fitting)[1]].append(i)
        else:
            rows.append([i])
    assert assign(lengths, context) == sorted(sorted(row) for row in rows)


def test_a_log_normal_mix_fills_rows() -> None:
    """Log-normal lengths around 8k fill rows of 32k to over 99%, over several windows."""
    lengths = np.clip(
        np.random.default_rng(0).lognormal(np.log(8000), 0.9, 6000), 200, 32_768
    ).astype(int)
    samples = (Encoded(str(i), np.zeros(n, np.int32), 1, 0, 1) for i, n in enumerate(lengths))
    tokens = rows = 0
    for row in pack(samples, 32_768, window=2000):
        tokens, rows = tokens + row.tokens, rows + 1
    assert tokens == lengths.sum()
    assert tokens / rows / 32_768 > 0.99


def test_packing_is_lazy() -> None:
    """A window is given out before the next is read."""
    read = 0

    def samples() -> Iterator[Encoded]:
        nonlocal read
        for one in encoded([5] * 100):
            read += 1
            yield one

    next(pack(samples(), 10, window=10))
    assert read == 10
    read = 0
    next(pack(samples(), 10, window=100, window_tokens=20))
    assert read == 4


@pytest.mark.parametrize("length", [0, 11])
def test_what_no_row_can_hold_is_refused(length: int) -> None:
    """An empty sample or one over the context is an error, never cut or skipped."""
    with pytest.raises(ValueError, match=f"s0 has {length} tokens"):
        list(pack(encoded([length]), 10))
    with pytest.raises(ValueError, match=f"s0 has {length} tokens"):
        list(pack(encoded([length]), 10, window=1))


def test_labels_cover_what_is_not_the_prompt() -> None:
    """In a row, each sample's prompt is masked and its completion is not."""
    (row,) = pack(encoded([6, 3]), 9)
    assert labels_of(row.samples).tolist() == [NO_LOSS, NO_LOSS, 2, 3, 4, 5, NO_LOSS, 7, 8]
