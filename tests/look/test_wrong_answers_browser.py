"""The report of scores in Chromium: wrong answers are outlined, and nothing recorded acts."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import orjson
import pytest
from selenium.webdriver import Chrome

from etl.evaluate.files import EvalWriter, opened
from etl.evaluate.schema import EvalStep, Prompted
from etl.evaluate.scores.score import score
from etl.evaluate.scores.steps import steps
from etl.look.scores import page, wrong
from tests.conftest import NO_BROWSER
from tests.evaluate.small import Plain
from tests.look.conftest import CHROMIUM, DRIVER, Shown
from tests.support.injections import PAYLOADS, RAN, Canary, filled

if not CHROMIUM or not DRIVER:  # `.ci/run` takes no such skip
    pytest.skip(
        f"{NO_BROWSER}: chromium and chromedriver are not both in $PATH", allow_module_level=True
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of wrong answers with a payload each: in the page, in every text of the step, and in
    the answer.
    """
    folder = tmp_path_factory.mktemp("hostile")
    answers: dict[str, tuple[str | None, ...]] = {}
    with EvalWriter(folder / "eval") as writer:
        for number, payload in enumerate(PAYLOADS):
            text = filled(payload, number)
            observation = (
                f'<html node="3"> <button node="2" title="{html.escape(text)}"> Order </button> '
                f'<b node="1"> no </b> <i node="0"> {text}'
            )
            user = f"Objective: {text}\nURL: u\nObservation: {observation}\nStep-by-step guide:\n"
            prompt = Prompted([{"role": "user", "content": user}], np.zeros(1, np.int32), True)
            writer.add(
                EvalStep(
                    step_id=f"{number}{text}",
                    workflow_id=text,
                    split="test",
                    objective=text,
                    step=1,
                    steps=1,
                    prompts=[prompt],
                    facts=orjson.dumps({"node": 2, "near": True}).decode(),
                    kind=text,
                    website=text,
                    domain=text,
                    url=text,
                    nodes=(2,),
                    operation=text,
                    value=text,
                    text=text,
                )
            )
            answers[f"{number}{text}"] = ("1", text)
        writer.finish({"family": "steps"})
    given = opened(folder / "eval")
    result = score(steps(given), Plain(), orjson.loads, answers)
    values = {"evaluation": "eval", **result.as_json(), "predictions": {"files": ["a.jsonl"]}}
    found = wrong.drawn(result, given, len(PAYLOADS))
    assert len(found.steps) == len(PAYLOADS)
    (folder / "wrong.html").write_bytes(page.render(values, found).encode("utf-8", "replace"))
    return folder / "wrong.html"


def test_nothing_in_a_step_acts(browser: Chrome, hostile: Path, canary: Canary) -> None:
    """Every payload is looked at, and none runs, asks for anything or leaves a complaint; the page
    stays the report.
    """
    shown = Shown(browser, hostile)
    for number in range(len(PAYLOADS)):
        shown.choose(number)
        assert shown.js("return told") == []
    assert shown.asked_for() == []
    assert canary.asked == []
    assert shown.driver.title == "plain: stepmill score"
    assert not shown.js(f"return document.title.includes('{RAN}')")


def test_target_and_answer_are_outlined(browser: Chrome, hostile: Path) -> None:
    """Each in its page, and marked in its source; both texts stand below."""
    shown = Shown(browser, hostile)
    shown.step(0)
    for place, tag in (("before", "<button"), ("after", "<b ")):
        document = shown.find(f"#{place} iframe").get_attribute("srcdoc")
        marked = document.rindex("<", 0, document.index('data-stepmill-target=""'))
        assert document[marked:].startswith(tag)
    for button in shown.driver.find_elements("css selector", "#after button"):
        if button.text == "Source":
            button.click()
    assert shown.find("#after mark").text.startswith("<b ")
    assert shown.find("#tokens .loss").text == "1"
    assert shown.complaints() == []
