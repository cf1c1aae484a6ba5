"""An agent in a real Chromium: it observes our demo applications, answers, and acts by the
selectors that it gets. Its answers are those of the scenarios of the shipped recordings.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browser import Recorder
from chromium import chromium
from scenarios import PLOTS, scenarios
from selenium.webdriver import Chrome
from served import served
from steps import Do, Scenario

import stepmill
from etl.pages.reading import read
from etl.serve.answers import Answer
from etl.serve.nodes import Node
from etl.stages.targets import find
from schemas.workflow import Locator
from tests.conftest import NO_BROWSER

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:  # `.ci/run` takes no such skip
    pytest.skip(
        f"{NO_BROWSER}: chromium and chromedriver are not both in $PATH", allow_module_level=True
    )

FOUND = """
const [css, xpath, inside, wanted] = arguments;
const scope = inside ? document.querySelector(inside).contentDocument : document;
const found = scope.querySelectorAll(css);
const paths = scope.evaluate(xpath, scope, null, 7, null);
return [found.length, paths.snapshotLength, found[0] === paths.snapshotItem(0),
        found[0] === scope.querySelector(wanted)];
"""


@dataclass
class Agent(Recorder):
    """Performs scenarios as an agent: it sees nothing but observations."""

    driver: Chrome
    prompt: stepmill.Prompt = field(default_factory=stepmill.Prompt)
    counts: Counter[str] = field(default_factory=Counter)
    history: list[str] = field(default_factory=list)
    objective: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.driver)

    def record(self, scenario: Scenario) -> dict[str, Any]:
        """Perform a scenario."""
        self.history, self.objective = [], scenario.objective
        return super().record(scenario)

    def _step(self, do: Do, step_id: str, *, blur: bool) -> dict[str, Any]:
        """Observe, ask, and act on the element that is answered."""
        frame, _, css = do.at.rpartition(" >> ")
        shot = self._settled(frame, css)
        self.counts["steps"] += 1
        if not css:
            return super()._step(do, step_id, blur=blur)
        seen = stepmill.observe(shot["html"], self.objective, self.history, shot["url"])
        if self._node(shot) not in seen.nodes:  # nor is such a step trained on: `target_pruned`
            self.counts["pruned"] += 1
            return super()._step(do, step_id, blur=blur)
        asked = self.prompt.build(self.objective, shot["url"], seen, self.history)
        answer = self.prompt.read(self._policy(do, shot, seen), seen)
        assert seen.text in asked[-1]["content"]
        assert seen.text.count(f' node="{answer.node}"') == 1
        node = seen.nodes[answer.node]
        self._check(node, frame, css)
        self.counts["targets"] += 1
        self.history.append(self.prompt.step(answer, seen))
        # the recorder names frames by their ids
        at = " >> ".join([*(door.css.removeprefix("#") for door in node.doors), node.css])
        return super()._step(Do(answer.kind, at, answer.value), step_id, blur=blur)

    def _policy(self, do: Do, shot: dict[str, Any], seen: Any) -> str:
        """The answer to a step."""
        answer = Answer(do.kind, self._node(shot), do.value, number=len(self.history) + 1)
        return self.prompt.write(answer, seen)

    def _node(self, shot: dict[str, Any]) -> int:
        """The node of the recorded element, which the test knows."""
        page = read(shot["html"])
        reason, _, element = find(page, (Locator("css", shot["css"]),))
        assert not reason
        return page.node(element)

    def _check(self, node: Node, frame: str, css: str) -> None:
        """The selectors find the recorded element in the live page, and nothing else."""
        assert len(node.doors) == bool(frame)
        inside = node.doors[0].css if node.doors else ""
        found = self.driver.execute_script(FOUND, node.css, node.xpath, inside, css)
        assert found == [1, 1, True, True], (node, css)


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    """An agent in a browser for which every host is our demo applications."""
    with (
        served() as port,
        chromium(
            Path(str(CHROMIUM)),
            Path(str(DRIVER)),
            f"MAP * 127.0.0.1:{port}",
            "--disable-dev-shm-usage",
        ) as driver,
    ):
        yield Agent(driver)


@pytest.mark.parametrize("app", PLOTS)
def test_an_agent_acts_by_the_selectors_of_its_observations(agent: Agent, app: str) -> None:
    """One scenario of each plot, noise and frames included: the answer comes back as it was meant,
    and CSS and XPath find the recorded element, of every step but those whose element is pruned.
    """
    plots = len(PLOTS[app])
    for scenario in [each for each in scenarios() if each.app == app][:plots]:
        agent.counts.clear()
        performed = agent.record(scenario)
        assert agent.counts["steps"] == len(scenario.steps)
        elements = sum(bool(do.at) for do in scenario.steps)
        assert agent.counts["targets"] + agent.counts["pruned"] == elements
        assert agent.counts["pruned"] <= 1
        assert len(performed["steps"]) == len(scenario.steps)
