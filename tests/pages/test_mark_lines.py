"""Marks in text observations: what of a line is a property or a text, and what is taken off."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.pages.axtree import Tree
from etl.pages.marks.lines import LineRemover, as_markup, parsed
from etl.pages.marks.removal import Marks
from etl.pages.reading import read

LINES: Final[dict[str, tuple[str, dict[str, str], list[str]]]] = {
    "\t[89] button 'Buy, now', focused, hasPopup='menu'": (
        "button", {"focused": "", "haspopup": "menu"}, ["Buy, now"],
    ),
    "[89] button 'Buy' focused: True required: False": (
        "button", {"focused": "True", "required": "False"}, ["Buy"],
    ),
    "[88] textbox 'Find' value='a b', focused": (
        "textbox", {"value": "a b", "focused": ""}, ["Find"],
    ),
    "[47] generic, live='polite', atomic, relevant='additions text'": (
        "generic", {"live": "polite", "atomic": "", "relevant": "additions text"}, [],
    ),
    '  - link "Buy" [active] [ref=e12] [cursor=pointer]: now': (
        "link", {"active": "", "cursor": "pointer"}, ["Buy", "now"],
    ),
    '12:\t<button id="x" class="a b">Buy</button>': (
        "button", {"id": "x", "class": "a b"}, ["Buy"],
    ),
    "*[12]<a aria-label=Buy now role=button />": (
        "a", {"aria-label": "Buy now", "role": "button"}, [],
    ),
    "[5] >>> button 'Buy', focused": ("button", {"focused": ""}, [">>> ", "Buy"]),
    "Buy, now": ("text", {}, ["Buy, now"]),
    "Home": ("text", {}, ["Home"]),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_properties_and_texts(line: str) -> None:
    """Of each form: role, properties with their values, texts; an id is none of them."""
    found = parsed(line)
    texts = [line[start:end] for start, end in found.texts]
    properties = {each.name: each.value for each in found.properties}
    assert (found.role, properties, texts) == LINES[line]


TREE: Final = Tree(
    "RootWebArea 'Shop', focused\n"
    "\t[1] >>> button 'REC Buy', picked, hasPopup='menu'\n"
    "\t\tStaticText 'Buy'\n"
    "\t[2] generic 'step', badge\n"
    "\t\tStaticText 'REC'\n"
    '\t3:<a class="on zz" style="left: 1px; outline: 2px solid red">Go</a>\n'
    "REC"
)


def test_marks_go_from_lines() -> None:
    """Properties, words of class, declarations, texts and their beginnings go, with what parts them
    from the rest; an element goes with what is in it, and so does a line of which nothing is left.
    """
    marks = Marks(
        attributes=frozenset({"picked", "haspopup=menu"}),
        classes=frozenset({"zz"}),
        styles=frozenset({"outline: 2px solid red"}),
        texts=frozenset({">>>", "REC"}),
        beginnings=frozenset({"REC"}),
        elements=frozenset({"badge"}),
    )
    cleaned = LineRemover(marks).clean(TREE, [1])
    assert cleaned.text == (
        "RootWebArea 'Shop', focused\n\t[1] button 'Buy'\n\t\tStaticText 'Buy'\n"
        '\t3:<a class="on" style="left: 1px">Go</a>'
    )
    assert cleaned.kept == [0, 1, 2, 5]
    assert len(cleaned.matched) == 8
    spared = LineRemover(marks).clean(TREE, [3, 6])
    assert spared.kept == [0, 1, 2, 3, 4, 5, 6]
    assert "\t[2] generic 'step'\n" in (spared.text or "")
    assert LineRemover(Marks(texts=frozenset({"x"}))).clean(TREE).text is None


@given(
    st.lists(
        st.text(st.sampled_from("ab<>/='\"[]{}:,.-*| \t&;1é"), max_size=24)
        | st.sampled_from([*LINES]),
        max_size=12,
    )
)
def test_any_text_is_a_page_of_its_lines(lines: list[str]) -> None:
    """As a page, a text has an element for each line, whatever stands in it; and a remover that
    finds nothing leaves it as it is.
    """
    tree = Tree("\n".join(lines))
    assert read(as_markup(tree)).elements == len(tree.lines)
    assert LineRemover(Marks(attributes=frozenset({"nowhere"}))).clean(tree).text is None
