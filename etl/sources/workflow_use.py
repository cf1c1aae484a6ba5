"""Workflows of workflow-use: steps with selectors, as JSON. They hold no pages.

- Objective: ``description``, or else ``name``.
- Address: of ``navigation``, for each tab. After a click or Enter it is not known until the next
  navigation: those that followed an action are not recorded. A click on a field of a form stays on
  its page.
- Target: ``cssSelector``, then ``xpath``, which may be relative to the document, then
  ``target_text`` as a text of the page.
- Values: a name in braces that ``input_schema`` lists stands for what a user gives. It is
  not recorded, so the value stays empty.
- Time: ``timestamp`` in milliseconds is kept in ``meta``; pages are joined by it.

Refused are workflows that name their elements by words alone (``semantic_workflow``), and those
that were made up for a user interface (``workflow_mock``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from etl.inputs.columns import Fields, Record, grouping, ident, text, type_name
from etl.inputs.description import Field, Format
from etl.inputs.extras import Extras
from etl.inputs.pageless.addresses import Addresses, absolute, stays
from etl.inputs.pageless.events import Events, kept, workflows
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.tally import Tally
from schemas.errors import RecordError
from schemas.recorded_actions import action
from schemas.workflow import Action, Locator, Step, Workflow

WORKFLOW: Final = frozenset(
    ("workflow_analysis", "name", "description", "version", "steps", "input_schema")
)
STEP: Final = frozenset(
    (
        *("type", "description", "output", "timestamp", "tabId", "url", "cssSelector", "xpath"),
        *("elementTag", "elementText", "value", "selectedText", "key", "target_text", "scrollX"),
        *("scrollY", "timeoutMs", "frameUrl", "elementHash", "frameIdPath", "targetUrl"),
    )
)
_WORDS: Final = {
    "navigation": "navigate",
    "click": "click",
    "input": "type",
    "select_change": "select",
    "key_press": "press",
    "scroll": "scroll",
}
_EVENTS: Final = {
    "conditional": "control_flow",
    "extract": "assertion",
    "extract_page_content": "assertion",
}
_ON_ELEMENT: Final = frozenset(("click", "input", "select_change", "key_press"))
_SCROLL: Final = ("scrollX", "scrollY")
_PARAMETER: Final = re.compile(r"\{(\w+)\}")

_EXAMPLE: Final = {
    "workflow_analysis": "",
    "name": "Search",
    "description": "Search the shop for a mug",
    "version": "1.0",
    "steps": [
        {"description": "Open the shop", "type": "navigation", "url": "https://shop.example/",
         "timestamp": None, "tabId": None},
        {"description": "Type what to look for", "type": "input", "timestamp": 1767225600000,
         "tabId": 1, "cssSelector": "input[id=\"query\"]", "xpath": "id(\"query\")",
         "elementTag": "INPUT", "value": "mug"},
        {"description": "Start the search", "type": "click", "timestamp": 1767225605000,
         "tabId": 1, "cssSelector": "button.search", "xpath": "body/button[1]",
         "elementTag": "BUTTON", "elementText": "Search"},
    ],
    "input_schema": [],
}  # fmt: skip

DESCRIBED: Final = Format(
    name="workflow_use",
    about="Workflows of workflow-use: steps with selectors, without pages.",
    record="an element of `steps`",
    files="JSON files with one object, a workflow",
    fields=(
        Field("name", "string", "what is to be done if there is no description"),
        Field("description", "string", "what is to be done", like="objective goal task"),
        Field("steps", "list", "what was done, in order; at least one action", True,
              like="actions events"),
        Field("steps[].type", "string", "what was done, see below", True),
        Field("steps[].description", "string or null", "what was done, in words"),
        Field("steps[].url", "string", "where `navigation` goes"),
        Field("steps[].timestamp", "number or null", "when, in milliseconds since 1970"),
        Field("steps[].tabId", "any", "the tab"),
        Field("steps[].cssSelector", "string", "how the element is found"),
        Field("steps[].xpath", "string", "how it is found besides, relative to the document"),
        Field("steps[].elementTag", "string", "of the element: a field of a form, or another"),
        Field("steps[].elementText", "string or null", "of the element; not used"),
        Field("steps[].value", "string", "what was typed"),
        Field("workflow_analysis", "string", "not used"),
        Field("version", "string", "not used"),
        Field("input_schema", "list", "what users of the workflow give, by name", True),
    ),
    example=json.dumps(_EXAMPLE) + "\n",
    example_name="search.workflow.json",
    notes=(
        ("It holds no pages: give them with `--pages` (web archives, HAR files or saved pages of "
        "the same addresses). A step without one is dropped as `no_page`."),
        ("The target is found by `cssSelector`, else by `xpath`, else by `target_text`. Workflows "
        "that have only the last are refused (`semantic_workflow`): a program interprets these "
        "words. Examples of its user interface are refused too (`workflow_mock`)."),
        ("Navigations that follow an action are not recorded: after a click the address is not "
        "known until the next `navigation`, unless the click was on a field of a form."),
        ("A value in braces that `input_schema` names is not recorded: such a step is not trained "
        "on, but for a description that says it."),
        "To record: the browser extension of workflow-use.",
    ),
    form="objects",
    pages=False,
    kinds=tuple({**_WORDS, "conditional": "counted: what was done after it is not known",
           "extract": "counted: it does nothing on the page"}.items()),
)  # fmt: skip


@dataclass(frozen=True)
class WorkflowUse:
    """Workflows of workflow-use."""

    name: ClassVar[str] = "workflow_use"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it has steps and an input schema, which only workflow-use writes."""
        keys = head.keys
        named = "input_schema" in keys.top or (keys.cut and "workflow_analysis" in keys.top)
        return keys.form == "objects" and "steps" in keys.top and named

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The workflows. One that cannot be read, or is refused, is quarantined."""
        return workflows(shard, tally, WORKFLOW, _workflow)

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines are divided: each line is a workflow."""
        return grouping(head)


def _workflow(
    fields: Fields, listed: list[Fields], name: str, record: Record, events: Events
) -> Workflow:
    """The workflow of a record.

    Raises: `RecordError` if it cannot be read, or is refused.
    """
    _check(listed)
    steps = _steps(listed, _parameters(fields.get("input_schema")), events)
    if not steps:
        raise RecordError("workflow_without_steps", f"{len(listed)} steps, none of them an action")
    extras = Extras(events.odd)
    extras.unknown(fields, WORKFLOW)
    extras.declared(kept(fields, "name"))
    return Workflow(
        name,
        text(fields, "description").strip() or text(fields, "name").strip(),
        steps,
        source=WorkflowUse.name,
        origin=record.id,
        meta=extras.text(),
    )


def _check(steps: Sequence[Fields]) -> None:
    """Refuse what was never recorded, and what has no selector.

    Raises: `RecordError` ``workflow_mock`` or ``semantic_workflow``.
    """
    if steps and all(
        "type" not in each and {"action", "stepNumber"} <= each.keys() for each in steps
    ):
        raise RecordError("workflow_mock", "steps have a stepNumber and an action, and no type")
    on_elements = [each for each in steps if each.get("type") in _ON_ELEMENT]
    by_words = [each for each in on_elements if each.get("target_text")]
    if by_words and not any(each.get("cssSelector") or each.get("xpath") for each in on_elements):
        raise RecordError(
            "semantic_workflow",
            f"{len(by_words)} of {len(on_elements)} actions on elements have a target_text, none a "
            "selector",
        )


def _parameters(schema: Any) -> frozenset[str]:
    """The names of what users of the workflow give."""
    listed = schema if isinstance(schema, list) else []
    names = (each.get("name") for each in listed if isinstance(each, dict))
    return frozenset(name for name in names if isinstance(name, str))


def _steps(
    listed: Sequence[Fields], parameters: frozenset[str], events: Events
) -> tuple[Step, ...]:
    """The steps that events make."""
    at, steps, gap = Addresses(), list[Step](), ""
    scrolled: dict[object, tuple[float, float]] = {}
    for index, fields in enumerate(listed):
        path = f"steps[{index}]."
        kind = text(fields, "type", path, required=True)
        if kind in _EVENTS:
            events.drop(index, _EVENTS[kind], kind)  # type: ignore[arg-type]  # its two values are
            if kind == "conditional":
                gap = gap or "a condition decides which steps are done"
            elif text(fields, "url", path):
                at.go(absolute(text(fields, "url", path)))
            continue
        if fields.get("tabId") is not None:
            at.tab = _tab(at, ident(fields, "tabId", path))
        target = _target(fields, path)
        extras = Extras(events.odd, path)
        extras.unknown(fields, STEP)
        original = kept(fields, "type", "value", "selectedText")
        extras.declared(
            kept(fields, "timestamp", "elementTag", "elementText") | {"original": original}
        )
        made = _action(
            kind, fields, path, parameters, scrolled.setdefault(at.tab, (0, 0)), bool(target)
        )
        steps.append(Step(str(index), at.now, "", made, target, gap=gap, meta=extras.text()))
        if kind == "navigation":
            at.go(absolute(_filled(text(fields, "url", path), parameters)))
            scrolled.pop(at.tab, None)
        elif kind == "scroll":
            scrolled[at.tab] = _place(fields, path)
        elif made.kind in ("click", "press") and not _stays(
            made, fields, listed[index + 1 :], path
        ):
            at.lose()
            scrolled.pop(at.tab, None)
    return tuple(steps)


def _tab(at: Addresses, tab: str) -> str:
    """The tab that has this number; the first number that comes is that of the tab so far."""
    if at.tab == "" and at.now:
        now, at.tab = at.now, tab
        at.go(now)
    return tab


def _action(
    kind: str,
    fields: Fields,
    path: str,
    parameters: frozenset[str],
    scrolled: tuple[float, float],
    on_element: bool,
) -> Action:
    names = {
        "navigation": "url",
        "input": "value",
        "select_change": "selectedText",
        "key_press": "key",
    }
    value = text(fields, names[kind], path) if kind in names else ""
    if kind == "scroll":
        x, y = _place(fields, path)
        value = f"{x - scrolled[0]:g},{y - scrolled[1]:g}"
    return action(
        _WORDS.get(kind, kind),
        _filled(value, parameters),
        text(fields, "description", path),
        on_element=on_element,
    )


def _filled(value: str, parameters: frozenset[str]) -> str:
    """A recorded text; empty if a part of it is what a user gives."""
    return "" if parameters & set(_PARAMETER.findall(value)) else value


def _place(fields: Fields, path: str) -> tuple[float, float]:
    """Where the page is scrolled to, in pixels."""
    found: list[float] = []
    for name in _SCROLL:
        value = fields.get(name) or 0
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecordError("wrong_type", f"{path}{name}: {type_name(value)}, expected a number")
        found.append(value)
    return found[0], found[1]


def _stays(made: Action, fields: Fields, after: Sequence[Fields], path: str) -> bool:
    """Whether an action leaves the page where it is: what follows types into the same element."""
    if made.kind == "press":
        return "Enter" not in made.value
    if after and after[0].get("type") == "input" and _same(fields, after[0]):
        return True
    css, xpath, tag = (text(fields, name, path) for name in ("cssSelector", "xpath", "elementTag"))
    return stays(css, xpath, tag)


def _same(one: Fields, other: Fields) -> bool:
    """Whether two events are on the same element."""
    names = ("cssSelector", "xpath", "target_text")
    return any(one.get(name) for name in names) and all(
        one.get(name) == other.get(name) for name in names
    )


def _target(fields: Fields, path: str) -> tuple[Locator, ...]:
    """The locators of an element; none within a frame, which is another page."""
    if text(fields, "frameUrl", path):
        return ()
    css, xpath, said = (
        text(fields, name, path) for name in ("cssSelector", "xpath", "target_text")
    )
    found = [Locator("css", css)] if css else []
    if xpath:
        found.append(Locator("xpath", _whole(xpath)))
    if said:
        found.append(Locator("css", f"text={json.dumps(said, ensure_ascii=False)}"))
    return tuple(found)


def _whole(xpath: str) -> str:
    """An XPath that may be relative to the document, from its root."""
    if re.match(r"body\b", xpath):
        return f"/html/{xpath}"
    return f"/{xpath}" if re.match(r"html\b", xpath) else xpath
