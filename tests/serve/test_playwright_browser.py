"""The example of `docs/serving.md`, and BrowserGym's observations, in Playwright's Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from scenarios import scenarios
from served import served
from steps import Do, Scenario

import stepmill
from etl.pages.compact import CompactRules, numbering
from etl.pages.reading import read
from etl.record.browsers import flags
from etl.serve.answers import Answer
from schemas.errors import PageError
from tests.conftest import NO_BROWSER
from tests.support import builds
from tokenization.prompt import observation_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
if not CHROMIUM:  # `.ci/run` takes no such skip
    pytest.skip(f"{NO_BROWSER}: chromium is not in $PATH", allow_module_level=True)

PLAYED: Final = ("shop-01", "booking-01", "ledger-01", "library-01")
"""Scenarios in which nothing goes wrong, one with a frame among them."""
MARK: Final = "data-wanted"

SNAPSHOT: Final = {"computedStyles": [], "includeDOMRects": True, "includePaintOrder": True}
"""How BrowserGym takes its ``dom_object``."""
BIDS: Final = """
(prefix) => [...document.querySelectorAll('*')].forEach((element, at) => {
  element.setAttribute('bid', prefix + at);
  element.setAttribute('browsergym_visibility_ratio', '1');
})
"""
"""What BrowserGym does with each frame's elements, in short."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for which every host is our demo applications."""
    from playwright.sync_api import sync_playwright

    with served() as port, sync_playwright() as playwright:
        arguments = [*flags(), f"--host-resolver-rules=MAP * 127.0.0.1:{port}", "--no-proxy-server"]
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


def played(name: str) -> Scenario:
    """A scenario by its id."""
    return next(each for each in scenarios() if each.workflow_id == name)


def opened(browser: Browser, address: str) -> Page:
    """A page with a session of its own."""
    page = browser.new_context().new_page()
    page.set_default_timeout(10_000)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return page


def example() -> Callable[..., None]:
    """The function of the documentation."""
    text = (builds.ROOT / "docs" / "serving.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(import stepmill\n.*?)```", text, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(compile(code, "docs/serving.md", "exec"), namespace)
    run: Callable[..., None] = namespace["run"]
    return run


class Policy:
    """Answers as the scenario says. It marks the element on the page, to find it in what was
    observed: a mark that no observation shows. Where a compact observation lacks the element, it
    asks for what was cut there first.
    """

    def __init__(self, page: Page, steps: tuple[Do, ...], compact: str = "") -> None:
        """compact: the recipe, if it is one of a line an element."""
        self.page, self.steps, self.compact = page, iter(steps), compact
        self.prompt = stepmill.Prompt()
        self.asked: list[str] = []
        self.expanded = 0
        self.waiting: Do | None = None

    def __call__(self, messages: list[dict[str, str]]) -> str:
        """The answer to a prompt."""
        self.asked.append(messages[-1]["content"])
        do, self.waiting = self.waiting or next(self.steps, None), None
        if do is None:
            return self.prompt.write(Answer("stop"))
        html = self._marked(do)
        page = read(html)
        (element,) = page.with_attribute(MARK, "")
        node, seen = page.node(element), stepmill.observe(html, "")
        if self.compact:
            node = numbering(CompactRules()).number(page, element)
            seen = stepmill.observe(html, "", (), "", self.compact, budget=100_000)
            if not re.search(rf"^{node} ", observation_of(self.asked[-1]), re.MULTILINE):
                self.waiting = do
                self.expanded += 1
                return self.prompt.write(Answer("expand", node))
        assert MARK not in seen.text
        return self.prompt.write(Answer(do.kind, node, do.value), seen)

    def _marked(self, do: Do) -> str:
        """The page as text, with a mark on the element."""
        frame, _, css = do.at.rpartition(" >> ")
        scope = self.page.frame_locator(f"#{frame}") if frame else self.page
        element = scope.locator(css)
        element.evaluate(f"element => element.setAttribute('{MARK}', '')")
        html: str = self.page.evaluate(stepmill.page_script())
        element.evaluate(f"element => element.removeAttribute('{MARK}')")
        return html


def test_between_two_pages_there_is_none(browser: Browser) -> None:
    """While the document has no element, the page's text is empty, and nothing fails."""
    page = browser.new_page()
    page.evaluate("document.documentElement.remove()")
    assert page.evaluate(stepmill.page_script()) == ""


@pytest.mark.parametrize("name", PLAYED)
def test_the_documented_agent_does_a_task(browser: Browser, name: str) -> None:
    """The example of the documentation goes through a whole scenario of a demo application: each
    step is asked for once, with all steps before it in the prompt.
    """
    scenario = played(name)
    steps = tuple(do for do in scenario.steps if do.at)
    page = opened(browser, f"http://{scenario.host}{scenario.path}")
    policy = Policy(page, steps)
    example()(page, scenario.objective, policy)
    assert len(policy.asked) == len(steps) + 1
    guide = policy.asked[-1].partition("\nStep-by-step guide:\n")[2]
    assert guide.count("\nAction: ") == len(steps)
    page.context.close()


def test_the_documented_agent_shows_what_was_cut(browser: Browser, tmp_path: Path) -> None:
    """With a budget that is too small for the pages, it shows what the answers ask for: the same
    scenario is done, and the expansions are in no history.
    """
    recipe = tmp_path / "small.toml"
    recipe.write_text('extends = "compact-4k"\n[observe]\nbudget = 256\n')
    scenario = played("shop-01")
    steps = tuple(do for do in scenario.steps if do.at)
    page = opened(browser, f"http://{scenario.host}{scenario.path}")
    policy = Policy(page, steps, str(recipe))
    example()(page, scenario.objective, policy, str(recipe))
    assert policy.expanded > 0
    assert len(policy.asked) == len(steps) + 1 + policy.expanded
    guide = policy.asked[-1].partition("\nStep-by-step guide:\n")[2]
    assert guide.count("\nAction: ") == len(steps)
    assert "expand_action" not in guide
    page.context.close()


def snapshot(page: Page) -> dict[str, Any]:
    """What BrowserGym observes, as far as it matters here."""
    for number, frame in enumerate(page.frames):
        frame.evaluate(BIDS, chr(ord("a") + number) if number else "")
    session = page.context.new_cdp_session(page)
    taken: dict[str, Any] = session.send("DOMSnapshot.captureSnapshot", SNAPSHOT)
    return {"dom_object": taken, "url": page.url, "open_pages_urls": [page.url]}


@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example/",
        "http://shop.example/products/enamel-mug",
        "http://books.ledger.example.org/",
        "http://rooms.booking.example.net/",
        "http://tracker.test/",
        "http://library.invalid/",
    ],
)
def test_browsergym_s_observation_is_a_page(browser: Browser, address: str) -> None:
    """Of BrowserGym's snapshot, frames included, the same observation is made as of the page as
    text, but for node ids where that has templates, whose content the snapshot lacks. Each node has
    its bid, by which BrowserGym acts, and selectors that find it by that.
    """
    page = opened(browser, address)
    observation = snapshot(page)
    seen = stepmill.observe(observation, "Buy", url=page.url)
    html = page.evaluate(stepmill.page_script())
    shown = stepmill.observe(html, "Buy", url=page.url)
    ids = re.compile(' node="[0-9]+"')
    assert ids.sub("", seen.text) == ids.sub("", shown.text)
    assert "<template" in html or seen.text == shown.text
    assert len(seen.nodes) > 10
    for node in seen.nodes.values():
        assert node.css == f'[bid="{node.bid}"]'
        found = page.evaluate_handle(node.js).as_element()
        assert found is not None
        assert found.get_attribute("bid") == node.bid
        assert found.evaluate("element => element.localName") == node.tag
    page.context.close()


def test_browsergym_s_text_is_taken_where_there_is_one(shared: Path) -> None:
    """A recorded observation has the page as text: that is what training saw."""
    from etl.inputs.find import find
    from etl.sources import SOURCES

    folder = shared / "data" / "browsergym_workarena"
    assert len(find([str(folder)], SOURCES)) > 1
    workflow = next(iter(stepmill.read(folder)))
    step = next(step for step in workflow.steps if step.has_page)
    given = {"pruned_html": step.html, "dom_object": None}
    assert stepmill.observe(given, "x").text == stepmill.observe(step.html, "x").text


def test_what_is_no_observation_is_refused() -> None:
    """An observation without a page is an error that says what it holds."""
    with pytest.raises(PageError, match="with the keys screenshot: neither pruned_html nor dom_tx"):
        stepmill.observe({"screenshot": b""}, "x")
