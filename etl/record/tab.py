"""A tab, and how it comes from page to page.

The browser says which pages a page itself asks for, and which ones are reloaded or are in the
history; what remains is an address that the user has entered. A step back or a reload that follows
an action at once is taken for its effect, since a script can go back too. Which way a step in the
history went is asked when the browser tells of it: steps in both ways within its delay, some
milliseconds on a quiet machine, may be told as two steps back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.record.steps import Steps, Told

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

EFFECT: Final = 1.5
"""Seconds in which what happens to a tab is the effect of the action before."""

_ASKED: Final = 20
"""How often the browser is asked at most where its history ends, until that is the page shown."""

Event = dict[str, Any]
"""The parameters of an event of the debugging protocol."""


@dataclass
class Tab:
    """A page of the browser, and what has happened in it."""

    page: Page
    number: int
    session: CDPSession
    steps: Steps
    # sends a command to the session; what it answers is empty if the page is gone
    send: Callable[..., dict[str, Any]]
    # the id of its main frame, and the recorder's world in it
    main: str = ""
    world: int | None = None
    # which entry of its history is shown
    index: int = -1
    # how it comes to the page that it is loading, in the browser's words, and the address
    way: str = ""
    address: str = ""
    # the address that the page itself has asked for
    asked: str = ""
    # the recorder opens the address at which the workflow begins
    opening: bool = False
    # the page that is being left
    leaving: Told | None = None
    # when the last action was, in seconds since 1970
    acted: float = 0.0
    # nobody has seen it yet
    fresh: bool = True
    # it was opened behind the one in front
    behind: bool = False
    # a dialog is open, and no script runs
    waits: bool = False

    def listen(self) -> None:
        """Follow the browser's events of this tab."""
        for name, handler in {
            "frameRequestedNavigation": self._asked,
            "frameStartedNavigating": self._begun,
            "frameNavigated": self._navigated,
            "navigatedWithinDocument": self._moved,
            "javascriptDialogOpening": self._opened_dialog,
            "javascriptDialogClosed": self._answered,
        }.items():
            self.session.on(f"Page.{name}", handler)

    def acquaint(self) -> None:
        """Ask the browser what the tab shows when the recorder comes to it."""
        tree = self.send(self.session, "Page.getFrameTree")
        self.main = self.main or tree.get("frameTree", {}).get("frame", {}).get("id", "")
        self._read_index()

    @property
    def just_acted(self) -> bool:
        """Whether what happens now may be the effect of an action."""
        return time.time() - self.acted < EFFECT

    @property
    def last_page(self) -> Told:
        """The page that is being left, or the one before the last action."""
        return self.leaving or self.steps.last_page(self.number)

    def closed(self) -> None:
        """It was closed, by the user unless that is the effect of an action."""
        if not self.just_acted:
            self._tell("close_tab", str(self.number), self.last_page)

    def _tell(self, kind: str, value: str, page: Told, note: str = "") -> None:
        at = time.time() * 1000
        self.steps.fill(self.steps.place(self.number), kind, value, page, at, note)

    def _asked(self, event: Event) -> None:
        """The page itself asks for another one."""
        if event["disposition"] == "currentTab" and event["frameId"] == self.main:
            self.asked = event["url"]

    def _begun(self, event: Event) -> None:
        """A page begins to load; what was asked for before may have come to nothing."""
        if event["frameId"] == self.main:
            self.way, self.address = event["navigationType"], event["url"]
            if self.asked != self.address:
                self.asked = ""

    def _navigated(self, event: Event) -> None:
        """Another page is shown."""
        frame = event["frame"]
        if frame.get("parentId"):
            return
        self.main = frame["id"]
        page, way, shown = self.last_page, self.way, self.index
        address = self.address or frame["url"]
        explained, acted = bool(self.asked) or self.opening, self.just_acted
        self.way = self.address = self.asked = ""
        self.opening, self.leaving, self.world = False, None, None
        slot, at = self.steps.place(self.number), time.time() * 1000
        self._read_index(frame["url"])  # before the step is told: the next one starts from here
        if not way.startswith(("reload", "restore", "history")):
            if not explained:
                self.steps.fill(slot, "navigate", address, page, at)
            return
        kind = "go_back" if self.index <= shown else "go_forward"
        if not (explained or acted):
            self.steps.fill(slot, kind if way.startswith("history") else "reload", "", page, at)

    def _moved(self, event: Event) -> None:
        """The address has changed, and the page has not."""
        if event["frameId"] == self.main:
            self.asked = self.way = ""
            self._read_index()

    def _read_index(self, url: str = "") -> None:
        """Ask which entry of the history is shown.

        url: of the page that is shown; the browser may tell of it before it counts it.
        """
        entries: list[str] = []
        for _ in range(_ASKED):
            history = self.send(self.session, "Page.getNavigationHistory")
            self.index = history.get("currentIndex", self.index)
            entries = [_without_place(each["url"]) for each in history.get("entries", ())]
            if not url or entries[self.index : self.index + 1] == [_without_place(url)]:
                return  # a page that is just coming may not answer yet
        # it is busy: the page is the nearest one with that address
        same = [at for at, each in enumerate(entries) if each == _without_place(url)]
        self.index = min(same, key=lambda at: abs(at - self.index), default=self.index)

    def _opened_dialog(self, _: Event) -> None:
        self.waits = True

    def _answered(self, event: Event) -> None:
        """A dialog of the browser was answered."""
        self.waits, self.acted = False, time.time()
        kind = "accept_dialog" if event["result"] else "dismiss_dialog"
        value = event.get("userInput", "") if event["result"] else ""
        page = self.steps.last_page(self.number)
        self._tell(kind, value, page, "taken before the action that opened the dialog")


def _without_place(url: str) -> str:
    """An address without the place in its page."""
    return url.partition("#")[0]
