"""Remedies: a sentence about what to do, for each problem that `stepmill check` finds."""

from __future__ import annotations

import difflib
import re
from typing import Any, Final

import orjson

from etl.card.reasons import says
from etl.inputs.description import Field
from etl.sources import FORMATS
from schemas.actions import nearest
from schemas.workflow import LOCATOR_KINDS

_SELECTOR: Final = "write a selector that finds exactly one element of this page"
_OF_STEPS: Final = {
    "target_absent": "html must be the whole page before the action; see that the element is in it",
    "target_ambiguous": f"{_SELECTOR}, or put a more exact locator before it",
    "missing_dom": "record the page before the action: without it a step is not trained on",
    "no_page": "record the page before the action, or give --pages: an archive with this address",
    "empty_page": "record the page's HTML: this text has no element",
    "invalid_css": _SELECTOR,
    "invalid_xpath": "write an XPath that finds exactly one element of this page",
    "unknown_action": "write one of the kinds of: stepmill schema",
    "conflicting_id": "give each recording an id of its own: the later one is not read",
    "duplicate_workflow": "leave one of them out: the later one is not read",
}
_JSON_HINTS: Final = (
    (rb"^\s*[{\[]\s*'", "JSON has double quotes: write it with json.dumps"),
    (rb",\s*[}\]]", "take away the comma before the closing bracket"),
    (rb",\s*,", "take away one of the two commas"),
    (rb"(?m)^\s*//|/\*", "JSON has no comments: take them away"),
    (
        rb":\s*(?:None|True|False|undefined)\b",
        "JSON says null, true and false: write it with json.dumps",
    ),
)


def of_step(reason: str, value: str = "") -> str:
    """The remedy for a step that was read. value: the recorded kind, for ``unknown_action``."""
    if reason == "unknown_action" and (kind := nearest(value)):
        return f"did you mean {kind}?"
    return _OF_STEPS.get(reason) or _meaning(reason)


def of_record(format: str, reason: str, detail: str, raw: bytes) -> str:
    """The remedy for a record that cannot be read.

    detail: the message; if it concerns a key, it begins with the key's path.
    """
    path, _, message = detail.partition(": ")
    if reason in ("broken_json", "truncated_json"):
        hints = (hint for pattern, hint in _JSON_HINTS if re.search(pattern, raw))
        return next(hints, "write one JSON object a line, with json.dumps")
    field = _field(format, path)
    if reason == "unknown_locator":
        kind = re.search(r'"([^"]*)"', message)
        return _of_locator(kind[1] if kind else "")
    if reason == "unknown_field":
        return _of_key(format, path)
    if field is None:
        return _meaning(reason)
    if reason == "missing_field":
        like = _like(field, path, raw)
        return f"rename {like} to {field.names[0]}" if like else f"add it: {field.says}"
    if reason in ("wrong_type", "workflow_without_steps"):
        return f"write {_article(field.type)}: {field.says}"
    return _meaning(reason)


def _field(format: str, path: str) -> Field | None:
    path = re.sub(r"\[\d+\]", "[]", path).removesuffix("[]")
    fields = {each.path: each for each in FORMATS[format].fields} if format in FORMATS else {}
    return fields.get(path.partition(" or ")[0])


def _like(field: Field, path: str, raw: bytes) -> str:
    """A key of the same object that may stand for the missing one."""
    try:
        beside: Any = orjson.loads(raw)
        for name, index in re.findall(r"(\w+)(?:\[(\d+)\])?\.", path):
            beside = beside[name][int(index)] if index else beside[name]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return ""
    words = field.like.split()
    return next((word for word in words if isinstance(beside, dict) and word in beside), "")


def _of_locator(kind: str) -> str:
    meant = {
        "selector": "css",
        "css_selector": "css",
        "id": "css, with # before it",
        "test_id": "attribute",
    }
    close = difflib.get_close_matches(kind, LOCATOR_KINDS, 1)
    known = meant.get(kind.lower()) or (close[0] if close else "")
    return f"did you mean {known}?" if known else f"write one of {', '.join(LOCATOR_KINDS)}"


def _of_key(format: str, path: str) -> str:
    parent = re.sub(r"\[\d+\]", "[]", path.rpartition(".")[0])
    beside = (
        [each for each in FORMATS[format].fields if each.parent == parent]
        if format in FORMATS
        else []
    )
    name = path.rpartition(".")[2]
    for each in beside:
        if name in (*each.names, *each.like.split()):
            return f"did you mean {each.names[0]}?"
    close = difflib.get_close_matches(name, [each.names[0] for each in beside], 1)
    return f"did you mean {close[0]}?" if close else "leave it out"


def _article(type_name: str) -> str:
    return type_name if type_name == "any" else f"a{'n' * (type_name[0] in 'aeiou')} {type_name}"


def _meaning(reason: str) -> str:
    return says(reason) or f"see: stepmill reasons {reason}"
