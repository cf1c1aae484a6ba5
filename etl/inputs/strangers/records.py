"""JSON in no known format: other tools' files about the web, recognised by their keys."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

import orjson

from etl.inputs.description import Format
from etl.inputs.records import Keys, is_lines
from etl.inputs.strangers.distance import measured
from etl.inputs.strangers.stranger import WRITE_OURS, Stranger

_RENDER: Final = (
    f"it holds no pages; play it in a browser, keep the page before each action, and {WRITE_OURS}"
)
_NO_RECORDING: Final = "it holds no pages and no steps; give the recordings themselves"


class _Sign(NamedTuple):
    """A kind of file, and how it is recognised."""

    kind: str
    # what the file is
    says: str
    # what to do
    advice: str
    # keys of its records, separated by spaces; all must be there
    top: str = ""
    # `field.key` of objects in its records; all must be there
    nested: str = ""
    # a text that its beginning must hold
    text: str = ""


_SIGNS: Final = (
    _Sign("har", "a HAR file, the network traffic of a browser",
          "it holds responses of servers, not pages as they were seen, and no actions: "
          "record the pages and " + WRITE_OURS,
          "log", "log.entries"),
    _Sign("har", "a HAR file, the network traffic of a browser",
          "it holds responses of servers, not pages as they were seen, and no actions: "
          "record the pages and " + WRITE_OURS,
          "log", "log.creator"),
    _Sign("selenium_side", "a project of Selenium IDE (.side)", _RENDER, "tests", "tests.commands"),
    _Sign("selenium_side", "a project of Selenium IDE (.side)", _RENDER, "tests suites"),
    _Sign("workflow_use", "a workflow of workflow-use", _RENDER, "steps input_schema"),
    _Sign("workflow_use", "a workflow of workflow-use", _RENDER, "steps workflow_analysis"),
    _Sign("chrome_recorder", "a recording of Chrome's Recorder", _RENDER, "title steps",
    "steps.type"),
    _Sign("chrome_recorder", "a recording of Chrome's Recorder", _RENDER, "steps",
    "steps.selectors"),
    _Sign("rrweb", "a recording of rrweb: snapshots of the page and what changed",
          f"play it back to pages and {WRITE_OURS}", "type data timestamp"),
    _Sign("rrweb", "a recording of rrweb: snapshots of the page and what changed",
          f"play it back to pages and {WRITE_OURS}", "events", "events.type events.timestamp"),
    _Sign("rrweb", "a recording of rrweb: snapshots of the page and what changed",
          f"play it back to pages and {WRITE_OURS}", "type data", "data.node"),
    _Sign("rrweb", "a recording of rrweb: snapshots of the page and what changed",
          f"play it back to pages and {WRITE_OURS}", "type data", "data.href"),
    _Sign("playwright_trace", "events of a Playwright trace",
          f"take the pages from its snapshots and {WRITE_OURS}", "type", text='"context-options"'),
    _Sign("playwright_trace", "events of a Playwright trace",
          f"take the pages from its snapshots and {WRITE_OURS}", "type callId"),
    _Sign("playwright_trace", "the network events of a Playwright trace",
          f"take the pages from the trace beside it and {WRITE_OURS}", "type snapshot",
          text='"resource-snapshot"'),
    _Sign("browser_use", "a history of browser-use", _RENDER, "history", "history.model_output"),
    _Sign("adp", "trajectories of the Agent Data Protocol", WRITE_OURS, "content",
    "content.class_"),
    _Sign("chat", "a chat of a model, no recording of pages", _NO_RECORDING, "role content"),
    _Sign("chat", "chats of a model, no recordings of pages", _NO_RECORDING, "messages",
    "messages.role"),
    _Sign("chat", "chats of a model, no recordings of pages", _NO_RECORDING, "conversations",
          "conversations.from"),
    _Sign("chat", "chats of a model, no recordings of pages", _NO_RECORDING, "conversations",
          "conversations.role"),
    _Sign("chat", "prompts and answers of a model", _NO_RECORDING, "source target"),
    _Sign("storage_state", "cookies and storage of a browser",
          "it holds secrets and no recording: keep it elsewhere", "cookies origins"),
    _Sign("tasks", "a list of tasks of WebArena", _NO_RECORDING, "intent task_id start_url"),
    _Sign("weblinx", "candidates of WebLINX", _NO_RECORDING, "query doc uid"),
    _Sign("devtools_trace", "a performance trace of Chrome", _NO_RECORDING, "traceEvents"),
    _Sign("stepmill", "a file of a stepmill build",
    "give the recordings, not what was built of them",
          "recipe fingerprint totals"),
    _Sign("stepmill", "a file of a stepmill build",
    "give the recordings, not what was built of them",
          "input_ids labels"),
    _Sign("notebook", "a Jupyter notebook", _NO_RECORDING, "cells nbformat"),
    _Sign("test_report", "a report of Playwright's tests", _NO_RECORDING, "config suites errors"),
    _Sign("json_schema", "a JSON Schema", _NO_RECORDING, "$schema properties"),
)  # fmt: skip


def told(start: bytes, keys: Keys, formats: Collection[Format]) -> Stranger:
    """What a file that begins like JSON is."""
    text = start.decode(errors="replace")
    for sign in _SIGNS:
        if (
            keys.top >= set(sign.top.split())
            and keys.nested >= set(sign.nested.split())
            and sign.text in text
        ):
            return Stranger(sign.kind, sign.says, sign.advice)
    broken = _broken(start)
    if keys.top:
        form = "JSON lines" if is_lines(start) and start.strip().count(b"\n") else "JSON"
        what = {"list": "a JSON list of objects", "objects": form}.get(keys.form, form)
        near = measured(keys, what, formats)
        return near._replace(advice=f"{broken}; {near.advice}") if broken else near
    if broken:
        return Stranger(
            "broken_json", f"it begins like JSON, but {broken}", "mend it, or export it again"
        )
    return Stranger(
        "json_values", _values(start), "a record is an object with named keys; see: stepmill schema"
    )


def _broken(start: bytes) -> str:
    """What is wrong with the first line, or with a value over several lines; empty if nothing is.

    A line or value that is longer than ``start`` cannot be judged.
    """
    start = start.lstrip()
    line, newline, _ = start.partition(b"\n")
    whole = line if is_lines(start) and newline else start
    try:
        orjson.loads(whole)
    except orjson.JSONDecodeError as error:
        if error.pos >= len(whole):  # it may go on after `start`
            return ""
        if re.match(rb"[{\[]\s*'", whole):
            return "its strings are in single quotes: write JSON, with json.dumps in Python"
        return f"it is not JSON: {error}"
    return ""


def _values(start: bytes) -> str:
    """What JSON without keys is."""
    value = start.strip()
    if value in (b"{}", b"[]"):
        return f"empty JSON: {value.decode()}"
    return "JSON without a single key: lists, texts or numbers only"
