"""A step's page, as text and as UTF-8."""

from __future__ import annotations

import dataclasses
import pickle

from hypothesis import given
from hypothesis import strategies as st

from schemas.workflow import Action, Step

TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)


@given(TEXTS)
def test_a_page_is_the_same_as_text_and_as_utf8(html: str) -> None:
    """A step given a text equals one given its UTF-8, and both tell the same text, UTF-8 and number
    of characters, however they are copied.
    """
    utf8 = html.encode("utf-8", "surrogatepass")
    html = utf8.decode("utf-8", "surrogatepass")
    of_text = Step("0", "", html, Action("click"))
    of_utf8 = Step("0", "", utf8, Action("click"))  # type: ignore[arg-type]
    for step in (of_utf8, of_text, pickle.loads(pickle.dumps(of_utf8)), of_utf8.with_fields()):
        assert step.characters == len(html)
        assert step.utf8 == utf8
        assert step.characters == len(html)
        assert step.html == html
        assert step == of_text
        assert hash(step) == hash(of_text)
    assert dataclasses.replace(of_utf8, number=2) == of_text.with_fields(number=2)


def test_a_page_given_as_utf8_is_not_decoded_by_copies() -> None:
    """A copy with another number holds the same UTF-8."""
    utf8 = "<p>é".encode()
    step = Step("0", "", utf8, Action("click"))  # type: ignore[arg-type]
    assert step.with_fields(number=2).page is utf8
    assert step.page is utf8
