"""Locators as recorders and their tools write them: resolved where the recorded page decides them,
else refused.
"""

from __future__ import annotations

from typing import Any

import pytest

from etl.pages import locators
from etl.pages.locators.tree import Tree
from etl.pages.reading import read
from schemas.errors import PageError

PAGE = read(
    "<!DOCTYPE html><html><head><title>Save all</title></head><body><h1 id=top>Save</h1>"
    "<form name=f><button data-testid=go title='Save it'>Save "
    "<b>all</b></button><button>Save</button><input type=submit value='Save all'><script>Save "
    "all</script></form><my-card><template shadowrootmode=open><i>x</i><button "
    "id=in>In</button></template><p>A</p><p>B</p></my-card></body></html>"
)
# html 0, head 1, title 2, body 3, h1 4, form 5, button 6, b 7, button 8, input 9, script 10,
# my-card 11, template 12, i 13, button 14, p 15, p 16


@pytest.mark.parametrize(
    ("text", "found"),
    {
        "css=h1": [4],
        "id=top": [4],
        "name=f": [5],
        "xpath=//h1": [4],
        "//h1": [4],
        "(//button)[2]": [8],
        "xpath///h1": [4],
        "xpath/id('top')": [4],
        "pierce/#in": [14],
        'document.querySelector("#top")': [4],
        'document.querySelector("[title=\\"Save it\\"]")': [6],
        "text=save all": [6, 9],
        'text="Save"': [4, 6, 8],
        "text='Save all'": [9],
        'internal:text="Save"s': [4, 8],
        'internal:text="save"i': [4, 6, 8, 9],
        "data-testid=go": [6],
        'internal:testid=[data-testid="go"s]': [6],
        'internal:attr=[title="save"i]': [6],
        "button >> nth=1": [8],
        "form >> button >> nth=-1": [8],
        'button >> internal:has-text="all"i': [6],
        "my-card >> text=in": [14],
        "button >> nth=7": [],
        "h1": [4],
        "text/Save": [4, 6, 8, 9],
        "text/save": [],
        "text/ all": [7, 9],
        "className=none": [],
        "tagName=form": [5],
        "internal:role=button[name='Save all']": [6, 9],
        'internal:role=button[name="save"i]': [6, 8, 9],
        'role=button[name="save"i]': [8],
        "role=button": [6, 8, 9, 14],
        "form >> role=button >> nth=1": [8],
        "aria/Save all": [6, 9],
        'aria/Save[role="heading"]': [4],
        'button >> internal:has="b"': [6],
        'button >> internal:has-not="b"': [8, 14],
        'button >> internal:and="internal:role=button[name=\\"save\\"s]"': [],
        'button >> internal:and="[data-testid]"': [6],
        'h1 >> internal:or="form >> b"': [4, 7],
        'form >> internal:chain="button >> nth=1"': [8],
        'button >> internal:has-not-text="all"i': [8, 14],
        'form >> internal:describe="the form" >> b': [7],
    }.items(),
    ids=repr,
)
def test_what_a_page_decides_is_resolved(text: str, found: list[int]) -> None:
    """Prefixes, chains, texts, test ids, paths and scripts of the usual tools find what these tools
    find.
    """
    assert locators.find_selector(PAGE, text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    {
        "linkText=More about mugs": [3],
        "link=More": [4],
        "linkText=more": [],
        "partialLinkText=More": [3, 4],
        "linkText=": [],
        "linkText=Button": [],
        "class=plain": [4],
        "tag=button": [5],
    }.items(),
    ids=repr,
)
def test_links_are_found_by_their_texts(text: str, found: list[int]) -> None:
    """Selenium's link texts are those of links alone, whole or in part."""
    page = read(
        "<!DOCTYPE html><html><head></head><body><a>More \n about mugs</a>"
        "<a class=plain> More </a><button>Button</button></body></html>"
    )
    assert locators.find_selector(page, text) == found


@pytest.mark.parametrize(
    "text",
    ["internal:role=button[name=/save/i]", "role=button[description='x']",
     "button:visible", "button:has-text('Save')", "button:contains('Save')", "visible=true",
     "text=/sa.e/i",
     "internal:label=/x/", "form >> body b", "form >> //button", "p:hover", "::-p-text(x)",
     "my-card >>> p"],
)  # fmt: skip
def test_what_a_page_does_not_decide_is_refused(text: str) -> None:
    """Regular expressions, layout and scripts are refused by a reason of their own."""
    with pytest.raises(PageError) as error:
        locators.find_selector(PAGE, text)
    assert error.value.reason == "unsupported_locator"


def test_paths_from_body() -> None:
    """A path from ``body`` begins at the root element, because a browser finds none at the
    document.
    """
    assert locators.find_path(PAGE, "body/form/button[2]") == [8]
    assert locators.find_path(PAGE, "BODY/H1") == [4]
    assert locators.find_path(PAGE, "xpath=html/body/h1") == [4]


def test_text_beside_shadow_roots() -> None:
    """To an XPath, text before and after a shadow root is one text in its place, as if nothing
    stood there.
    """
    html = (
        "<div>p<b>x</b>q<template "
        "shadowrootmode=open><i>in</i></template>r<u></u>s</div><div>t</div>"
    )
    page = read(f"<html><body>{html}</body></html>")
    assert locators.find_xpath(page, "//div[text()[2]='qr']") == [2]
    assert locators.find_xpath(page, "//u[following-sibling::text()='s']") == [6]
    assert locators.find_xpath(page, "//div[.='pxqrs']") == [2]


def test_lookups_on_a_page_share_its_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """XPaths that are looked up one after the other on a page want one tree, and find what each
    alone finds.
    """
    made: list[Tree] = []
    build = Tree._build

    def counted(tree: Tree, *given: Any) -> Any:
        made.append(tree)
        return build(tree, *given)

    monkeypatch.setattr(Tree, "_build", counted)
    page, other = read("<p id=a>1</p><p>2</p>"), read("<p>1</p><p id=a>2</p>")
    assert [locators.find_xpath(page, path) for path in ("id('a')", "//p[2]", "id('b')")] == [
        [0],
        [1],
        [],
    ]
    assert len(made) == 1
    assert [locators.find_xpath(each, "id('a')") for each in (other, other, page)] == [
        [1],
        [1],
        [0],
    ]
    assert len(made) == 3


def test_shadow_roots_are_no_elements() -> None:
    """A shadow root stands beside nothing: its content is found by CSS, its host's children are
    counted without it.
    """
    assert locators.find_css(PAGE, "my-card > p:first-child") == [15]
    assert locators.find_css(PAGE, "my-card > p:nth-child(2)") == [16]
    assert locators.find_css(PAGE, "i + #in") == [14]
    assert locators.find_css(PAGE, "template") == []
    assert locators.find_xpath(PAGE, "//my-card/*[1]") == [15]
    assert locators.find_xpath(PAGE, "//button") == [6, 8]
