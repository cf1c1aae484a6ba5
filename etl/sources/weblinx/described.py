"""The description of WebLINX's demonstrations."""

from __future__ import annotations

import json
from typing import Any, Final

from etl.inputs.description import Field, Format

_PAGE: Final = (
    '<html data-webtasks-id="a0"><body data-webtasks-id="a1"><input data-webtasks-id="a2" '
    'placeholder="City"><button data-webtasks-id="a3">Search</button></body></html>'
)


def _turn(time: float, intent: str, uid: str, **arguments: Any) -> dict[str, Any]:
    return {
        "type": "browser",
        "timestamp": time,
        "state": {"page": "page-1-0.html", "screenshot": None},
        "action": {
            "intent": intent,
            "arguments": {
                "metadata": {"url": "https://hotels.example/"},
                "element": {"attributes": {"data-webtasks-id": uid}},
                **arguments,
            },
        },
    }


_EXAMPLE: Final = {
    "data": [
        {
            "type": "chat",
            "timestamp": 1.0,
            "speaker": "instructor",
            "utterance": "Find a hotel in Boston.",
        },
        _turn(2.5, "textInput", "a2", text="Boston"),
        _turn(3.5, "click", "a3", properties={"button": 0}),
    ]
}

DESCRIBED: Final = Format(
    name="weblinx",
    sign="has a `replay.json` whose `data` are turns",
    about="WebLINX's demonstrations, a folder each: a replay of turns, and its pages.",
    record="a turn: an utterance, or an action in the browser",
    files="a folder with `replay.json`, `pages/` and, if there is one, `form.json`",
    fields=(
        Field("data", "list", "the turns, in order", True),
        Field("data[].type", "string", "`chat` or `browser`; other turns are no actions", True),
        Field("data[].timestamp", "number", "seconds since the beginning; kept as meta"),
        Field("data[].speaker", "string", "`instructor` or `navigator`, of a chat"),
        Field("data[].utterance", "string", "what is said; the instructor's make the objective"),
        Field("data[].state", "object or null", "before the action"),
        Field("data[].state.page", "string or null", "the name of a file in `pages/`"),
        Field("data[].action", "object or null", "of a browser"),
        Field("data[].action.intent", "string", "the kind of action, see below", True),
        Field("data[].action.arguments", "object", "its arguments: `text`, `value`, `selected`, "
              "`pasted`, `scrollX`, `scrollY`"),
        Field("data[].action.arguments.metadata", "object", "`url`: the page's address"),
        Field("data[].action.arguments.element", "object or null", "the element"),
        Field("data[].action.arguments.element.attributes", "object",
              "`data-webtasks-id`: the same attribute in the page"),
        Field("data[].action.arguments.element.xpath", "string",
              "finds it if the attribute is missing"),
        Field("data[].action.arguments.properties", "object",
              "of the event: `button`, held keys, `url`, `transitionType`, `tabId`"),
    ),
    example=json.dumps(_EXAMPLE) + "\n",
    example_name="find-a-hotel/replay.json",
    beside=(("find-a-hotel/pages/page-1-0.html", _PAGE),),
    notes=(
        ("The folder's name names the workflow. The objective is all that the instructor says, a "
        "line for each time; without that it is the description in `form.json`. What the "
        "navigator says is a step without an element."),
        ("The target is the element with the same `data-webtasks-id` in the page, else the one "
        "that the XPath finds."),
        ("Pages that loaded by themselves, after a link or a form, are no actions. Limits: "
        "`scroll` keeps its numbers as recorded; candidates of elements and rows for training "
        "hold no pages, and are not read."),
        ("Record with WebLINX's own tools, or take the dataset with pages (`WebLINX-full`)."),
    ),
    form="objects",
    kinds=(
        ("click", "click"), ("hover", "hover"), ("textInput", "type"),
        ("change", "select or type"), ("change of a box or radio button", "click"),
        ("submit", "submit"), ("copy", "copy"), ("paste", "paste"), ("scroll", "scroll"),
        ("load", "navigate or reload"), ("tabcreate", "new_tab"), ("tabremove", "close_tab"),
        ("tabswitch", "focus_tab"), ("an utterance of the navigator", "message"),
    ),
)  # fmt: skip
