"""Mind2Web: tasks with their actions, as JSON (one task or a list), JSON lines or Parquet.

A record is a task with its ``actions``, or one action with its task's fields beside it
(Multimodal-Mind2Web's Parquet, SeeAct's queries); the beginning of the file tells which.
Operations, candidates and their attributes may be objects or strings of JSON.

- Rows: of several with the same ``action_uid`` the first counts. ``target_action_index`` orders
  them; without it, the place of ``target_action_reprs`` in ``action_reprs`` does.
- Gaps: a missing number is a gap (`etl.inputs.numbering`), and so are fewer actions in a task than
  lines that describe them.
- Page: ``raw_html``, or ``cleaned_html`` if that is missing. There is no URL, only the website's
  name.
- Target: ``backend_node_id`` of the positive candidates, in this order: the element that was hit,
  its top-level ancestor, the others. The attribute ``data_pw_testid_buckeye`` marks the element in
  the page, so it is the answer itself and not used.
- Kind: ``original_op`` by `schemas.actions`, since ``op`` calls HOVER and ENTER clicks. ENTER is
  press with the value ``Enter``.
- Description: the annotators' line as a sentence. ``[searchbox]  Find a location -> TYPE: Boston``
  becomes ``Type "Boston" in the searchbox "Find a location"``. It is empty if a task has not as
  many lines as actions, since then nobody knows which line belongs to which action.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

from etl.inputs.columns import (
    Fields,
    Row,
    Rows,
    grouping,
    ident,
    records,
    step_number,
    text,
    type_name,
)
from etl.inputs.description import Field, Format
from etl.inputs.extras import Extras
from etl.inputs.mended import parse
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.tally import Odd, Tally
from schemas.actions import named
from schemas.errors import RecordError
from schemas.workflow import Action, Locator, Step, Workflow

PAGE_FIELDS: Final = frozenset(
    {"action_uid", "raw_html", "cleaned_html", "pos_candidates", "neg_candidates"}
)
ACTION_FIELDS: Final = PAGE_FIELDS | {"operation", "target_action_index", "target_action_reprs"}
TASK_FIELDS: Final = frozenset({"annotation_id", "confirmed_task", "action_reprs"})
TASK: Final = TASK_FIELDS | {"website", "domain", "subdomain", "actions"}
UNREAD: Final = frozenset({"neg_candidates", "screenshot"})
COLUMNS: Final = ACTION_FIELDS | TASK | UNREAD
OPERATION: Final = frozenset(("original_op", "op", "value"))


_PAGE: Final = (
    '<html backend_node_id="1"><body backend_node_id="2">'
    '<input backend_node_id="3" placeholder="City"><button backend_node_id="4">Find</button>'
    "</body></html>"
)


def _action(uid: str, op: str, value: str, node: str) -> dict[str, object]:
    return {
        "action_uid": uid,
        "raw_html": _PAGE,
        "cleaned_html": _PAGE,
        "operation": {"op": op, "original_op": op, "value": value},
        "pos_candidates": [{"backend_node_id": node, "is_original_target": True}],
        "neg_candidates": [],
    }


_EXAMPLE: Final = {
    "annotation_id": "hotels-01",
    "website": "hotels",
    "domain": "Travel",
    "subdomain": "Hotel",
    "confirmed_task": "Find a hotel in Boston",
    "action_reprs": ["[textbox]  City -> TYPE: Boston", "[button]  Find -> CLICK"],
    "actions": [_action("u0", "TYPE", "Boston", "3"), _action("u1", "CLICK", "", "4")],
}

DESCRIBED: Final = Format(
    name="mind2web",
    sign=("has two keys of Mind2Web in its records, such as `annotation_id` and "
          "`confirmed_task`"),
    about="Mind2Web's tasks with their actions; Multimodal-Mind2Web's rows too.",
    record="a task with its `actions`, or one action with its task's keys beside it",
    files="a JSON list, one JSON object, JSON lines, or Parquet",
    fields=(
        Field("annotation_id", "string", "names the task", True, like="id task_id"),
        Field("confirmed_task", "string", "what the user wants done",
              like="objective goal task intent"),
        Field("website", "string", "the site's name; there are no URLs"),
        Field("domain", "string", "the topic"),
        Field("subdomain", "string", "not used"),
        Field("action_reprs", "list of strings",
              "a line in words for each action; used only if there is one for each"),
        Field("actions", "list", "the actions in order; at least one", True,
              like="steps events history"),
        Field("actions[].action_uid", "string", "names the action; its position unless given"),
        Field("actions[].raw_html", "string", "the page before the action", like="html dom"),
        Field("actions[].cleaned_html", "string", "the page if `raw_html` is missing"),
        Field("actions[].operation", "object or string of JSON", "what was done", True,
              like="action"),
        Field("actions[].operation.op", "string",
              "the kind of action; `original_op` takes precedence", True, also=("original_op",)),
        Field("actions[].operation.value", "string", "what was typed or chosen"),
        Field("actions[].pos_candidates", "list", "the elements that were meant"),
        Field("actions[].pos_candidates[].backend_node_id", "string or whole number",
              "the attribute of the same name in the page", True),
        Field("actions[].pos_candidates[].is_original_target", "boolean",
              "the element that was hit goes first"),
        Field("actions[].pos_candidates[].is_top_level_target", "boolean",
              "its top-level ancestor goes next"),
        Field("actions[].neg_candidates", "list", "not used"),
    ),
    example=json.dumps([_EXAMPLE], indent=1) + "\n",
    example_name="tasks.json",
    notes=(
        "Candidates and operations may be strings of JSON, as in the Parquet files.",
        ("`data_pw_testid_buckeye`, which marks the answer in the page, is never used and is "
        "taken out of pages."),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Mind2Web:
    """Mind2Web's tasks, whole or with a row for each action."""

    name: ClassVar[str] = "mind2web"
    version: ClassVar[int] = 3
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether two keys are Mind2Web's own; one is enough if the first record is cut off."""
        keys = head.keys
        names = (keys.top & (PAGE_FIELDS | TASK_FIELDS)) | {
            name for name in PAGE_FIELDS if f"actions.{name}" in keys.nested
        }
        return len(names) >= 2 or (keys.cut and bool(names) and keys.top <= COLUMNS)

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The tasks. A task of rows comes at its last row."""
        if _is_flat(InputHead.of(shard.path)):
            rows = Rows(partial(records, shard, COLUMNS, UNREAD), _row, _workflow_id, first=0)
            yield from map(_once, rows.workflows(tally))
            return
        for record in records(shard, COLUMNS, UNREAD):
            odd: list[Odd] = []
            try:
                workflow = workflow_of(record.checked(), record.id, odd)
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            record.enter(tally, workflow.uid, odd)
            yield workflow

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines and Parquet are divided: rows by their task."""
        return grouping(head, {"annotation_id"}, _workflow_id) if _is_flat(head) else grouping(head)


def _is_flat(head: InputHead) -> bool:
    """Whether a record is one action."""
    return bool(head.keys.top & ACTION_FIELDS) and "actions" not in head.keys.top


def _workflow_id(row: Fields) -> str:
    try:
        return ident(row, "annotation_id")
    except RecordError:
        return ""


def workflow_of(task: Fields, origin: str, odd: list[Odd]) -> Workflow:
    """A task with its actions as a workflow; a step an action, in their order.

    Raises: `RecordError`.
    """
    actions = task.get("actions")
    if actions is not None and not isinstance(actions, list):
        raise RecordError("wrong_type", f"actions: {type_name(actions)}, expected a list")
    if not actions:
        raise RecordError(
            "workflow_without_steps", f"actions: {'missing' if actions is None else 'empty'}"
        )
    reprs = task.get("action_reprs")
    lines = reprs if isinstance(reprs, list) and len(reprs) == len(actions) else [""] * len(actions)
    gap = ""
    if isinstance(reprs, list) and len(reprs) > len(actions):
        gap = f"actions are missing: {len(reprs)} lines describe {len(actions)}"
    steps: list[Step] = []
    for i, (action, line) in enumerate(zip(actions, lines, strict=True)):
        fields = opened(action, f"actions[{i}]")
        step = _step(fields, str(i), line, f"actions[{i}].", odd, ACTION_FIELDS)
        steps.append(replace(step, gap=gap))
    extras = Extras(odd)
    extras.unknown(task, TASK)
    return replace(_task(task, tuple(steps), origin), meta=extras.text())


def _row(row: Fields) -> Row:
    """One action, from a record with its task's fields."""
    number = step_number(row.get("target_action_index"))
    line = row.get("target_action_reprs")
    reprs = row.get("action_reprs")
    if isinstance(reprs, list):
        if number is None and line is not None and reprs.count(line) == 1:
            number = reprs.index(line)
        if line is None and number is not None and number < len(reprs):
            line = reprs[number]
    odd: list[Odd] = []
    step = _step(row, "" if number is None else str(number), line, "", odd, COLUMNS)
    return Row(number, _task(row, (step,)), odd)


def _once(workflow: Workflow) -> Workflow:
    """The workflow without repetitions of an action."""
    steps = {step.step_id: step for step in reversed(workflow.steps)}
    return replace(workflow, steps=tuple(reversed(steps.values())))


def _task(task: Fields, steps: tuple[Step, ...], origin: str = "") -> Workflow:
    return Workflow(
        workflow_id=ident(task, "annotation_id", required=True),
        objective=text(task, "confirmed_task"),
        steps=steps,
        website=text(task, "website"),
        topic=text(task, "domain"),
        source=Mind2Web.name,
        origin=origin,
    )


def _step(
    action: Fields, number: str, line: object, path: str, odd: list[Odd], known: Set[str]
) -> Step:
    extras = Extras(odd, path)
    extras.unknown(action, known)
    operation = opened(action.get("operation"), f"{path}operation")
    recorded = text(operation, "original_op", f"{path}operation.") or text(
        operation, "op", f"{path}operation.", required=True
    )
    extras.unknown(operation, OPERATION, "operation.")
    value, target = text(operation, "value", f"{path}operation."), _target(action, path)
    kind, value = named(recorded, value, on_element=bool(target)) or (recorded.lower(), value)
    return Step(
        step_id=ident(action, "action_uid", path) or number,
        url="",
        html=text(action, "raw_html", path) or text(action, "cleaned_html", path),
        action=Action(kind, value, _sentence(line, value)),
        target=target,
        meta=extras.text(),
    )


def _target(action: Fields, path: str) -> tuple[Locator, ...]:
    candidates = action.get("pos_candidates") or []
    if not isinstance(candidates, list):
        raise RecordError(
            "wrong_type", f"{path}pos_candidates: {type_name(candidates)}, expected a list"
        )
    ranked: list[tuple[bool, bool, str]] = []
    for i, item in enumerate(candidates):
        where = f"{path}pos_candidates[{i}]"
        candidate = opened(item, where)
        node = ident(candidate, "backend_node_id", f"{where}.")
        if not node and candidate.get("attributes") is not None:
            attributes = opened(candidate["attributes"], f"{where}.attributes")
            node = ident(attributes, "backend_node_id", f"{where}.attributes.")
        if not node:
            raise RecordError("missing_field", f"{where}.backend_node_id: missing")
        first = candidate.get("is_original_target") is True
        ranked.append((not first, candidate.get("is_top_level_target") is not True, node))
    ranked.sort(key=lambda entry: entry[:2])
    return tuple(
        Locator("attribute", node, "backend_node_id")
        for node in dict.fromkeys(node for *_, node in ranked)
    )


def opened(value: Any, path: str) -> Fields:
    """An object, or a string of JSON that is one.

    Raises: `RecordError`.
    """
    if isinstance(value, str):
        try:
            value, _ = parse(value)
        except RecordError as error:
            raise RecordError(error.reason, f"{path}: {error.detail}") from error
    if value is None:
        raise RecordError("missing_field", f"{path}: missing")
    if not isinstance(value, dict):
        raise RecordError("wrong_type", f"{path}: {type_name(value)}, expected an object")
    return value


_LINE: Final = re.compile(
    r"\[(?P<role>[^\]]*)\](?P<name>.*?)->\s*(?P<op>CLICK|TYPE|SELECT|HOVER|ENTER)(?::(?P<value>.*))?",
    re.DOTALL,
)
_SENTENCES: Final = {
    "CLICK": "Click {element}",
    "TYPE": "Type {value} in {element}",
    "SELECT": "Select {value} in {element}",
    "HOVER": "Hover over {element}",
    "ENTER": "Press Enter on {element}",
}


def _sentence(line: object, value: str) -> str:
    """The annotators' line as a sentence; a line of another shape as it is.

    value: as recorded. It replaces the line's value if the two differ only in white space around.
    """
    if not isinstance(line, str):
        return ""
    parts = _LINE.fullmatch(line.strip())
    if parts is None:
        return line.strip()
    role, name = (" ".join(parts[key].split()) for key in ("role", "name"))
    element = f"the {role or 'element'} {_quoted(name)}" if name else f"the {role or 'element'}"
    written = (parts["value"] or "").strip()
    shown = value if value.strip() == written else written
    return _SENTENCES[parts["op"]].format(element=element, value=_quoted(shown))


def _quoted(text: str) -> str:
    """A text in quotes as `etl.stages.wording` writes them: a JSON string."""
    return json.dumps(text, ensure_ascii=False)
