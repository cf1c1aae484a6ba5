"""The fast search of private values: it finds what the plain one does, at the same places."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.pages import compiled
from etl.stages.private import numbers, scan
from etl.stages.private.scan import Plain
from etl.stages.private.values import _Loose

PIECES = (
    *("?", "&amp;", "%26", "%3F", "ab", "Cd=", "%3D", "=", "&", " ", "%", "x", "7", "12-34", ".5"),
    *("A", "AA00", "AB 12", "00", "<input", "<INPUT ", "<tExtArea", ">", '"', "'", "\n", "é", "\0"),
    *("A0" * 9, "x" * 4100, "4155552671", "+1 (415) 555-2671", "001", "(0)", "\u00a0"),
)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30)
SHAPES = (b"AA00", b"AAAAAA00A00A000A", b"AAAA000000AAAAAA", b"AA 00 00 00 A")
CALLS = (
    *(("runs", ()), ("long_words", (3,)), ("long_words", (20,)), ("parameters", ())),
    *(("shapes", (SHAPES,)), ("tags", ((b"input", b"textarea"),))),
)


@pytest.mark.skipif(compiled.ENGINE is None, reason="no engine")
@pytest.mark.parametrize(("name", "arguments"), CALLS)
@settings(max_examples=400)
@given(TEXTS)
def test_the_engine_finds_what_the_specification_says(
    name: str, arguments: tuple[object, ...], pieces: list[str]
) -> None:
    """In any text, whatever is beside it."""
    text = "".join(pieces).encode()
    assert getattr(compiled.ENGINE, name)(text, *arguments) == getattr(Plain, name)(
        text, *arguments
    )


@pytest.mark.skipif(compiled.ENGINE is None, reason="no engine")
@settings(max_examples=400)
@given(st.binary(max_size=90), st.binary(max_size=9), st.binary(max_size=9), st.binary(max_size=90))
def test_what_two_texts_have_in_common(first: bytes, one: bytes, other: bytes, last: bytes) -> None:
    """Their beginning and, behind it, their end, which never overlap."""
    texts = first + one + last, first + other + last
    start, end = compiled.ENGINE.in_common(*texts)
    assert (start, end) == Plain.in_common(*texts)
    assert start + end <= min(map(len, texts))


@settings(max_examples=400)
@given(TEXTS, st.lists(st.binary(min_size=2, max_size=6), max_size=5), st.data())
def test_texts_that_are_sought_together(
    pieces: list[str], sought: list[bytes], data: st.DataObject
) -> None:
    """Each is found at all its places, also where they overlap."""
    text = "".join(pieces).encode()
    if len(text) > 2:
        at = data.draw(st.integers(0, len(text) - 2))
        sought = [*sought, text[at : at + data.draw(st.integers(2, 9))]]
    sought = list(dict.fromkeys(sought))
    assert scan.needles(sought).find(text) == Plain.Needles(sought).find(text)


@settings(max_examples=400)
@given(
    st.sampled_from(
        (("phone", "4155552671"), ("card", "4111"), ("iban", "GB00AB"), ("phone", "11"))
    ),
    st.lists(st.sampled_from("4155552671 ()+-./01GgBbA%x\u00a0"), max_size=40),
    TEXTS,
)
def test_a_value_with_gaps_is_found_as_its_whole_pattern_finds_it(
    value: tuple[str, str], around: list[str], pieces: list[str]
) -> None:
    """Only around its own characters is the pattern tried; it is the same as everywhere."""
    kind, form = value
    loose = _Loose(kind, form)  # type: ignore[arg-type]
    text = "".join((*around, *pieces, form, *around)).encode()
    found = [match.span() for match in loose.matches(text)]
    assert found == [match.span() for match in loose._pattern.finditer(text)]


NUMBERS = (
    *("4111111111111111", "4111 1111 1111 1111", "078-05-1120", "529.982.247-25", "2 9" * 5),
    *("1 85 12 75 116 001 72", "tel:", "SSN ", "phone", "+49 30 123456", "(415) 555-2671", "A"),
    *("030 1234567", "1234567890", "12345678901234567", "7", ".", "-", " ", "<b>", "x", "%2B", "k"),
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(NUMBERS), max_size=8))
def test_numbers_that_cannot_be_anything_are_passed_over(pieces: list[str]) -> None:
    """A run of digits is tried against the patterns that its length and gaps leave, and nothing
    else could have been found in it.
    """
    text = "".join(pieces).encode()
    finder = numbers.Numbers(("US", "DE"))
    found = [list(finder.find(text, *run)) for run in scan.runs(text)]
    with pytest.MonkeyPatch.context() as patch:
        for least in ("_CARD_DIGITS", "_ID_DIGITS", "_NANP_DIGITS"):
            patch.setattr(numbers, least, -1)
        patch.setattr(finder, "_any_strong", re.compile(b""))
        assert [list(finder.find(text, *run)) for run in scan.runs(text)] == found
