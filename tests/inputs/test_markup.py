"""`etl.inputs.markup`: pages written from trees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.inputs.markup import VOID, Markup
from etl.pages import locators
from etl.pages.reading import read
from schemas.errors import RecordError

NAMES = st.sampled_from(
    "html body div p a iframe noscript table tr td svg path pre textarea title script style "
    "select option input br custom-element".split()
)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=9)
TREES = st.recursive(
    st.tuples(NAMES, st.dictionaries(st.sampled_from(["id", "class", "data-x"]), TEXTS), TEXTS),
    lambda tree: st.tuples(NAMES, st.just({}), st.lists(tree, max_size=4)),
    max_leaves=12,
)
TEXT_ONLY = frozenset("script style title textarea".split())


def write(markup: Markup, tree: Any) -> None:
    """A tree of (name, attributes, text or children)."""
    name, attributes, inside = tree
    markup.start(name, attributes.items())
    if isinstance(inside, str):
        if name not in VOID:
            markup.text(inside)
    else:
        for child in inside:
            if name not in VOID and name not in TEXT_ONLY:
                write(markup, child)
    markup.end(name)


@given(TREES)
def test_the_reader_finds_the_elements_that_were_written(tree: Any) -> None:
    """A written page is read with as many elements, whatever they hold."""
    markup = Markup()
    write(markup, ("html", {}, [tree]))
    assert read(markup.html()).elements == markup.elements


@given(TEXTS.filter(str.strip), TEXTS)
def test_values_and_texts_come_back(value: str, text: str) -> None:
    """An attribute's value is found again, and a script cannot be ended from within."""
    markup = Markup()
    markup.start("div", [("data-value", value), ("not a name", "x"), ("DATA-VALUE", "again")])
    markup.start("script")
    markup.text(f"</script><b>{text}")
    markup.end("script")
    number = markup.start("b")
    markup.end("b")
    markup.end("div")
    page = read(markup.html())
    assert locators.find_attribute(page, "data-value", value) == [0]
    assert markup.locator(number).value == str(page.node(2)) == "0"


def test_a_page_is_written_as_browsers_serialise_it() -> None:
    """Void elements have no end tag, quotes and no-break spaces are references, and the line break
    that a reader drops is doubled.
    """
    markup = Markup()
    markup.doctype()
    markup.start("html")
    markup.start("input", [("value", 'a "b" & \xa0'), ("disabled", "")])
    markup.end("input")
    markup.start("pre")
    markup.text("\nx < y")
    markup.end("pre")
    markup.end("html")
    assert markup.html() == (
        '<!DOCTYPE html><html><input value="a &quot;b&quot; &amp; &nbsp;" disabled="">'
        "<pre>\n\nx &lt; y</pre></html>"
    )


@pytest.mark.parametrize("name", ["", "1a", "a b", "<", "a>"])
def test_what_is_no_tag_is_refused(name: str) -> None:
    """No element can have such a name."""
    with pytest.raises(RecordError, match="is no tag"):
        Markup().start(name)
