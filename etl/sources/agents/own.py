"""What an export of ours adds to a trajectory, so that reading it gives the workflow again.

A call has the kind as its name, and ``value``, ``target`` and ``destination`` as its arguments.
What the formats have no place for stands under `OWN`, in ``details`` or ``extra``: of the workflow,
and of each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from etl.inputs.columns import text, type_name
from schemas.errors import RecordError
from schemas.workflow import LOCATOR_KINDS, Action, Locator, Step, Workflow

OWN: Final = "stepmill"


def arguments_of(step: Step) -> dict[str, Any]:
    """The arguments of the call that a step is written as; empty ones are left out."""
    action = step.action
    found: dict[str, Any] = {
        "value": action.value,
        "target": _written(step.target),
        "destination": _written(step.destination),
    }
    return {name: value for name, value in found.items() if value}


def _written(locators: tuple[Locator, ...]) -> list[dict[str, str]]:
    return [
        {"kind": each.kind, "value": each.value, **({"name": each.name} if each.name else {})}
        for each in locators
    ]


def of_step(step: Step) -> dict[str, Any]:
    """What a call has no place for."""
    return {
        "step_id": step.step_id,
        "description": step.action.description,
        "button": step.action.button,
        "modifiers": list(step.action.modifiers),
        "error": step.error,
        "number": step.number,
        "gap": step.gap,
        "meta": step.meta,
    }


def of_workflow(workflow: Workflow) -> dict[str, Any]:
    """What a trajectory has no place for."""
    return {
        "website": workflow.website,
        "topic": workflow.topic,
        "reward": workflow.reward,
        "meta": workflow.meta,
        "whole": workflow.whole,
        "source": workflow.source,
    }


def step(function: str, arguments: Mapping[str, Any], rest: Any, path: str) -> Step:
    """The step that was written so, without its page.

    Raises: `RecordError` ``wrong_type`` or ``missing_field`` if something else wrote it.
    """
    if not isinstance(rest, dict):
        raise RecordError("wrong_type", f"{path}: {type_name(rest)}, expected an object")
    number, held = rest.get("number"), rest.get("modifiers")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise RecordError("wrong_type", f"{path}.number: {type_name(number)}, expected a number")
    if not isinstance(held, list) or not all(isinstance(key, str) for key in held):
        raise RecordError("wrong_type", f"{path}.modifiers: not a list of strings")
    here = f"{path}."
    action = Action(
        function,
        text(dict(arguments), "value", here),
        text(rest, "description", here),
        text(rest, "button", here),
        tuple(held),
    )
    return Step(
        text(rest, "step_id", here),
        "",
        "",
        action,
        _read(arguments.get("target", []), f"{here}target"),
        text(rest, "error", here),
        _read(arguments.get("destination", []), f"{here}destination"),
        number,
        text(rest, "gap", here),
        text(rest, "meta", here),
    )


def _read(written: Any, path: str) -> tuple[Locator, ...]:
    if not isinstance(written, list):
        raise RecordError("wrong_type", f"{path}: {type_name(written)}, expected a list")
    found = []
    for each in written:
        if not isinstance(each, dict) or each.get("kind") not in LOCATOR_KINDS:
            raise RecordError("unknown_locator", f"{path}: {str(each)[:100]}")
        found.append(Locator(each["kind"], text(each, "value", path), text(each, "name", path)))
    return tuple(found)


def workflow(
    id: str, objective: str, steps: tuple[Step, ...], rest: dict[str, Any], source: str, origin: str
) -> Workflow:
    """The workflow that was written so.

    Raises: `RecordError` ``wrong_type`` if something else wrote it.
    """
    reward = rest.get("reward")
    if reward is not None and (isinstance(reward, bool) or not isinstance(reward, int | float)):
        raise RecordError("wrong_type", f"{OWN}.reward: {type_name(reward)}, expected a number")
    return Workflow(
        id,
        objective,
        steps,
        text(rest, "website", f"{OWN}."),
        text(rest, "topic", f"{OWN}."),
        None if reward is None else float(reward),
        source,
        origin,
        text(rest, "meta", f"{OWN}."),
        rest.get("whole") is not False,
    )
