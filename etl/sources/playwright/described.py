"""The description of Playwright's traces."""

from __future__ import annotations

import json
from typing import Any, Final

from etl.inputs.description import Field, Format
from etl.sources.playwright.calls import words

_ADDRESS: Final = "https://desk.example/catalog"
_FIELD: Final = {"__playwright_value_": "", "id": "q", "placeholder": "Search"}
_BUTTON: Final = ["BUTTON", {"id": "go"}, "Go"]


def _lines(number: int, method: str, params: dict[str, Any], body: list[Any]) -> list[Any]:
    """The lines of a call, of which the body is seen before it."""
    call = f"call@{number}"
    snapshot = {
        "callId": call, "phase": "action", "pageId": "page@1", "frameId": "frame@1",
        "frameUrl": _ADDRESS, "isMainFrame": True, "doctype": "html", "timestamp": number + 0.5,
        "html": ["HTML", {}, ["HEAD", {}, ["TITLE", {}, "Catalog"]], body],
    }  # fmt: skip
    return [
        {"type": "before", "callId": call, "startTime": number, "class": "Frame", "method": method,
         "params": {**params, "strict": True}, "pageId": "page@1"},
        {"type": "input", "callId": call},
        {"type": "frame-snapshot", "snapshot": snapshot},
        {"type": "after", "callId": call, "endTime": number + 0.9},
    ]  # fmt: skip


_EXAMPLE: Final[list[Any]] = [
    {
        "version": 10, "type": "context-options", "origin": "library", "browserName": "chromium",
        "title": "Search for a phone",
    },
    *_lines(
        1, "fill", {"selector": "internal:attr=[placeholder=\"Search\"i]", "value": "phone"},
        ["BODY", {}, ["INPUT", {**_FIELD, "__playwright_target__": ""}], _BUTTON],
    ),
    *_lines(
        2, "click", {"selector": 'internal:role=button[name="Go"i]'},
        ["BODY", {}, ["INPUT", {**_FIELD, "__playwright_value_": "phone"}],
         ["BUTTON", {"id": "go", "__playwright_target__": ""}, "Go"]],
    ),
]  # fmt: skip

DESCRIBED: Final = Format(
    name="playwright",
    about="Playwright traces: each is one recording, with the pages before the calls of its API.",
    record="a line of a trace file; those of a call and the snapshots before it make a step",
    files="`trace.zip` as Playwright writes it, the folder that it holds, or one `.trace` file of "
          "JSON lines; versions 3 to 10 of the format (Playwright 1.16 of 2021 to 1.65 of 2026)",
    fields=(
        Field("type", "string",
              "`context-options` (the first line), `before`, `input`, `after` and, in older files, "
              "`action`: a call; `frame-snapshot`: a page. Other types are passed over", True),
        Field("version", "whole number", "of the format, in the first line, which needs it"),
        Field("title", "string", "the objective, in the first line"),
        Field("browserName", "string", "kept as meta, as `playwrightVersion` is"),
        Field("callId", "string", "joins the lines of a call"),
        Field("startTime", "number", "orders the calls, with `wallTime` and `monotonicTime`"),
        Field("class", "string", "of the protocol's object that is called"),
        Field("method", "string", "of it, see below"),
        Field("params", "object", "of the call; kept as meta"),
        Field("params.selector", "string", "finds the target if no element is marked"),
        Field("pageId", "string", "the tab"),
        Field("beforeSnapshot", "string",
              "the name of the snapshot at the beginning of the call, up to version 8"),
        Field("inputSnapshot", "string", "of the one right before keys or the mouse were used"),
        Field("error", "object", "its `message` is the step's error"),
        Field("snapshot", "object", "a frame of a page at one moment"),
        Field("snapshot.snapshotName", "string", "the moment, up to version 8"),
        Field("snapshot.callId", "string", "the call"),
        Field("snapshot.phase", "string", "the moment of the call: `before`, `action` or `after`"),
        Field("snapshot.frameId", "string", "the frame; an `iframe` has it in its `src`"),
        Field("snapshot.frameUrl", "string", "the frame's address"),
        Field("snapshot.isMainFrame", "boolean", "whether it is the page itself"),
        Field("snapshot.doctype", "string", "the name of the document type"),
        Field("snapshot.html", "list", "a tree: `[name, attributes, child...]`, texts, and "
              "`[[snapshots ago, node]]` for what is as it was"),
    ),
    example="".join(json.dumps(line) + "\n" for line in _EXAMPLE),
    example_name="search.trace",
    notes=(
        ("How to record: `context.tracing.start(snapshots=True, title='what the user wants done')` "
        "before the first action, `context.tracing.stop(path='NAME.zip')` after the last. With "
        "Playwright Test: `use: { trace: 'on' }`; the objective is then the test's title. A trace "
        "without snapshots is refused (`no_snapshots`). Pictures and sources are not needed: "
        "`screenshots=False, sources=False`."),
        ("The file's name names the workflow; `trace.zip` and the like are named with their "
        "folder."),
        ("The target is the element that Playwright marked in the snapshot right before it acted, "
        "in whatever frame or shadow root. Where none is marked, the call's selector is looked up "
        "in that page; for a call without `strict`, its first element counts."),
        ("Limits: the recorder leaves out scripts, the content of `noscript` and `template`, the "
        "addresses of frames, attributes of `style`, and code in attributes. It adds a `base` "
        "to `head`, which is left out here. A drawing on a `canvas` and the place to which a page "
        "is scrolled are not in the page. Text in password fields is recorded as typed."),
        ("Calls that do nothing on a page (`expect`, `waitFor...`, `evaluate`, `textContent`) are "
        "counted and left out. Other calls that used keys or the mouse stay in the history."),
    ),
    form="objects",
    kinds=tuple(words()),
)  # fmt: skip
