"""Clicks, taps, menus and drags out of the events of mouse, finger and focus."""

from __future__ import annotations

from typing import Final

from etl.sources.rrweb.drafts import SLACK, Draft, Press, document_of
from etl.sources.rrweb.events import Event
from etl.sources.rrweb.node import Node
from etl.sources.rrweb.scene import Scene

(UP, DOWN, CLICK, CONTEXT_MENU, DOUBLE_CLICK, FOCUS, BLUR, TOUCH_START, TOUCH_MOVE, TOUCH_END,
 TOUCH_CANCEL) = range(11)  # fmt: skip
"""Types of mouse interactions."""

AT_ONCE: Final = 20
"""Milliseconds after a click within which no person clicks again elsewhere."""
_FINGER: Final = 2  # a pointer's type
_LABELED: Final = frozenset(("input", "textarea", "select", "button", "meter", "output"))


class Mouse:
    """Mouse and fingers in a window."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def take(self, event: Event) -> None:
        """Mouse, finger or focus."""
        kind, id = event.data.get("type"), event.data.get("id")
        id = id if type(id) is int else -1
        if kind in (FOCUS, BLUR):
            self._focus(id, kind == FOCUS)
            self._scene.drop(event.number, "unknown_event", "focus" if kind == FOCUS else "blur")
            return
        self._scene.pointer = id
        if kind in (DOWN, TOUCH_START):
            self._down(event, id, touch=kind == TOUCH_START)
        elif kind in (UP, TOUCH_END):
            self._up(event, id)
        elif kind == CLICK:
            self._click(event, id)
        elif kind == DOUBLE_CLICK:
            self._double_click(event, id)
        elif kind == CONTEXT_MENU:
            self._menu(event, id)
        else:
            if kind == TOUCH_CANCEL and self._scene.press is not None:
                self._scene.press.moved = True
            self._scene.drop(event.number, "unknown_event", f"mouse interaction {str(kind)[:20]}")

    def _focus(self, id: int, has: bool) -> None:
        if has:
            self._scene.focused = id
        elif self._scene.focused in (None, id):
            self._scene.focused = 0
        if self._scene.typing is not None and (has != (self._scene.typing.id == id)):
            self._scene.close()

    def _down(self, event: Event, id: int, *, touch: bool) -> None:
        press = self._scene.press
        if press is not None and press.touch and not touch and press.up and press.id == id:
            press.events.append(event)  # the mouse events that a browser makes of a tap
            return
        self._scene.release()
        self._scene.close()
        self._scene.clicked = 0
        self._scene.press = Press(event, id, self._scene.dom.node(id), self._scene.url, touch)

    def _up(self, event: Event, id: int) -> None:
        press = self._scene.press
        if press is None:
            self._scene.drop(event.number, "mouseup_alone", "")
            return
        if press.draft is not None:
            press.draft.add(event)
        press.events.append(event)
        press.up, press.end = event, self._scene.dom.node(id)

    def _click(self, event: Event, id: int) -> None:
        press, last = self._scene.press, self._scene.last
        node = self._scene.dom.node(id)
        if press is None and last is not None and self._follows(event, id, node, last):
            return
        self._scene.press = None
        self._scene.clicked = id
        if press is not None and press.draft is not None:
            press.draft.add(event)
            return
        if press is None:
            self._scene.close()
            self._scene.begin("click", event, id, node)
        elif press.far(SLACK) and not press.touch:
            self._scene.drag(press).add(event)
        else:
            self._scene.begin_with_press("click", press, id, node).add(event)

    def _follows(self, event: Event, id: int, node: Node | None, last: Draft) -> bool:
        """Whether a click is part of the last step, or made by the page at once."""
        if last.kind == "select" and last is self._scene.typing and node is not None:
            chosen = self._scene.dom.node(last.id)
            if chosen is not None and chosen.holds(node):
                last.add(event)
                return True
        if last.kind != "click" or last.id == id:
            return False
        if labels(last.node, node):
            last.add(event)
            last.control = self._scene.clicked = id
            return True
        if event.time is None or last.until is None or event.time - last.until > AT_ONCE:
            return False
        self._scene.drop(event.number, "done_by_page", "a click at once after another one")
        return True

    def _double_click(self, event: Event, id: int) -> None:
        clicks = []
        for draft in reversed(self._scene.drafts[-2:]):
            if (draft.kind, draft.id) != ("click", id):
                break
            clicks.append(draft)
        if clicks and clicks[0] is self._scene.last:
            first = clicks[-1]
            if first is not clicks[0]:
                first.numbers += clicks[0].numbers
                self._scene.drafts.remove(clicks[0])
                self._scene.last = first
            first.kind = "double_click"
            first.add(event)
        elif self._scene.last is not None and id in (self._scene.last.id, self._scene.last.control):
            self._scene.last.add(event)  # two clicks on a box or in a list
        else:
            self._scene.close()
            self._scene.begin("double_click", event, id, self._scene.dom.node(id))

    def _menu(self, event: Event, id: int) -> None:
        press = self._scene.press
        kind = "right_click"
        if event.data.get("pointerType") == _FINGER or (press is not None and press.touch):
            kind = "long_press"
        if press is None or press.draft is not None:
            self._scene.close()
            self._scene.begin(kind, event, id, self._scene.dom.node(id))
            return
        self._scene.begin_with_press(kind, press, id, self._scene.dom.node(id)).add(event)
        if press.up is not None:
            self._scene.press = None


def labels(clicked: Node | None, field: Node | None) -> bool:
    """Whether a click on one element clicks another one, too: it lies in its label."""
    if clicked is None or field is None or field.name not in _LABELED:
        return False
    label = next((each for each in clicked.around() if each.name == "label"), None)
    if label is None:
        return False
    named = label.attributes.get("for")
    if isinstance(named, str):
        return field.attributes.get("id") == named and document_of(label) is document_of(field)
    return next((each for each in label.inside() if each.name in _LABELED), None) is field
