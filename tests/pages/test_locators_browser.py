"""Locators in a real Chromium: the same elements, or a refusal."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from chromium import chromium
from selenium.webdriver import Chrome

from etl.pages import locators
from etl.pages.live import live
from etl.pages.page import Page
from etl.pages.reading import read
from schemas.errors import PageError
from tests.conftest import NO_BROWSER
from tests.support.foreign_pages import FOREIGN
from tests.support.judged import Pages, Selectors, XPaths

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:  # `.ci/run` takes no such skip
    pytest.skip(
        f"{NO_BROWSER}: chromium and chromedriver are not both in $PATH", allow_module_level=True
    )

_ASK: Final = """
const frame = document.body.appendChild(document.createElement('iframe'));
const answers = arguments[0].map(([html, locators]) => {
  const page = frame.contentDocument;
  page.open();
  page.write(html);
  page.close();
  const all = [...page.querySelectorAll('*')];
  const index = new Map(all.map((element, at) => [element, at]));
  const found = ([kind, text]) => {
    try {
      if (kind === 'css')
        return [...page.querySelectorAll(text)].map((element) => index.get(element));
      const result = page.evaluate(text, page, null, XPathResult.ANY_TYPE, null);
      const nodes = [];
      for (let node; (node = result.iterateNext());) nodes.push(node);
      if (nodes.every((node) => index.has(node)))
        return nodes.map((node) => index.get(node)).sort((a, b) => a - b);
      return 'no elements';
    } catch (error) {
      return error.name;
    }
  };
  const parent = (element) => index.get(element.parentElement) ?? -1;
  return [all.map((element) => [element.localName.toLowerCase(), parent(element)]),
          locators.map(found)];
});
frame.remove();
return answers;
"""

_READ: Final = """
return arguments[0].map((html) => {
  const body = new DOMParser().parseFromString('<!DOCTYPE html><body>' + html, 'text/html').body;
  const tags = [...body.querySelectorAll('*')].map((element) => element.localName.toLowerCase());
  return [tags.join(' '), body.textContent];
});
"""

Found = list[int] | str
Asked = tuple[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """A browser that reaches nothing, with an empty page."""
    with chromium(
        Path(str(CHROMIUM)), Path(str(DRIVER)), "MAP * ~NOTFOUND", "--disable-dev-shm-usage"
    ) as driver:
        driver.get("data:text/html,<!doctype html><p>x")
        yield driver


def judged(browser: Chrome, asked: list[Asked]) -> Iterator[tuple[str, str, str, Found, Found]]:
    """Page, kind, locator, Chromium's answer and ours, for pages whose elements Chromium makes as
    they are written.
    """
    answers: list[Any] = browser.execute_script(_ASK, asked)
    alike = 0
    for (html, wanted), (elements, found) in zip(asked, answers, strict=True):
        page = live(read(html)).page
        seen = locators.Elements(page)
        if [
            [token.tag, parent] for token, parent in zip(seen.tokens, seen.kin.parents, strict=True)
        ] != elements:
            continue
        alike += 1
        for (kind, text), theirs in zip(wanted, found, strict=True):
            yield html, kind, text, theirs, ours(page, kind, text)
    assert alike > len(asked) * 0.9


def ours(page: Page, kind: str, text: str) -> Found:
    """The elements that we find, or the reason of a refusal."""
    try:
        return (locators.find_css if kind == "css" else locators.find_xpath)(page, text)
    except PageError as error:
        return str(error.reason)


def assert_judged(
    browser: Chrome, seed: int, kind: str, make: Callable[[random.Random], Callable[[], str]]
) -> None:
    """What we find for generated locators on generated pages is what Chromium finds, or it is
    refused.
    """
    chance = random.Random(seed)
    pages, locator = Pages(chance), make(chance)
    asked: list[Asked] = [(pages.page(), [(kind, locator()) for _ in range(50)]) for _ in range(10)]
    # a page without a document type may have had one
    typed = [
        (html if read(html).mode else f"<!DOCTYPE html>{html}", wanted) for html, wanted in asked
    ]
    counts: Counter[str] = Counter()
    for (html, _, text, theirs, found), (_, _, _, standard, _) in zip(
        judged(browser, asked), judged(browser, typed), strict=True
    ):
        said = f"{text!r} on {html!r}"
        if isinstance(found, list):
            expected = theirs if kind == "xpath" else standard or theirs
            assert found == expected or (not found and isinstance(expected, str)), said
            counts["one" if len(found) == 1 else "found"] += 1
        else:
            counts[found] += 1
            if found.startswith("invalid"):
                assert isinstance(theirs, str), said
            elif isinstance(theirs, list):
                counts["refused"] += 1
    assert counts["one"] > 10, counts
    assert counts["refused"] < 50, counts


@pytest.mark.parametrize("seed", [1, 2])
def test_css_is_judged_as_by_chromium(browser: Chrome, seed: int) -> None:
    """CSS selectors of all kinds, right and wrong ones, find what `querySelectorAll` finds, or are
    refused.
    """
    assert_judged(browser, seed, "css", lambda chance: Selectors(chance).selector)


@pytest.mark.parametrize("seed", [3, 4])
def test_xpath_is_judged_as_by_chromium(browser: Chrome, seed: int) -> None:
    """XPaths of all kinds, right and wrong ones, find what `document.evaluate` finds, or are
    refused.
    """
    assert_judged(browser, seed, "xpath", lambda chance: XPaths(chance).path)


def test_foreign_pages(browser: Chrome) -> None:
    """What `tests.support.foreign_pages` says of Chromium is what it does."""
    asked = list(FOREIGN)
    assert [tuple(found) for found in browser.execute_script(_READ, asked)] == [
        FOREIGN[html] for html in asked
    ]


@pytest.mark.parametrize("folder", ["03-xpath-forms", "16-css-forms"])
def test_reported_forms(browser: Chrome, shared: Path, folder: str) -> None:
    """Spellings that failed elsewhere find what they find in Chromium."""
    asked: list[Asked] = []
    for path in sorted((shared / "cases" / folder).glob("in*.jsonl")):
        (record,) = map(json.loads, path.read_text().splitlines())
        page = record["steps"][0]["html"].replace("<html><body>", "<html><head></head><body>")
        locators_of = [
            (step["target"][0]["kind"], step["target"][0]["value"]) for step in record["steps"]
        ]
        asked.append((page, locators_of))
    answered = 0
    for _, _, text, theirs, found in judged(browser, asked):
        if text.lower().startswith("body/"):  # see `test_paths_from_body`
            assert (theirs, found) == ([], [9])
        elif isinstance(found, list):
            assert found == theirs, text
            answered += bool(found)
        else:
            assert isinstance(theirs, str), text
    assert answered > 20
