"""What is done in one window: from the events of mouse, fields and views to steps.

The page of a step is the one before its first event: of a click, as the button went down.

- ``click``: also by keyboard or by a finger, and a tap without a click event. If the page had a
  click follow it at once (`AT_ONCE`) on another element, without a press, that one is the page's:
  ``done_by_page``. A click on a label clicks the label's field, too, and is one step.
- ``double_click``: includes the two clicks before it. ``right_click``: a context menu, or
  ``long_press`` if a finger opened it.
- ``drag``: a press that moved more than 3 px and no click came of it, or more than 20 px. Its value
  is ``dx,dy``. Other presses without a click are dropped (``press_without_click``).
- ``type``: all changes of a text field until something else is done. Its value is what the field
  holds then. ``clear`` if that is nothing; ``typing_without_effect`` if it is what it held before.
  Only asterisks are masked text: the value is empty, because it is not known. If a field is emptied
  at once after text was typed into it, the page did that, as many do after Enter. An element that
  is edited in place is a field, too, while it has the focus: its text changes with the page.
- ``check``, ``uncheck``: a box or radio button was clicked and changed. ``select``: its value is
  the text of the option. ``upload``: the file's name. The clicks that led to them, and that they
  led to, are part of them.
- ``scroll``: ``down 120``, of all scrolls in succession. One of an element is a person's if the
  pointer lies in the element, else ``done_by_page``.
- ``navigate``: another document with another address was there more than `NAVIGATION` after
  anything was done in this window, and after its last document was there. Before that, what was
  done explains it, or the page goes on by itself. rrweb tells that a document is another one if it
  is there as it loads (`events.DOM_CONTENT_LOADED`). Of an address alone that changes, nobody knows
  when it did.

Nobody records whether a person or the page changed a field. It was a person if rrweb says so
(``userTriggered``), or if a text field has the focus, as far as that is known, and a box was
clicked. All other changes are in the page, but no step: ``done_by_page``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final
from urllib.parse import urljoin

from etl.files.compressed import Holder
from etl.sources.rrweb import events as kinds
from etl.sources.rrweb.drafts import Draft
from etl.sources.rrweb.events import Event
from etl.sources.rrweb.fields import Fields
from etl.sources.rrweb.mouse import Mouse
from etl.sources.rrweb.node import DOCUMENT, lines_in
from etl.sources.rrweb.page import Page
from etl.sources.rrweb.scene import Drop, Scene

NAVIGATION: Final = 5000
"""Milliseconds after which an action does not explain that another page loads."""

_ADDRESSES: Final = ("$pageview", "$url_changed")
"""PostHog's tags of events with another address of the same document."""
_PUSHED: Final = ("performanceSpan", "navigation.push")
"""Sentry's tag and kind of events that tell an address."""


class Window:
    """A window of a session."""

    def __init__(self, drop: Drop, holder: Holder) -> None:
        """holder: holds the pages of the file."""
        # the time of the latest event
        self.latest: float | None = None
        self._scene = Scene(drop, holder)
        self._mouse, self._fields = Mouse(self._scene), Fields(self._scene)
        # node -> how far its view has moved, to the right and down
        self._views: dict[int, tuple[float, float]] = {}
        # another document came after the last snapshot
        self._loading = False

    @property
    def drafts(self) -> list[Draft]:
        """Its steps so far."""
        return self._scene.drafts

    @property
    def lost(self) -> int:
        """How many changes were of nodes that are not there."""
        return self._scene.dom.lost

    def page(self) -> Page | None:
        """The page as it is; None if it is not known."""
        return self._scene.page()

    def loads(self) -> None:
        """A document is there, of which the next snapshot is."""
        self._loading = True

    def meta(self, event: Event) -> bool:
        """Another page, or the same; whether that is a step."""
        href = event.data.get("href")
        if not isinstance(href, str) or href == self._scene.url:
            return False
        known = self._scene.acted is not None and event.time is not None
        alone = known and event.time - self._scene.acted > NAVIGATION  # type: ignore[operator]
        is_step = bool(self._scene.url) and self._loading and alone
        if is_step:
            self._scene.release()
            self._scene.close()
            self._scene.begin("navigate", event, -1, None)
            self._scene.drafts[-1].value = href
        self._scene.leave()
        self._scene.url = href
        return is_step

    def custom(self, event: Event) -> None:
        """A tool's own event: some tell that the page has another address."""
        tag, payload = event.data.get("tag"), event.data.get("payload")
        if not isinstance(tag, str) or not isinstance(payload, dict):
            return
        if tag in _ADDRESSES and isinstance(payload.get("href"), str):
            self._scene.url = payload["href"]
        elif (tag, payload.get("op")) == _PUSHED and isinstance(payload.get("description"), str):
            with suppress(ValueError):
                self._scene.url = urljoin(self._scene.url, payload["description"])

    def snapshot(self, event: Event) -> None:
        """Take a whole page.

        Raises: `RecordError`.
        """
        self._scene.freeze()
        fresh, self._loading = self._loading, False
        if fresh:
            self._scene.leave()
        self._scene.dom.snapshot(event.data.get("node"))
        self._views.clear()
        offset = event.data.get("initialOffset")
        if isinstance(offset, dict) and self._scene.dom.root is not None:
            self._views[self._scene.dom.root.id] = _place(offset.get("left"), offset.get("top"))
        if self._scene.acted is None or fresh:
            self._scene.acted = event.time

    def mutate(self, event: Event) -> bool:
        """Change the page; whether a person changed it, who typed into it.

        Raises: `RecordError`.
        """
        self._scene.freeze()
        editor = self._fields.editor(event.data)
        if editor is None:
            self._scene.dom.mutate(event.data)
            return False
        typing, held = self._scene.typing, lines_in(editor)
        page = self._scene.page() if typing is None or typing.id != editor.id else None
        self._scene.dom.mutate(event.data)
        if self._scene.dom.node(editor.id) is not editor:
            return False
        return self._fields.edit(event, editor, held, (self._scene.url, page))

    def lose(self) -> None:
        """The page is not known any more, until the next snapshot."""
        self._scene.freeze()
        self._scene.dom.forget()

    def move(self, event: Event) -> None:
        """The pointer is elsewhere."""
        places = event.data.get("positions")
        if isinstance(places, list) and places and isinstance(places[-1], dict):
            self._scene.pointer = places[-1].get("id")
        if self._scene.press is not None and event.source != kinds.MOUSE_MOVE:
            self._scene.press.moved = True

    def finish(self) -> None:
        """The recording ends."""
        self._scene.release()
        self._scene.close()
        for draft in [each for each in self._scene.drafts if each.kind == "scroll"]:
            draft.value = _moved(draft.before, draft.now)
            if not draft.value:
                self._scene.undo(draft, "scroll_without_effect")

    def scroll(self, event: Event) -> None:
        """A view moved."""
        id = event.data.get("id")
        node = self._scene.dom.node(id)
        if node is None or type(id) is not int:
            self._scene.drop(
                event.number, "done_by_page", "a scroll of what the page does not have"
            )
            return
        now = _place(event.data.get("x"), event.data.get("y"))
        before = self._views.get(id) or _place(
            node.attributes.get("rr_scrollLeft"), node.attributes.get("rr_scrollTop")
        )
        self._views[id] = now
        last = self._scene.last
        if last is not None and last.kind == "scroll" and last.id == id:
            last.add(event)
            last.now = now
            return
        pointer = self._scene.dom.node(self._scene.pointer)
        inside = pointer is not None and node.holds(pointer)
        if node.kind != DOCUMENT and (not inside or node.name in ("input", "textarea")):
            self._scene.drop(event.number, "done_by_page", "a scroll without the pointer")
            return
        target = node if node.kind != DOCUMENT else node.parent
        draft = self._scene.begin("scroll", event, id, target)
        draft.before, draft.now = before, now

    def mouse(self, event: Event) -> None:
        """Mouse, finger or focus."""
        self._mouse.take(event)

    def enter(self, event: Event) -> None:
        """A field has another value."""
        self._fields.take(event)


def _moved(before: tuple[float, float], now: tuple[float, float]) -> str:
    """Where a view went, and by how many pixels; empty if it is where it was."""
    x, y = now[0] - before[0], now[1] - before[1]
    far, way = max((abs(y), "down" if y > 0 else "up"), (abs(x), "right" if x > 0 else "left"))
    return f"{way} {far:g}" if far else ""


def _place(x: Any, y: Any) -> tuple[float, float]:
    """A place in pixels; what is not recorded is 0."""
    return tuple(each if type(each) in (int, float) else 0 for each in (x, y))  # type: ignore[return-value]
