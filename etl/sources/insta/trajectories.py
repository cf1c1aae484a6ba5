"""InSTA: a folder with ``observations/``, ``actions/`` and the judgments of its pipeline.

A trajectory is a file of the same name in each: a list of observations, and a list with an action
for each of them. It makes one workflow, named like the files. A record is an observation.

- Page: ``raw_html`` before the action; URL: ``current_url``. Every element of a page has the
  attribute ``backend_node_id``, by which the action names its element.
- The action is the JSON in ``matched_response`` (`etl.sources.insta.calls`); the calls of
  Playwright made of it are kept in ``meta``. Without it, the observation has ``no_action``.
- ``error``: where an action fails, the next observation has no page, and its text is the message.
- ``reward`` is ``success`` of the judgment, 0 to 1, if there is one judge; other judgments are kept
  in ``meta``.
- ``objective``: the instruction is in none of these files, but in the data set that the pipeline
  was run on. Its rows may lie beside the folders, as ``.json``, ``.jsonl`` or ``.parquet``:
  ``instruction`` or ``task`` of the row whose ``identifier``, or else ``website`` or ``domain``,
  names the files.

An observation that cannot be read ends its trajectory: it is quarantined, and later ones are
dropped (``after_broken_record``). Other files are dropped (``not_a_step``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs.columns import Fields, records, text, type_name
from etl.inputs.description import Format
from etl.inputs.documents import folders
from etl.inputs.extras import Extras
from etl.inputs.mended import parse
from etl.inputs.records import InputHead, InputShard, Keys, json_items, start_of
from etl.inputs.streams import Truncated
from etl.sources.insta.calls import read_call
from etl.sources.insta.described import DESCRIBED
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.workflow import Step, Workflow

OBSERVATIONS: Final = "observations"
ACTIONS: Final = "actions"
_UNREAD: Final = frozenset(("task_proposals", "screenshots"))
_NO_JUDGES: Final = _UNREAD | {OBSERVATIONS, ACTIONS}
_NAMES: Final = ("identifier", "website", "domain")
_ROWS: Final = (".json", ".jsonl", ".parquet")
_TASKS: Final = ("instruction", "task")
SEEN: Final = frozenset(("current_url", "processed_text", "raw_html"))
_PAGES: Final = SEEN - {"current_url"}
OBSERVATION: Final = SEEN | {"screenshot", "screenshot_path", "metadata"}
ACTION: Final = frozenset(("function_calls", "response", "matched_response"))
JUDGMENT: Final = ("success", "efficiency", "self_correction")


@dataclass(frozen=True)
class Insta:
    """Trajectories with their pages."""

    name: ClassVar[str] = "insta"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it is a folder with observations and actions, and the first has a page."""
        if not {OBSERVATIONS, ACTIONS} <= set(head.entries):
            return False
        for child in nodes.node(head.place).children():
            if child.name == OBSERVATIONS and child.kind == "folder":
                files = [each for each in child.children() if each.kind == "file"]
                keys = Keys.of(start_of(files[0].place)).top if files else frozenset()
                return "current_url" in keys and not keys.isdisjoint(_PAGES)
        return False

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The trajectories in the order of their names. Memory holds the pages of one."""
        files = folders.files(shard.path)
        used: set[str] = set()
        objectives = _objectives(shard, files)
        for name in files:
            folder, _, file = name.partition("/")
            if folder == OBSERVATIONS and file.endswith(".json"):
                own = {
                    each: files[f"{each}/{file}"]
                    for each in dict.fromkeys(path.partition("/")[0] for path in files)
                    if f"{each}/{file}" in files
                }
                trajectory = _Trajectory(own, shard.name, file.removesuffix(".json"), tally)
                used |= {f"{each}/{file}" for each in own if each not in _UNREAD}
                if (workflow := trajectory.workflow()) is not None:
                    objective = objectives.get(workflow.workflow_id, "")
                    yield replace(workflow, objective=objective)
        for name, node in files.items():
            if name not in used:
                other = f"{shard.name}/{node.name}"
                tally.read("record", other)
                tally.drop("record", other, "not_a_step")


def _objectives(shard: InputShard, files: Mapping[str, Node]) -> dict[str, str]:
    """Name of a trajectory -> its instruction, by the rows of the data set beside the folders."""
    found: dict[str, str] = {}
    for name, node in files.items():
        if "/" in name or not name.endswith(_ROWS):
            continue
        rows = replace(shard, name=f"{shard.name}/{node.name}", path=node.place)
        for record in records(rows, frozenset((*_NAMES, *_TASKS))):
            if record.problem is None:
                row = record.fields
                named = next((row[key] for key in _NAMES if isinstance(row.get(key), str)), "")
                task = next((row[key] for key in _TASKS if isinstance(row.get(key), str)), "")
                found.setdefault(named, task)
    return found


class _Trajectory:
    """The files of one trajectory, by the folders that they are in."""

    def __init__(self, files: Mapping[str, Node], root: str, name: str, tally: Tally) -> None:
        self._files, self._root, self._name, self._tally = files, root, name, tally
        self._uid = f"{Insta.name}:{name}"
        self._steps: list[Step] = []
        self._broken = False

    def workflow(self) -> Workflow | None:
        """The workflow; None if no observation has an action."""
        place = self._id(OBSERVATIONS)
        raw = b""
        try:
            if ACTIONS not in self._files:
                raise RecordError("missing_field", f"there is no {ACTIONS}/{self._name}.json")
            raw = folders.content(self._files[ACTIONS].place)
            actions = self._actions(raw)
        except RecordError as error:
            raw = error.raw if isinstance(error, Truncated) else raw
            self._tally.quarantine(self._id(ACTIONS), error.reason, error.detail, raw)
            self._tally.read("record", place, parent=self._uid)
            self._tally.drop("record", place, "after_broken_record", "its actions cannot be read")
            return None
        number = -1
        try:
            for number, raw in json_items(self._files[OBSERVATIONS].place):
                self._add(number, raw, actions)
        except Truncated as error:
            id = f"{place}#item={number + 1}"
            self._tally.quarantine(id, error.reason, error.detail, error.raw)
            self._broken = True
        if not self._steps:
            if number >= 0 and not self._broken:
                self._tally.quarantine(
                    place, "workflow_without_steps", "no observation has an action", b""
                )
            return None
        reward, meta = self._judged()
        return Workflow(
            workflow_id=self._name,
            objective="",  # `Insta.read` knows it
            steps=tuple(self._steps),
            reward=reward,
            source=Insta.name,
            origin=place,
            meta=meta,
        )

    def _id(self, folder: str) -> str:
        node = self._files.get(folder)
        return f"{self._root}/{node.name if node else f'{folder}/{self._name}.json'}"

    def _actions(self, raw: bytes) -> list[Any]:
        value, made = parse(raw)
        if not isinstance(value, list):
            raise RecordError("wrong_type", f"{type_name(value)}, expected a list")
        self._tally.note(made.odd)
        return value

    def _add(self, number: int, raw: bytes, actions: list[Any]) -> None:
        """Read one observation and its action, and enter it."""
        id = f"{self._id(OBSERVATIONS)}#item={number}"
        odd: list[Odd] = []
        try:
            value, made = parse(raw)
            if not isinstance(value, dict):
                raise RecordError("wrong_type", f"{type_name(value)}, expected an object")
            odd += made.odd
            step = _step(value, actions[number] if number < len(actions) else None, number, odd)
            failed = value.get("raw_html") is None
            said = text(value, "processed_text")
        except RecordError as error:
            self._tally.quarantine(id, error.reason, error.detail, raw)
            self._broken = True
            return
        self._tally.read("record", id, parent=self._uid)
        if self._broken:
            self._tally.drop("record", id, "after_broken_record", parent=self._uid)
            return
        self._tally.note(odd)
        if failed and self._steps:
            self._steps[-1] = replace(self._steps[-1], error=said)
        if step is None:
            self._tally.drop("record", id, "no_action", parent=self._uid)
        else:
            self._steps.append(step)

    def _judged(self) -> tuple[float | None, str]:
        """The reward, and all judgments as meta. A judgment that cannot be read is quarantined."""
        found: dict[str, Any] = {}
        for folder in self._files:
            if folder in _NO_JUDGES:
                continue
            raw = b""
            try:
                raw = folders.content(self._files[folder].place)
                value, _ = parse(raw)
                if not isinstance(value, dict):
                    raise RecordError("wrong_type", f"{type_name(value)}, expected an object")
            except RecordError as error:
                self._tally.quarantine(self._id(folder), error.reason, error.detail, raw)
                continue
            self._tally.read("record", self._id(folder), parent=self._uid)
            found[folder] = {key: value.get(key) for key in JUDGMENT}
        extras = Extras([])
        extras.declared(found)
        reward: Any = next(iter(found.values()))["success"] if len(found) == 1 else None
        known = isinstance(reward, int | float) and not isinstance(reward, bool)
        return (float(reward) if known else None), extras.text()


def _step(seen: Fields, done: Any, number: int, odd: list[Odd]) -> Step | None:
    """One step; None if the model's answer held no action."""
    extras = Extras(odd)
    extras.unknown(seen, OBSERVATION)
    if done is None:
        return None
    if not isinstance(done, dict):
        raise RecordError("wrong_type", f"the action: {type_name(done)}, expected an object")
    extras.unknown(done, ACTION)
    matched = text(done, "matched_response")
    if not matched:
        return None
    call, _ = parse(matched)
    if not isinstance(call, dict):
        raise RecordError("wrong_type", f"matched_response: {type_name(call)}, expected an object")
    made, target = read_call(call)
    extras.declared({"call": call, "function_calls": done.get("function_calls")})
    return Step(
        step_id=str(number),
        url=text(seen, "current_url"),
        html=text(seen, "raw_html"),
        action=made,
        target=target,
        meta=extras.text(),
    )
