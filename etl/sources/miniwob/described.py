"""The description of MiniWoB++ demonstrations."""

from __future__ import annotations

import json
from typing import Any, Final

from etl.inputs.description import Field, Format


def _body(pressed: bool) -> dict[str, Any]:
    button: dict[str, Any] = {"tag": "BUTTON", "ref": 2, "id": "ok", "text": "Okay", "classes": ""}
    if pressed:
        button["recordingTarget"] = True
    return {"tag": "BODY", "ref": 1, "children": [button]}


def _state(time: int, event: str | None, timing: int = 1) -> dict[str, Any]:
    action = event and {"type": event, "timing": timing, "x": 10, "y": 10}
    return {"time": time, "action": action, "dom": _body(event is not None)}


_STATES: Final = [
    _state(0, None),
    *(
        _state(100 * number, event, timing)
        for number, event in enumerate(("mousedown", "mouseup", "click"), 1)
        for timing in (1, 3)
    ),
]

DESCRIBED: Final = Format(
    name="miniwob",
    sign="has two of the keys `utterance`, `states` and `rawReward`",
    about="MiniWoB++ demonstrations: the page as a tree, and raw events of mouse and keys.",
    record="a state: one event and the page at it",
    files="JSON files with one object, a demonstration",
    fields=(
        Field("utterance", "string", "what is to be done", True, like="objective goal task"),
        Field("states", "list", "the events in the order of their time", True,
              like="steps events"),
        Field("states[].time", "number", "milliseconds", True),
        Field("states[].action", "object or null", "the event; null for the page at the start",
        True, like="event"),
        Field("states[].action.type", "string", "the event's name, see below", True),
        Field("states[].action.timing", "whole number",
              "1 on the way to the element, 3 on the way back"),
        Field("states[].action.x", "number", "where the mouse was"),
        Field("states[].action.y", "number", "where the mouse was"),
        Field("states[].action.keyCode", "whole number", "of the key"),
        Field("states[].action.charCode", "whole number", "of the character"),
        Field("states[].dom", "object",
              "the tree: nodes with tag, ref, text, classes, value, children", True,
              like="html page"),
        Field("taskName", "string", "the task; without it the names of file and folder tell it"),
        Field("rawReward", "number", "the outcome, from -1 to 1"),
        Field("reward", "number", "the outcome if `rawReward` is missing"),
    ),
    example=json.dumps(
        {"taskName": "click-button", "utterance": "Click the Okay button", "rawReward": 1.0,
         "states": _STATES}
    ) + "\n",
    example_name="click-button_A1.json",
    notes=(
        "Events are merged into what a person did: a step is often several of them.",
        "Keys that the recorder does not write are kept as meta and counted, never trained on.",
    ),
    form="objects",
)  # fmt: skip
