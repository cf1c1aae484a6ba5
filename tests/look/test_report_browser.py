"""Reports in a real Chromium: they open, sort, search, step, by mouse and by keyboard, and nothing
recorded acts.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
from pathlib import Path
from typing import Any, Final

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from etl.files.arrow import read_json
from tests.conftest import NO_BROWSER
from tests.look.conftest import CHROMIUM, DRIVER, Shown
from tests.support.injections import RAN, Canary

if not CHROMIUM or not DRIVER:  # `.ci/run` takes no such skip
    pytest.skip(
        f"{NO_BROWSER}: chromium and chromedriver are not both in $PATH", allow_module_level=True
    )


def steps_of(path: Path) -> list[dict[str, Any]]:
    """The steps that lie in a report, unpacked."""
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL
    )
    assert found
    packed = [each["data"] for each in json.loads(found[1])]
    return [json.loads(gzip.decompress(base64.b64decode(data))) for data in packed]


def test_a_report_opens_without_a_word_and_asks_for_nothing(
    shown: Shown, own_build: Path, canary: Canary
) -> None:
    """The console stays empty, no request leaves, every link leads to a section, and totals are the
    manifest's.
    """
    shown.step(0)
    assert shown.complaints() == []
    assert shown.asked_for() == []
    assert canary.asked == []
    assert shown.driver.title == "Web workflows: stepmill report"
    links = shown.all("nav a", "hash")
    assert len(links) == 8
    assert shown.js(
        "return arguments[0].every((hash) => document.querySelector(`section${hash} h2`))", links
    )
    cards = shown.all(".cards > div", "innerText")
    totals = read_json(own_build / "dataset" / "manifest.json")["totals"]
    assert {f"samples\n{totals['samples']:,}", f"tokens\n{totals['tokens']:,}"} <= set(cards)


def test_tables_sort_by_mouse_and_by_keyboard(shown: Shown) -> None:
    """A column sorts by its numbers, or by its text, either way; screen readers are told which."""
    heads = shown.driver.find_elements(By.CSS_SELECTOR, "#domains th[scope=col] button")
    samples = next(at for at, head in enumerate(heads) if head.text == "Samples")
    for order in ("descending", "ascending"):
        heads[samples].click()
        numbers = [int(text.replace(",", "")) for text in shown.column("domains", samples)]
        assert numbers == sorted(numbers, reverse=order == "descending")
        assert len(set(numbers)) > 3
        assert shown.js(
            "return [...document.querySelectorAll('#domains [aria-sort]')].map((th) => th.ariaSort)"
        ) == [order]
    shown.js("arguments[0].focus()", heads[0])
    shown.keys(Keys.ENTER)
    assert shown.column("domains", 0) == sorted(shown.column("domains", 0))
    shown.keys(Keys.SPACE)
    assert shown.column("domains", 0) == sorted(shown.column("domains", 0), reverse=True)


def test_tables_are_searched_while_one_types(shown: Shown) -> None:
    """Rows that hold all words stay; how many is said; nothing typed shows all."""
    every = shown.column("drops", 0)
    field = shown.find("input[data-table=drops]")
    field.send_keys("STEP locate")
    assert 0 < len(shown.column("drops", 0)) < len(every)
    assert set(shown.column("drops", 0)) == {"step"}
    assert set(shown.column("drops", 1)) == {"locate"}
    assert (
        shown.find("#drops-found").text == f"{len(shown.column('drops', 0))} of {len(every)} rows"
    )
    field.send_keys("nonesuch")
    assert shown.column("drops", 0) == []
    field.clear()
    field.send_keys(Keys.SPACE)
    assert shown.column("drops", 0) == every


def test_steps_are_gone_through_by_keyboard(shown: Shown) -> None:
    """Tab leads to the buttons, n and p go on and back within the section, and what is typed into a
    field is typed.
    """
    shown.step(0)
    shown.find("#find").click()
    for _ in range(5):  # the field, three lists, next: there is nothing before the first
        shown.keys(Keys.TAB)
        if shown.js("return document.activeElement.id") == "next":
            break
    shown.keys(Keys.ENTER)
    shown.step(1)
    shown.keys("n")
    shown.step(2)
    shown.keys("p", "p")
    shown.step(0)
    assert shown.find("#position").text == "1 of 20 steps"
    shown.find("#find").send_keys("np")
    assert shown.find("#position").text == "no such step"
    shown.find("#find").clear()
    shown.find("#find").send_keys("test ")
    chosen = shown.all("#chosen option", "text")
    assert chosen == [label for label in chosen if "test" in label]


def test_focus_goes_into_and_out_of_a_recorded_page(shown: Shown) -> None:
    """A frame can be scrolled by keyboard; Tab goes past what is in it, however many links and
    fields that has.
    """
    shown.step(0)
    shown.js("document.querySelector('#before button').focus()")
    seen = []
    for _ in range(7):
        shown.js("window.was = document.activeElement")
        shown.keys(Keys.TAB)
        shown.until("document.activeElement !== was")  # a frame may be of another process
        seen.append(
            shown.js(
                "return document.activeElement.tagName + ' ' + (document.activeElement.title || '')"
            )
        )
    assert seen.index("IFRAME Page as recorded, rendered") < seen.index(
        "IFRAME Page after pruning, rendered"
    )
    assert {"INPUT ", "PRE "} <= set(seen[seen.index("IFRAME Page after pruning, rendered") :])
    shown.js("document.querySelector('#before button').focus()")
    shown.keys(Keys.TAB, Keys.TAB)
    shown.until("document.activeElement.tagName === 'IFRAME'")
    shown.js(
        "document.activeElement.scrollIntoView()"
    )  # out of sight nothing is drawn, so nothing scrolls
    for key, there in ((Keys.END, "> 0"), (Keys.HOME, "=== 0")):
        shown.keys(key)
        shown.driver.switch_to.frame(shown.find("#before iframe"))
        shown.until(f"document.scrollingElement.scrollTop {there}")
        shown.driver.switch_to.default_content()


def test_a_step_shows_both_pages_with_the_target_and_the_tokens(
    shown: Shown, report_file: Path
) -> None:
    """Frames hold the page before and after with one outlined element; tokens are the sample's,
    loss is on the end.
    """
    for number, step in enumerate(steps_of(report_file)[:4]):
        shown.choose(number)
        target = dict(step["facts"])["Target"]
        assert shown.js(
            "return [...document.querySelectorAll('iframe')].map((f) => f.getAttribute('sandbox'))"
        ) == [
            "",
            "",
        ]
        for frame in shown.driver.find_elements(By.CSS_SELECTOR, "#step iframe"):
            shown.driver.switch_to.frame(frame)
            (marked,) = shown.driver.find_elements(By.CSS_SELECTOR, "[data-stepmill-target]")
            assert target.startswith(f"<{marked.tag_name}")
            assert marked.value_of_css_property("outline-style") == "solid"
            shown.driver.switch_to.default_content()
        assert shown.js("return document.getElementById('tokens').textContent") == "".join(
            step["tokens"]
        )
        assert shown.all("#tokens .loss", "textContent") == step["tokens"][step["loss"][0][0] :]
        shown.find("#after button:nth-child(2)").click()
        assert (
            shown.js("return document.querySelector('#after pre').textContent")
            == step["after"]["source"]
        )
        assert shown.find("#after mark").text == target
        assert shown.js(
            "const box = document.querySelector('#after pre'), mark = box.querySelector('mark');"
            "return mark.offsetTop >= box.scrollTop && mark.offsetTop < box.scrollTop + "
            "box.clientHeight"
        )


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_it_fits_the_width(shown: Shown, width: int) -> None:
    """Nothing sticks out of a phone, a tablet or a screen; a phone gets narrow plots, and pages one
    below the other.
    """
    shown.step(0)
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    shown.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert (
            shown.js(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            == 0
        )
        assert {bool(size) for size in shown.all(".narrow", "offsetWidth")} == {width < 500}
        assert {bool(size) for size in shown.all(".wide", "offsetWidth")} == {width > 500}
        before, after = shown.all(".pane", "offsetTop")
        assert (before == after) == (width > 500)
    finally:
        shown.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


_CONTRAST: Final = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const light = (name) => {
  const style = getComputedStyle(document.documentElement);
  canvas.fillStyle = style.getPropertyValue('--' + name).trim();
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
return arguments[0].map(([front, back]) => ratio(light(front), light(back)));
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_have_contrast(shown: Shown, scheme: str) -> None:
    """Text has a contrast of 4.5 and more, bars of 3 and more, in both schemes, and the background
    is of the scheme.
    """
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    shown.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    texts = [(front, back) for front in ("text", "soft", "link") for back in ("back", "raised")]
    texts += [("loss-text", "loss"), ("text", "mark")]
    bars = [(name, "back") for name in ("first", "second", "read", "drop", "kept")]
    assert min(shown.js(_CONTRAST, texts)) >= 4.5
    assert min(shown.js(_CONTRAST, bars)) >= 3
    back = shown.js("return getComputedStyle(document.documentElement).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    shown.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_everything_that_one_can_use_has_a_name(shown: Shown) -> None:
    """Controls, plots, tables, frames and regions have names for those who do not see them; ids are
    there once.
    """
    shown.step(0)
    nodes = shown.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {
        "button",
        "link",
        "searchbox",
        "combobox",
        "checkbox",
        "image",
        "Iframe",
        "table",
        "region",
    }
    named: dict[str, list[str]] = {role: [] for role in roles}
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in roles and not node.get("ignored"):
            named[role].append(node.get("name", {}).get("value", ""))
    assert {role for role, names in named.items() if names} == roles
    assert {role: names for role, names in named.items() if "" in names} == {}
    ids = shown.all("[id]", "id")
    assert len(ids) == len(set(ids))


def test_without_javascript_all_is_there_but_the_steps(browser: Chrome, report_file: Path) -> None:
    """Tables and plots are shown, what needs a script is not, and that is said."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"file://{report_file}")
        text = browser.find_element(By.TAG_NAME, "body").text
        assert "Without JavaScript" in text
        assert not browser.find_element(By.ID, "chooser").is_displayed()
        assert not browser.find_element(By.ID, "step").is_displayed()
        assert browser.find_element(By.ID, "domains").is_displayed()
        assert browser.find_element(By.CSS_SELECTOR, "figure svg").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# What is hostile.


def seen(shown: Shown, canary: Canary) -> set[int]:
    """The payloads that have run or asked for something."""
    time.sleep(1)
    lines = [*shown.complaints(), *shown.js("return told"), *canary.asked, *shown.asked_for()]
    return {
        int(number) for line in lines for number in re.findall(rf"(?:{RAN}|fetched)-(\d+)", line)
    }
