"""Marks of recorders: how a page is written without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from etl.pages.marks import names
from etl.pages.marks.names import Mark
from etl.pages.marks.outline import outline
from etl.pages.marks.removal import Cleaned, Marks, Remover
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.standard import read_plain
from tests.support.strategies import GOLDENS, pruner, rules, soups

ABSENT = "zq-mark"
SAMPLES = [path.read_bytes().decode() for path in sorted(GOLDENS.glob("*/source.html"))]


def clean(page: Page, *spared: int, **lists: Any) -> Cleaned:
    return Remover(Marks(**{name: frozenset(given) for name, given in lists.items()})).clean(
        page, spared
    )


def pruned(page: Page, inert: bool = True) -> str:
    return pruner(replace(rules(), inert_content=inert)).prune(page).observation


def same_with_and_without(html: str) -> None:
    """A page with a mark on an element at its end loses the mark and nothing else."""
    marked = f"<p>x</p><b {ABSENT}=1>y</b>{html}"
    plain = f"<p>x</p><b>y</b>{html}"
    for reader in (read, read_plain):
        cleaned = clean(reader(marked), attributes=[ABSENT])
        assert cleaned.html is not None
        for inert in (True, False):
            assert pruned(read(cleaned.html), inert) == pruned(read(plain), inert)


@given(soups)
def test_nothing_else_changes(html: str) -> None:
    """Whatever a page holds, a page that is written without a mark is pruned to what the page
    without the mark is: the same elements with the same node ids, attributes and texts.
    """
    same_with_and_without(html)


@pytest.mark.parametrize("html", SAMPLES)
def test_nothing_else_of_goldens_changes(html: str) -> None:
    """The same for the pages of the goldens."""
    same_with_and_without(html)


@pytest.mark.parametrize(
    ("html", "lists", "matched", "observation"),
    [
        ('<a REC=1 id=x>t</a>', {"attributes": ["rec"]}, "attributes rec", '<a id="x" N> t </a>'),
        ('<a id="x">t</a>', {"attributes": ["id=x"]}, "attributes id=x", "<a N> t </a>"),
        ('<a id="y">t</a>', {"attributes": ["id=x"]}, "", '<a id="y" N> t </a>'),
        (
            '<a class=" button  rec">t</a>',
            {"classes": ["rec"]}, "classes rec", '<a class="button" N> t </a>',
        ),
        ('<a class="rec">t</a>', {"classes": ["rec"]}, "classes rec", "<a N> t </a>"),
        ("<a>&#82;EC</a><p>u</p>", {"texts": ["REC"]}, "texts REC", "<p N> u </p>"),
        ("<a id=i>REC</a>", {"texts": ["REC"]}, "texts REC", '<a id="i" N> </a>'),
        ("<a>REC it</a>", {"beginnings": ["REC"]}, "beginnings REC", "<a N> it </a>"),
        ("<a>RECIT</a>", {"beginnings": ["REC"]}, "", "<a N> RECIT </a>"),
        ("<a>it &lt;REC</a>", {"endings": ["<REC"]}, "endings <REC", "<a N> it </a>"),
        (
            '<a>t</a><span class="box"><i>1</i> over</span>',
            {"elements": [".box"]}, "elements .box", "<a N> t </a>",
        ),
        ("<a>t</a><div ov>u<img alt=q></div>", {"elements": ["ov"]}, "elements ov", "<a N> t </a>"),
        ("<a>t</a><div ov=2>u</div>", {"elements": ["ov=1"]}, "", "<a N> t </a> <div N> u </div>"),
    ],
)  # fmt: skip
def test_what_goes(html: str, lists: dict[str, Any], matched: str, observation: str) -> None:
    """Each list takes off what it names, and nothing that is only alike; it says what matched."""
    page = read(html)
    cleaned = clean(page, **lists)
    assert cleaned.matched == ({matched} if matched else set())
    assert (cleaned.html is None) == (not matched)
    shown = pruned(read(cleaned.html) if cleaned.html is not None else page)
    for number in range(page.elements):
        shown = shown.replace(f'node="{number}"', "N")
    assert shown.strip() == observation


def test_style_goes_by_declaration() -> None:
    """A declaration goes, whatever its spaces; one in a string or an address is none."""
    page = read(
        """<a style="color:red; OUTLINE :2px  solid red;background:url(x;outline:y)">t</a>"""
    )
    cleaned = clean(page, styles=["outline: 2px solid red"])
    assert cleaned.html == '<a style="color:red;background:url(x;outline:y)">t</a>'
    assert cleaned.matched == {"styles outline: 2px solid red"}
    assert clean(page, styles=["outline: y"]).html is None


def test_targets_stay() -> None:
    """Of a target only the mark goes; an element around it is unwrapped; ids stay as they were."""
    page = read('<div ov=1><i>u</i><button ov=1 id="b"></button></div><a ov=1>gone</a><a>x</a>')
    cleaned = clean(page, 2, elements=["ov"])
    assert cleaned.html is not None
    after = read(cleaned.html)
    assert (
        pruned(after)
        == '<i node="3"> u </i> <button id="b" node="2"> </button> <a node="0"> x </a> '
    )
    assert after.elements == page.elements


def test_an_unclosed_element_that_goes_ends_where_it_did() -> None:
    """Elements of the same tag, one that goes and one that stays, keep their end tags."""
    html = "<div ov=1><p>u<div>v</div></div><div>w<p ov=1>x</div>y"
    cleaned = clean(read(html), elements=["ov"])
    assert cleaned.html is not None
    assert pruned(read(cleaned.html)) == '<div node="1"> w </div> y '


def test_what_is_around() -> None:
    """Children, two neighbours on each side, and an element that holds nothing else."""
    page = read("<p><a></a><b></b><i></i><u><s></s><q></q></u><em></em></p>")
    tree = outline(page)
    assert tree.parents == [-1, 0, 0, 0, 0, 4, 4, 0]
    assert tree.around(page, 4) == [2, 3, 5, 6, 7]
    alone = read("<p><a><b>x</b></a></p>")
    assert outline(alone).around(alone, 1) == [0, 2]
    assert outline(page).around(page, 6) == [5]


def test_names() -> None:
    """A start tag and a text are named by all that can be a mark in them."""
    page = read('<a class="x y" style="a: b; c:d" k="1  2" bid="7">one  two</a>')
    token = page.tokens[0]
    assert set(names.of_markup(token.kind, token.tag, token.markup)) == {
        Mark("attribute", "class"), Mark("class", "x"), Mark("class", "y"),
        Mark("attribute", "style"), Mark("style", "a: b"), Mark("style", "c: d"),
        Mark("attribute", "k"), Mark("attribute", "k=1 2"), Mark("attribute", "bid"),
    }  # fmt: skip
    assert set(names.of_text(token.text)) == {
        Mark("text", "one two"), Mark("beginning", "one"), Mark("beginning", "one two"),
        Mark("ending", "two"), Mark("ending", "one two"),
    }  # fmt: skip
