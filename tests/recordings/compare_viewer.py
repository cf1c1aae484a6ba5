#!/usr/bin/env python3
"""Compares pages of Playwright traces with what Playwright's own trace viewer shows of them.

    python tests/recordings/compare_viewer.py [TRACE.zip ...] [--chromium PATH]

The viewer of the installed package playwright runs in a headless Chromium. Of each step with a page
all elements are compared, in frames and shadow roots too: tag, depth, id, class, own text, and what
fields hold. Two things of the viewer's are left out: what it adds to a page, and the ``base`` that
the recorder added. Ends with 1 if a page differs. Today's viewer finds no snapshot in traces of
version 3.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from etl.inputs import find  # noqa: E402  (found above this folder)
from etl.inputs.archives.zips import open_zip  # noqa: E402
from etl.pages.locators.match import Elements  # noqa: E402
from etl.pages.locators.states import States  # noqa: E402
from etl.pages.reading import read  # noqa: E402
from etl.sources import SOURCES  # noqa: E402
from etl.tally import Tally  # noqa: E402
from schemas.workflow import Step  # noqa: E402

Element = list[Any]
"""Depth, tag, id, class, own text, and value or state of a field."""

WALK: Final = """
() => {
  const found = [];
  const own = (e) => [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("");
  const state = (e) => {
    if (e.localName === "option") return e.selected;
    if (e.localName === "input" && ["checkbox", "radio"].includes(e.type)) return e.checked;
    return ["input", "textarea"].includes(e.localName) && e.type !== "file" ? e.value : "";
  };
  const visit = (e, depth) => {
    if (e.localName === "script" || e.localName.startsWith("x-pw-")) return;
    const text = ["textarea"].includes(e.localName) ? "" : own(e).split(/\\s+/).join(" ").trim();
    const name = e.localName.replace(/^x-noscript$/, "noscript").toLowerCase();
    if (name === "template" && e.hasAttribute("__playwright_style_sheet_")) return;
    found.push([depth, name, e.id, e.getAttribute("class") ?? "", text, state(e)]);
    if (e.shadowRoot) {
      found.push([depth + 1, "template", "", "", "", ""]);
      for (const child of e.shadowRoot.children) visit(child, depth + 2);
    }
    if (["iframe", "frame"].includes(e.localName)) {
      const inner = e.contentDocument?.documentElement;
      if (inner && inner.querySelector("base, style")) visit(inner, depth + 1);
      return;
    }
    for (const child of e.children) visit(child, depth + 1);
  };
  visit(document.documentElement, 0);
  return found;
}
"""


def ours(step: Step) -> list[Element]:
    """The elements of a step's page as it is written."""
    page = read(step.html)
    elements = Elements(page)
    states, texts = States(elements), [""] * page.elements
    for _, owner, text in elements.texts:
        if owner >= 0:
            texts[owner] += text
    depths: list[int] = []
    found: list[Element] = []
    for element, parent in enumerate(elements.kin.parents):
        depths.append(depths[parent] + 1 if parent >= 0 else 0)
        tag, fields = elements.tokens[element].tag, elements.of(element)
        state: Any = ""
        kind = fields.get("type", "").lower()
        if tag == "option" or (tag == "input" and kind in ("checkbox", "radio")):
            state = states.of("checked", element)
        elif tag == "input" and kind != "file":
            state = fields.get("value", "")
        elif tag == "textarea":
            state, texts[element] = texts[element], ""
        text = " ".join(texts[element].split())
        found.append(
            [depths[element], tag, fields.get("id", ""), fields.get("class", ""), text, state]
        )
    return found


def without_additions(found: list[Element]) -> list[Element]:
    """The elements of the viewer's page without its style and the recorder's base."""
    kept: list[Element] = []
    for element in found:
        hides = element[1] == "style" and element[4].startswith("*,*::before,*::after")
        base = element[1] == "base" and kept and kept[-1][1] == "head"
        if not hides and not base:
            kept.append(element)
    return kept


class Server(SimpleHTTPRequestHandler):
    """Serves the viewer, and the trace as ``/trace.zip``."""

    trace: Path

    def translate_path(self, path: str) -> str:
        """The file for an address."""
        if urllib.parse.urlsplit(path).path == "/trace.zip":
            return str(type(self).trace)
        return super().translate_path(path)

    def log_message(self, *_args: object) -> None:
        """Say nothing: the standard handler prints every request."""


def steps_of(trace: Path) -> Iterator[Step]:
    """The steps of a trace that have a page."""
    (shard,) = find.shards(find.find([str(trace)], SOURCES))
    for flow in SOURCES[shard.format].read(shard, Tally()):
        yield from (step for step in flow.steps if step.html)


def viewer_ids(trace: Path) -> dict[str, str]:
    """The ids of calls -> what the viewer calls them: by test steps, or in old versions by time."""
    ids: dict[str, str] = {}
    with open_zip(trace) as archive:
        for name in archive.names:
            version = 0
            for _, line in archive.lines(name) if name.endswith(".trace") else ():
                event = json.loads(line)
                version = event.get("version", version)
                if event.get("type") not in ("before", "action"):
                    continue
                call = event.get("metadata", event)
                own = call.get("callId", call.get("id"))
                called = call.get("apiName") or f"{call.get('type')}.{call.get('method')}"
                by_time = f"{called}@{call.get('wallTime')}"
                ids[own] = by_time if version < 7 else call.get("stepId", own)
    return ids


def compare(page: Any, base: str, trace: Path, missing: type[Exception]) -> tuple[int, int]:
    """How many pages of a trace are the same, and how many differ.

    missing: the package's error for a page that is not there.
    """
    same = different = 0
    Server.trace, ids = trace, viewer_ids(trace)
    address = urllib.parse.quote(f"{base}/trace.zip?{trace.name}", safe="")
    page.goto(f"{base}/snapshot.html?trace={address}")
    page.wait_for_function("navigator.serviceWorker.controller")
    page.evaluate("(a) => fetch(`contexts?trace=${a}`).then((r) => r.text())", address)
    for step in steps_of(trace):
        mine, theirs = ours(step), None  # of the phase of which there is a snapshot
        for phase in ("action", "before"):
            call = urllib.parse.quote(ids.get(step.step_id, step.step_id), safe="")
            tab = page.context.new_page()
            with suppress(missing):  # there is no snapshot of this phase
                tab.goto(f"{base}/snapshot/{call}?trace={address}&phase={phase}")
                theirs = without_additions(tab.evaluate(WALK))
            tab.close()
            if theirs is not None:
                break
        if theirs and not any(element[1] == "body" for element in mine):
            # A page that was still loading: the browser of the viewer adds a body.
            theirs = [element for element in theirs if element[1:] != ["body", "", "", "", ""]]
        if theirs is None:
            print(f"{trace.name} {step.step_id}: the viewer shows no page")
            continue
        if mine == theirs:
            same += 1
            continue
        different += 1
        print(f"{trace.name} {step.step_id}: {len(mine)} elements, {len(theirs)} in the viewer")
        for one, other in zip(mine, theirs, strict=False):
            if one != other:
                print(f"  {json.dumps(one)[:150]}\n  {json.dumps(other)[:150]}")
                break
    return same, different


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("traces", type=Path, nargs="*", help="else those beside this program")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    given = parser.parse_args()
    try:
        package = import_module("playwright.sync_api")
    except ImportError:
        sys.exit("the package playwright is missing: pip install playwright")
    viewer = Path(str(package.__file__)).parents[1] / "driver/package/lib/vite/traceViewer"
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=str(viewer)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    same = different = 0
    with package.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=given.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for trace in given.traces or sorted((HERE / "formats" / "playwright").glob("*.zip")):
            page = browser.new_context().new_page()
            page.set_default_timeout(20_000)
            alike, other = compare(page, base, trace, package.Error)
            print(f"{trace.name}: {alike} pages as in the viewer, {other} different")
            same, different = same + alike, different + other
            page.context.close()
        browser.close()
    print(f"{same} pages as in the viewer, {different} different")
    sys.exit(1 if different or not same else 0)


if __name__ == "__main__":
    main()
