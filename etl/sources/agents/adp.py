"""Agent Data Protocol, versions 1.0 to 1.2: a trajectory of observations and actions a record.

- ``web_observation`` is a page: ``html``, ``axtree`` or both. A text without markup in ``html`` is
  a tree, as some of its datasets have it.
- ``text_observation`` by the user: the first one is the objective. By the environment: what a tool
  gave back (`etl.sources.agents.results`).
- ``api_action`` is a call (`etl.sources.agents.calls`), ``code_action`` a program,
  ``message_action`` a message, or the end if it is one ``<finish>``.
- ``image_observation`` is left out.

``reward`` is the sum of those that observations and actions carry. Thoughts are kept in the step's
``meta``, ``details`` in the workflow's. An ``id`` that is a mere number is that of a task within a
dataset, which several trajectories may be of: they are named by folder, file and place in it.

Exports of ours have the rest of a workflow under ``details.stepmill``: reading one gives the
workflow that was exported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from etl.files import nodes
from etl.inputs.columns import Fields, grouping, ident, records, text, type_name
from etl.inputs.description import Format
from etl.inputs.extras import Extras
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.sources.agents import own
from etl.sources.agents.described import ADP
from etl.sources.agents.results import Result, page, result
from etl.sources.agents.trail import Trail, objective
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.workflow import Workflow

TOP: Final = frozenset(
    "schema_version id content available_apis available_custom_tools available_code_languages "
    "details".split()
)
CLASSES: Final[Mapping[str, frozenset[str]]] = {
    "api_action": frozenset(("function", "kwargs")),
    "code_action": frozenset(("language", "content")),
    "message_action": frozenset(("content",)),
    "text_observation": frozenset(("content", "name", "source")),
    "image_observation": frozenset(("content", "annotations", "source")),
    "web_observation": frozenset(("html", "axtree", "url", "image_observation", "viewport_size")),
}
"""Kinds of items, and the keys of each beside `ITEM`."""
ITEM: Final = frozenset("class_ description reasoning_content reward tool_call_id".split())


@dataclass(frozen=True)
class Adp:
    """Agent Data Protocol: a trajectory a record."""

    name: ClassVar[str] = "adp"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = ADP

    def recognise(self, head: InputHead) -> bool:
        """Whether records have an id and a content whose items name their class."""
        keys = head.keys
        return keys.top >= {"id", "content"} and "content.class_" in keys.nested

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """A workflow from each record that has an action."""
        for record in records(shard, TOP):
            odd: list[Odd] = []
            try:
                workflow = _workflow(record.checked(), record.id, shard, odd)
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            record.enter(tally, workflow.uid, odd)
            yield workflow

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines and Parquet are divided: each record by itself."""
        return grouping(head)


def _workflow(fields: Fields, origin: str, shard: InputShard, odd: list[Odd]) -> Workflow:
    content, details = fields.get("content"), fields.get("details") or {}
    if not isinstance(content, list):
        raise RecordError("missing_field", f"content: {type_name(content)}, expected a list")
    if not isinstance(details, dict):
        raise RecordError("wrong_type", f"details: {type_name(details)}, expected an object")
    id = ident(fields, "id", required=True)
    reader = _Items(odd, details.get(own.OWN))
    for number, item in enumerate(content):
        reader.add(item, number)
    if not reader.trail.steps:
        raise RecordError("workflow_without_steps", "content has no action")
    steps = tuple(reader.trail.steps)
    if reader.own is not None:
        return own.workflow(id, reader.objective, steps, reader.own, Adp.name, origin)
    extras = Extras(odd)
    extras.declared(details | ({"id": id} if id.isdigit() else {}))
    extras.unknown(fields, TOP)
    return Workflow(
        _named(id, shard, origin),
        reader.objective,
        steps,
        reward=reader.reward,
        source=Adp.name,
        origin=origin,
        meta=extras.text(),
    )


def _named(id: str, shard: InputShard, origin: str) -> str:
    """A trajectory's id; if it is a mere number, its folder, file and number in it instead."""
    if not id.isdigit():
        return id
    file, number = shard.name.rsplit("/", 1)[-1].partition(".")[0], origin.rpartition("=")[2]
    return f"{nodes.folder_name(shard.path)}/{file}/{number}"


class _Items:
    """Reads the items of a trajectory, in their order."""

    def __init__(self, odd: list[Odd], exported: Any) -> None:
        """exported: what an export of ours keeps beside the protocol."""
        self.trail = Trail(odd)
        self.objective = ""
        self.own: dict[str, Any] | None = exported if isinstance(exported, dict) else None
        self._odd = odd
        self._rewards: list[float] = []
        self._named = False

    @property
    def reward(self) -> float | None:
        """The sum of the rewards; None if there is none."""
        return math.fsum(self._rewards) if self._rewards else None

    def add(self, item: Any, number: int) -> None:
        """Take in an item. Raises: `RecordError` ``wrong_type``, ``missing_field``."""
        path = f"content[{number}]."
        if not isinstance(item, dict):
            raise RecordError("wrong_type", f"{path[:-1]}: {type_name(item)}, expected an object")
        kind = text(item, "class_", path, required=True)
        if kind not in CLASSES:
            shown = repr(kind)[:100]
            raise RecordError(
                "wrong_type", f"{path}class_: {shown} is none of {', '.join(CLASSES)}"
            )
        said = Extras(self._odd, "content.")
        said.unknown(item, ITEM | CLASSES[kind])
        reward = item.get("reward")
        if isinstance(reward, int | float) and math.isfinite(reward):
            self._rewards.append(float(reward))
        if kind == "web_observation":
            self._web(item, path)
        elif kind == "text_observation":
            self._text(text(item, "content", path), item.get("source"))
        elif kind.endswith("_action"):
            self._act(kind, item, path, str(number))

    def _web(self, item: Fields, path: str) -> None:
        url = text(item, "url", path)
        html, axtree = text(item, "html", path), text(item, "axtree", path)
        if self.own is not None:
            self.trail.show(Result(html, axtree, url))
        else:
            seen = page(html, url)
            self.trail.see(seen._replace(axtree=axtree or seen.axtree))

    def _text(self, content: str, source: Any) -> None:
        if source == "user" and not self._named and not self.trail.steps:
            self._named = True
            self.objective = content if self.own is not None else objective(content)
        elif source != "user":
            self.trail.see(result(content))

    def _act(self, kind: str, item: Fields, path: str, id: str) -> None:
        said = {
            "thought": item.get("description"),
            "reasoning": item.get("reasoning_content"),
        }
        if kind == "api_action":
            arguments = item.get("kwargs", {})
            if not isinstance(arguments, dict):
                raise RecordError(
                    "wrong_type", f"{path}kwargs: {type_name(arguments)}, expected an object"
                )
            function = text(item, "function", path, required=True)
            if self.own is None:
                self.trail.call(id, function, arguments, said)
            else:
                rests = self.own.get("steps")
                place = len(self.trail.steps)
                rest = rests[place] if isinstance(rests, list) and place < len(rests) else None
                where = f"details.{own.OWN}.steps[{place}]"
                self.trail.own(own.step(function, arguments, rest, where))
        elif kind == "code_action":
            code = text(item, "content", path)
            self.trail.code(id, text(item, "language", path), code, said)
        else:
            self.trail.message(id, text(item, "content", path), said)
