"""Hostile pages: strange characters, ids and addresses, and markup that is long, wide or deep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from etl.pages import locators
from etl.pages.live import live
from etl.pages.reading import read
from schemas.errors import PageError
from tests.build.conftest import Beside
from tests.build.test_hostile import DEEP, HUGE, by, other, text_of
from tests.support import strategies
from tests.support.hostile import (
    good,
    line,
    step,
    workflow,
)
from tests.support.hostile_pages import TRAPS
from tests.support.judged import by_cssselect


def test_half_characters(beside: Beside) -> None:
    """Half an emoji in JSON becomes U+FFFD, escaped or not;
    a whole one in two halves stays whole.
    """
    page = "<button id=go>\ud83d \ud83d\ude00</button>"
    written = line(workflow("halves", step(page))).replace(
        b"\\ude00", b"\xed\xb8\x80\\ud83d\\ude00"
    )
    built = beside(written)
    assert built.reasons() == {}
    assert "\ufffd \ufffd\ufffd\U0001f600" in built.samples()["workflows:halves/1"]["observation"]


def test_impossible_character_references(beside: Beside) -> None:
    """References to characters that do not exist become U+FFFD, whatever their size; what is no
    reference stays.
    """
    page = f"<button id=go>&#xD800;&#1114112;&#0;&#{'9' * 100_000};&#x;&#;&nosuch;&#xE9;</button>"
    observation = beside(workflow("refs", step(page))).samples()["workflows:refs/1"]["observation"]
    assert (
        observation
        == '<button id="go" node="0"> \ufffd\ufffd\ufffd\ufffd&amp;#x;&amp;#;&amp;nosuch;é '
        "</button> "
    )


STRANGE = {
    "newline": "a\nb",
    "slashes": "../../etc/passwd",
    "like a step": "good-0/1",
    "like a repeat": "good-0~2",
    "nul": "a\0b",
    "emoji": "\U0001f4a5",
    "100 kB": "x" * 100_000,
    "escape": "\x1b[31m",
    "quotes": "\"'`|,;$(touch x)",
}


@pytest.mark.parametrize("name", STRANGE.values(), ids=STRANGE.keys())
def test_strange_ids(beside: Beside, name: str) -> None:
    """Any text can be an id: it comes out as it went in, and names no file."""
    built = beside(good(name), other("good-0"))
    assert f"workflows:{name}/1" in built.rows() or f"workflows:{name}~2/1" in built.rows()
    assert set(built.reasons().values()) == {"conflicting_id"}
    assert not (built.out / "etc").exists()


def test_control_characters_in_the_objective(beside: Beside) -> None:
    """Control characters of an objective stay, its white space collapses, and no field breaks its
    line.
    """
    built = beside(
        workflow(
            "bell", step(), objective="Search\x07 for \x1b[31ma\u2028blue\x85\r\n mug\u202e today"
        )
    )
    assert "\nObjective: Search\x07 for \x1b[31ma blue mug\u202e today\nURL: " in built.decoded(
        "workflows:bell/1"
    )


URLS = {
    "http://[::1": "unknown",
    "http://a b": "unknown",
    "http://xn--zzzzzzzzz-.example/": "xn--zzzzzzzzz-.example",
    f"http://{'ü' * 100}.example/": "unknown",
    f"http://{'a' * 10_000}.example/": f"{'a' * 10_000}.example",
    f"http://{'a.' * 5_000}example/": "a.example",
    "javascript:alert(1)": "unknown",
    "http://\u2100.example/": "unknown",
    "http://user:pw@[::1]:99999999/": "::1",
    "//": "unknown",
    "http://a|b\n# c.example": "unknown",
    "\0": "unknown",
}


def test_urls_that_are_none(beside: Beside) -> None:
    """Whatever stands in a URL, its step is built; what has no domain is unknown."""
    built = beside(workflow("urls", *(step(url=url) for url in URLS)), settings=(HUGE,))
    samples = built.samples()
    found = {url: samples[f"workflows:urls/{i}"]["domain"] for i, url in enumerate(URLS, 1)}
    assert found == URLS


def test_website_with_markup(beside: Beside) -> None:
    """A website's name with markup, line breaks and pipes
    stays one plain cell of the card's table.
    """
    row = workflow("site", step(url="")) | {"website": "a|b`\n# <script>alert(1)</script>\n---"}
    built = beside(row)
    card = (built.out / "dataset" / "README.md").read_text("utf-8")
    assert "| a&#124;b&#96; # &#60;script&#62;alert(1)&#60;/script&#62; --- |" in card


def observation_of(beside: Beside, page: str, **fields: Any) -> str:
    """The observation of a workflow of one step, which must become a sample."""
    built = beside(workflow("page", step(page, **fields)), settings=(HUGE,))
    assert built.reasons() == {}
    return str(built.samples()["workflows:page/1"]["observation"])


def test_5_mb_attribute(beside: Beside) -> None:
    """An attribute of 5 MB that always stays is there whole."""
    words = text_of("blue mugs ", 5_000_000)
    observation = observation_of(beside, f'<button id=go title="{words}">Save</button>')
    assert observation == f'<button id="go" node="0" title="{words}"> Save </button> '


def test_1_mb_of_less_than_signs(beside: Beside) -> None:
    """A million ``<`` that open nothing are text."""
    observation = observation_of(beside, "<button id=go>Save</button>" + "<" * 1_000_000)
    assert observation == '<button id="go" node="0"> Save </button> ' + "&lt;" * 1_000_000 + " "


def test_300_000_elements(beside: Beside) -> None:
    """A page of 300,000 elements is built whole, every element numbered."""
    observation = observation_of(
        beside, "<p>" * 150_000 + "<input>" * 150_000 + "<button id=go>Save</button>"
    )
    assert observation.count('<p node="') == observation.count('<input node="') == 150_000
    assert observation.startswith('<p node="300000"> ')


def test_duplicate_attributes(beside: Beside) -> None:
    """Of an attribute that is there twice the first counts, as in a browser, for locating and in
    the observation.
    """
    page = (
        "<button id=no title=b ID=go>No</button><button id=go title=a id=no TITLE=b>Save</button>"
    )
    expected = (
        '<button id="no" node="1" title="b"> No </button> <button id="go" node="0" '
        'title="a"> Save </button> '
    )
    assert observation_of(beside, page) == expected


def test_attribute_locator_with_quotes_and_backslashes(beside: Beside) -> None:
    """An attribute locator's value is compared as it is: nothing in it is syntax."""
    value = 'it\'s \\ "quoted" ]\n\t&<>'
    escaped = value.replace("&", "&amp;").replace('"', "&quot;")
    page = f'<button data-x="{escaped}">Save</button><button data-x="it">No</button>'
    observation = observation_of(beside, page, target=by(value, "attribute", "data-x"))
    assert observation == '<button node="1"> Save </button> <button node="0"> No </button> '


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_a_hostile_megabyte_is_read_pruned_and_searched(trap: Callable[[int], str]) -> None:
    """However a megabyte is made to be slow, its first element is found, by one selector and not by
    another.
    """
    page = read(f"<i id=go></i>{trap(1_000_000)}")
    assert locators.find_css(page, "#go") == [0]
    assert locators.find_css(page, "p > i ~ div #go") == []
    assert strategies.pruner().prune(page).observation is not None


@pytest.mark.parametrize(
    "selector", ["div div #go", "div div div", "div > div > div a", "div ~ div a", "div:has(a) a"]
)
def test_css_on_20_000_levels(selector: str) -> None:
    """CSS selectors are decided, however deep the page is."""
    found = locators.find_css(read(DEEP), selector)
    assert found == {"div div div": list(range(2, 20_000)), "div ~ div a": []}.get(
        selector, [20_000]
    )


def test_css_on_50_000_siblings() -> None:
    """Positions among very many siblings are found; what goes through them all too often is
    costly_css.
    """
    page = read("<ul>" + "<li><a>x</a></li>" * 50_000 + "</ul><a id=go>k</a>")
    assert locators.find_css(page, "ul li + li a")[:2] == [4, 6]
    assert locators.find_css(page, "li:nth-child(7) a") == [14]
    with pytest.raises(PageError, match="costly_css"):
        locators.find_css(page, "li:nth-child(7 of :not(a)) " * 100)


@pytest.mark.parametrize(
    "path",
    ["//div[contains(., 'k')]//a[@id='go']", "//ul/li[7]/a", "//li[7]/following-sibling::li[1]/a",
    "(//li)[3]//a",
     "//a[normalize-space(text())='x']", "//label[contains(text(), 'k')]/following::input[1]",
     "//a/ancestor::ul[1]"],
)  # fmt: skip
def test_no_xpath_that_people_write_is_costly(path: str) -> None:
    """On a page of 20,000 elements, a thousand of them side by side, usual XPaths are tried."""
    row = "<li><a>x</a>" + "<i></i>" * 18 + "</li>"
    locators.find_xpath(read("<div>" * 20 + f"<ul>{row * 1_000}</ul>" + "</div>" * 20), path)


@given(strategies.soups, strategies.soups)
def test_css_agrees_with_one_xpath(page: str, more: str) -> None:
    """Deciding combinators on sets finds what libxml2 finds for the selector as one XPath."""
    whole = read(f"<div>{page}<p>{more}</p><ul><li><a></a></li><li></li></ul></div>")
    seen = live(whole).page
    for selector in (
        "div a",
        "div > p",
        "p ~ ul li + li",
        "div div, li > a",
        "div p > *",
        "* + * *",
        "ul li:first-child a",
    ):
        assert locators.find_css(seen, selector) == by_cssselect(seen, selector)
