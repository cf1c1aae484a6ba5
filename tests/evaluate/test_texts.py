"""Rules on texts: set F1, plain words, cleaning, chrF."""

from __future__ import annotations

import math
import string

from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.texts import chrf, cleaned, plain_words, set_f1

WORDS = st.lists(st.sampled_from(["a", "b", "A", "()", "->", ".", "..", "@[", "[]", "é"])).map(
    " ".join
)


def test_sets_of_tokens_are_compared() -> None:
    """Case counts, repetition and order do not; nothing against nothing is 1, against something
    0.
    """
    assert set_f1("a b b", "b a") == 1
    assert set_f1("a", "A") == 0
    assert set_f1("", " \n") == 1
    assert set_f1("", "a") == 0
    assert set_f1("a b c", "a") == 0.5


def test_a_piece_of_the_marks_is_punctuation() -> None:
    """A token goes if it is a piece of the string of marks; it counts where punctuation is kept."""
    for mark in ("!", "()", "-.", "@[", string.punctuation):
        assert set_f1(f"a {mark}", "a") == 1
        assert set_f1(f"a {mark}", "a", punctuation=True) < 1
    for kept in ("->", "--", "..", "[]"):
        assert set_f1(f"a {kept}", "a") < 1
    assert set_f1("() &", "a") == 0


@given(WORDS, WORDS, st.booleans())
def test_set_f1_is_that_of_precision_and_recall(one: str, two: str, kept: bool) -> None:
    """It is the same both ways, 1 for a text against itself, and the harmonic mean of precision
    and recall of the sets.
    """
    score = set_f1(one, two, punctuation=kept)
    assert score == set_f1(two, one, punctuation=kept)
    assert set_f1(one, one, punctuation=kept) == 1
    sets = [{t for t in text.split() if kept or t not in string.punctuation} for text in (one, two)]
    if all(sets):
        shares = [len(sets[0] & sets[1]) / len(side) for side in sets]
        plain = 2 / (1 / shares[0] + 1 / shares[1]) if all(shares) else 0
        assert math.isclose(score, plain, abs_tol=1e-12)


def test_plain_words() -> None:
    """What is no word is a space, and runs of white space are one; none is stripped."""
    assert plain_words('Click "Up\n date_1"!') == "click up date_1 "
    assert plain_words("Été…«») x") == "été x"


def test_cleaning_reads_utf_8_as_latin_1() -> None:
    """Entities are resolved, backslash sequences too; a non-ASCII character becomes a space, and
    the replacements count only where a sequence is broken.
    """
    assert cleaned("A &amp; B &lt;") == "A & B <"
    assert cleaned("A &amp;amp; B") == "A & B"
    assert cleaned("Don’t – café") == "Don t caf "
    assert cleaned("\\x – it’s ＋") == "\\x - it's +"
    assert cleaned("a\\n\\u0041\\d") == "a A\\d"
    assert cleaned("a\x01\x7f\t b") == "a \x7f b"
    assert cleaned("\ud800 –") == " -"


def chrf_by_hand(one: str, two: str) -> float:
    """The formula in words, without counters."""
    one, two = "".join(one.split()), "".join(two.split())
    shares = []
    for n in range(1, 7):
        ours = [one[i : i + n] for i in range(len(one) - n + 1)]
        theirs = [two[i : i + n] for i in range(len(two) - n + 1)]
        if ours and theirs:
            common = sum(min(ours.count(gram), theirs.count(gram)) for gram in {*ours})
            shares.append((common / len(ours), common / len(theirs)))
    if not shares:
        return 0
    p, r = (sum(share[side] for share in shares) / len(shares) for side in (0, 1))
    return 5 * p * r / (4 * p + r) if p + r else 0


@given(st.text("ab c\n", max_size=20), st.text("ab c\n", max_size=20))
def test_chrf_is_the_formula(one: str, two: str) -> None:
    """The n-grams of 1 to 6 characters that both texts have, white space aside; 1 for equal texts,
    0 for an empty one.
    """
    assert math.isclose(chrf(one, two), chrf_by_hand(one, two), abs_tol=1e-12)
    assert chrf(one, one) == (1 if one.split() else 0)
    assert chrf("", two) == 0
