"""A window with its page, and the steps in the making there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from etl.files.compressed import Holder
from etl.sources.rrweb.dom import Dom
from etl.sources.rrweb.drafts import NO_CLICK_SLACK, SLACK, Draft, Press, element_of
from etl.sources.rrweb.events import Event
from etl.sources.rrweb.node import Node
from etl.sources.rrweb.page import Page, written
from schemas.reasons import Reason

_MASKED: Final = re.compile(r"\*+")

Drop = Callable[[int, Reason, str], None]
"""Is told the number of an event that makes no step, why, and what is wrong in this one case."""


class Scene:
    """What `etl.sources.rrweb.mouse`, ``fields`` and ``window`` know of a window together."""

    def __init__(self, drop: Drop, holder: Holder) -> None:
        self.dom = Dom()
        self.url = ""
        # its steps so far
        self.drafts: list[Draft] = []
        self.drop = drop
        # the step that may still go on
        self.last: Draft | None = None
        # the one that fills in a field
        self.typing: Draft | None = None
        self.press: Press | None = None
        # the field with the focus; 0: none has; None: not known
        self.focused: int | None = None
        # the element that was clicked last, until a field changed
        self.clicked = 0
        # the node under the pointer
        self.pointer: object = None
        # when something was last done, or the page was there
        self.acted: float | None = None
        self._page: tuple[int, Page] | None = None
        # the page that was written last
        self._html = ""
        # the page that was held last, and how it is held
        self._held: tuple[str, Any] = "", ""
        self._holder = holder

    def page(self) -> Page | None:
        """The page as it is; None if it is not known."""
        if self.dom.root is None:
            return None
        if self._page is None or self._page[0] != self.dom.version:
            page = written(self.dom.root)
            if page.html == self._html:  # equal pages are held once
                page = page._replace(html=self._html)
            self._page, self._html = (self.dom.version, page), page.html
        return self._page[1]

    def _hold(self, page: Page) -> Any:
        """The markup of a page as it is to be held; equal ones in succession are held once."""
        if page.html is not self._held[0]:
            self._held = page.html, self._holder.hold(page.html)
        return self._held[1]

    def freeze(self) -> None:
        """Keep the page as the button went down, before it changes."""
        if self.press is not None and self.press.page is None:
            self.press.page = self.page()
        self._page = None

    def leave(self) -> None:
        """The document is another one."""
        self.release()
        self.close()
        self.focused, self.clicked, self.pointer = None, 0, None

    def close(self) -> None:
        """What was done last does not go on."""
        typed, self.typing = self.typing, None
        if self.last is not None:
            self.last.settle(self._hold)
        if typed is None:
            return
        typed.settle(self._hold)
        if typed.value == typed.before:
            self.undo(typed, "typing_without_effect")
        elif typed.kind == "type" and not typed.value:
            typed.kind = "clear"
        elif typed.kind in ("type", "change") and _MASKED.fullmatch(typed.value):
            typed.value, typed.masked = "", typed.value

    def undo(self, draft: Draft, reason: Reason) -> None:
        """A draft is no step after all."""
        self.drafts.remove(draft)
        if self.last is draft:
            self.last = None
        for number in draft.numbers:
            self.drop(number, reason, "")

    def begin(
        self,
        kind: str,
        event: Event,
        id: int,
        node: Node | None,
        before: tuple[str, Page | None] | None = None,
    ) -> Draft:
        """Begin a step.

        before: address and page before it; None: those of now.
        """
        if self.last is not None and self.last is not self.typing:
            self.last.settle(self._hold)
        url, page = before or (self.url, self.page())
        draft = Draft(kind, id, event, url, page, element_of(node))
        self.drafts.append(draft)
        self.last = draft
        if kind != "scroll":
            self.acted = event.time
        return draft

    def begin_with_press(self, kind: str, press: Press, id: int, node: Node | None) -> Draft:
        """Begin a step with a press, on the page as it was then, if that has the element."""
        page, element = press.page or self.page(), element_of(node)
        if page is not None and element is not None and element not in page.numbers:
            page = self.page()
        draft = self.begin(kind, press.event, id, node, (press.url, page))
        draft.add(*press.events[1:])
        press.draft = draft
        return draft

    def release(self) -> None:
        """No click comes of the press."""
        press, self.press = self.press, None
        if press is None or press.draft is not None:
            return
        if press.touch and press.up is not None and not press.moved and not press.far(SLACK):
            self.begin_with_press("click", press, press.id, press.node)
        elif not press.touch and press.far(NO_CLICK_SLACK):
            self.drag(press)
        else:
            for event in press.events:
                self.drop(event.number, "press_without_click", "")

    def drag(self, press: Press) -> Draft:
        """Begin a step with a press that moved."""
        draft = self.begin_with_press("drag", press, press.id, press.node)
        moved = press.distance()
        draft.value = f"{moved[0]:g},{moved[1]:g}" if moved else ""
        start, end = draft.node, element_of(press.end)
        if start is not None and end is not None and not (start.holds(end) or end.holds(start)):
            draft.end = end
        return draft
