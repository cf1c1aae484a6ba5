"""UTF-8 of texts, made once."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from tokenization.utf8 import has_utf8

ANY_TEXT = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included."""


@given(ANY_TEXT)
def test_lone_surrogates_have_none(text: str) -> None:
    """A text has UTF-8 if it has no lone surrogate; that it was asked for changes nothing."""
    copy = "".join(list(text))
    surrogates = any("\ud800" <= character <= "\udfff" for character in text)
    for _ in range(2):
        assert has_utf8(text) is not surrogates
    assert text == copy


def test_it_is_kept_with_the_text() -> None:
    """A text that is not ASCII grows by its UTF-8, once; others keep nothing."""
    text = "é" * 1000 + "ш"
    before = sys.getsizeof(text)
    for _ in range(3):
        assert has_utf8(text)
        assert sys.getsizeof(text) == before + len(text.encode()) + 1
    for plain in ("a" * 1000, "\ud800" * 1000):
        before = sys.getsizeof(plain)
        has_utf8(plain)
        assert sys.getsizeof(plain) == before
