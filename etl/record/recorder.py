"""The recorder: opens a page in a Chromium and records what is done in it, tab by tab.

Playwright starts the browser, or joins a running one. What runs in the pages does so in a world of
its own (`_WORLD`), through the browser's debugging protocol: the page's scripts see neither it nor
the function that it calls, and its policies (CSP) do not concern it. A tab that a page opens has
its recorder a moment after its page has begun to load; any other page has it from its beginning.

A change of tab is noticed at the first action in the other one: under Playwright every tab is in
front.

Not recorded: where the pointer moves, how often a page is scrolled within `PAUSE` of ``page.js``,
text that is marked, closed shadow roots, tabs that were open before, and what is typed into fields
for passwords, one-time codes and credit cards.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from etl.record import browsers
from etl.record.steps import Steps, Told
from etl.record.tab import Tab
from schemas.errors import BuildError, ConfigError, MissingExtra
from schemas.workflow import Workflow

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, CDPSession, Frame, Page

_WORLD: Final = "stepmill"
_PARTS: Final = ("snapshot.js", "locators.js", "page.js")
_PATIENCE: Final = 5.0
"""Seconds to wait, at the end, for what the browser has not answered yet."""


class Recorder:
    """Records in a browser of its own, or in a running one: a context manager.

    ``context`` and ``page`` are Playwright's, for programs that drive the browser themselves.
    """

    def __init__(
        self,
        *,
        chromium: str = "",
        cdp: str = "",
        headless: bool = False,
        flags: Sequence[str] = (),
        driven: bool = False,
    ) -> None:
        """chromium: path of the browser; empty: one that is found. cdp: address of the debugging
        port of a running one, which is used instead. flags: further arguments of the browser.
        driven: a program drives the browser, so that inputs and choices that a script makes count.
        """
        self._chromium, self._cdp, self._flags = chromium, cdp, tuple(flags)
        self._headless, self._driven = headless, driven
        self._started = time.time()
        self._stop: list[Callable[[], object]] = []
        self._tabs: list[Tab] = []
        self._framed: dict[Frame, CDPSession] = {}
        self._current: Tab | None = None
        self._busy = 0
        self._first_url = ""
        self.browser_version = ""
        self.failures: list[str] = []
        self.steps = Steps(self._started)
        self.context: BrowserContext
        self.page: Page

    def __enter__(self) -> Self:
        """Start the browser.

        Raises:
            MissingExtra: Playwright is not installed.
            ConfigError: there is no browser, or it does not start.
        """
        try:
            from playwright.sync_api import Error, sync_playwright
        except ImportError as error:
            raise MissingExtra("playwright", "record", "stepmill record") from error
        self._error = Error
        playwright = sync_playwright().start()
        self._stop.append(playwright.stop)
        try:
            if self._cdp:
                browser = playwright.chromium.connect_over_cdp(self._cdp)
                self.context = browser.contexts[0]
            else:
                browser = playwright.chromium.launch(
                    executable_path=browsers.find(self._chromium) or None,
                    headless=self._headless,
                    args=[*browsers.flags(), *self._flags],
                    handle_sigint=False,
                    handle_sigterm=False,
                )
                self._stop.append(browser.close)
                self.context = browser.new_context(no_viewport=not self._headless)
            self.browser_version = browser.version
            self.page = self.context.new_page()
            self._watch(self.page)
            self.context.on("page", self._opened)
        except Error as error:
            self.__exit__()
            raise ConfigError(_advice(self._cdp, str(error))) from error
        except ConfigError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the browser, or leave the running one as it is."""
        while self._stop:
            with suppress(self._error):  # the user has closed it
                self._stop.pop()()

    def open(self, url: str) -> None:
        """Open the address at which the workflow begins; it is no step.

        Raises:
            BuildError: the page cannot be loaded.
        """
        tab = self._tabs[0]
        tab.opening, self._first_url = True, url
        try:
            tab.page.goto(url, wait_until="commit")
        except self._error as error:
            raise BuildError(f"{url}: {str(error).splitlines()[0]}") from error

    def wait(self, seconds: float) -> bool:
        """Let the user go on; whether any tab is still open."""
        page = next((tab.page for tab in self._tabs if not tab.page.is_closed()), None)
        if page is None:
            return False
        try:
            page.wait_for_timeout(seconds * 1000)
        except self._error:
            return any(not tab.page.is_closed() for tab in self._tabs) and page.is_closed()
        return True

    def workflow(self, objective: str, workflow_id: str = "") -> Workflow:
        """What was recorded until now."""
        self._drain()
        started = datetime.fromtimestamp(self._started, UTC)
        website = urlsplit(self._first_url).hostname or ""
        meta: dict[str, Any] = {
            "recorder": "stepmill record",
            "browser": f"Chromium {self.browser_version}",
            "started": started.isoformat(timespec="milliseconds"),
            "start_url": self._first_url,
        }
        if self.steps.left_out:
            meta["left_out"] = dict(sorted(self.steps.left_out.items()))
        if not any(not tab.page.is_closed() for tab in self._tabs):
            self.steps.drop_last("close_tab")
        return Workflow(
            workflow_id or f"{website or 'recording'}-{started:%Y%m%dT%H%M%S}",
            objective,
            self.steps.read(),
            website=website,
            meta=json.dumps(meta, ensure_ascii=False),
        )

    def ask(self, tab: int, expression: str) -> Any:
        """What a script gives in the recorder's world of a tab; for tests."""
        return self._ask(self._tabs[tab], expression)

    def _drain(self) -> None:
        """Wait for what pages have to tell."""
        for tab in self._tabs:
            self._ask(tab, "stepmill.all()")
        for frame, session in [*self._framed.items()]:
            if not any(tab.waits for tab in self._tabs if tab.page == frame.page):
                self._send(session, "Runtime.evaluate", expression="0")
        deadline = time.monotonic() + _PATIENCE
        while self._busy and time.monotonic() < deadline and self.wait(0.01):
            pass

    # tabs and frames

    def _opened(self, page: Page) -> None:
        """A tab that the user or a page has opened."""
        before, url = self._current, page.url
        behind = before is not None and self.steps.opens_behind(before.number)
        slot = self.steps.place(before.number if before else 0)
        at = time.time()
        by_page = page.opener() is not None or (before and before.just_acted)
        tab = self._watch(page, behind=behind)
        if tab is None:
            return
        if behind:
            tab.fresh = False
        elif not by_page:
            shown = self._page_now(before) if before else {}
            value = url if url.startswith("http") else ""
            self.steps.fill(slot, "new_tab", value, shown, at * 1000)
            tab.fresh, self._current = False, tab

    def _watch(self, page: Page, *, behind: bool = False) -> Tab | None:
        """Record in a page from now on; None if it is closed already.

        behind: it was opened behind the tab in front. What pages tell meanwhile is heard.
        """
        try:
            session = self.context.new_cdp_session(page)
        except self._error:
            return None
        tab = Tab(page, len(self._tabs), session, self.steps, self._send, behind=behind)
        self._tabs.append(tab)
        self._current = self._current or tab
        page.on("close", lambda _: tab.closed())
        page.on("dialog", lambda _: None)  # it is the user's to answer
        page.on("framenavigated", self._frame)
        tab.session.on("Runtime.bindingCalled", lambda event: self._told(tab, event))
        tab.listen()
        self._inject(tab.session)
        tab.acquaint()
        for frame in page.frames:
            self._frame(frame)
        return tab

    def _frame(self, frame: Frame) -> None:
        """Record in a frame that another process shows, one of another site."""
        if frame.parent_frame is None or frame in self._framed:
            return
        tab = next((tab for tab in self._tabs if tab.page == frame.page), None)
        if tab is None:
            return
        try:
            session = self.context.new_cdp_session(frame)
        except self._error:
            return  # the process of its page shows it
        self._framed[frame] = session
        session.on("Runtime.bindingCalled", lambda event: self._told(tab, event, main=False))
        session.on("close", lambda _: self._framed.__delitem__(frame))
        self._inject(session)

    def _inject(self, session: CDPSession) -> None:
        self._send(session, "Page.enable")
        self._send(session, "Runtime.enable")
        self._send(session, "Runtime.addBinding", name="say", executionContextName=_WORLD)
        self._send(
            session,
            "Page.addScriptToEvaluateOnNewDocument",
            source=script(driven=self._driven),
            worldName=_WORLD,
            runImmediately=True,
        )

    def _send(self, session: CDPSession, method: str, **parameters: Any) -> dict[str, Any]:
        """The browser's answer; empty if the page is gone."""
        self._busy += 1
        try:
            answer: dict[str, Any] = session.send(method, parameters)
        except self._error:
            return {}
        finally:
            self._busy -= 1
        return answer

    def _ask(self, tab: Tab, expression: str) -> Any:
        """What a script gives in the recorder's world of a tab; None if it cannot be asked."""
        if tab.page.is_closed() or tab.world is None or tab.waits:
            return None
        answer = self._send(
            tab.session, "Runtime.evaluate", expression=expression, contextId=tab.world
        )
        return answer.get("result", {}).get("value")

    def _page_now(self, tab: Tab) -> Told:
        """The page of a tab now, or the last one known."""
        answer = self._ask(tab, "stepmill.now()")
        if isinstance(answer, str):
            return dict(json.loads(answer))
        return self.steps.last_page(tab.number)

    # what pages and the browser tell

    def _told(self, tab: Tab, event: dict[str, Any], *, main: bool = True) -> None:
        """A page tells something."""
        told = json.loads(event["payload"])
        match told["t"]:
            case "hello" if main and told["top"]:
                tab.world = event["executionContextId"]
                if tab.fresh and not (told["hidden"] or tab.behind):
                    tab.fresh, self._current = False, tab
            case "step":
                self._focus(tab)
                tab.acted = time.time()
                self.steps.step(told, tab.number, tab.page.url)
            case "value":
                tab.acted = time.time()
                self.steps.value(told)
            case "leave":
                tab.leaving = told["page"]
            case "step_back":
                kind = "go_back" if told["by"] < 0 else "go_forward"
                self._focus(tab)
                self.steps.fill(self.steps.place(tab.number), kind, "", told["page"], told["at"])
            case "visible" if main:
                self._focus(tab)
            case "left_out":
                self.steps.left_out[told["what"]] += 1
            case "failed":
                self.failures.append(told["what"])

    def _focus(self, tab: Tab) -> None:
        """Note that the user has gone to another tab."""
        before, self._current = self._current, tab
        tab.fresh = False
        if before is None or before is tab or before.page.is_closed():
            return
        slot = self.steps.place(before.number)
        at = time.time() * 1000
        self.steps.fill(slot, "focus_tab", str(tab.number), self.steps.last_page(before.number), at)
        if slot.told is not None and (shown := self._page_now(before)):
            slot.told |= {"url": shown["url"], "html": shown["html"]}


def script(*, driven: bool) -> str:
    """What runs in every page.

    driven: whether inputs and choices that a script makes count as the user's.
    """
    folder = resources.files("etl.record")
    parts = "\n".join((folder / name).read_text("utf-8") for name in _PARTS)
    return (
        "if (!globalThis.stepmill && /^(https?|file|about|data|blob):$/.test(location.protocol)) "
        f'(() => {{\n"use strict";\nconst driven = {json.dumps(driven)};\n{parts}\n}})();'
    )


def _advice(cdp: str, message: str) -> str:
    """What to do where the browser does not start."""
    if cdp:
        return (
            f"--cdp {cdp}: {message.splitlines()[0]}; start the browser with "
            "--remote-debugging-port=9222 and a --user-data-dir of its own"
        )
    return (
        f"no browser starts: {message.splitlines()[0]}; name one with --chromium PATH, or "
        "install one: apt-get install chromium, or playwright install chromium"
    )
