"""What work costs that is made to be costly: four times the input takes about four times the time,
not sixteen times.

Both sizes are measured by turns until the ratio of their best times holds: a busy machine only ever
takes longer, so that what is linear passes after some rounds, and what is quadratic never does.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from etl.pages import compiled, locators, reading
from etl.pages.page import Page
from tests.support import strategies
from tests.support.hostile_pages import READING, TRAPS, deep
from tests.tokenization.test_prompt import sample
from tests.tokenization.test_vocabulary import page
from tokenization.encode import Encoder
from tokenization.fit import Fit
from tokenization.vocabulary import load

ROUNDS = 30
MOST = 9.0
"""Four times the time would be linear, sixteen times quadratic."""
LEAST = 0.005
"""Seconds of a processor under which a time says nothing."""


def growth(work: Callable[[int], object], size: int, rounds: int = ROUNDS) -> float:
    """How many times as long ``work(4 * size)`` takes as ``work(size)``; stops as soon as that is
    linear.
    """
    small = large = float("inf")
    for _ in range(rounds):
        small = min(small, seconds(work, size))
        large = min(large, seconds(work, 4 * size))
        if large < MOST * max(small, LEAST):
            break
    return large / max(small, LEAST)


def seconds(work: Callable[[int], object], size: int) -> float:
    """Of a processor, without the collection of garbage, whose cost is that of all that the tests
    hold.
    """
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        work(size)
        return time.process_time() - began
    finally:
        gc.enable()


def anew(html: str) -> Page:
    """A page, read without what is remembered of earlier ones."""
    if reading._READER:
        reading._READER[0] = compiled.ENGINE.Reader()
    return reading.read_anew(html)


def repeated(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


@pytest.mark.parametrize("text", READING.values(), ids=READING)
def test_reading(text: str) -> None:
    """Pages are read in linear time."""
    assert growth(lambda size: anew(repeated(text, size)), 60_000) < MOST


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_pruning_and_searching(trap: Callable[[int], str]) -> None:
    """Pages that are traps are read, pruned and searched in linear time; they are a megabyte, and a
    quarter of it.
    """

    def chain(size: int) -> None:
        read = anew(f"<i id=go></i>{trap(size)}")
        locators.find_css(read, "#go")
        locators.find_css(read, "p > i ~ div #go")
        strategies.pruner().prune(read)

    assert growth(chain, 250_000) < MOST


@pytest.mark.parametrize(
    "selector", ["div div #go", "div div div", "div > div > div a", "div ~ div a"]
)
def test_css_on_deep_pages(selector: str) -> None:
    """CSS is decided in linear time, however deep the page."""
    assert growth(lambda depth: locators.find_css(anew(deep(depth)), selector), 5_000) < MOST


FINDERS: dict[str, Callable[[Page], object]] = {
    "attribute": lambda page: locators.find_attribute(page, "id", "go"),
    "markup": lambda page: locators.find_markup(page, "<a id=go>"),
    "css": lambda page: locators.find_css(page, "a[id=go]"),
    "xpath": lambda page: locators.find_xpath(page, '//a[@id="go"]'),
}


@pytest.mark.parametrize("path", ["//a[@id='go']", "/html/body/a[1]", "//b[.='no']"])
def test_xpath_on_wide_pages(path: str) -> None:
    """Texts and elements beside each other cost an XPath no more than their number says."""
    wide = "<p>text <br>" * 10
    assert (
        growth(lambda size: locators.find_xpath(anew(f"<body>{wide * size}<a id=go>k"), path), 500)
        < MOST
    )


@pytest.mark.parametrize("find", FINDERS.values(), ids=FINDERS)
def test_locators_on_deep_pages(find: Callable[[Page], object]) -> None:
    """So is every other kind of locator."""
    assert growth(lambda depth: find(anew(deep(depth))), 5_000) < MOST


@pytest.mark.parametrize("shape", ["tags", "text"])
def test_fitting(shape: str) -> None:
    """A page of any size is fitted to the context in linear time."""

    def fit(tags: int) -> None:
        text = (
            page(1, 200) * (tags // 200)
            if shape == "tags"
            else "<p> " + "lorem ipsum " * tags * 4 + "</p>"
        )
        Fit(32_768, "target", 0)(sample(observation=text, node=100), encoder)

    encoder = Encoder(load())
    assert growth(fit, 20_000) < MOST


def test_what_is_not_linear_is_seen() -> None:
    """Quadratic work is found out, linear work is not."""
    assert growth(lambda size: sum(range(size * size // 50)), 6_000, 3) > MOST
    assert growth(lambda size: sum(range(100 * size)), 10_000) < MOST
