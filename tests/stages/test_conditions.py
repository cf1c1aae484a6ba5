"""The language of conditions: what it means, and what it refuses before work starts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.stages.rules.conditions import Column, Type, read
from schemas.errors import ConfigError


def column(name: str, kind: Type) -> Column:
    return Column(kind, lambda row: row[name])


COLUMNS = {
    "steps": column("steps", "number"),
    "reward": column("reward", "number"),
    "url": column("url", "text"),
    "done": column("done", "truth"),
}
ROW = {"steps": 3, "reward": None, "url": "https://Shop.test/?debug=1", "done": True}


def holds(text: str, **changes: Any) -> bool:
    """Whether a condition is true of the row."""
    return read(text, COLUMNS).holds(ROW | changes)


@pytest.mark.parametrize(
    "text",
    [
        "steps = 3", "steps == 3", "steps != 4", "steps < 4 and steps <= 3", "steps > 2.5",
        "steps >= 3 or nothing_else = 1".replace("nothing_else", "steps"),
        "steps + 2 * 2 = 7", "(steps + 2) * 2 = 10", "-steps < 0", "steps - 1 - 1 = 1",
        "steps / 2 = 1.5", "steps in (1, 2, 3)", "steps not in (-3, 4)", "steps = 1_0 - 7",
        "url contains 'debug'", 'url contains "debug"', "url not contains 'shop'",
        "lower(url) contains 'shop'", "url matches '[?]debug=[0-9]'", "length(url) = 26",
        "words(url) = 1", "done", "done = true", "not (done = false)", "not not done",
        "reward is null", "steps is not null", "done or reward > 1", "not done or steps = 3",
        "steps = 1 or steps = 2 and done or steps = 3",
    ],
)  # fmt: skip
def test_what_is_true(text: str) -> None:
    """Operators bind as written in the language's description; texts are compared exactly."""
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "reward < 1", "reward >= 1", "not (reward < 1)", "reward = reward", "reward in (1)",
        "reward not in (1)", "reward + 1 > 0", "steps / 0 = 1", "not (steps / 0 = 1)",
        "done and reward < 1", "reward < 1 or reward >= 1",
    ],
)  # fmt: skip
def test_what_is_unknown_drops_nothing(text: str) -> None:
    """A comparison with null, and a division by zero, are neither true nor false."""
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("stepz < 3", 1, "there is no column stepz; did you mean steps?"),
        ("steps <", 8, "a value is missing before the end"),
        ("steps < 'a'", 7, "a number is compared with a text"),
        ("steps", 1, "this is a number; a condition takes a truth"),
        ("steps = 1 done", 11, "done is not expected here"),
        ("done < true", 6, "< does not compare truths"),
        ("url matches '['", 13, "no regular expression"),
        ("url matches url", 13, "a regular expression in quotes"),
        ("(steps = 1", 11, ") is missing before the end"),
        ("steps = 1 and url", 15, "this is a text; and takes a truth"),
        ("steps in (1, 'a')", 14, "this is a text; a list after in takes a number"),
        ("steps in (url)", 11, "a list after in holds values only"),
        ("upper(url) = 'A'", 1, "there is no function upper"),
        ("length(steps) = 1", 8, "this is a number; length takes a text"),
        ("steps = 1; done", 10, "';' begins nothing that is known"),
        ("done not true", 10, "in, contains or matches is missing after not"),
        ("", 1, "a value is missing before the end"),
        ("url = 'a", 7, "begins nothing that is known"),
        ("__import__('os')", 1, "there is no function __import__"),
    ],
)
def test_what_is_refused(text: str, place: int, said: str) -> None:
    """Wrong columns, types and syntax are named with their place."""
    with pytest.raises(ConfigError) as error:
        read(text, COLUMNS)
    assert f"at character {place} of " in str(error.value)
    assert said in str(error.value)


def test_depth_is_bounded() -> None:
    """A condition cannot exhaust the stack."""
    with pytest.raises(ConfigError, match="parentheses within each other"):
        read("(" * 30 + "done" + ")" * 30, COLUMNS)
    assert holds("not " * 400 + "done")
    with pytest.raises(ConfigError, match="more than 500 words and signs"):
        read(" or ".join(["done"] * 5000), COLUMNS)
    assert not holds(" and ".join(["done"] * 200 + ["not done"]))


_NUMBERS = st.integers(-50, 50)


@given(_NUMBERS, _NUMBERS, _NUMBERS)
def test_numbers_are_reckoned_as_python_does(a: int, b: int, c: int) -> None:
    """Sums, products and comparisons agree with Python's."""
    assert holds(f"steps * {b} - {c} < {a} + {b}", steps=a) is (a * b - c < a + b)


@given(st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3))
def test_truths_are_joined_as_in_sql(values: list[bool | None]) -> None:
    """``and`` and ``or`` of true, false and null, in both orders."""
    columns = {name: column(name, "truth") for name in "abc"}
    row = dict(zip("abc", values, strict=True))
    one = read("a and (b or c)", columns).evaluated(row)
    assert one == read("(c or b) and a", columns).evaluated(row)
    either = True if True in values[1:] else None if None in values[1:] else False
    both = (values[0], either)
    assert one == (False if False in both else None if None in both else True)


@given(st.text(alphabet="abdentos=<>()'\"+-*/, 01_", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends otherwise than as a condition or with the error that says what is wrong."""
    said = "at character "
    try:
        read(text, COLUMNS)
    except ConfigError as error:
        said = str(error)
    assert said.startswith("at character ")


def test_functions_within_each_other_are_bounded_too() -> None:
    """They cannot exhaust the stack either."""
    assert holds("lower(" * 10 + "url" + ")" * 10 + " != 'x'")
    with pytest.raises(ConfigError, match="parentheses within each other"):
        read("lower(" * 150 + "url" + ")" * 150 + " = ''", COLUMNS)
