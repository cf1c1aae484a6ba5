"""A page as markup, from the snapshots of its frames.

The recorder adds marks to what it writes down, which are no part of the page:

- The state of a field stands in ``__playwright_value_``, ``__playwright_checked_`` and
  ``__playwright_selected_``. It is written as the page would show it: ``value``, ``checked``,
  ``selected``, and the text of a ``textarea``. An open ``dialog`` is written with ``open``.
- ``__playwright_target__`` is on the element of the call, and in older versions on those of earlier
  calls. It tells where the element is, and is left out, as all other attributes of the recorder's
  are: places on the screen, addresses of pictures, names of custom elements.
- A ``template`` with ``__playwright_shadow_root_`` is a shadow root. One with
  ``__playwright_style_sheet_`` is a style sheet that scripts adopted, not an element.
- The first child of ``head`` is a ``base`` of the recorder's own.
- The ``src`` of a frame is the number of its own snapshot, whose page is written into the frame.
  Which address the attribute had is not recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, Final, NamedTuple

from etl.inputs.markup import VOID, Markup
from etl.sources.playwright.trees import MISSING, Node
from schemas.errors import RecordError
from schemas.workflow import Locator

_PREFIX: Final = "__playwright_"
_VALUE: Final = "__playwright_value_"
_CHECKED: Final = "__playwright_checked_"
_SELECTED: Final = "__playwright_selected_"
_DIALOG: Final = "__playwright_dialog_open_"
_TARGET: Final = "__playwright_target__"
_SHADOW: Final = "__playwright_shadow_root_"
_SHEET: Final = "__playwright_style_sheet_"
_FRAME: Final = "/snapshot/"
_FRAMES: Final = frozenset(("iframe", "frame"))


class Snapshot(NamedTuple):
    """The snapshot of a frame."""

    frame: str
    # the frame's address
    url: str
    # name of the document type; empty if there is none
    doctype: str
    # without references
    tree: Node


class Rendered(NamedTuple):
    """A page before a call; it holds no part of the snapshots, which are many times as large."""

    # the page's address
    url: str
    # empty if it cannot be rebuilt
    html: str = ""
    # what finds the element of the call; None if the page does not tell
    target: Locator | None = None


def render(main: Snapshot, others: Mapping[str, Snapshot], marks: Set[str]) -> Rendered:
    """A page with its frames.

    others: the snapshots of other frames, by their numbers. marks: values of the recorder's mark by
    which the element of this call is known.

    Raises: `RecordError` ``missing_field`` if the recording lacks a part of it, ``wrong_type`` for
    elements that no page can have.
    """
    return _Writer(others, marks).page(main)


class _Writer:
    def __init__(self, others: Mapping[str, Snapshot], marks: Set[str]) -> None:
        self._markup = Markup()
        self._others, self._marks = others, marks
        self._marked: list[int] = []

    def page(self, main: Snapshot) -> Rendered:
        if main.doctype.isalnum():
            self._markup.doctype(main.doctype)
        # an open frame is in the set until the text that ends it comes
        open_frames = {main.frame}
        stack: list[Iterator[Node]] = [iter((main.tree,))]
        ends: list[tuple[str, str]] = [("", main.frame)]  # of each: element and frame that end
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                name, frame = ends.pop()
                if name:
                    self._markup.end(name)
                open_frames.discard(frame)
            elif isinstance(node, str):
                self._markup.text(node)
            elif node is MISSING:
                raise RecordError("missing_field", "a snapshot refers to one that is not there")
            elif (opened := self._start(node)) is not None:
                name, children = opened
                within = self._within(name, node)
                frame = within.frame if within is not None and name in _FRAMES else ""
                if within is not None and frame not in open_frames:
                    open_frames.add(frame)
                    children = iter((within.tree,))
                else:
                    frame = ""
                stack.append(children)
                ends.append((name, frame))
        locator = self._markup.locator(self._marked[0]) if len(self._marked) == 1 else None
        return Rendered(main.url, self._markup.html(), locator)

    def _start(self, node: list[Any]) -> tuple[str, Iterator[Node]] | None:
        """Write a start tag; the element's name and children; None if it is the recorder's own."""
        name = node[0].lower() if node[0].isupper() else node[0]
        recorded: dict[str, Any] = node[1] if len(node) > 1 else {}
        if _SHEET in recorded:
            return None
        number = self._markup.start(name, _attributes(name, recorded))
        if str(recorded.get(_TARGET)) in self._marks:
            self._marked.append(number)
        if name in VOID:
            return name, iter(())
        if name == "textarea" and isinstance(value := recorded.get(_VALUE), str):
            return name, iter((value,) if value else ())
        first = 2
        if name == "head" and len(node) > 2 and _is_own_base(node[2]):
            first = 3
        return name, iter(node[first:])

    def _within(self, name: str, node: list[Any]) -> Snapshot | None:
        """The snapshot of the frame that an element holds."""
        if name not in _FRAMES or len(node) < 2:
            return None
        source = str(node[1].get("src", ""))
        return self._others.get(source.removeprefix(_FRAME)) if source[:10] == _FRAME else None


def _is_own_base(node: Node) -> bool:
    """Whether an element is the one that the recorder puts into every head."""
    if not isinstance(node, list) or len(node) != 2 or node[0] not in ("BASE", "base"):
        return False
    return bool(node[1].keys() == {"href"})


def _attributes(name: str, recorded: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The attributes of an element, with the state of fields as the page would show it."""
    made = {key: str(value) for key, value in recorded.items() if not key.startswith(_PREFIX)}
    if name in _FRAMES and made.get("src", "")[:10] in ("", _FRAME):
        made.pop("src", None)
    if _SHADOW in recorded:
        made["shadowrootmode"] = str(recorded[_SHADOW]) or "open"
    if _VALUE in recorded and name == "input":
        value, kind = str(recorded[_VALUE]), made.get("type", "").lower()
        if kind not in ("checkbox", "radio") and (value or "value" in made):
            made["value"] = value
    for mark, attribute in ((_CHECKED, "checked"), (_SELECTED, "selected")):
        if recorded.get(mark) == "true":
            made.setdefault(attribute, "")
        elif mark in recorded:
            made.pop(attribute, None)
    if name == "dialog" and _DIALOG in recorded:
        made["open"] = ""
    return list(made.items())
