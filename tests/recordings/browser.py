"""Drives a real Chromium through the scenarios and takes a snapshot before every action.

The applications are served from 127.0.0.1 and every host name is mapped there, so URLs read
``http://shop.example/``. Needs the package selenium, Chromium and its chromedriver; nothing else in
the project does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from chromium import chromium
from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from served import served
from steps import Do, Scenario

HERE: Final = Path(__file__).parent
MARK: Final = "data-recorder-target"
READY: Final = """
const docs = [document, ...[...document.querySelectorAll("iframe")].map((f) => f.contentDocument)];
return docs.every((d) => d && d.readyState === "complete" && d.URL !== "about:blank");
"""

Record = dict[str, Any]


class Recorder:
    """Performs scenarios in one browser, each in a tab of its own (so with an empty session
    storage).
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.script = (HERE / "snapshot.js").read_text(encoding="utf-8")

    def record(self, scenario: Scenario) -> Record:
        """A scenario and what was seen and done: for each step the snapshot, the action and its
        error.
        """
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        for handle in self.driver.window_handles:
            if handle != new:
                self.driver.switch_to.window(handle)
                self.driver.close()
        self.driver.switch_to.window(new)
        self.driver.get(f"http://{scenario.host}{scenario.path}")
        following = (*scenario.steps[1:], None)
        steps = [
            self._step(
                do,
                f"{scenario.workflow_id}-s{n:02}",
                blur=then is None or then.kind != "press" or not then.at,
            )
            for n, (do, then) in enumerate(zip(scenario.steps, following, strict=True), start=1)
        ]
        return {"scenario": scenario, "steps": steps}

    def _step(self, do: Do, step_id: str, *, blur: bool) -> Record:
        """Take the snapshot, then act. Leaving the field after typing would make a following key
        press useless.
        """
        frame, _, css = do.at.rpartition(" >> ")
        shot = self._settled(frame, css)
        if frame:
            self.driver.switch_to.frame(frame)
        error = self._act(do, self.driver.find_element("css selector", css) if css else None)
        if blur and do.kind == "type":
            self.driver.execute_script("document.activeElement.blur()")
        self.driver.switch_to.default_content()
        if do.kind != "hover":
            # A mouse left on a menu would open it on the next page, sooner or later.
            self.driver.execute_cdp_cmd(
                "Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 2, "y": 2}
            )
        return {"step_id": step_id, "do": do, "error": error, **shot}

    def _settled(self, frame: str, css: str) -> Record:
        """The first snapshot that is the same twice, 60 ms apart."""
        before: Record | None = None
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            shot = self._snapshot(frame, css) if self.driver.execute_script(READY) else None
            if shot and shot == before:
                return shot
            before = shot
            time.sleep(0.06)
        raise TimeoutError(
            f"{self.driver.current_url}: does not come to rest with one {css or 'page'}"
        )

    def _snapshot(self, frame: str, css: str) -> Record | None:
        """The page now, and the locators of ``css`` in it;
        None while it does not hold exactly one.
        """
        if css:
            if frame:
                self.driver.switch_to.frame(frame)
            found = self.driver.find_elements("css selector", css)
            if len(found) != 1:
                self.driver.switch_to.default_content()
                return None
            self.driver.execute_script(
                "arguments[0].setAttribute(arguments[1], '')", found[0], MARK
            )
            self.driver.switch_to.default_content()
        shot: Record = self.driver.execute_script(self.script, css, MARK if css else "")
        if css:
            if frame:
                self.driver.switch_to.frame(frame)
            self.driver.execute_script("arguments[0].removeAttribute(arguments[1])", found[0], MARK)
            self.driver.switch_to.default_content()
        return shot

    def _act(self, do: Do, element: WebElement | None) -> str:
        """Perform one action; the answer is what went wrong, as a recorder would report it."""
        if element is None:
            self._act_on_page(do)
            return ""
        if not element.is_displayed():
            return "element is not visible"
        if not element.is_enabled():
            return "element is disabled"
        try:
            self._act_on_element(do, element)
        except ElementClickInterceptedException:
            return "element is not clickable: another element would receive the click"
        return ""

    def _act_on_page(self, do: Do) -> None:
        if do.kind == "scroll":
            self.driver.execute_script("window.scrollBy(0, Number(arguments[0]))", do.value)
        elif do.kind == "navigate":
            self.driver.get(do.value)
        elif do.kind == "go_back":
            self.driver.back()
        elif do.kind == "press":
            self._keys(do.value)
        else:
            raise ValueError(f"no page action: {do.kind}")

    def _act_on_element(self, do: Do, element: WebElement) -> None:
        mouse = ActionChains(self.driver, duration=0)
        if do.kind == "click":
            element.click()
        elif do.kind == "double_click":
            mouse.double_click(element).perform()
        elif do.kind == "hover":
            mouse.move_to_element(element).perform()
        elif do.kind == "select":
            Select(element).select_by_visible_text(do.value)
        elif do.kind == "press":
            self._keys(do.value)
        elif do.kind == "type":
            # Keys go to whatever has the focus: some pages replace the field at every key.
            element.click()
            mouse.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(
                do.value
            ).perform()
        else:
            raise ValueError(f"no element action: {do.kind}")

    def _keys(self, key: str) -> None:
        named = {"Enter": Keys.ENTER, "Escape": Keys.ESCAPE}
        ActionChains(self.driver, duration=0).send_keys(named.get(key, key)).perform()


def recorded(scenarios: list[Scenario], binary: Path, chromedriver: Path) -> Iterator[Record]:
    """Every scenario performed, in order."""
    with served() as port, chromium(binary, chromedriver, f"MAP * 127.0.0.1:{port}") as driver:
        recorder = Recorder(driver)
        for scenario in scenarios:
            yield recorder.record(scenario)
