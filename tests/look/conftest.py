"""What several files of tests of `etl.look` share."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium
from click.testing import CliRunner
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from etl.cli.main import cli
from etl.dataset.place import Place, place_of
from etl.look.report import figures
from tests.support import builds, injections
from tests.support.injections import Canary


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small build with drops in every phase, several chunks, and two splits."""
    folder = tmp_path_factory.mktemp("inspect")
    records = [builds.workflow(number, steps=3) for number in range(40)]
    records[3]["steps"][1]["error"] = "no such\tbutton"
    long = "<button id=b0>Order</button>" + "<p>one piece of text </p>" * 500
    for step in records[7]["steps"][:1]:
        step["html"] = long
    records[8]["steps"][0]["html"] = (
        "<button id=b0>Order</button>" + "<p>one piece of text </p>" * 4000
    )
    records[5]["steps"] = [
        records[5]["steps"][0] | {"html": "<button id=b0>Order</button>" + "word " * 9000}
    ]
    builds.write_workflows(folder / "in" / "a.jsonl", *records)
    builds.write_workflows(
        folder / "in" / "b.jsonl", records[1], records[2] | {"workflow_id": "again"}
    )
    (folder / "in" / "notes.txt").write_text("nothing recorded here")
    builds.build(
        [folder / "in"], folder / "out", "fit.context=2048", "fit.max_chunks=4", "split.test=0.3"
    )
    return folder / "out"


@pytest.fixture(scope="module")
def place(own_build: Path) -> Place:
    """The build of the shipped recordings."""
    return place_of(own_build)


@pytest.fixture(scope="module")
def data(place: Place) -> dict[str, Any]:
    """Its figures."""
    return figures.figures(place)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder ``in`` with three workflows of two steps, and a build ``out`` of it."""
    builds.write_workflows(
        tmp_path / "in" / "a.jsonl", *(builds.workflow(number, steps=2) for number in range(3))
    )
    builds.build([tmp_path / "in"], tmp_path / "out")
    return tmp_path


CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    """What every name that a payload looks up leads to."""
    with injections.canary() as found:
        yield found


def browser_for(canary: Canary, *flags: str) -> Any:
    """A Chromium that reaches the canary and nothing else."""
    hosts = f"MAP canary.example 127.0.0.1:{canary.port}, MAP * ~NOTFOUND"
    return chromium(
        Path(str(CHROMIUM)), Path(str(DRIVER)), hosts, "--disable-dev-shm-usage", *flags, log=True
    )


@pytest.fixture(scope="module")
def browser(canary: Canary) -> Iterator[Chrome]:
    """A browser with an empty page."""
    with browser_for(canary) as driver:
        driver.get("about:blank")
        yield driver


@pytest.fixture(scope="module")
def report_file(own_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the shipped recordings, against a build of a part of them."""
    folder = tmp_path_factory.mktemp("report")
    builds.build([builds.RECORDINGS / "shop.jsonl.zst"], folder / "old")
    return reported(own_build, folder / "report.html", "--against", str(folder / "old"))


def reported(build: Path, out: Path, *options: str) -> Path:
    """The report of a build."""
    result = CliRunner().invoke(
        cli, ["report", str(build), "--out", str(out), *options], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return out


class Shown:
    """A report in a browser."""

    def __init__(self, driver: Chrome, path: Path) -> None:
        self.driver = driver
        self.log("browser")
        self.log("performance")
        watch = (
            "window.told = []; window.addEventListener('message', (event) => "
            "told.push(String(event.data)));window.loaded = new WeakSet();"
            "document.addEventListener('load', (event) => loaded.add(event.target), true);"
        )
        added = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": watch})
        driver.get(f"file://{path}")
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    def js(self, script: str, *arguments: object) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def find(self, css: str) -> Any:
        """One element."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str, what: str) -> list[Any]:
        """A property of all elements."""
        return list(
            self.js(
                f"return [...document.querySelectorAll(arguments[0])].map((each) => each.{what})",
                css,
            )
        )

    def log(self, name: str) -> list[Any]:
        """What has been logged since it was last looked at."""
        return list(self.driver.get_log(name))  # type: ignore[no-untyped-call]

    def column(self, table: str, number: int) -> list[str]:
        """The texts of a column of a table, of the rows that are shown."""
        rows = f"[...document.querySelectorAll('#{table} tbody tr')].filter((row) => !row.hidden)"
        return list(self.js(f"return {rows}.map((row) => row.cells[{number}].textContent)"))

    def until(self, condition: str, *arguments: object) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + 120
        while not self.js(f"return {condition}", *arguments):
            assert time.monotonic() < deadline, condition
            time.sleep(0.01)

    def step(self, number: int) -> None:
        """Wait until this step is shown, its frames loaded."""
        self.until(
            "document.getElementById('step').dataset.shown === String(arguments[0])"
            " && [...document.querySelectorAll('iframe')].every((frame) => loaded.has(frame))",
            number,
        )

    def choose(self, number: int) -> None:
        """Choose a step."""
        self.js(
            "const list = document.getElementById('chosen');"
            "list.selectedIndex = arguments[0]; list.dispatchEvent(new Event('change'))",
            number,
        )
        self.step(number)

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def asked_for(self) -> list[str]:
        """What the log has of requests, but for the file itself, what lies in it, and the browser's
        own pages.
        """
        events = (json.loads(entry["message"])["message"] for entry in self.log("performance"))
        sent = [
            event["params"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        urls = [each["request"]["url"] for each in sent]
        return [
            url
            for url in urls
            if not url.startswith(("data:", "about:", "chrome:", "blob:", "file:"))
        ]

    def complaints(self) -> list[str]:
        """What stands on the console."""
        return [entry["message"] for entry in self.log("browser")]


@pytest.fixture
def shown(browser: Chrome, report_file: Path) -> Shown:
    """The report, just opened."""
    return Shown(browser, report_file)
