"""Text for a terminal: tables that fit it, and counts in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.terminal.text import table, width_of
from etl.terminal.words import counted

ROWS = [
    ["shop.example", "filter", "a reason of some length that goes on", "12", "3.5%"],
    ["b", "c", "d", "1,200", ""],
]
HEAD = ["domain", "stage", "reason", "count", "share"]


def test_words_stand_left_and_numbers_right() -> None:
    """A column in which every cell is a number, or empty, is aligned to the right."""
    assert table(HEAD, ROWS) == [
        "domain        stage   reason                                count  share",
        "shop.example  filter  a reason of some length that goes on     12   3.5%",
        "b             c       d                                     1,200",
    ]


def test_a_narrow_terminal_clips_words_then_puts_columns_below() -> None:
    """Numbers are never clipped; long words are first, then columns go below.

    The first column is repeated there.
    """
    assert table(HEAD, ROWS, 52) == [
        "domain        stage   reason            count  share",
        "shop.example  filter  a reason of som…     12   3.5%",
        "b             c       d                 1,200",
    ]
    assert table(HEAD, ROWS, 40)[3:] == [
        "",
        "domain        count  share",
        "shop.example     12   3.5%",
        "b             1,200",
    ]


@given(
    st.lists(st.lists(st.text(max_size=30), min_size=4, max_size=4), max_size=4),
    st.integers(40, 120),
)
def test_a_table_fits(rows: list[list[str]], width: int) -> None:
    """No line is wider than the terminal, whatever is in the cells."""
    assert all(width_of(line) <= width for line in table(["a", "b", "c", "d"], rows, width))


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "record", "1 record"),
        (0, "record", "0 records"),
        (2000, "entry", "2,000 entries"),
        (2, "byte", "2 bytes"),
        (2, "copy", "2 copies"),
        (2, "key", "2 keys"),
    ],
)
def test_counts_have_the_right_plural(number: int, noun: str, said: str) -> None:
    """One thing is singular, any other count plural."""
    assert counted(number, noun) == said
