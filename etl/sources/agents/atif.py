"""Agent Trajectory Interchange Format, versions 1.0 to 1.8: a trajectory a record.

- The first message of the user is the objective.
- Each of an agent's ``tool_calls`` is a call (`etl.sources.agents.calls`); what it gave back is the
  result with its id, else the result in its place (`etl.sources.agents.results`).
- A step of an agent without calls is a message.
- Steps that were copied from another trajectory (``is_copied_context``) are left out and counted,
  as the format asks of those who train.
- Trajectories of subagents are workflows of their own.

A trajectory is named by its ``trajectory_id``, else its ``session_id``, else its place in the file.
Its reward is ``extra.reward``, if that is a number. Thoughts, times and names of models are kept in
``meta``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from etl.inputs.columns import Fields, grouping, ident, records, text, type_name
from etl.inputs.description import Format
from etl.inputs.extras import Extras
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.sources.agents import own
from etl.sources.agents.described import ATIF
from etl.sources.agents.results import Result, page, result
from etl.sources.agents.trail import Trail, objective
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.workflow import Workflow

TOP: Final = frozenset(
    "schema_version session_id trajectory_id agent steps notes final_metrics "
    "continued_trajectory_ref extra subagent_trajectories".split()
)
STEP: Final = frozenset(
    "step_id timestamp source model_name reasoning_effort message reasoning_content tool_calls "
    "observation metrics extra llm_call_count is_copied_context".split()
)
CALL: Final = frozenset(("tool_call_id", "function_name", "arguments", "extra"))
RESULT: Final = frozenset(("source_call_id", "content", "subagent_trajectory_ref", "extra"))
_VERSION: Final = re.compile(rb'"schema_version"\s*:\s*"ATIF-v1\.')


@dataclass(frozen=True)
class Atif:
    """ATIF: a trajectory a record."""

    name: ClassVar[str] = "atif"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = ATIF

    def recognise(self, head: InputHead) -> bool:
        """Whether records name the version, or have an agent and steps with sources."""
        keys = head.keys
        if keys.top >= {"schema_version", "agent"} and _VERSION.search(head.start):
            return True
        return keys.top >= {"agent", "steps"} and "steps.source" in keys.nested

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """A workflow from each trajectory that has an agent's step."""
        for record in records(shard, TOP):
            odd: list[Odd] = []
            try:
                workflows = _workflows(record.checked(), record.id, odd)
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            record.enter(tally, workflows[0].uid, odd)
            yield from workflows

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines and Parquet are divided: each record by itself."""
        return grouping(head)


def _workflows(fields: Fields, origin: str, odd: list[Odd]) -> list[Workflow]:
    """A trajectory's workflow and those of its subagents, all levels of them."""
    found: list[Workflow] = []
    todo = [(fields, "")]
    while todo:
        trajectory, path = todo.pop()
        found.append(_workflow(trajectory, path, origin, odd))
        for number, each in enumerate(trajectory.get("subagent_trajectories") or ()):
            within = f"{path}subagent_trajectories[{number}]"
            if not isinstance(each, dict):
                raise RecordError("wrong_type", f"{within}: {type_name(each)}")
            todo.append((each, f"{within}."))
    return found


def _workflow(fields: Fields, path: str, origin: str, odd: list[Odd]) -> Workflow:
    listed = fields.get("steps")
    if not isinstance(listed, list):
        raise RecordError("missing_field", f"{path}steps: {type_name(listed)}, expected a list")
    extra = _object(fields.get("extra"), f"{path}extra")
    exported = extra.get(own.OWN)
    reader = _Steps(odd, exported if isinstance(exported, dict) else None)
    for number, each in enumerate(listed):
        reader.add(_object(each, f"{path}steps[{number}]"), f"{path}steps[{number}].")
    if not reader.trail.steps:
        raise RecordError("workflow_without_steps", f"{path}steps: none is an agent's")
    id = (
        ident(fields, "trajectory_id", path)
        or ident(fields, "session_id", path)
        or (f"{origin}#{path.rstrip('.')}" if path else origin)
    )
    steps = tuple(reader.trail.steps)
    if reader.own is not None:
        return own.workflow(id, reader.objective, steps, reader.own, Atif.name, origin)
    extras = Extras(odd, path)
    kept = {name: fields.get(name) for name in ("agent", "notes", "final_metrics")}
    extras.declared({name: value for name, value in (kept | extra).items() if value is not None})
    extras.unknown(fields, TOP)
    reward = extra.get("reward")
    return Workflow(
        id,
        reader.objective,
        steps,
        reward=float(reward)
        if isinstance(reward, int | float) and not isinstance(reward, bool)
        else None,
        source=Atif.name,
        origin=origin,
        meta=extras.text(),
    )


class _Steps:
    """Reads the steps of a trajectory, in their order."""

    def __init__(self, odd: list[Odd], exported: dict[str, Any] | None) -> None:
        """exported: what an export of ours keeps beside the format."""
        self.trail = Trail(odd)
        self.objective = ""
        self.own = exported
        self._odd = odd

    def add(self, step: Fields, path: str) -> None:
        """Take in a step. Raises: `RecordError` ``wrong_type``, ``missing_field``."""
        Extras(self._odd, "steps.").unknown(step, STEP)
        if step.get("is_copied_context") is True:
            self._odd.append(("unkept_value", "steps.is_copied_context"))
            return
        source = text(step, "source", path, required=True)
        message = _content(step.get("message"), f"{path}message")
        if source == "user" and not self.objective and not self.trail.steps:
            self.objective = message if self.own is not None else objective(message)
        if source == "agent":
            self._agent(step, message, path)
        else:
            for found, _ in self._results(step, path):
                self._see(found, path)

    def _agent(self, step: Fields, message: str, path: str) -> None:
        calls = step.get("tool_calls") or []
        if not isinstance(calls, list):
            raise RecordError("wrong_type", f"{path}tool_calls: {type_name(calls)}")
        id = str(step.get("step_id", len(self.trail.steps) + 1))
        said = {name: step.get(name) for name in ("timestamp", "model_name", "reasoning_content")}
        results = self._results(step, path)
        if not calls and message:
            self.trail.message(id, message, said)
        for number, each in enumerate(calls):
            call = _object(each, f"{path}tool_calls[{number}]")
            self._call(call, id if len(calls) == 1 else f"{id}.{number + 1}", message, said, path)
            mine = [found for found, of in results if of and of == call.get("tool_call_id")]
            if not mine and len(results) == len(calls) and not results[number][1]:
                mine = [results[number][0]]
            for found in mine:
                self._see(found, path)
            results = [row for row in results if row[0] not in mine] if mine else results
        for found, _ in results:
            self._see(found, path)

    def _call(self, call: Fields, id: str, message: str, said: dict[str, Any], path: str) -> None:
        Extras(self._odd, "steps.tool_calls.").unknown(call, CALL)
        arguments = _object(call.get("arguments"), f"{path}tool_calls.arguments")
        function = text(call, "function_name", f"{path}tool_calls.", required=True)
        if self.own is not None:
            rest = _object(call.get("extra"), path).get(own.OWN)
            self.trail.own(own.step(function, arguments, rest, f"{path}tool_calls.extra"))
        else:
            self.trail.call(id, function, arguments, {**said, "thought": message})

    def _results(self, step: Fields, path: str) -> list[tuple[Fields, str]]:
        """The results of a step, each with the id of its call."""
        observed = _object(step.get("observation"), f"{path}observation")
        listed = observed.get("results") or []
        if not isinstance(listed, list):
            raise RecordError("wrong_type", f"{path}observation.results: {type_name(listed)}")
        found = []
        for each in listed:
            one = _object(each, f"{path}observation.results")
            Extras(self._odd, "steps.observation.results.").unknown(one, RESULT)
            found.append((one, text(one, "source_call_id", path)))
        return found

    def _see(self, found: Fields, path: str) -> None:
        content = _content(found.get("content"), f"{path}observation.results.content")
        extra = _object(found.get("extra"), f"{path}observation.results.extra")
        url = text(extra, "url", path)
        if self.own is not None:
            html = content if extra.get("observation") == "html" else ""
            axtree = text(extra, "axtree", path) if html else content
            self.trail.show(Result(html, axtree, url))
        elif extra.get("observation") in ("html", "axtree"):
            self.trail.see(page(content, url))
        else:
            told = result(content)
            self.trail.see(told._replace(url=told.url or url))


def _object(value: Any, path: str) -> Fields:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordError("wrong_type", f"{path}: {type_name(value)}, expected an object")
    return value


def _content(value: Any, path: str) -> str:
    """A text, or the texts among its parts, each on a line."""
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        raise RecordError("wrong_type", f"{path}: {type_name(value)}, expected a string or a list")
    texts = [part.get("text") for part in value if isinstance(part, dict)]
    return "\n".join(each for each in texts if isinstance(each, str))
