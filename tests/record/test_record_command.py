"""``stepmill record``, and what a build makes of what it writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

import stepmill
from etl.cli.main import cli
from etl.dataset.place import place_of
from etl.record import append, browsers, recorder
from schemas.errors import ConfigError, MissingExtra
from tests.conftest import NO_BROWSER
from tests.record.conftest import CHROMIUM, PAGE, Record, one, pages, settle
from tests.support import builds

needs_browser = pytest.mark.skipif(not CHROMIUM, reason=f"{NO_BROWSER}: apt-get install chromium")


def test_what_is_recorded_goes_through_a_build(record: Record, tmp_path: Path) -> None:
    """Our demo application: every step with an element becomes a sample, whose target is found."""
    with_shop = record("http://shop.example/")
    page = with_shop.page
    page.wait_for_timeout(300)
    for _ in range(2):
        page.locator("button:visible").first.click()
        settle(page)
    field = page.locator("input:visible").first
    field.click()
    page.keyboard.type("mug")
    page.keyboard.press("Enter")
    settle(page)
    page.locator("a:visible").nth(3).click()
    settle(page)
    workflow = with_shop.workflow("Look for a mug", "shop-1")
    append.append(tmp_path / "in.jsonl", workflow)
    with_element = [step for step in workflow.steps if step.target]
    assert len(with_element) >= 6
    builds.build([tmp_path / "in.jsonl"], tmp_path / "out")
    listing = place_of(tmp_path / "out").listing(["step", "action_kind"]).collect()
    assert listing.height == len(with_element)


def test_what_is_written_is_read_to_the_same_workflow(record: Record, tmp_path: Path) -> None:
    """All fields of all steps, and the meta of the workflow."""
    recorded = record(PAGE, one("<input id=a><button id=b>B</button>"))
    recorded.page.fill("#a", "x")
    recorded.page.click("#b", modifiers=["Shift"])
    workflow = recorded.workflow("Try", "one")
    path = tmp_path / "a.jsonl"
    append.append(path, workflow)
    (read,) = stepmill.read(path)
    assert (read.objective, read.website, read.steps) == ("Try", "page.example", workflow.steps)
    assert json.loads(read.meta)["recorder"] == "stepmill record"


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stepmill", "record", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
        env=os.environ | {"STEPMILL_LOG_FORMAT": "plain"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()


def until_recording(process: subprocess.Popen[str]) -> None:
    assert process.stderr
    said = ""
    for line in process.stderr:
        if "recording " in line:
            return
        said += line
    pytest.fail(f"it ended: {process.wait()}, {said}")


@contextmanager
def chromium_with_port(rules: str, profile: Path) -> Iterator[str]:
    """A Chromium with a debugging port; the answer is its address."""
    flags = [*browsers.flags(), "--headless", "--disable-gpu", f"--host-resolver-rules={rules}"]
    process = subprocess.Popen(
        [str(CHROMIUM), *flags, f"--user-data-dir={profile}", "--remote-debugging-port=0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        chosen, deadline = profile / "DevToolsActivePort", time.monotonic() + 120
        while time.monotonic() < deadline and not (chosen.exists() and chosen.read_text()):
            time.sleep(0.1)
        yield f"http://127.0.0.1:{chosen.read_text().splitlines()[0]}"
    finally:
        process.terminate()
        process.wait()


@needs_browser
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_running_browser_is_recorded_and_left_as_it_is(
    tmp_path: Path, end: signal.Signals
) -> None:
    """The command joins it, records what is done in its own tab, ends at Ctrl-C, adds one line,
    and says what it has recorded; the browser goes on.
    """
    from playwright.sync_api import sync_playwright

    out = tmp_path / "a.jsonl"
    with (
        pages(one("<input type=password id=p><button id=b>B</button>")) as port,
        chromium_with_port(f"MAP page.example 127.0.0.1:{port}", tmp_path / "profile") as cdp,
        running(PAGE, "--out", str(out), "--objective", "Try", "--cdp", cdp, "--json") as process,
        sync_playwright() as playwright,
    ):
        until_recording(process)
        browser = playwright.chromium.connect_over_cdp(cdp)
        (page,) = [page for page in browser.contexts[0].pages if page.url == PAGE]
        settle(page)
        page.click("#b")
        page.fill("#p", "hunter2hunter2")
        settle(page)
        process.send_signal(end)
        printed, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        summary = json.loads(printed)
        assert (summary["steps"], summary["kinds"]) == (2, {"click": 1, "type": 1})
        assert summary["secret"] == 1
        assert page.title() == "Page"
        browser.close()
    (line,) = out.read_bytes().splitlines()
    assert orjson.loads(line)["objective"] == "Try"
    assert b"hunter2" not in line
    assert "hunter2" not in said + printed


def test_a_window_that_is_closed_ends_the_recording(record: Record) -> None:
    """What was done until then is kept; that the last tab was closed is no step."""
    recorded = record(PAGE, one("<button>B</button>"))
    page = recorded.page
    page.click("button")
    page.wait_for_timeout(1600)
    assert recorded.wait(0.01)
    page.close()
    assert not recorded.wait(0.01)
    assert [step.action.kind for step in recorded.workflow("Try").steps] == ["click"]


@needs_browser
def test_headless_and_closed(tmp_path: Path) -> None:
    """Where nothing is done, nothing is written, and the command says so."""
    out = tmp_path / "a.jsonl"
    url = "data:text/html,<title>x</title>"
    with running(url, "--out", str(out), "--objective", "Try", "--headless") as process:
        until_recording(process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the browser too
        _, said = process.communicate(timeout=120)
    assert (process.returncode, out.exists()) == (1, False)
    assert "nothing was done" in said


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["record", "http://a.example", *arguments])
    assert isinstance(result.exception, ConfigError | SystemExit), result.output
    return str(result.exception)


def test_a_file_that_cannot_take_a_workflow_is_refused_at_once(tmp_path: Path) -> None:
    """Before a browser starts: other kinds of file, other records, ids that are there already."""
    workflow: dict[str, Any] = {"workflow_id": "one", "objective": "x", "steps": []}
    (tmp_path / "ours.jsonl").write_bytes(orjson.dumps(workflow) + b"\n")
    (tmp_path / "other.jsonl").write_text('{"id": 1}\n')
    (tmp_path / "none.jsonl").write_text("hello\n")
    for name, message in {
        "a.jsonl.gz": "must end with .jsonl",
        "no/a.jsonl": "there is no folder",
        "other.jsonl": "line 1 is no workflow",
        "none.jsonl": "line 1 is no workflow",
    }.items():
        assert message in refused("--out", str(tmp_path / name), "--objective", "x")
    ours = str(tmp_path / "ours.jsonl")
    assert "has a workflow of this id" in refused("--out", ours, "--objective", "x", "--id", "one")
    assert "no terminal to ask on" in refused("--out", ours)
    assert "no program is there" in refused(
        *("--out", ours, "--objective", "x", "--chromium", "/no/chromium")
    )


def test_a_line_is_added(tmp_path: Path, record: Record) -> None:
    """To a file whose last line has no end, too."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(orjson.dumps({"workflow_id": "one", "objective": "x", "steps": []}))
    recorded = record(PAGE, one("<button>B</button>"))
    recorded.page.click("button")
    append.append(path, recorded.workflow("Try"))
    assert [min(orjson.loads(line)) for line in path.read_bytes().splitlines()] == [
        "objective",
        "meta",
    ]


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Playwright the error says what to install."""
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(MissingExtra, match=r"pip install 'stepmill\[record\]'"):
        recorder.Recorder().__enter__()
