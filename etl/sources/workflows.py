"""Our own interchange format (`schemas.workflow`): JSON lines, JSON or Parquet, checked strictly.

An unknown key is kept in ``meta`` and counted by its path, so that a misspelt ``target`` is seen.
An optional field may be null. A reward that is not a finite number is unknown. Errors carry the
path of the value: ``steps[3].target[0].kind: "csss" is none of css, xpath, attribute, node,
markup, ref``.

A kind of action may be any word of `schemas.actions`. A value may be a number, or a list of texts
for several options or files. ``clicks`` is the number of clicks at once, and ``button`` a name or
the DOM's number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final

import orjson

from etl.inputs.columns import Fields, grouping, ident, records, step_number, text, type_name
from etl.inputs.description import Field, Format
from etl.inputs.extras import Extras
from etl.inputs.numbering import in_order
from etl.inputs.pages import parse_with_pages
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.tally import Odd, Tally
from schemas.actions import several
from schemas.errors import RecordError
from schemas.recorded_actions import action
from schemas.workflow import LOCATOR_KINDS, Action, Locator, Step, Workflow

WORKFLOW: Final = frozenset(
    ("workflow_id", "objective", "website", "topic", "reward", "steps", "meta")
)
STEP: Final = frozenset(
    (
        *("step_id", "url", "html", "axtree", "action", "target", "error", "destination"),
        *("number", "meta"),
    )
)
ACTION: Final = frozenset(("kind", "value", "description", "button", "modifiers", "clicks"))
LOCATOR: Final = frozenset(("kind", "name", "value"))
REQUIRED: Final = frozenset({"workflow_id", "objective", "steps"})


_HOME: Final = (
    "<html><body><h1>Mugs</h1><button id='add' data-id='42'>Add to cart</button><a "
    "href='/cart'>Cart</a></body></html>"
)
_CART: Final = (
    "<html><body><h1>Cart</h1><label>Quantity <input name='quantity' value='1'></label>"
    "<button>Pay</button></body></html>"
)
_EXAMPLE: Final = {
    "workflow_id": "shop-01",
    "objective": "Order two mugs and pay for them",
    "website": "shop.example",
    "reward": 1.0,
    "steps": [
        {
            "step_id": "0",
            "url": "https://shop.example/mugs",
            "html": _HOME,
            "action": {"kind": "click", "description": "Click Add to cart"},
            "target": [
                {"kind": "css", "value": "#add"},
                {"kind": "attribute", "name": "data-id", "value": "42"},
            ],
        },
        {
            "step_id": "1",
            "url": "https://shop.example/cart",
            "html": _CART,
            "action": {"kind": "type", "value": "2", "description": "Type 2 into Quantity"},
            "target": [{"kind": "xpath", "value": "//input[@name='quantity']"}],
        },
    ],
}

DESCRIBED: Final = Format(
    name="workflows",
    sign="has the keys `workflow_id`, `objective` and `steps` in its records",
    about="stepmill's own format: each record is a workflow. Write this from your recorder.",
    record="a workflow: an objective and its steps",
    files="JSON lines (an object on each line), a JSON list, one JSON object, or Parquet with "
          "these columns",
    fields=(
        Field("workflow_id", "string", "names the recording; no two recordings share one", True,
              like="id task_id session_id episode_id run_id uid uuid recording_id name"),
        Field("objective", "string", "what the user wants done, in words", True,
              like="goal task intent instruction query prompt confirmed_task utterance user_goal "
              "task_description description title"),
        Field("website", "string", "the site, if steps have no URL"),
        Field("topic", "string", "what kind of site or task it is"),
        Field("reward", "number", "the outcome; `filter.min_reward` can ask for it",
              like="score success"),
        Field("meta", "object", "what else is known of the recording; kept, never trained on"),
        Field("steps", "list", "the steps, in order; at least one", True,
              like="actions events history trajectory turns states observations"),
        Field("steps[].step_id", "string", "names the step; its position unless given"),
        Field("steps[].number", "whole number",
              "the step's own number in the recording, which shows gaps"),
        Field("steps[].meta", "object", "what else is known of the step; kept, never trained on"),
        Field("steps[].url", "string", "the page's address", like="page_url href"),
        Field("steps[].html", "string", "the page before the action, whole", True,
              like="dom page page_html raw_html content snapshot outer_html document source "
              "observation obs"),
        Field("steps[].axtree", "string",
              "the page as text, a line an element (an accessibility tree or an aria snapshot); "
              "instead of `html` or beside it", like="accessibility_tree aria_snapshot"),
        Field("steps[].action", "object", "what was done", True, like="event operation act"),
        Field("steps[].action.kind", "string", "the kind of action, see below", True,
              like="type name op action"),
        Field("steps[].action.value", "string", "what was typed, chosen or pressed",
              like="text keys option"),
        Field("steps[].action.description", "string", "the action in words"),
        Field("steps[].action.button", "string or whole number",
              "of the mouse, if the kind does not say it: left, middle, right"),
        Field("steps[].action.modifiers", "any", "held keys: a list of names, or one name"),
        Field("steps[].action.clicks", "whole number", "the number of clicks at once"),
        Field("steps[].target", "list",
              "the element that was acted on: locators, best first; empty if there is none",
              like="selector locator element selectors"),
        Field("steps[].target[].kind", "string",
              "`css`, `xpath`, `attribute`, `node`, `markup`, or `ref`", True, like="type"),
        Field("steps[].target[].name", "string", "of the attribute; only for kind `attribute`"),
        Field("steps[].target[].value", "string",
              "the selector, path, attribute's value, node number, start tag, or the id of a line "
              "in `axtree`", True,
              like="selector css xpath"),
        Field("steps[].destination", "list",
        "the element that a drag ends on: locators as in `target`"),
        Field("steps[].destination[].kind", "string", "as in `target`", True),
        Field("steps[].destination[].name", "string", "as in `target`"),
        Field("steps[].destination[].value", "string", "as in `target`", True),
        Field("steps[].error", "string", "the recorder's message if the action failed"),
    ),
    example=json.dumps(_EXAMPLE) + "\n",
    example_name="shop.jsonl",
    notes=(
        ("A locator counts if it finds exactly one element in `html`; otherwise the next one is "
        "tried. A step whose locators all fail is not trained on, and stays in the history."),
        ("`stepmill record URL --out FILE.jsonl` writes this of what you do in your browser."),
        ("Record `steps[].html` before the action: a page recorded after it has often lost the "
        "target."),
        ("If no step has a page, `--pages` joins pages by `steps[].url`. `steps[].meta.timestamp`, "
        "in milliseconds since 1970 or as `2026-01-31T12:00:00Z`, chooses among several."),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Workflows:
    """The interchange format: each record is a workflow."""

    name: ClassVar[str] = "workflows"
    version: ClassVar[int] = 3
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether the required keys are there; if the first record is cut off, no foreign ones."""
        keys = head.keys
        if keys.top >= REQUIRED:
            return True
        of_ours = bool(keys.nested) and keys.nested <= {f"steps.{name}" for name in STEP}
        return keys.cut and of_ours and keys.top <= WORKFLOW

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """A workflow from each record."""
        for record in records(shard, WORKFLOW, reader=parse_with_pages):
            odd: list[Odd] = []
            try:
                workflow = _workflow(record.checked(), record.id, odd)
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            record.enter(tally, workflow.uid, odd)
            yield workflow

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines and Parquet are divided: each record by itself."""
        return grouping(head)


def _workflow(fields: Fields, origin: str, odd: list[Odd]) -> Workflow:
    extras = _extras(fields, WORKFLOW, odd, "")
    workflow_id = ident(fields, "workflow_id", required=True)
    objective = _present(fields, "objective", "")
    records = _list(fields, "steps", "", required=True)
    if not records:
        raise RecordError("workflow_without_steps", "steps: empty")
    steps: list[Step] = []
    numbers: list[int | None] = []
    for index, record in enumerate(records):
        of_step = _object(record, f"steps[{index}]")
        steps.append(_step(of_step, f"steps[{index}].", odd))
        numbers.append(_number(of_step, f"steps[{index}].number"))
    return Workflow(
        workflow_id=workflow_id,
        objective=objective,
        steps=in_order(steps, numbers),
        website=text(fields, "website"),
        topic=text(fields, "topic"),
        reward=_reward(fields),
        source=Workflows.name,
        origin=origin,
        meta=extras.text(),
        whole=all(number is not None for number in numbers),
    )


def _reward(fields: Fields) -> float | None:
    reward = fields.get("reward")
    if isinstance(reward, bool) or not (
        reward is None or isinstance(reward, int | float | Decimal)
    ):
        raise RecordError("wrong_type", f"reward: {type_name(reward)}, expected a number")
    try:
        return float(reward) if reward is not None and math.isfinite(reward) else None
    except OverflowError:
        return None


def _number(fields: Fields, path: str) -> int | None:
    value = fields.get("number")
    number = step_number(value)
    if number is None and not (value is None or (isinstance(value, float) and math.isnan(value))):
        raise RecordError("wrong_type", f"{path}: {value!r}, expected a whole number from 0")
    return number


def _extras(fields: Fields, known: Set[str], odd: list[Odd], path: str) -> Extras:
    """The unknown keys of these fields, together with their own ``meta``."""
    extras = Extras(odd, path)
    own = extras.declared(fields.get("meta"))
    extras.unknown(fields, known if own else known - {"meta"})
    return extras


def _step(fields: Fields, path: str, odd: list[Odd]) -> Step:
    extras = _extras(fields, STEP, odd, path)
    html: Any = fields.get("html")
    axtree = text(fields, "axtree", path)
    if html is None and axtree:
        html = ""
    elif not isinstance(html, bytes):  # as UTF-8 it is known to be a text
        html = _present(fields, "html", path)
    if fields.get("action") is None:
        raise RecordError("missing_field", f"{path}action: missing")
    act = _object(fields["action"], f"{path}action")
    extras.unknown(act, ACTION, "action.")
    target = _locators(fields, "target", path, extras)
    return Step(
        step_id=ident(fields, "step_id", path),
        url=text(fields, "url", path),
        html=html,
        action=_action(act, f"{path}action.", bool(target)),
        target=target,
        error=text(fields, "error", path),
        destination=_locators(fields, "destination", path, extras),
        meta=extras.text(),
        axtree=axtree,
    )


def _action(fields: Fields, path: str, on_element: bool) -> Action:
    button, clicks = fields.get("button"), fields.get("clicks")
    if clicks is not None and (not isinstance(clicks, int) or isinstance(clicks, bool)):
        raise RecordError(
            "wrong_type", f"{path}clicks: {type_name(clicks)}, expected a whole number"
        )
    return action(
        text(fields, "kind", path, required=True),
        _value(fields, path),
        text(fields, "description", path),
        on_element=on_element,
        button=str(button) if isinstance(button, int) else text(fields, "button", path),
        modifiers=_modifiers(fields, path),
        clicks=1 if clicks is None else clicks,
    )


def _modifiers(fields: Fields, path: str) -> list[str]:
    """The names of held keys, from a list or a single text."""
    held = fields.get("modifiers")
    if isinstance(held, str):
        return [held]
    return _texts(_list(fields, "modifiers", path), f"{path}modifiers")


def _value(fields: Fields, path: str) -> str:
    """The value as text: a text, a number, or several texts."""
    value = fields.get("value")
    if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
        return str(value)
    if isinstance(value, list):
        return several(_texts(value, f"{path}value")) if value else ""
    return text(fields, "value", path)


def _texts(values: list[Any], path: str) -> list[str]:
    for i, value in enumerate(values):
        if not isinstance(value, str):
            raise RecordError("wrong_type", f"{path}[{i}]: {type_name(value)}, expected a string")
    return values


def _locators(fields: Fields, key: str, path: str, extras: Extras) -> tuple[Locator, ...]:
    locators: list[Locator] = []
    for number, value in enumerate(_list(fields, key, path)):
        within = f"{key}[{number}]"
        locator = _object(value, f"{path}{within}")
        extras.unknown(locator, LOCATOR, f"{within}.")
        locators.append(_locator(locator, f"{path}{within}."))
    return tuple(locators)


def _locator(fields: Fields, path: str) -> Locator:
    kind = text(fields, "kind", path, required=True)
    for each in LOCATOR_KINDS:
        if kind == each:
            name = text(fields, "name", path, required=each == "attribute")
            if fields.get("value") is None:
                raise RecordError("missing_field", f"{path}value: missing")
            return Locator(each, ident(fields, "value", path), name)
    raise RecordError(
        "unknown_locator",
        f"{path}kind: {orjson.dumps(kind).decode()} is none of {', '.join(LOCATOR_KINDS)}",
    )


def _present(fields: Fields, key: str, path: str) -> str:
    """A required string that may be empty."""
    if fields.get(key) is None:
        raise RecordError("missing_field", f"{path}{key}: missing")
    return text(fields, key, path)


def _list(fields: Fields, key: str, path: str, *, required: bool = False) -> list[Any]:
    value = fields.get(key)
    if isinstance(value, list):
        return value
    if value is not None:
        raise RecordError("wrong_type", f"{path}{key}: {type_name(value)}, expected a list")
    if required:
        raise RecordError("missing_field", f"{path}{key}: missing")
    return []


def _object(value: Any, path: str) -> Fields:
    if not isinstance(value, dict):
        raise RecordError("wrong_type", f"{path}: {type_name(value)}, expected an object")
    return value
