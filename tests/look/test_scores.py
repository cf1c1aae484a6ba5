"""Scores of domains, and how views lay out what they show."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.look.outliers import FEWEST, LIMIT, scores
from etl.terminal.text import bar, cell, clipped, flat, printable, table, width_of
from tests.look.test_inspect import asked, listed, run, values
from tests.support import builds


@given(
    st.lists(values, min_size=FEWEST, max_size=30),
    st.floats(1e-3, 10),
    st.floats(-100, 100),
    st.floats(0.5, 20),
)
def test_scores_do_not_depend_on_units(
    known: list[float], floor: float, shift: float, scale: float
) -> None:
    """Other zeros and other units of the same values (and of the floor) give the same scores; the
    median's is 0, at least half of all are within 0.6745 wherever the spread is not below the
    floor, and what is not known has none.
    """
    array = np.array([*known, np.nan])
    found = scores(array, floor)
    moved = scores(array * scale + shift, floor * scale)
    assert np.isnan(found[-1])
    assert np.allclose(found[:-1], moved[:-1], rtol=1e-3, atol=1e-3)
    assert np.isclose(np.median(found[:-1]), 0, atol=1e-9)
    assert np.sum(np.abs(found[:-1]) <= 0.6745 + 1e-9) * 2 >= len(known)


def test_outliers_are_those_of_the_handbook() -> None:
    """A worked example by hand: median 3, MAD 1, so 12 scores 0.6745 * 9 = 6.07, and is the only
    one beyond 3.5; fewer than five values have no scores; equal values have none that are odd.
    """
    found = scores(np.array([1.0, 2, 3, 3, 4, 5, 12]), 0.01)
    assert found[-1] == pytest.approx(6.0705)
    assert (np.abs(found) > LIMIT).tolist() == [False] * 6 + [True]
    assert np.isnan(scores(np.array([1.0, 2, 3, 100]), 0.01)).all()
    assert not scores(np.full(9, 0.5), 0.01).any()


def test_a_domain_unlike_the_others_is_named(tmp_path: Path) -> None:
    """One shop loses its targets, keeps other pages, and is found with figure, median and score;
    one with fewer than ten steps is not judged.
    """
    records = [builds.workflow(number, steps=4) for number in range(63)]
    for record in records[::7]:  # shop0
        for step in record["steps"][1:]:
            step["target"] = [{"kind": "css", "value": "#absent"}]
    few = builds.workflow(3, steps=2, workflow_id="few")
    for step in few["steps"]:
        step |= {"url": "https://few.example/", "html": step["html"] + "<p>more</p>" * 300}
    builds.build([builds.write_workflows(tmp_path / "a.jsonl", *records, few)], tmp_path / "out")
    (odd,) = asked(tmp_path / "out", "domains", "--outliers")["domains"]
    assert odd["domain"] == "shop0.example"
    assert odd["unlike"]["survival"] == {
        "value": 0.25,
        "median": 1.0,
        "score": pytest.approx(-0.6745 * 0.75 / 0.02),
    }
    assert odd["unlike"]["drop_rate"]["score"] > LIMIT
    text = run(tmp_path / "out", "domains")
    assert "  shop0.example: 25.0% targets kept, median 100.0% (score -25.3)" in text
    assert (
        "survival=-25.3 drop_rate=+25.3"
        in listed(tmp_path / "out", "domains", "--outliers")[0]["unlike"]
    )
    assert "few.example:" not in text


@given(st.text())
def test_what_was_recorded_cannot_move_the_cursor(text: str) -> None:
    """No control character and no mark of direction is left of any text; one line is one line;
    printable text stays.
    """
    shown = printable(text)
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", shown
    )
    assert "\n" not in cell(text)
    if text.isprintable():
        assert shown == text


@given(
    st.lists(st.lists(st.text(max_size=12), min_size=3, max_size=3), min_size=1, max_size=5),
    st.integers(1, 20),
)
def test_columns_stand_below_each_other(rows: list[list[str]], width: int) -> None:
    """The last column of a table begins at the same column of a terminal in every line; a clipped
    cell is exactly as wide as asked.
    """
    lines = table(["a", "b", "end"], [[*row[:2], "|"] for row in rows])
    assert len({width_of(line) for line in lines[1:]}) <= 1
    for row in rows:
        assert width_of(clipped(cell(row[0]), width)) == width


def test_bars() -> None:
    """A bar is as long as its share, in eighths of a column, and never nothing where there is
    something.
    """
    assert (bar(1, 4), bar(0.5, 4), bar(0, 4), bar(1e-9, 4)) == ("████", "██", "", "▏")


def test_every_value_of_nested_ones_has_a_path() -> None:
    """Lists by number, mappings by key."""
    assert flat({"a": [1, {"b": None}], "c": "x"}) == [
        {"field": "a.0", "value": 1}, {"field": "a.1.b", "value": None}, {"field": "c",
        "value": "x"},
    ]  # fmt: skip
