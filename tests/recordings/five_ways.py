#!/usr/bin/env python3
"""Records workflows in the applications once and keeps each in five ways, into ``formats/five/``.

    python tests/recordings/five_ways.py [--chromium PATH] [--out DIR]

One browser session, seen by three recorders at once: ours (``native.jsonl.gz``), Playwright's
tracing (``trace.zip``) and rrweb (``rrweb.json.gz``), which is installed from npm into a folder of
its own. Of our recording come an export as ADP (``adp.jsonl.gz``), and the actions alone as
Chrome's Recorder writes them (``recorder.json``) with the pages in an archive (``pages.warc.gz``).

It needs the packages of the test extra, Chromium and npm.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from playwright_traces import repack  # noqa: E402  (found beside this file)
from scenarios import scenarios  # noqa: E402
from served import served  # noqa: E402
from steps import Do, Scenario  # noqa: E402

from etl.publish.trajectories import adp  # noqa: E402
from etl.record.append import append  # noqa: E402
from etl.record.recorder import Recorder  # noqa: E402
from schemas.workflow import Step, Workflow  # noqa: E402
from tests.players.rrweb_pages import installed  # noqa: E402
from tests.players.rrweb_record import START  # noqa: E402
from tests.support.archives import page  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

OUT: Final = HERE / "formats" / "five"
CHOSEN: Final = ("library-01", "shop-01", "booking-02")
"""Forms that load another page; a page that scripts change; a grid of dates."""
REST: Final = 0.35
"""Seconds in which a page comes to rest after an action."""
_KEYS: Final = {"click": "click", "double_click": "doubleClick", "select": "change"}


def record(scenario: Scenario, rrweb: str, port: int, chromium: str, out: Path) -> None:
    """Record a scenario and write it in all ways."""
    rules = f"--host-resolver-rules=MAP * 127.0.0.1:{port}"
    out.mkdir(parents=True, exist_ok=True)
    with (
        Recorder(chromium=chromium, headless=True, flags=[rules], driven=True) as recorder,
        tempfile.TemporaryDirectory() as folder,
    ):
        recorder.context.add_init_script(rrweb + START)  # before the trace, which would have it
        recorder.context.tracing.start(
            title=scenario.objective, snapshots=True, screenshots=False, sources=False
        )
        recorder.open(f"http://{scenario.host}{scenario.path}")
        rest(recorder.page)
        for do in scenario.steps:
            perform(recorder.page, do)
            rest(recorder.page)
        events = recorder.page.evaluate("window.name").splitlines()
        workflow = recorder.workflow(scenario.objective, scenario.workflow_id)
        made = Path(folder) / "trace.zip"
        recorder.context.tracing.stop(path=made)
        repack(made, out / "trace.zip")
        append(Path(folder) / "native.jsonl", workflow)
        packed(out / "native.jsonl.gz", (Path(folder) / "native.jsonl").read_bytes())
    packed(out / "rrweb.json.gz", "[" + ",".join(events) + "]")
    packed(out / "adp.jsonl.gz", json.dumps(adp(workflow)) + "\n")
    (out / "recorder.json").write_text(json.dumps(recording(workflow), indent=1) + "\n")
    packed(out / "pages.warc.gz", archive(workflow))


def rest(page: Page) -> None:
    """Wait until the page has come to rest."""
    page.wait_for_load_state()
    before, deadline = "", time.monotonic() + 30
    while time.monotonic() < deadline:
        page.wait_for_timeout(REST * 1000)
        now = page.content()
        if now == before:
            return
        before = now
    raise TimeoutError(f"{page.url}: does not come to rest")


def perform(page: Page, do: Do) -> None:
    """Do one action of a scenario, as a person would."""
    frame, _, css = do.at.rpartition(" >> ")
    within = page.frame_locator(f"[name={frame}]") if frame else page
    element: Locator = within.locator(css) if css else page.locator("body")
    if do.kind == "type":
        element.click()
        element.fill("")
        element.press_sequentially(do.value)
    elif do.kind == "select":
        element.focus()  # else rrweb takes the choice for one of the page
        element.select_option(label=do.value)
    elif do.kind == "click":
        element.click()
    elif do.kind == "double_click":
        element.dblclick()
    else:
        raise ValueError(f"no scenario here has {do.kind}")


def recording(workflow: Workflow) -> dict[str, Any]:
    """The actions alone, as Chrome's Recorder writes them."""
    steps: list[dict[str, Any]] = [
        {"type": "setViewport", "width": 1280, "height": 720, "deviceScaleFactor": 1,
         "isMobile": False, "hasTouch": False, "isLandscape": False},
        {"type": "navigate", "url": workflow.steps[0].url},
    ]  # fmt: skip
    for step, after in zip(workflow.steps, (*workflow.steps[1:], None), strict=True):
        one: dict[str, Any] = {
            "type": _KEYS.get(step.action.kind, "click"),
            "target": "main",
            "selectors": [[_selector(locator.kind, locator.value)] for locator in step.target
                          if locator.kind in ("css", "xpath")],
            "offsetX": 1,
            "offsetY": 1,
        }  # fmt: skip
        if step.action.kind in ("type", "select"):
            one |= {"type": "change", "value": step.action.value}
        if after is not None and after.url != step.url:
            one["assertedEvents"] = [{"type": "navigation", "url": after.url, "title": ""}]
        steps.append(one)
    return {"title": workflow.objective, "steps": steps}


def _selector(kind: str, value: str) -> str:
    return f"xpath/{value}" if kind == "xpath" else value


def archive(workflow: Workflow) -> bytes:
    """The page before each action, as a crawler would keep it."""
    records = [_captured(number, step) for number, step in enumerate(workflow.steps)]
    return b"".join(records)


def _captured(number: int, step: Step) -> bytes:
    return page(step.url, step.html, f"2026-01-31T12:{number:02}:00Z")


def packed(path: Path, content: str | bytes) -> None:
    """Write a file compressed, without a date."""
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw, 9, mtime=0))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write to")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="five-ways-") as folder, served() as port:
        rrweb = installed(Path(folder)).read_text("utf-8")
        for scenario in scenarios():
            if scenario.workflow_id in CHOSEN:
                out = given.out / scenario.workflow_id
                record(scenario, rrweb, port, given.chromium, out)
                size = sum(path.stat().st_size for path in out.iterdir())
                print(f"{scenario.workflow_id}: {size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
