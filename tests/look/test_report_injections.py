"""Reports of hostile recordings in a real Chromium: nothing recorded acts."""

from __future__ import annotations

import html
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from etl.look.report import frames, page
from tests.look.conftest import Shown, browser_for, reported
from tests.look.test_report_browser import seen, steps_of
from tests.support import builds
from tests.support.injections import PAYLOADS, RAN, Canary, filled

_NOT_ISOLATED: Final = "--disable-features=IsolateSandboxedIframes"
"""With it the log tells what sandboxed frames ask for too; they are in a process of their own
otherwise.
"""


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of recordings with a payload each: in its page, and in every text that a recording
    has.
    """
    folder = tmp_path_factory.mktemp("hostile")
    records = []
    for number, payload in enumerate(PAYLOADS):
        text = filled(payload, number)
        page_html = (
            f"<html><body><button id=b>Order item {number}</button><p>Some more of the "
            f"shop</p>{text}"
        )
        step = {
            "url": f"https://shop.example/{text}"
            if number % 2
            else "",  # else the domain is the website
            "html": page_html.replace("id=b", f'id=b title="{html.escape(text)}"'),
            "action": {"kind": "click", "value": text, "description": f"Order the item {text}"},
            "target": [{"kind": "css", "value": "#b"}],
        }
        objective = f"Order item {number} in the shop and pay for it {text}"
        records.append(
            {
                "workflow_id": f"w{number}-{text}",
                "objective": objective,
                "website": text,
                "steps": [step],
            }
        )
    source = builds.write_workflows(
        folder / f"in-{RAN}" / "<img src=x onerror=alert(1)>.jsonl", *records
    )
    builds.build([source], folder / "out", "filter.min_english=0")
    builds.build([builds.RECORDINGS / "shop.jsonl.zst"], folder / "old")
    return reported(
        folder / "out",
        folder / "hostile.html",
        "--against",
        str(folder / "old"),
        "--samples",
        "1000",
    )


def watched(shown: Shown, canary: Canary, name: str) -> None:
    """Nothing has run, nothing has been asked for, and the page is where and what it was."""
    time.sleep(0.3)
    said = [line for line in shown.complaints() if RAN in line and "console-api" in line]
    assert (shown.js("return told"), said) == ([], [])
    assert canary.asked == []
    assert shown.asked_for() == []
    assert shown.driver.title == name
    assert len(shown.driver.window_handles) == 1


_WALK: Final = """
const [count, stride, done] = arguments;
const list = document.getElementById('chosen'), step = document.getElementById('step');
const soon = () => new Promise((resolve) => setTimeout(resolve, 5));
const quiet = () => [...document.querySelectorAll('iframe')].every((frame) => loaded.has(frame));
const ready = (number) => step.dataset.shown === String(number) && quiet();
(async () => {
  for (let n = 0; n < count; n += stride) {
    list.selectedIndex = n;
    list.dispatchEvent(new Event('change'));
    while (!ready(n)) await soon();
    // what is out of sight is not drawn, and fetches less
    document.querySelector('.panes').scrollIntoView();
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    document.querySelectorAll('.pane button:nth-child(2)').forEach((button) => button.click());
  }
  done(count);
})();
"""
"""Shows steps in sight, both pages rendered and then as source."""


@pytest.mark.parametrize(
    ("stride", "flags"), [(2, ()), (1, (_NOT_ISOLATED,))], ids=["as it is", "frames in the log"]
)
def test_no_injection_runs_or_asks_for_anything(
    hostile_report: Path, canary: Canary, stride: int, flags: Sequence[str]
) -> None:
    """Steps of a report full of injections are shown, before and after, as page and as source;
    nothing happens. All of them where the log tells of frames too; every other one in a browser as
    people have it, which takes longer.
    """
    canary.asked.clear()
    steps = steps_of(hostile_report)
    objectives = (
        dict(step["facts"])["Objective"] for step in steps if step["before"].get("document")
    )
    shown_ones = Counter(re.findall(r"Order item (\d+) in", " ".join(objectives)))
    assert len(PAYLOADS) >= 50
    assert {str(number): 1 for number in range(len(PAYLOADS))} == shown_ones
    with browser_for(canary, *flags) as driver:
        driver.get("about:blank")
        shown = Shown(driver, hostile_report)
        driver.set_script_timeout(60)
        assert driver.execute_async_script(_WALK, len(steps), stride) == len(steps)
        for number in range(0, len(steps), 12):
            shown.choose(number)
            for frame in driver.find_elements(By.CSS_SELECTOR, "#step iframe"):
                ActionChains(driver, duration=0).move_to_element(frame).click().send_keys(
                    Keys.ENTER
                ).perform()
        watched(shown, canary, "Web workflows: stepmill report")


SANDBOX: Final = 'sandbox=""'


def framed(folder: Path, documents: Sequence[tuple[str, str]], policy: str = "") -> Path:
    """A page with a frame for each document, given with the frame's attributes; all in sight."""
    frame = '<iframe width="70" height="50" {} srcdoc="{}"></iframe>'
    inside = "".join(
        frame.format(attributes, html.escape(document)) for document, attributes in documents
    )
    path = folder / "frames.html"
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><title>frames</title>{policy}<body>{inside}'
    )
    return path


def test_payloads_do_what_they_say_where_nothing_keeps_them(
    browser: Chrome, canary: Canary, tmp_path: Path
) -> None:
    """In frames without sandbox and policy most of them run or ask for something, and many in a
    sandbox alone: it would have been seen.
    """
    canary.asked.clear()
    free = [(filled(payload, number), "") for number, payload in enumerate(PAYLOADS)]
    kept = [(filled(payload, 1000 + number), SANDBOX) for number, payload in enumerate(PAYLOADS)]
    found = seen(Shown(browser, framed(tmp_path, [*free, *kept])), canary)
    assert len({number for number in found if number < 1000}) >= 60
    assert len({number for number in found if number >= 1000}) >= 30
    browser.get("about:blank")


def test_sandbox_and_policies_keep_what_is_not_rewritten(
    browser: Chrome, canary: Canary, tmp_path: Path
) -> None:
    """Payloads as they are, under the policies of a report and in its sandbox: none runs, none
    sends a request. A connection may be opened, without a word, by hints that no policy speaks
    about: what rewriting is for.
    """
    canary.asked.clear()
    documents = [
        (frames.HEAD + filled(payload, number), SANDBOX) for number, payload in enumerate(PAYLOADS)
    ]
    policy = f'<meta http-equiv="Content-Security-Policy" content="{page._policy("")}">'
    shown = Shown(browser, framed(tmp_path, documents, policy))
    assert seen(shown, canary) == set()
    assert set(canary.asked) <= {""}
    browser.get("about:blank")


def test_rewriting_keeps_what_no_policy_does(
    browser: Chrome, canary: Canary, tmp_path: Path
) -> None:
    """Payloads rewritten, with neither sandbox nor policy: none runs, none opens as much as a
    connection.
    """
    canary.asked.clear()
    rewritten = (
        frames.document(filled(payload, number)) for number, payload in enumerate(PAYLOADS)
    )
    documents = [(document.replace(frames.POLICY, ""), "") for document in rewritten]
    shown = Shown(browser, framed(tmp_path, documents))
    assert seen(shown, canary) == set()
    assert canary.asked == []
    browser.get("about:blank")
