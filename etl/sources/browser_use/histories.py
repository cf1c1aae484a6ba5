"""Histories of browser-use's agent: ``{"history": [item, ...]}``, of 2024 and of 2026.

An item is what the agent saw (``state``), what it did (``model_output.action``: one call in 2024, a
list of them in 2026), and what came of it (``result``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from etl.files import nodes
from etl.inputs.columns import Fields, text, type_name
from etl.inputs.documents import folders
from etl.inputs.extras import Extras
from etl.inputs.mended import parse, whole_text
from etl.inputs.records import InputShard
from etl.inputs.streams import Truncated
from etl.sources.browser_use.calls import read_call
from etl.sources.browser_use.indexed import observed
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.workflow import Locator, Step, Workflow

HISTORY: Final = frozenset(("history", "usage"))
ITEM: Final = frozenset(("model_output", "result", "state", "metadata", "state_message"))
STATE: Final = frozenset(
    "items selector_map url title tabs screenshot screenshot_path interacted_element".split()
)
MOST_BYTES: Final = 2**31
"""Most decompressed bytes of a history, which holds a screenshot a step in 2024."""

_REQUEST: Final = re.compile(r"<user_request>\s*(.*?)\s*</user_request>", re.DOTALL)
_INDEX: Final = "index"


def read_history(shard: InputShard, tally: Tally, source: str) -> Iterator[Workflow]:
    """The one workflow of a history. An item that cannot be read ends it."""
    stem = re.sub(r"(\.(history|json|gz|zst))+$", "", shard.name.rpartition("/")[2])
    name = f"{nodes.folder_name(shard.path)}/{stem}"
    uid = f"{source}:{name}"
    raw = b""
    try:
        raw = folders.content(shard.path, MOST_BYTES)
        value, made = parse(raw)
        items = _items(value)
    except RecordError as error:
        raw = error.raw if isinstance(error, Truncated) else raw
        tally.quarantine(shard.name, error.reason, error.detail, raw)
        return
    tally.note(made.odd)
    odd: list[Odd] = []
    whole = Extras(odd)
    whole.unknown(value if isinstance(value, dict) else {}, HISTORY)
    tally.note(odd)
    steps: list[Step] = []
    objective, verdict, broken = "", None, False
    for number, item in enumerate(items):
        id = f"{shard.name}#item={number}"
        odd = []
        try:
            made_steps = list(_steps(item, number, odd))
        except RecordError as error:
            tally.quarantine(id, error.reason, error.detail, orjson.dumps(item))
            broken = True
            continue
        tally.read("record", id, parent=uid)
        if broken or not made_steps:
            reason: Reason = "after_broken_record" if broken else "no_action"
            tally.drop("record", id, reason, parent=uid)
            continue
        tally.note(odd)
        steps += made_steps
        objective = objective or _request(item)
        verdict = _verdict(item)
    if steps:
        yield Workflow(
            workflow_id=name,
            objective=objective,
            steps=tuple(steps),
            reward=None if broken else verdict,
            source=source,
            origin=shard.name,
            meta=whole.text(),
        )
    elif items and not broken:
        tally.quarantine(shard.name, "workflow_without_steps", "no item has an action", raw)


def _items(value: object) -> list[Any]:
    items = value.get("history") if isinstance(value, dict) else None
    if not isinstance(items, list):
        raise RecordError("wrong_type", f"history: {type_name(items)}, expected a list")
    if not items:
        raise RecordError("workflow_without_steps", "history: empty")
    return items


def _steps(item: Any, number: int, odd: list[Odd]) -> Iterator[Step]:
    """The steps of an item: one for each of its actions that was carried out.

    Only the first sees the observation; what the page was before the others is not recorded.

    Raises: `RecordError` "wrong_type".
    """
    fields = _object(item, "the item")
    state = _object(fields.get("state"), "state")
    output = fields.get("model_output")
    if output is None:
        return
    calls, results = (
        _list(_object(output, "model_output").get("action")),
        _list(fields.get("result")),
    )
    elements = _list(state.get("interacted_element"))
    done = calls[: len(results)] if results else calls
    for place, call in enumerate(done):
        ((name, given),) = _object(call, f"model_output.action[{place}]").items() or ((None, None),)
        if name is None:
            raise RecordError("missing_field", f"model_output.action[{place}]: empty")
        parameters: Fields = given if isinstance(given, dict) else {}
        extras = Extras(odd)
        extras.declared({"action": call})
        if not place:
            extras.unknown(fields, ITEM)
            extras.unknown(state, STATE, "state.")
            output_fields = {key: value for key, value in output.items() if key != "action"}
            extras.declared({"model_output": output_fields, "not_done": calls[len(done) :] or None})
        element = elements[place] if place < len(elements) else None
        target = tuple(_target(parameters.get(_INDEX), element, state))
        yield Step(
            step_id=f"{number}.{place}" if place else str(number),
            url="" if place else text(state, "url", "state."),
            html="",
            action=read_call(str(name), parameters, on_element=_INDEX in parameters),
            target=target,
            axtree="" if place else whole_text(observed(item))[0],
            error=_error(results[place] if place < len(results) else None),
            meta=extras.text(),
        )


def _target(index: Any, element: Any, state: Fields) -> Iterator[Locator]:
    """The locators of an action's element: its index in the text, its path, its id or name."""
    if isinstance(index, int) and not isinstance(index, bool):
        yield Locator("ref", str(index))
    paths = state.get("selector_map")
    if isinstance(paths, dict) and isinstance(paths.get(str(index)), str):
        yield Locator("xpath", paths[str(index)])
    if not isinstance(element, dict):
        return
    path, attributes = element.get("x_path"), element.get("attributes")
    if isinstance(path, str) and path:
        yield Locator("xpath", path if path.startswith("/") else f"/{path}")
    for name in ("id", "data-testid", "name"):
        value = attributes.get(name) if isinstance(attributes, dict) else None
        if isinstance(value, str) and value:
            yield Locator("attribute", value, name)


def _object(value: Any, path: str) -> Fields:
    if not isinstance(value, dict):
        raise RecordError("wrong_type", f"{path}: {type_name(value)}, expected an object")
    return value


def _list(value: Any) -> list[Any]:
    """Several, or the one that stood alone in 2024."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _error(result: Any) -> str:
    error = result.get("error") if isinstance(result, dict) else None
    return error if isinstance(error, str) else ""


def _request(item: Fields) -> str:
    """The task, as the agent's prompt says it."""
    message = item.get("state_message")
    hit = _REQUEST.search(message) if isinstance(message, str) else None
    return hit[1] if hit else ""


def _verdict(item: Fields) -> float | None:
    """What browser-use's judge says of the run; the agent's own opinion does not count."""
    for result in _list(item.get("result")):
        judged = result.get("judgement") if isinstance(result, dict) else None
        verdict = judged.get("verdict") if isinstance(judged, dict) else None
        if isinstance(verdict, bool):
            return float(verdict)
    return None
