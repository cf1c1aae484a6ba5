"""Records sessions of our own applications with rrweb, for tests of how its recordings are read.

    PYTHONPATH=tests/recordings python -m tests.players.rrweb_record

Installs rrweb from npm into a folder of its own, drives Chromium through some scenarios of
`tests/recordings`, and writes what rrweb records to `tests/recordings/formats/rrweb/`. The times of
events differ from run to run. It needs node's npm, selenium, Chromium and chromedriver.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from browser import READY, Recorder
from chromium import chromium
from scenarios import scenarios
from served import served
from steps import Scenario

from tests.players.rrweb_pages import OURS, installed

CHOSEN: Final = (
    "shop-01", "shop-03", "tracker-01", "booking-02", "ledger-01", "ledger-04", "library-01",
    "library-04",
)  # fmt: skip
"""Scenarios with all kinds of fields, a frame, forms that load another page, and double clicks."""
BEGIN: Final = 1_764_000_000_000
"""The time of the first event of a session: recordings carry no date of their own."""
START: Final = """
if (window === top && location.protocol === "http:")
  rrweb.record({ emit(event) { window.name += JSON.stringify(event) + "\\n"; } });
"""
"""A window's name outlives its documents."""
REST: Final = """
const docs = [document, ...[...document.querySelectorAll("iframe")].map((f) => f.contentDocument)];
return docs.map((d) => d.documentElement.outerHTML.replace(/ cd_frame_id_="\\w+"/, "")).join("");
"""
MARK: Final = "cd_frame_id_"
"""The attribute by which chromedriver finds a frame again."""


class Session(Recorder):
    """Performs scenarios while rrweb records, and leaves no marks in the page."""

    def events(self, scenario: Scenario, rrweb: str) -> list[dict[str, Any]]:
        """What rrweb records of a scenario."""
        self.driver.switch_to.new_window("tab")
        self.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": rrweb + START}
        )
        self.driver.get(f"http://{scenario.host}{scenario.path}")
        for number, do in enumerate(scenario.steps):
            following = scenario.steps[number + 1 :]
            keeps = bool(following) and following[0].kind == "press" and bool(following[0].at)
            self._step(do, str(number), blur=not keeps)
        self._settled("", "")
        lines = self.driver.execute_script("return window.name").splitlines()
        found = [json.loads(line) for line in lines]
        first = found[0]["timestamp"]
        return [
            {**event, "timestamp": BEGIN + event["timestamp"] - first}
            for event in found
            if not _marks_a_frame(event)
        ]

    def _settled(self, frame: str, css: str) -> dict[str, Any]:
        """Wait until the page has the element once and has come to rest."""
        before, deadline = None, time.monotonic() + 60
        while time.monotonic() < deadline:
            now = self._seen(frame, css) if self.driver.execute_script(READY) else None
            if now is not None and now == before:
                return {}
            before = now
            time.sleep(0.15)
        raise TimeoutError(f"{self.driver.current_url}: does not come to rest with one {css}")

    def _seen(self, frame: str, css: str) -> str | None:
        rest: str = self.driver.execute_script(REST)
        if css:
            if frame:
                self.driver.switch_to.frame(frame)
            found = len(self.driver.find_elements("css selector", css))
            self.driver.switch_to.default_content()
            return rest if found == 1 else None
        return rest


def _marks_a_frame(event: dict[str, Any]) -> bool:
    """Whether all that an event says is a mark of chromedriver's."""
    changed = event["data"].get("attributes") or []
    return bool(changed) and all(set(each["attributes"]) == {MARK} for each in changed)


def main() -> int:
    """Record all of them anew."""
    OURS.mkdir(parents=True, exist_ok=True)
    wanted = [scenario for scenario in scenarios() if scenario.workflow_id in CHOSEN]
    with (
        tempfile.TemporaryDirectory(prefix="rrweb-record-") as folder,
        served() as port,
        chromium(
            Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver"), f"MAP * 127.0.0.1:{port}"
        ) as driver,
    ):
        rrweb = installed(Path(folder)).read_text("utf-8")
        session = Session(driver)
        for scenario in wanted:
            found = session.events(scenario, rrweb)
            text = json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
            path = OURS / f"{scenario.workflow_id}.json.gz"
            path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
            print(f"{path.name}: {len(found)} events, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
