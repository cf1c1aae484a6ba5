"""Typing, choices and ticks out of the events of fields."""

from __future__ import annotations

import re
from typing import Any, Final

from etl.sources.rrweb.drafts import Draft
from etl.sources.rrweb.events import Event
from etl.sources.rrweb.node import CHECKABLE, Node, lines_in, option_value, options_of
from etl.sources.rrweb.page import Page
from etl.sources.rrweb.scene import Scene

_NOT_TYPED: Final = frozenset(("button", "submit", "reset", "image", "hidden"))
"""Types of an ``input`` whose value only the page changes."""
_EDITABLE: Final = frozenset(("", "true", "plaintext-only"))
"""Values of ``contenteditable``."""


class Fields:
    """The fields in a window."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def take(self, event: Event) -> None:
        """A field has another value.

        Raises: `RecordError`.
        """
        id, text, checked = (event.data.get(key) for key in ("id", "text", "isChecked"))
        text = text if isinstance(text, str) else ""
        node = self._scene.dom.node(id)
        if type(id) is not int or id < 0 or (node is None and self._scene.dom.root is not None):
            self._scene.drop(event.number, "done_by_page", "a value of what the page does not have")
            return
        self._scene.freeze()
        if not self._by_person(event, id, node):
            self._scene.drop(event.number, "done_by_page", "a value without focus or click")
        elif node is not None and node.type in CHECKABLE:
            self._check(event, id, node, bool(checked))
        else:
            self._fill(event, id, node, text, None if node is None else held(node))
        if node is not None:
            self._scene.dom.enter(node, text, bool(checked))

    def _by_person(self, event: Event, id: int, node: Node | None) -> bool:
        """Whether a person changed a field, as far as the recording shows."""
        said = event.data.get("userTriggered")
        if said is False or (node is not None and node.type in _NOT_TYPED):
            return False
        if said is True:
            return True
        if node is not None and node.type in CHECKABLE:
            return self._scene.clicked == id
        return self._scene.focused in (None, id)

    def _check(self, event: Event, id: int, node: Node, checked: bool) -> None:
        kind, last, self._scene.clicked = "check" if checked else "uncheck", self._scene.last, 0
        if last is not None and last.kind == "click" and id in (last.id, last.control):
            last.kind = kind
            last.retarget(id, node)
            last.add(event)
            self._scene.acted = event.time
        else:
            self._scene.close()
            self._scene.begin(kind, event, id, node)

    def editor(self, data: dict[str, Any]) -> Node | None:
        """The element that is edited in place, has the focus, and in which a mutation changes."""
        dom = self._scene.dom
        node = dom.node(self._scene.focused)
        if node is None or node.attributes.get("contenteditable") not in _EDITABLE:
            return None
        lists = (("texts", "id"), ("adds", "parentId"), ("removes", "parentId"))
        for name, key in lists:
            items = data.get(name)
            for each in items if isinstance(items, list) else ():
                changed = dom.node(each.get(key)) if isinstance(each, dict) else None
                if changed is not None and node.holds(changed):
                    return node
        return None

    def edit(
        self, event: Event, editor: Node, held_before: str, before: tuple[str, Page | None]
    ) -> bool:
        """A mutation changed something in an editor; whether its text.

        before: address and page before the mutation.
        """
        text = lines_in(editor)
        if text == held_before:
            return False
        self._fill(event, editor.id, editor, text, held_before, before)
        return True

    def _fill(
        self,
        event: Event,
        id: int,
        node: Node | None,
        text: str,
        held_before: str | None,
        before: tuple[str, Page | None] | None = None,
    ) -> None:
        """A text field or list changed.

        held_before: what it held; None: not known. before: address and page before it; None: those
        of now.
        """
        typing = self._scene.typing
        if typing is not None and typing.id == id:
            if not text and len(typing.value) > 1 and typing.kind == "type" and typing.grown:
                self._scene.close()
                self._scene.drop(event.number, "done_by_page", "a field emptied at once")
                return
            typing.add(event)
            typing.grown |= len(text) > len(typing.value)
        else:
            self._begin(event, id, node, before)
            typing = self._scene.typing
            assert typing is not None
            typing.before = held_before if typing.kind == "type" else None
            typing.grown = len(text) > len(held_before or "")
        self._scene.acted = event.time
        typing.value = text
        if typing.kind == "select" and node is not None:
            chosen = [each for each in options_of(node) if option_value(each) == text]
            several = "multiple" in node.attributes
            typing.value = chosen[0].words() or text if chosen and not several else ""
        elif typing.kind == "upload":
            typing.value = re.split(r"[/\\]", text)[-1]

    def _begin(
        self, event: Event, id: int, node: Node | None, before: tuple[str, Page | None] | None
    ) -> None:
        """Begin to fill in a field, with the clicks that opened it."""
        if self._scene.typing is not None:
            self._scene.close()
        kind = "change" if node is None else _kind_of(node)
        press, last = self._scene.press, self._scene.last
        if press is not None and press.draft is None and press.id == id:
            draft = self._scene.begin_with_press(kind, press, id, node)
            draft.add(event)
        elif kind != "type" and last is not None and node is not None and _opens(last, node):
            draft = last
            draft.kind = kind
            draft.retarget(id, node)
            draft.add(event)
        else:
            draft = self._scene.begin(kind, event, id, node, before)
        self._scene.typing = draft


def held(field: Node) -> str:
    """What a text field holds."""
    if field.value is not None:
        return field.value
    given = field.attributes.get("value")
    if isinstance(given, str):
        return given
    return "".join(each.text for each in field.children()) if field.name == "textarea" else ""


def _kind_of(field: Node) -> str:
    """What a change of a field is."""
    if field.name == "select":
        return "select"
    return "upload" if field.type == "file" else "type"


def _opens(last: Draft, field: Node) -> bool:
    """Whether the last step only opened a list, or clicked an option in it."""
    return last.kind == "click" and last.node is not None and field.holds(last.node)
