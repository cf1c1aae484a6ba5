"""Recordings of rrweb, made up: a page, a person and the recorder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from etl.inputs.records import InputShard
from etl.sources.rrweb.recordings import Rrweb
from etl.tally import Tally
from schemas.workflow import Workflow

UP, DOWN, CLICK, MENU, DOUBLE, FOCUS, BLUR, TOUCH, MOVED, LIFT, CANCEL = range(11)

Event = dict[str, Any]


def element(number: int, tag: str, /, *inside: Any, **attributes: Any) -> dict[str, Any]:
    """An element as recorded. attributes: ``class_`` and ``for_`` without their underscore."""
    named = {key.rstrip("_").replace("__", "-"): value for key, value in attributes.items()}
    return {"type": 2, "tagName": tag, "attributes": named, "childNodes": [*inside], "id": number}


def text(id: int, content: str) -> dict[str, Any]:
    """A text as recorded."""
    return {"type": 3, "textContent": content, "id": id}


def document(*inside: Any, id: int = 1, html: int = 2, body: int = 3) -> dict[str, Any]:
    """A document as recorded, with what stands in its body."""
    return {
        "type": 0,
        "id": id,
        "childNodes": [element(html, "html", element(body, "body", *inside))],
    }


FORM: Final = (
    element(10, "input", type="text", name="q"),
    element(11, "input", type="checkbox", name="new"),
    element(12, "select", element(13, "option", text(14, "Any"), value="0"),
            element(15, "option", text(16, " Red  mugs "), value="r"), name="colour"),
    element(17, "textarea", name="note"),
    element(18, "button", element(19, "span", text(20, "Go"))),
    element(21, "label", text(22, "Agree"), element(23, "input", type="checkbox", name="agree")),
    element(24, "label", text(25, "Name"), for_="name"),
    element(26, "input", type="text", id="name", value="Ann"),
    element(27, "input", type="file", name="photo"),
    element(28, "div", element(29, "p", text(30, "long"))),
    element(31, "input", type="radio", name="size", value="s"),
    element(32, "input", type="radio", name="size", value="l"),
)  # fmt: skip
"""A form with all kinds of fields."""


class Recording:
    """The events of a session, 100 ms apart."""

    def __init__(self, *inside: Any, href: str = "https://shop.test/") -> None:
        self.events: list[Event] = []
        self.time = 1_764_000_000_000
        self.load(*inside, href=href)

    def add(self, kind: int, data: Any, **more: Any) -> Recording:
        """Any event."""
        self.events.append({"type": kind, "data": data, "timestamp": self.time, **more})
        self.time += 100
        return self

    def load(self, *inside: Any, href: str) -> Recording:
        """Another document."""
        self.add(4, {"href": href, "width": 1280, "height": 900})
        return self.snapshot(document(*(inside or FORM)))

    def snapshot(self, node: Any) -> Recording:
        """A whole page."""
        return self.add(2, {"node": node, "initialOffset": {"left": 0, "top": 0}})

    def change(self, **lists: Any) -> Recording:
        """A mutation."""
        empty: dict[str, Any] = {key: [] for key in ("texts", "attributes", "removes", "adds")}
        return self.add(3, {"source": 0, **empty, **lists})

    def mouse(self, id: int, *types: int, x: float = 5, y: float = 5, **more: Any) -> Recording:
        """Mouse interactions of one element."""
        for kind in types:
            self.add(3, {"source": 2, "type": kind, "id": id, "x": x, "y": y, **more})
        return self

    def click(self, id: int) -> Recording:
        """A click by the mouse."""
        return self.mouse(id, DOWN, FOCUS, UP, CLICK)

    def enter(self, id: int, value: str = "on", checked: bool = False, **more: Any) -> Recording:
        """A field has another value."""
        return self.add(3, {"source": 5, "id": id, "text": value, "isChecked": checked, **more})

    def write(self, id: int, value: str) -> Recording:
        """Letter by letter."""
        for end in range(1, len(value) + 1):
            self.enter(id, value[:end])
        return self

    def scroll(self, id: int, y: float, x: float = 0) -> Recording:
        """A view moved."""
        return self.add(3, {"source": 3, "id": id, "x": x, "y": y})

    def json(self) -> bytes:
        """The recording as a list."""
        return orjson.dumps(self.events)


def read(content: bytes, folder: Path, name: str = "session.json") -> tuple[list[Workflow], Tally]:
    """The workflows and the ledger of a file with this content."""
    path = folder / name
    path.write_bytes(content)
    tally = Tally()
    shard = InputShard(name, str(path), "rrweb", len(content), "")
    return list(Rrweb().read(shard, tally)), tally


def drops(tally: Tally) -> list[tuple[str, str]]:
    """Ids, without the file's name, and reasons of all that was dropped or quarantined."""
    return [
        (entry.id.partition("#event=")[2], str(entry.reason))
        for entry in tally.entries
        if entry.reason
    ]
