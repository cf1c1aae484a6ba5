"""Export the recorded workflows of a dataset as trajectories: ADP 1.2 or ATIF 1.8, as JSON lines.

Pages are those that were recorded, whole. What the formats have no place for goes under a key of
ours (`etl.sources.agents.own`), so that stepmill reads the same workflows again. Workflows that the
dataset does not hold stay out: those that were dropped or taken down.

An action is a call that has the kind as its name, and value and locators as its arguments. The page
before an action is the observation before it. In ADP every action that a page follows has a
``tool_call_id``; in ATIF the first page is that of a ``system`` step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any, Final, Literal

import orjson

from etl.dataset.manifest import Manifest
from etl.files.arrow import atomic
from etl.files.storage import AnyPath
from etl.publish import exported
from etl.sources.agents import own
from schemas.errors import IntegrityError
from schemas.utf8 import text_of
from schemas.workflow import Step, Workflow

TrajectoryKind = Literal["adp", "atif"]
ADP_VERSION: Final = "1.2.0"
ATIF_VERSION: Final = "ATIF-v1.8"
_SHOWN: Final = 3  # recordings that cannot be read, in the error


def export(
    manifest: Manifest,
    out: AnyPath,
    kind: TrajectoryKind,
    splits: Sequence[str],
    workflows: Iterable[tuple[str, Workflow | str]],
    *,
    replace: bool,
) -> dict[str, Any]:
    """Write the workflows of a dataset, one file a split; returns a summary.

    splits: to write. workflows: each with its split, or the reason why it cannot be read. One with
    samples in several splits comes once for each, in succession; the summary counts them as
    ``in_several_splits``.

    Raises:
        ConfigError: before anything is written, if the folder cannot be used.
        IntegrityError: at the end, if a workflow could not be read; the export is incomplete then.
    """
    request = {"format": kind, "file_type": "jsonl", "fingerprint": manifest.fingerprint}
    targets = {f"{split}.jsonl": split for split in splits}
    noted = exported.begin(out, request, targets, replace=replace)
    counts = {split: Counter(files=1, workflows=0, steps=0, bytes=0) for split in splits}
    lost: list[str] = []
    last: list[Workflow] = []  # the same one, once for each of its splits so far
    several = 0
    with ExitStack() as stack:
        streams = {split: stack.enter_context(atomic(out / f"{split}.jsonl")) for split in splits}
        for split, workflow in workflows:
            if isinstance(workflow, str):
                lost.append(workflow)
                continue
            last = [*last, workflow] if last and workflow is last[-1] else [workflow]
            several += len(last) == 2
            row = orjson.dumps(WRITERS[kind](workflow), option=orjson.OPT_APPEND_NEWLINE)
            streams[split].write(row)
            counts[split].update(workflows=1, steps=len(workflow.steps), bytes=len(row))
    if lost:
        shown = "; ".join(lost[:_SHOWN]) + ("; ..." if len(lost) > _SHOWN else "")
        raise IntegrityError(
            f"{out}: {len(lost)} workflows could not be read again and are not in the export: "
            f"{shown}"
        )
    for split, stream in streams.items():
        noted.written(f"{split}.jsonl", stream.sha256.hexdigest())
    noted.end({split: dict(count) for split, count in counts.items()})
    each = {split: dict(count) for split, count in counts.items()}
    return {**noted.summary(), "splits": each, "in_several_splits": several}


def adp(workflow: Workflow) -> dict[str, Any]:
    """A workflow as a trajectory of ADP."""
    content: list[dict[str, Any]] = [
        {"class_": "text_observation", "content": workflow.objective, "source": "user"}
    ]
    for number, step in enumerate(workflow.steps):
        page = {
            "class_": "web_observation",
            "html": text_of(step.page) or None,
            "axtree": step.axtree or None,
            "url": step.url or None,
            "image_observation": None,
            "viewport_size": None,
        }
        if number:
            page["tool_call_id"] = content[-1]["tool_call_id"] = f"call_{number:06}"
        content.append(page)
        content.append(
            {
                "class_": "api_action",
                "function": step.action.kind,
                "kwargs": own.arguments_of(step),
                "description": step.action.description or None,
            }
        )
    rest = {**own.of_workflow(workflow), "steps": [own.of_step(step) for step in workflow.steps]}
    return {
        "schema_version": ADP_VERSION,
        "id": workflow.workflow_id,
        "content": content,
        "details": {own.OWN: rest},
    }


def atif(workflow: Workflow) -> dict[str, Any]:
    """A workflow as a trajectory of ATIF."""
    steps: list[dict[str, Any]] = [
        {"step_id": 1, "source": "user", "message": workflow.objective},
        {"step_id": 2, "source": "system", "message": "The page at the beginning"},
    ]
    for number, step in enumerate(workflow.steps, 1):
        before = steps[-1].get("tool_calls", [{"tool_call_id": None}])[0]["tool_call_id"]
        steps[-1]["observation"] = {"results": [_result(step, before)]}
        call = {
            "tool_call_id": f"call_{number:06}",
            "function_name": step.action.kind,
            "arguments": own.arguments_of(step),
            "extra": {own.OWN: own.of_step(step)},
        }
        steps.append(
            {
                "step_id": len(steps) + 1,
                "source": "agent",
                "message": step.action.description,
                "tool_calls": [call],
            }
        )
    return {
        "schema_version": ATIF_VERSION,
        "trajectory_id": workflow.workflow_id,
        "agent": {"name": "recording", "version": workflow.source},
        "steps": steps,
        "extra": {own.OWN: own.of_workflow(workflow)},
    }


def _result(step: Step, call: str | None) -> dict[str, Any]:
    """The page before a step, as what the call before it gave back."""
    html = text_of(step.page)
    extra = {"url": step.url, "observation": "html" if html else "axtree"}
    if html and step.axtree:
        extra["axtree"] = step.axtree
    result: dict[str, Any] = {"content": html or step.axtree, "extra": extra}
    return {"source_call_id": call, **result} if call else result


WRITERS: Final[Mapping[TrajectoryKind, Callable[[Workflow], dict[str, Any]]]] = MappingProxyType(
    {"adp": adp, "atif": atif}
)
"""What makes a trajectory of a workflow, by the format's name."""
