"""The page as scripts have it: content of ``noscript`` and ``template`` is no element and no text
to locators.
"""

from __future__ import annotations

import gc

import pytest
from hypothesis import given, settings

from etl.pages import reading
from etl.pages.live import in_document, inert, live
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.standard import read_plain
from etl.stages.targets import find
from schemas.workflow import Locator
from tests.support.strategies import soups


def tags(html: str) -> list[str]:
    """Tags of the elements that a browser with scripts has in the document."""
    page = live(read(html)).page
    return [token.tag for token in page.tokens if token.element]


def texts(html: str) -> str:
    """Their text, and that around them."""
    page = live(read(html)).page
    return "".join(token.text for token in page.tokens if not token.hides_text)


def located(html: str, kind: str, value: str) -> str:
    """The start tag that a locator names, as it is written; the reason if it names none."""
    page = read(html)
    reason, _, element = find(page, (Locator(kind, value),))  # type: ignore[arg-type]
    if reason:
        return reason
    token = page.tokens[page.position(element)]
    return token.markup


@pytest.mark.parametrize(
    ("html", "expected", "text"),
    [
        ("<p>a<noscript>b<i>c</i></noscript>d<b>e</b></p>", "p noscript b", "ade"),
        ("<noscript><img></div><p></noscript><b>e</b>", "noscript b", "e"),
        ("<div><noscript><img></div></noscript>e</div>f<u></u>", "div noscript u", "ef"),
        ("<noscript>a<noscript>b</noscript>c<i></i></noscript>d<b></b>", "noscript i b", "cd"),
        ("<NoScript title=x>a<i></i></NOSCRIPT ><b></b>", "noscript b", ""),
        ("<noscript/><i>a</i>", "noscript i", "a"),
        ("<template><tr>a<td></template><b>c</b>", "template b", "c"),
        ("<template><template><i></i></template><u></u></template><b>c</b>", "template b", "c"),
        ("<div><template></div><i></i></template>c</div><b></b>", "div template b", "c"),
        ("<x-a><template shadowrootmode=open><i>a</i></template>b</x-a>", "x-a template i", "ab"),
        ("<x-a><template shadowrootmode='CLOSED'><i>a</i></template></x-a>", "x-a template i", "a"),
        ("<x-a><template shadowroot=open><i>a</i></template></x-a>", "x-a template i", "a"),
        ("<x-a><template shadowrootmode><i>a</i></template></x-a>", "x-a template", ""),
        (("<template "
         "shadowrootmode=open><noscript><i></i>a</noscript><template>b<u></u></template>c</template>"),
         "template noscript template", "c"),
        ("<noscript><template></noscript><i>a</i></template><b></b>", "noscript i b", "a"),
        ("<template><noscript></template><i>a</i></noscript><b></b>", "template i b", "a"),
        ("<script><noscript></script><i>a</i>", "script i", "a"),
        ("<div><noscript>a<i></i></div>b<b></b>", "div noscript b", "b"),
        ("<div><template>a<i></i></div>b<b></b>", "div template b", "b"),
        ("<noscript>a<i>b", "noscript", ""),
    ],
)  # fmt: skip
def test_what_is_in_the_document(html: str, expected: str, text: str) -> None:
    """Elements and text of the document are those of a browser with scripts; what is never closed
    ends with what is around it.
    """
    assert tags(html) == expected.split()
    assert texts(html) == text


@pytest.mark.parametrize(
    ("locator", "value", "expected"),
    [
        ("css", "#l > button:nth-of-type(2)", "<button b>"),
        ("xpath", "//div[@id='l']/button[2]", "<button b>"),
        ("xpath", "/html/body/div/button[1]", "<button a>"),
        ("css", "button.x", "target_absent"),
        ("css", "noscript", "<noscript>"),
        ("xpath", "//div[normalize-space(.)='One Two']", "<div id=l>"),
        ("xpath", "//*[contains(text(), 'Static')]", "target_absent"),
        ("markup", "<button class=x>", "target_absent"),
        ("markup", "<button a>", "<button a>"),
        ("attribute", "x", "target_absent"),
        ("node", "0", "<button b>"),
        ("node", "2", "target_absent"),
        ("node", "3", "<noscript>"),
    ],
)
def test_locators_are_about_the_document(locator: str, value: str, expected: str) -> None:
    """No locator finds what is in noscript, and positions do not count it; node ids do, as the
    reference has them.
    """
    page = (
        "<html><body><div id=l><noscript>Static<button class=x>buy</button></noscript><button "
        "a>One</button> <button b>Two</button></div></body></html>"
    )
    assert located(page, locator, value) == expected


def test_an_element_that_stands_again_for_readers_without_scripts() -> None:
    """A lazy image beside its copy in noscript is one element;
    so is a link in a template's copy.
    """
    html = (
        "<a><img class=p><noscript><img class=p></noscript></a><template><a "
        "class=q></a></template><a class=q></a>"
    )
    assert located(html, "css", "img.p") == "<img class=p>"
    assert located(html, "css", "a.q") == "<a class=q>"


def test_shadow_roots_are_looked_into() -> None:
    """What is in a declarative shadow root is found, also one inside another."""
    inner = "<x-b><template shadowrootmode=open><button id=go>Accept</button></template></x-b>"
    html = f"<x-a><template shadowrootmode=closed>{inner}</template></x-a>"
    assert located(html, "css", "#go") == "<button id=go>"
    assert located(html, "css", "x-a button") == "<button id=go>"


@settings(max_examples=200, deadline=None)
@given(soups)
def test_elements_are_those_of_the_whole_page(html: str) -> None:
    """Each element of the document is one of the page, in its order; inert ones are the rest."""
    for page in (reading.read_anew(html), read_plain(html)):
        seen = live(page)
        whole = [token for token in page.tokens if token.element]
        there = [token for token in seen.page.tokens if token.element]
        found = seen.in_whole(range(seen.page.elements))
        assert [(whole[at].tag, whole[at].attributes()) for at in found] == [
            (t.tag, t.attributes()) for t in there
        ]
        assert sorted(set(range(page.elements)) - set(found)) == [
            at for gap in inert(page) for at in range(gap.first, gap.first + gap.elements)
        ]
        assert in_document(page, range(page.elements)) == found


@pytest.mark.parametrize("html", ["<p id=a>x", "<p id=a>x<template><p></template>"])
def test_a_page_goes_with_the_last_who_holds_it(html: str) -> None:
    """A page in which an element was looked for is freed at once, and all that it holds with it:
    nobody waits for the garbage collector.
    """
    gc.collect()
    gc.disable()
    try:
        page = reading.read_anew(html)
        assert find(page, (Locator("css", "#a"),))[2] == 0
        pages = {id(each) for each in (page, page.flags, live(page).page)}
        assert {id(each) for each in gc.get_objects()} & pages
        del page
        assert not any(type(each) is Page for each in gc.get_objects() if id(each) in pages)
    finally:
        gc.enable()
