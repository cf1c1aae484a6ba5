"""Pages to record, and a recorder in a headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from served import served

from etl.pages.page import Page
from etl.pages.reading import read
from etl.record.recorder import Recorder
from etl.stages.targets import find
from schemas.workflow import Locator, Step
from tests.conftest import NO_BROWSER

if TYPE_CHECKING:
    from playwright.sync_api import Page as BrowserPage

CHROMIUM = shutil.which("chromium")

STRICT = "default-src 'none'; script-src 'self'; style-src 'none'; frame-src *"
"""A policy that allows no script but those of the site itself."""

Record = Callable[..., Recorder]


@contextmanager
def pages(given: dict[str, str], policy: str = "") -> Iterator[int]:
    """Serve pages by host and path (``shop.example/cart``); the answer is the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = (self.headers.get("Host") or "").split(":")[0]
            found = given.get(host + self.path.split("?")[0])
            body = (found or "").encode()
            self.send_response(404 if found is None else 200 if found else 204)
            script = self.path.endswith(".js")
            kind = "text/javascript" if script else "text/html; charset=utf-8"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object, **_kwargs: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def record() -> Iterator[Record]:
    """Begins a recording at an address: of pages that are given, or of our demo applications."""
    if not CHROMIUM:
        pytest.skip(f"{NO_BROWSER}: apt-get install chromium")
    with ExitStack() as stack:

        def begin(
            url: str, given: dict[str, str] | None = None, *, policy: str = "", driven: bool = False
        ) -> Recorder:
            server = served() if given is None else pages(given, policy)
            port = stack.enter_context(server)
            flags = [f"--host-resolver-rules=MAP * 127.0.0.1:{port}"]
            recorder = Recorder(headless=True, flags=flags, driven=driven)
            stack.enter_context(recorder)
            recorder.open(url)
            recorder.page.wait_for_load_state()
            settle(recorder.page)
            return recorder

        yield begin


def one(body: str) -> dict[str, str]:
    """A page at ``page.example/``."""
    return {"page.example/": f"<!DOCTYPE html><title>Page</title><body>{body}</body>"}


PAGE = "http://page.example/"


def steps(recorder: Recorder) -> tuple[Step, ...]:
    """What was recorded, its locators checked."""
    recorded = recorder.workflow("Try it").steps
    assert recorder.failures == []
    for step in recorded:
        check_locators(step)
    return recorded


def actions(recorder: Recorder) -> list[tuple[str, str, str]]:
    """Kind, value and target of each step; the target by its first locator."""
    return [
        (step.action.kind, step.action.value, step.target[0].value if step.target else "")
        for step in steps(recorder)
    ]


def check_locators(step: Step) -> None:
    """Each locator finds one element, all of them the same one."""
    page = read(step.html)
    for locators in (step.target, step.destination):
        if not locators:
            continue
        if "shadowrootmode" not in step.html:  # which XPath does not see into
            assert {"css", "xpath"} <= {locator.kind for locator in locators}
        wanted = found(page, locators[0])
        assert wanted >= 0, locators[0]
        for locator in locators[1:]:
            assert found(page, locator) == wanted, locator


def found(page: Page, locator: Locator) -> int:
    """The element that a locator finds in a page; -1 for none or several."""
    return find(page, (locator,))[2]


def tag_of(step: Step) -> str:
    """The start tag of a step's target as the page has it."""
    page = read(step.html)
    element = found(page, step.target[0])
    return page.tokens[page.position(element)].markup


def settle(page: BrowserPage) -> None:
    """Give the browser a moment."""
    page.wait_for_timeout(150)
