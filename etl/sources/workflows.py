"""Our own interchange format (`schemas.workflow`): JSON lines, JSON or Parquet, checked strictly.

A record with a field that the format does not have is refused: a misspelt ``target`` would otherwise silently
become an action without element. An optional field may be null. Errors carry the path of the value:
``steps[3].target[0].kind: "csss" is none of css, xpath, attribute, node, markup``.

A kind of action may be any word of `schemas.actions`; a value may be a number, or a list of texts where several options
are chosen or several files given; ``clicks`` is how many at once, ``button`` a name or the DOM's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson

from etl.inputs import InputHead, InputShard
from etl.recorded_actions import action
from etl.sources.columns import Fields, grouping, records, text, type_name
from etl.splitting import Grouping
from etl.tally import Tally
from schemas.actions import several
from schemas.errors import RecordError
from schemas.workflow import LOCATOR_KINDS, Action, Locator, Step, Workflow

WORKFLOW: Final = ("workflow_id", "objective", "website", "topic", "reward", "steps")
STEP: Final = ("step_id", "url", "html", "action", "target", "error", "destination")
ACTION: Final = ("kind", "value", "description", "button", "modifiers", "clicks")
LOCATOR: Final = ("kind", "name", "value")
REQUIRED: Final = frozenset({"workflow_id", "objective", "steps"})


@dataclass(frozen=True)
class Workflows:
    """The interchange format: one workflow a record."""

    name: ClassVar[str] = "workflows"
    version: ClassVar[int] = 2

    def recognise(self, head: InputHead) -> bool:
        """The required fields are there; where the first record is cut off, nothing but fields of this format."""
        keys = head.keys
        if keys.top >= REQUIRED:
            return True
        of_ours = bool(keys.nested) and keys.nested <= {f"steps.{name}" for name in STEP}
        return keys.cut and of_ours and keys.top <= set(WORKFLOW)

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """One workflow a record."""
        for record in records(shard):
            try:
                workflow = _workflow(record.checked(), record.id)
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            tally.read("record", record.id, parent=workflow.uid)
            yield workflow

    def grouping(self, head: InputHead) -> Grouping | None:
        """Each record by itself; JSON lines and Parquet."""
        return grouping(head)


def _workflow(fields: Fields, origin: str) -> Workflow:
    _closed(fields, WORKFLOW, "")
    workflow_id = text(fields, "workflow_id", required=True)
    objective = _present(fields, "objective", "")
    steps = _list(fields, "steps", "", required=True)
    if not steps:
        raise RecordError("workflow_without_steps", "steps: empty")
    reward = fields.get("reward")
    if isinstance(reward, bool) or not (reward is None or isinstance(reward, int | float)):
        raise RecordError("wrong_type", f"reward: {type_name(reward)}, expected a number")
    return Workflow(
        workflow_id=workflow_id,
        objective=objective,
        steps=tuple(_step(_object(step, f"steps[{i}]"), i) for i, step in enumerate(steps)),
        website=text(fields, "website"),
        topic=text(fields, "topic"),
        reward=None if reward is None else float(reward),
        source=Workflows.name,
        origin=origin,
    )


def _step(fields: Fields, index: int) -> Step:
    path = f"steps[{index}]."
    _closed(fields, STEP, path)
    html = _present(fields, "html", path)
    if fields.get("action") is None:
        raise RecordError("missing_field", f"{path}action: missing")
    target = _locators(fields, "target", path)
    return Step(
        step_id=text(fields, "step_id", path) or str(index),
        url=text(fields, "url", path),
        html=html,
        action=_action(_object(fields["action"], f"{path}action"), f"{path}action.", bool(target)),
        target=target,
        error=text(fields, "error", path),
        destination=_locators(fields, "destination", path),
    )


def _action(fields: Fields, path: str, on_element: bool) -> Action:
    _closed(fields, ACTION, path)
    button, clicks = fields.get("button"), fields.get("clicks")
    if clicks is not None and (not isinstance(clicks, int) or isinstance(clicks, bool)):
        raise RecordError("wrong_type", f"{path}clicks: {type_name(clicks)}, expected a whole number")
    held = fields.get("modifiers")
    return action(
        text(fields, "kind", path, required=True),
        _value(fields, path),
        text(fields, "description", path),
        on_element=on_element,
        button=str(button) if isinstance(button, int) else text(fields, "button", path),
        modifiers=[held] if isinstance(held, str) else _texts(_list(fields, "modifiers", path), f"{path}modifiers"),
        clicks=1 if clicks is None else clicks,
    )


def _value(fields: Fields, path: str) -> str:
    """A text, a number, or several texts."""
    value = fields.get("value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return several(_texts(value, f"{path}value")) if value else ""
    return text(fields, "value", path)


def _texts(values: list[Any], path: str) -> list[str]:
    for i, value in enumerate(values):
        if not isinstance(value, str):
            raise RecordError("wrong_type", f"{path}[{i}]: {type_name(value)}, expected a string")
    return values


def _locators(fields: Fields, key: str, path: str) -> tuple[Locator, ...]:
    return tuple(
        _locator(_object(locator, f"{path}{key}[{i}]"), f"{path}{key}[{i}].")
        for i, locator in enumerate(_list(fields, key, path))
    )


def _locator(fields: Fields, path: str) -> Locator:
    _closed(fields, LOCATOR, path)
    kind = text(fields, "kind", path, required=True)
    for known in LOCATOR_KINDS:
        if kind == known:
            name = text(fields, "name", path, required=known == "attribute")
            return Locator(known, _present(fields, "value", path), name)
    raise RecordError(
        "unknown_locator", f"{path}kind: {orjson.dumps(kind).decode()} is none of {', '.join(LOCATOR_KINDS)}"
    )


def _closed(fields: Fields, names: tuple[str, ...], path: str) -> None:
    for name in fields:
        if name not in names:
            raise RecordError("unknown_field", f"{path}{name}: none of {', '.join(names)}")


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
