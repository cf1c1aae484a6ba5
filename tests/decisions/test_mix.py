"""Weights for sampling: what is asked for comes out, and entries that match nothing are found."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.decisions.mix import Cell, Mix
from schemas.errors import BuildError, ConfigError

CELL = st.builds(
    Cell,
    st.sampled_from(["train", "test_task", "dev"]),
    st.sampled_from(["mind2web", "rrweb"]),
    st.sampled_from(["a.example", "b.example", "www.c.test", "d.test"]),
)
TOKENS = st.dictionaries(CELL, st.integers(1, 10**9), min_size=1)
WEIGHT = st.floats(0.01, 100)


@given(TOKENS, st.floats(0.2, 50), WEIGHT, WEIGHT, WEIGHT)
def test_the_mix_is_what_is_asked_for(
    tokens: dict[Cell, int], temperature: float, domain: float, source: float, split: float
) -> None:
    """By a plain calculation: shares of domains to the power 1/T, times all weights that match; the
    mean weight of a split's tokens is the split's own; the result is the same whatever the order.
    """
    mix = Mix(temperature, {"*.example": domain, "A.*": 2.0}, {"rr*": source}, {"test_*": split})
    weights = mix.weights(tokens)
    assert weights == mix.weights(dict(reversed(tokens.items())))
    for name in {cell.split for cell in tokens}:
        mine = {cell: count for cell, count in tokens.items() if cell.split == name}
        whole = sum(mine.values())
        asked = {}
        for cell, count in mine.items():
            of_domain = sum(n for c, n in mine.items() if c.domain == cell.domain)
            part = (of_domain / whole) ** (1 / temperature) * count / of_domain
            part *= domain if cell.domain.endswith(".example") else 1
            part *= 2 if cell.domain.startswith("a.") else 1
            asked[cell] = part * (source if cell.source == "rrweb" else 1)
        for cell, count in mine.items():
            weight = weights[cell]
            assert math.isclose(weight.share, count / whole, rel_tol=1e-9)
            assert math.isclose(weight.target, asked[cell] / sum(asked.values()), rel_tol=1e-6)
            of_split = split if name == "test_task" else 1
            assert math.isclose(
                weight.weight, weight.target / weight.share * of_split, rel_tol=1e-9
            )
        mean = sum(weights[cell].weight * count for cell, count in mine.items()) / whole
        assert math.isclose(mean, split if name == "test_task" else 1, rel_tol=1e-9)


def test_temperature_1_changes_nothing_and_a_high_one_levels() -> None:
    """With 1 all weights are 1; with a very high one all domains have the same share."""
    tokens = {Cell("train", "x", f"{n}.example"): 10**n for n in range(5)}
    assert {each.weight for each in Mix(1.0).weights(tokens).values()} == {1.0}
    level = Mix(1e12).weights(tokens).values()
    assert all(abs(each.target - 0.2) < 1e-6 for each in level)


def test_entries_that_match_nothing() -> None:
    """Each is named under its setting; what matches by pattern, in any case, is not."""
    mix = Mix(1.0, {"*.EXAMPLE": 2.0, "z.*": 1.0}, {"rrweb": 1.0}, {"trian": 1.0, "train": 3.0})
    assert mix.unmatched([Cell("train", "mind2web", "a.example")]) == {
        "mix.domains": ["z.*"],
        "mix.sources": ["rrweb"],
        "mix.splits": ["trian"],
    }


@pytest.mark.parametrize(
    ("mix", "says"),
    [
        ({"temperature": 0.0}, "mix.temperature 0.0 is not above 0"),
        ({"temperature": float("inf")}, "is not above 0"),
        ({"domains": {"a.example": -1.0}}, "mix.domains: the weight -1.0 of 'a.example'"),
        ({"splits": {"train": float("nan")}}, "mix.splits: the weight nan"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(mix: dict[str, object], says: str) -> None:
    """Before any work, with the setting."""
    with pytest.raises(ConfigError, match=says):
        Mix(**mix)  # type: ignore[arg-type]


def test_a_split_of_which_nothing_could_be_drawn_is_an_error() -> None:
    """All its weights are 0. A split whose own weight is 0 is meant so."""
    tokens = {Cell("train", "x", "a.example"): 5}
    with pytest.raises(BuildError, match="all weights of the train split are 0"):
        Mix(domains={"*": 0.0}).weights(tokens)
    (weight,) = Mix(splits={"train": 0.0}).weights(tokens).values()
    assert (weight.weight, weight.target) == (0.0, 1.0)


def test_a_temperature_near_0_draws_the_largest_domain() -> None:
    """However low it is: the weights of all others vanish, and that of the largest does not."""
    tokens = {Cell("train", "x", f"{n}.example"): 100 + n for n in range(3)}
    targets = [each.target for each in Mix(1e-9).weights(tokens).values()]
    assert targets == [0.0, 0.0, 1.0]


def test_a_split_that_is_not_drawn_needs_no_weights() -> None:
    """Nothing in it has a weight, nor has it as a whole; without the latter the build stops."""
    tokens = {Cell("train", "x", "a.example"): 1, Cell("test", "y", "a.example"): 1}
    weights = Mix(sources={"y": 0.0}, splits={"test": 0.0}).weights(tokens)
    assert [each.weight for each in weights.values()] == [0.0, 1.0]
    with pytest.raises(BuildError, match=r"mix\.splits\.test = 0"):
        Mix(sources={"y": 0.0}).weights(tokens)
