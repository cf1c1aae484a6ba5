"""Means and their intervals, against a plain rendition with lists and whole numbers of Python."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.evaluate.scores import chance
from etl.evaluate.scores.chance import Integers
from etl.evaluate.scores.intervals import DRAWS, HIGH, LOW, Mean, Scores, means
from etl.evaluate.scores.paired import EXACT, FLIPS, difference, likelihood

values = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(0, 1))
steps = st.lists(st.tuples(st.integers(0, 6), values), min_size=1, max_size=40)


def numbers(bits: np.random.PCG64, below: int) -> list[list[int]]:
    """The workflows of each draw: two numbers of each 64 bits, the lower half first."""
    halves: list[int] = []
    while len(halves) < DRAWS * below:
        word = int(bits.random_raw())
        halves += [word % 2**32, word // 2**32]
    drawn = [half * below // 2**32 for half in halves]
    return [drawn[at * below : (at + 1) * below] for at in range(DRAWS)]


def plainly(found: list[tuple[int, float | None]], seed: int, name: str) -> Mean:
    """The mean as a fraction; the interval from sums of fractions, draw by draw."""
    there = [value for _, value in found if value is not None]
    mean = math.fsum(there) / len(there) if there else None
    flows = sorted({flow for flow, _ in found})
    sums = [sum(Fraction(v) for f, v in found if f == flow and v is not None) for flow in flows]
    counts = [sum(f == flow and v is not None for f, v in found) for flow in flows]
    if sum(count > 0 for count in counts) < 2:
        return Mean(mean, len(there), None)
    drawn = sorted(
        float(sum((sums[at] for at in chosen), Fraction()) / count)
        for chosen in numbers(chance.bits_of(seed, name), len(flows))
        if (count := sum(counts[at] for at in chosen))
    )
    low, high = (drawn[at * (len(drawn) - 1) // (DRAWS - 1)] for at in (LOW, HIGH))
    return Mean(mean, len(there), (low, high))


def figures(found: list[tuple[int, float | None]]) -> tuple[Scores, Integers]:
    of_steps = [math.nan if value is None else value for _, value in found]
    return np.array(of_steps, float), np.array([flow for flow, _ in found])


@settings(max_examples=30)
@given(steps, st.integers(0, 3))
def test_intervals_are_those_of_a_plain_bootstrap(
    found: list[tuple[int, float | None]], seed: int
) -> None:
    """Mean and number are equal, the ends of the interval to 1e-9: sums are counted in units."""
    (ours,) = means([figures(found)[0]], figures(found)[1], seed, "here")
    plain = plainly(found, seed, "here")
    assert (ours.mean, ours.n) == (plain.mean, plain.n)
    assert (ours.interval is None) == (plain.interval is None)
    if ours.interval and plain.interval:
        assert ours.interval == pytest.approx(plain.interval, abs=1e-9)


@given(steps)
def test_the_interval_is_within_the_values_and_several_figures_share_their_draws(
    found: list[tuple[int, float | None]],
) -> None:
    """A figure has the interval that it has alone, and it lies between least and largest value."""
    of_steps, flows = figures(found)
    alone = means([of_steps], flows, 1, "x")
    assert means([of_steps, np.ones(len(flows)), of_steps], flows, 1, "x")[::2] == alone * 2
    there = of_steps[~np.isnan(of_steps)]
    if alone[0].interval:
        low, high = alone[0].interval
        assert there.min() - 1e-9 <= low <= high <= there.max() + 1e-9


def test_the_draws_are_these() -> None:
    """What a seed draws is pinned: another numpy, or another machine, must draw the same."""
    assert chance.drawn(chance.bits_of(7, "split test"), 2, 5).tolist() == DRAWN
    assert chance.tossed(chance.bits_of(7, "signs"), 1, 70).sum() == TOSSED


DRAWN = [[3, 2, 4, 3, 3], [2, 3, 0, 3, 1]]
TOSSED = 38


def test_an_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    """Of 200 sets of 60 workflows whose scores are drawn around 0.5, 95% within a few have 0.5 in
    the interval, though steps of one workflow are alike.
    """
    draw = np.random.default_rng(3)
    held = 0
    for number in range(200):
        levels = draw.beta(2, 2, 60)
        flows = np.repeat(np.arange(60), 8)
        scores = (draw.random(480) < levels[flows]).astype(float)
        (mean,) = means([scores], flows, number, "all")
        assert mean.interval is not None
        held += mean.interval[0] <= 0.5 <= mean.interval[1]
    assert 175 <= held <= 199


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=EXACT))
def test_few_workflows_take_every_choice_of_signs(apart: list[int]) -> None:
    """P is the share of the choices of signs that give a sum at least as far from 0."""
    there = [each for each in apart if each]
    sums = [abs(sum(s * v for s, v in zip(signs, there, strict=True)))
            for signs in product((1, -1), repeat=len(there))]  # fmt: skip
    expected = sum(each >= abs(sum(there)) for each in sums) / len(sums)
    assert likelihood(np.array(apart), 0, "x") == expected


def test_many_workflows_are_flipped_at_random() -> None:
    """P of a clear difference is the least there is, that of none is large; it comes near the
    share of all choices where these can be counted.
    """
    assert likelihood(np.ones(40, np.int64), 0, "x") == 1 / (1 + FLIPS)
    assert likelihood(np.array([1, -1] * 20), 0, "x") == 1.0
    apart = np.array([3, 1, 2, -1, 4, 1, -2, 2, 1, -3, 1, 2, 5, -1])
    choices = np.array([*product((1, -1), repeat=14)])
    share = float(np.mean(np.abs(choices @ apart) >= apart.sum()))
    assert likelihood(apart, 0, "x") == pytest.approx(share, abs=0.02)


def test_only_steps_with_the_figure_in_both_are_compared() -> None:
    """A step that lacks it in one of the two is in neither mean."""
    values = np.array([1, 1, math.nan, 0, 1])
    others = np.array([0, math.nan, 1, 0, 1])
    found = difference(values, others, np.array([0, 0, 1, 1, 2]), 0, "x")
    assert (found.difference, found.n, found.better, found.worse) == (1 / 3, 3, 1, 0)
    assert found.p == 1.0
    nothing = difference(values * math.nan, others, np.array([0, 0, 1, 1, 2]), 0, "x")
    assert (nothing.difference, nothing.n, nothing.p) == (None, 0, None)
