"""The description of rrweb recordings."""

from __future__ import annotations

import json
from typing import Any, Final

from etl.inputs.description import Field, Format


def _element(id: int, tag: str, attributes: dict[str, Any], *inside: Any) -> dict[str, Any]:
    return {"type": 2, "tagName": tag, "attributes": attributes, "childNodes": [*inside], "id": id}


def _text(id: int, text: str) -> dict[str, Any]:
    return {"type": 3, "textContent": text, "id": id}


_PAGE: Final = {
    "type": 0,
    "id": 1,
    "childNodes": [
        {"type": 1, "name": "html", "publicId": "", "systemId": "", "id": 2},
        _element(
            3, "html", {"lang": "en"},
            _element(4, "head", {}, _element(5, "title", {}, _text(6, "Mugs"))),
            _element(
                7, "body", {},
                _element(8, "label", {}, _text(9, "Search"),
                         _element(10, "input", {"type": "search", "name": "q"})),
                _element(11, "button", {"class": "go"}, _text(12, "Search")),
            ),
        ),
    ],
}  # fmt: skip


def _events() -> list[dict[str, Any]]:
    data: list[tuple[int, int, dict[str, Any]]] = [
        (4, 0, {"href": "https://shop.example/", "width": 1280, "height": 900}),
        (2, 8, {"node": _PAGE, "initialOffset": {"left": 0, "top": 0}}),
        *((3, 900 + n, {"source": 2, "type": kind, "id": 10, "x": 60, "y": 20})
          for n, kind in enumerate((1, 5, 0, 2))),
        *((3, 1500 + 90 * n, {"source": 5, "id": 10, "text": "mug"[:n], "isChecked": False})
          for n in (1, 2, 3)),
        *((3, 2600 + n, {"source": 2, "type": kind, "id": 11, "x": 150, "y": 20})
          for n, kind in enumerate((1, 0, 2))),
        (3, 2610, {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [
            {"parentId": 7, "nextId": None, "node": _element(13, "p", {})},
            {"parentId": 13, "nextId": None, "node": _text(14, "3 mugs found")}]}),
    ]  # fmt: skip
    return [
        {"type": kind, "data": given, "timestamp": 1_764_000_000_000 + time}
        for kind, time, given in data
    ]


DESCRIBED: Final = Format(
    name="rrweb",
    sign=("has events with a whole number as `type` and an object as `data`, one of them a "
          "snapshot, a change or a page of rrweb"),
    about="rrweb recordings of sessions, as PostHog, Sentry, Highlight and others keep them.",
    record="the recording, or an event of mouse, fields or views; the others make the pages",
    files="JSON with a list of events, alone or in an object (`events`, `snapshots`, "
    "`data.snapshots`), JSON lines of events or of such lists, and packed events",
    fields=(
        Field("type", "whole number",
              "0 a document is there, 1 it is loaded, 2 snapshot, 3 change, 4 page, 5 custom, "
              "6 plugin, 7 asset", True),
        Field("data", "object", "what happened", True),
        Field("timestamp", "number",
              "milliseconds; without it events are in the order of the file", like="time"),
        Field("data.href", "string", "of a page (4): its address"),
        Field("data.node", "object", "of a snapshot (2): the document as a tree of nodes"),
        Field("data.source", "whole number",
              "of a change (3): 0 the page, 2 mouse, 3 a view, 5 a field"),
        Field("data.id", "whole number", "of the node: the action's element"),
        Field("window_id", "string", "the tab or window, if there are several",
              also=("windowId",)),
        Field("session_id", "string", "the session, if there are several", also=("sessionId",)),
    ),
    example=json.dumps(_events()) + "\n",
    example_name="search.json",
    notes=(
        (
            "The page of a step is rebuilt: the snapshot, and all changes before the action; of"
            " a click, as the button went down. Frames stand in their `iframe`, shadow roots in"
            ' `<template shadowrootmode="open">`. What was entered so far stands in the fields;'
            " masked text stays masked. Style sheets that a `link` loaded are left out."
        ),
        (
            "The target is the node that the event names, by its place in the page. An event of"
            " a node that the page does not have makes a step without target, which is not "
            "trained on (`target_unknown`)."
        ),
        (
            "It is a person who fills in a field that has the focus, ticks a box that was "
            "clicked, and scrolls what the pointer lies in, if rrweb does not say otherwise "
            "(`userTriggered`). All other values, scrolls, and clicks that follow another at "
            "once are the page's: they are counted as `done_by_page`, and show in later pages. "
            "So is a list that a program sets without giving it the focus, as Playwright's "
            "`selectOption` does."
        ),
        (
            "Limits. rrweb does not record keys: Enter in a field shows as a click on its "
            "form's button, if it has one. Nor does it record which button of the mouse was "
            "pressed, what is in `canvas` and `template`, or an address that changes without "
            "another document; PostHog's and Sentry's own events of that are read. A text of "
            "asterisks alone is masked: such a step has no value, stays in the history, and is "
            "not trained on."
        ),
        (
            "Events up to 512 places late are put in their place, in each window by itself. "
            "What is later changes the page when it comes; an action that late is dropped "
            "(`step_out_of_order`), and later steps have an incomplete history. After an event "
            "that cannot be read, the page is not known until the next snapshot."
        ),
        (
            "There is no objective in rrweb. Give objectives by workflow id with `--objectives "
            "FILE`, or set `filter.no_objective=false`."
        ),
        (
            "How to record: `rrweb.record({emit(event) { events.push(event) }})` in the page, "
            "or the export of a session in the tools named above. `userTriggeredOnInput: true` "
            "and `recordCrossOriginIframes: true` make better recordings."
        ),
    ),
    kinds=(
        ("mouse interaction: click, or a tap", "click"),
        ("mouse interaction: dblclick", "double_click"),
        ("mouse interaction: contextmenu", "right_click or long_press"),
        ("mousedown, mouseup elsewhere", "drag"),
        ("input of a text field", "type or clear"),
        ("input of a box or radio button that was clicked", "check or uncheck"),
        ("input of a list", "select"),
        ("input of a file field", "upload"),
        ("scroll", "scroll"),
        ("meta: another document with another address, long after any action", "navigate"),
    ),
)  # fmt: skip
