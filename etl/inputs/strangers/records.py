"""JSON in no known format: other tools' files about the web, recognised by their keys."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import orjson

from etl.inputs.description import Format
from etl.inputs.records import Keys, is_lines
from etl.inputs.strangers.agents import AGENT_SIGNS
from etl.inputs.strangers.distance import measured
from etl.inputs.strangers.sign import Sign
from etl.inputs.strangers.stranger import GIVE_OBJECTIVES, GIVE_PAGES, WRITE_OURS, Stranger

_RENDER: Final = (
    f"it holds no pages; play it in a browser, keep the page before each action, and {WRITE_OURS}"
)
_NO_RECORDING: Final = "it holds no pages and no steps; give the recordings themselves"
_WHOLE_TRACE: Final = "give the whole trace: trace.zip, or the folder of what is in it"


_SIGNS: Final = (
    Sign("har", "a HAR file, the network traffic of a browser", GIVE_PAGES, "log", "log.entries"),
    Sign("har", "a HAR file, the network traffic of a browser", GIVE_PAGES, "log", "log.creator"),
    Sign("playwright_trace", "events of a Playwright trace without its first line, "
          "context-options", _WHOLE_TRACE, "type class method params"),
    Sign("playwright_trace", "the network events of a Playwright trace", _WHOLE_TRACE,
          "type snapshot", "snapshot.request"),
    Sign("adp", "trajectories of the Agent Data Protocol", WRITE_OURS, "content",
    "content.class_"),
    Sign("chat", "a chat of a model, no recording of pages", _NO_RECORDING, "role content"),
    Sign("chat", "chats of a model, no recordings of pages", _NO_RECORDING, "messages",
    "messages.role"),
    Sign("chat", "prompts and answers of a model", _NO_RECORDING, "source target"),
    Sign("storage_state", "cookies and storage of a browser",
          "it holds secrets and no recording: keep it elsewhere", "cookies origins"),
    Sign("tasks", "a list of tasks of WebArena", GIVE_OBJECTIVES, "intent task_id"),
    Sign("tasks", "a list of tasks of Mind2Web", GIVE_OBJECTIVES,
          "confirmed_task annotation_id"),
    Sign("devtools_trace", "a performance trace of Chrome", _NO_RECORDING, "traceEvents"),
    Sign("stepmill", "a file of a stepmill build",
    "give the recordings, not what was built of them",
          "recipe fingerprint totals"),
    Sign("stepmill", "a file of a stepmill build",
    "give the recordings, not what was built of them",
          "input_ids labels"),
    Sign("notebook", "a Jupyter notebook", _NO_RECORDING, "cells nbformat"),
    Sign("test_report", "a report of Playwright's tests", _NO_RECORDING, "config suites errors"),
    Sign("json_schema", "a JSON Schema", _NO_RECORDING, "$schema properties"),
)  # fmt: skip


def told(start: bytes, keys: Keys, formats: Collection[Format]) -> Stranger:
    """What a file that begins like JSON is."""
    text = start.decode(errors="replace")
    for sign in (*AGENT_SIGNS, *_SIGNS):
        if sign.fits(keys, text):
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
