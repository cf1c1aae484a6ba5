"""Texts that are held compressed are the same texts."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.files import compressed
from etl.files.compressed import Compressed, Holder
from schemas.utf8 import held
from schemas.workflow import Action, Step

TEXTS = st.lists(st.text(st.characters(exclude_categories=()), max_size=30), max_size=30)


@given(texts=TEXTS, plain=st.integers(0, 40), block=st.integers(1, 60), data=st.data())
def test_every_text_comes_back(
    texts: list[str], plain: int, block: int, data: st.DataObject
) -> None:
    """Whatever is held plainly and how the rest is divided, each step tells its own page, in any
    order of asking; copies and pickles do too.
    """
    texts = [
        text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") for text in texts
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compressed, "PLAIN", plain)
        patch.setattr(compressed, "BLOCK", block)
        holder = Holder()
        steps = [Step("0", "", holder.hold(text), Action("click")) for text in texts]
    for at in data.draw(st.permutations(range(len(steps)))):
        plainly = Step("0", "", texts[at], Action("click"))
        for step in (steps[at], steps[at].with_fields(), pickle.loads(pickle.dumps(steps[at]))):
            assert step.has_page == plainly.has_page
            assert step.utf8 == plainly.utf8
            assert step.characters == plainly.characters <= step.size
            assert step == plainly
            assert hash(step) == hash(plainly)
            assert step.html == texts[at]


def test_equal_pages_take_the_room_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many pages that differ in a few places, those after the first take next to nothing; and a
    step that was asked for its page does not hold it.
    """
    monkeypatch.setattr(compressed, "PLAIN", 0)
    rows = "".join(f"<tr id=r{number * 7919 % 9973}>" for number in range(20_000))
    holder = Holder()
    steps = [
        Step("0", "", holder.hold(f"{rows}<p>{number}"), Action("click")) for number in range(300)
    ]
    assert all(step.html.endswith(f"<p>{number}") for number, step in enumerate(steps))
    assert all(isinstance(held(step, "html"), Compressed) for step in steps)
    assert sum(step.size for step in steps) > 9 * compressed.BLOCK
    assert len(pickle.dumps(steps)) < 2 * compressed.BLOCK  # one block is still open
