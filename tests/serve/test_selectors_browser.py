"""Selectors in a real Chromium: each finds the element that it was written for, and no other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from chromium import chromium
from selenium.webdriver import Chrome

import stepmill
from etl.pages.locators import Found, Unique
from etl.pages.reading import read
from tests.conftest import NO_BROWSER

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:  # `.ci/run` takes no such skip
    pytest.skip(
        f"{NO_BROWSER}: chromium and chromedriver are not both in $PATH", allow_module_level=True
    )

NUMBER: Final = """
let count = 0;
const number = (scope) => {
  for (const element of scope.querySelectorAll('*')) {
    element.setAttribute('data-n', ++count);
    if (element.shadowRoot) number(element.shadowRoot);
    if (element.contentDocument) number(element.contentDocument);
  }
};
number(document);
return count;
"""
"""Gives every element a number, in frames and shadow roots too."""

WRONG: Final = """
return arguments[0].filter(([doors, css, xpath, js, n]) => {
  let scope = document;
  for (const [kind, css, xpath] of doors) {
    const all = scope.querySelectorAll(css);
    if (all.length !== 1) return true;
    const one = xpath ? scope.evaluate(xpath, scope, null, 9, null).singleNodeValue : all[0];
    if (one !== all[0]) return true;
    scope = kind === 'frame' ? all[0].contentDocument : all[0].shadowRoot;
  }
  const found = scope.querySelectorAll(css);
  if (found.length !== 1 || found[0].getAttribute('data-n') !== n) return true;
  if (xpath) {
    const result = scope.evaluate(xpath, scope, null, 7, null);
    if (result.snapshotLength !== 1 || result.snapshotItem(0) !== found[0]) return true;
  } else if (scope.nodeType === 9) return true;
  return eval(js) !== found[0];
});
"""
"""What does not find one element, the numbered one, by CSS, by XPath and by JavaScript alike."""

FRAME: Final = "<div id='a'><p>1<p>2</div><ul><li>x<li id='b'>y</ul>"
PAGES: Final = {
    "ids": "<p id='a'>1</p><p id='b'>2</p><div id='b'>3</div><i id='A'>4</i><i id='a b'>5</i>"
    "<i id='1x'>6</i><i id='-'>7</i><i id='x:y.z'>8</i><i id='\"'>9</i><i id=\"'&quot;\">10</i>"
    "<i id='é'>11</i><i id='&#x85;'>12</i><i id='--q'>13</i><i id=''>14</i><i id='a\\b'>15</i>",
    "lists": "<ul><li>1<li>2<ul><li>3</ul><li>4</ul><main><a>5</a> text <b>6</b><a>7</a></main>",
    "tables": "<table id=t><tr><td>1<td>2<tr><td><table><tr><td>3<tr><td>4</table></table>"
    "<table><thead><tr><th>5<tbody><tr><td>6<tbody><tr><td>7<tr><td>8</table>",
    "svg": "<svg viewBox='0 0 1 1'><linearGradient id=g><stop/><stop/></linearGradient><a><path/>"
    "<path/></a><title>t</title><foreignObject><p>1</p><a>2</a></foreignObject></svg><a>3</a>"
    "<math><mi>x</mi><mo>=</mo><mi>y</mi></math>",
    "hidden": "<noscript><p>1</p></noscript><p>2</p><template><p>3</p><i id=z></i></template>"
    "<p id=z>4</p><!-- c --><p>5</p><textarea><p></textarea><script>'<p>'</script><p>6</p>",
    "names": "<x-card><x-card></x-card><my.tag>1</my.tag><o:p>2</o:p><o:p>3</o:p></x-card>",
    "bids": "<p bid=1>1</p><p bid=2 id=x>2</p><p bid=2>3</p><i><b bid='a3'>4</b></i>",
    "frames": f'<iframe srcdoc="{FRAME}"></iframe><section><iframe id=f srcdoc="{FRAME}<iframe '
    "srcdoc='<p>9</p>'></iframe>\"></iframe></section><iframe></iframe><p id=b>3</p>",
    "shadows": "<x-a><p>1</p><i id=s>2</i></x-a><x-a id=h><b>3</b></x-a><script>"
    "for (const host of document.querySelectorAll('x-a')) { const root = "
    "host.attachShadow({mode: 'open'}); root.innerHTML = '<p>4</p><div id=s><slot></slot><p>5</p>"
    "<p>6</p></div><x-b></x-b><p>7</p>'; root.querySelector('x-b').attachShadow({mode: 'open'})"
    ".innerHTML = '<p>8</p><i id=t>9</i>'; }</script>",
    "made": "<table id=t></table><script>const t = document.getElementById('t');"
    "for (const n of [1, 2]) t.append(document.createElement('tr'));"
    "t.append(document.createElement('div')); document.documentElement.append("
    "document.createElement('footer'));</script>",
}
"""What a browser may hold, by what is odd about it."""

WRITTEN: Final = {
    "fragment": "<p data-n=1>1</p><div data-n=2><b data-n=3>2</b></div><p data-n=4>3</p>",
    "head": "<meta data-n=1><title data-n=2>t</title><main data-n=3><p data-n=4>1</p></main>",
    "no body": "<html data-n=1><div data-n=2><p data-n=3>1</p></div><div data-n=4></div></html>",
    "no tbody": "<table data-n=1><tr data-n=2><td data-n=3>1</td></tr><tr data-n=4><td data-n=5>"
    "<table data-n=6><tr data-n=7><td data-n=8>2</td></tr><tr data-n=9></tr></table></td></tr>"
    "</table>",
}
"""Pages as a server may send them, without what a parser puts in."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """A browser that reaches nothing."""
    with chromium(
        Path(str(CHROMIUM)), Path(str(DRIVER)), "MAP * ~NOTFOUND", "--disable-dev-shm-usage"
    ) as driver:
        yield driver


def show(browser: Chrome, html: str) -> None:
    """Open a page in the browser."""
    browser.get("about:blank")
    browser.execute_script("document.open(); document.write(arguments[0]); document.close();", html)
    browser.execute_async_script("setTimeout(arguments[0], 50)")


def located(html: str) -> list[tuple[str, Found | None]]:
    """Every numbered element of a page as text, with its locators."""
    page = read(html)
    unique = Unique(page)
    numbers = [
        page.tokens[page.position(element)].attributes().get("data-n", "")
        for element in range(page.elements)
    ]
    return [(number, unique.of(element)) for element, number in enumerate(numbers) if number]


def wrong(browser: Chrome, found: list[tuple[str, Found]]) -> list[Any]:
    """What does not find its element."""
    asked = [
        [list(map(list, each.doors)), each.css, each.xpath, each.js, number]
        for number, each in found
    ]
    answer: list[Any] = browser.execute_script(WRONG, asked)
    return answer


@pytest.mark.parametrize("mode", ["", "<!DOCTYPE html>"], ids=["quirks", "standard"])
@pytest.mark.parametrize("name", PAGES)
def test_every_element_of_a_live_page_is_found_alone(browser: Chrome, name: str, mode: str) -> None:
    """Of a page that was taken by `stepmill.page_script`, every element, in frames and shadow roots
    too, is found by its CSS, its XPath and its JavaScript, and nothing else is.
    """
    show(browser, f"{mode}<html><head></head><body>{PAGES[name]}")
    elements = browser.execute_script(NUMBER)
    html = browser.execute_script(f"return {stepmill.page_script()}")
    found = [(number, each) for number, each in located(html) if each]
    assert len(found) == elements, html
    assert wrong(browser, found) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_elements_of_a_page_as_a_server_sends_it_are_found(browser: Chrome, name: str) -> None:
    """Where a page leaves out what a parser puts in, its elements are found all the same."""
    show(browser, WRITTEN[name])
    found = [(number, each) for number, each in located(WRITTEN[name]) if each]
    assert len(found) == WRITTEN[name].count("data-n=")
    assert wrong(browser, found) == []


def test_what_is_in_no_document_has_no_locators() -> None:
    """What stands in noscript and in a template is no element of the browser's document, and a
    shadow root is none either.
    """
    html = (
        "<html><body><noscript data-n=1><p data-n=2></p></noscript><template data-n=3><p data-n=4>"
        "</p></template><x-a data-n=5><template data-n=6 shadowrootmode=open><p data-n=7></p>"
        "</template></x-a></body></html>"
    )
    assert [number for number, each in located(html) if each is None] == ["2", "4", "6"]
    seven = dict(located(html))["7"]
    assert seven is not None
    assert (seven.css, seven.xpath) == (":host > p", "")
