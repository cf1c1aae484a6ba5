"""BrowserGym and AgentLab episodes: folders of ``step_N.pkl.gz`` as recorded, or JSON lines.

An episode is one workflow, named like its folder or file. Both forms of an episode give the same
content. Record N holds the observation before action N, so the outcome of an action stands in the
next record:

- ``error`` is the next record's ``obs.last_action_error``. It is empty if that record is missing or
  has no observation.
- ``reward`` is the sum of all records' rewards, BrowserGym's own ``cum_reward``; only the last is
  ever not 0. It is None if the records do not reach the end of the episode, where it is given, or
  if one of them is not a number.
- A record without an action, the end of the episode, is not a step: dropped as ``end_state``.
- ``axtree_txt``, the page as text with the same bids, is kept beside the page, or instead of it.
- A record with an action and ``obs`` null is a step with empty html and url. Nobody learns from it,
  but it belongs to the history.
- The objective is the last user message in the first record that has one, since at the end of an
  episode the task itself speaks as the user ("Nice work, thank you!"). Without one it is the text
  of ``goal_object``, else ``goal``.
- The action is free text with a call, which `etl.sources.browsergym.calls` reads.

A gap makes all later history false. A record that cannot be read is quarantined. One whose number
does not follow its predecessor's (from 0) is dropped as ``step_out_of_order``. Either ends the
episode with the steps so far, and later records are dropped as ``after_broken_record``. An episode
without any step is quarantined (``workflow_without_steps``), with the bytes of its readable
records.

Keys that BrowserGym and AgentLab do not write are kept in the step's ``meta``; those of a record
without an action in the workflow's. Keys that they write and nothing here reads are left out: the
page in other forms (``axtree_object``, ``dom_*``, ``screenshot*``,
``extra_element_properties``), the
agent's own notes (``agent_info``, ``stats``, ``profiling``, ``task_info``), and the rest of
`RECORD` and `OBSERVATION`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, TypeVar

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs.description import Format
from etl.inputs.extras import Extras
from etl.inputs.mended import parse, whole_text
from etl.inputs.pickles import Instance, load, plain
from etl.inputs.records import InputHead, InputShard
from etl.inputs.streams import Truncated, lines
from etl.sources.browsergym.calls import parse_action
from etl.sources.browsergym.described import DESCRIBED
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.workflow import Step, Workflow

Input = TypeVar("Input")
Output = TypeVar("Output")
_STEP_FILE: Final = re.compile(r"step_([0-9]{1,9})\.pkl\.gz")
_GOAL_FILE: Final = "goal_object.pkl.gz"
RECORD: Final = frozenset(
    "step obs action reward raw_reward terminated truncated agent_info stats profiling "
    "task_info".split()
)
"""The keys of a record that BrowserGym and AgentLab write."""
OBSERVATION: Final = frozenset(
    "chat_messages goal goal_object open_pages_urls open_pages_titles active_page_index url "
    "last_action last_action_error focused_element_bid elapsed_time pruned_html axtree_txt "
    "axtree_object dom_txt dom_object extra_element_properties screenshot screenshot_som".split()
)
"""The keys of an observation (``obs``)."""
_KEYS: Final = frozenset({"step", "obs", "action"})
_OBS_KEYS: Final = frozenset(
    {
        "obs.chat_messages",
        "obs.open_pages_urls",
        "obs.last_action_error",
        "obs.axtree_txt",
        "obs.pruned_html",
    }
)


@dataclass(frozen=True)
class BrowserGym:
    """BrowserGym episodes, pickled or as JSON lines."""

    name: ClassVar[str] = "browsergym"
    version: ClassVar[int] = 5
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it is a folder with ``step_N.pkl.gz``, or a first line has step, obs and action.

        If the head ends inside that line, a key of BrowserGym's observations in ``obs`` is enough.
        """
        if any(_STEP_FILE.fullmatch(entry) for entry in head.entries):
            return True
        keys = head.keys
        return keys.form == "objects" and (
            keys.top >= _KEYS or (keys.cut and not keys.nested.isdisjoint(_OBS_KEYS))
        )

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The shard's one episode.

        Memory holds the workflow, and the bytes of the records before its first step.
        """
        workflow_id = re.sub(r"(\.(jsonl|gz|zst))+$", "", shard.name.rsplit("/", 1)[-1])
        episode = _Episode(tally, f"{self.name}:{workflow_id}")
        node = nodes.node(shard.path)
        inside = [child for child in node.children() if child.kind == "file"]
        if node.kind == "folder":
            records = _folder(inside, shard.name)
        else:
            records = _file(shard.path, shard.name)
        for id, raw, record in records:
            episode.add(id, raw, record)
        objective = _other_files(inside, shard.name, episode) or episode.objective
        if episode.steps:
            yield Workflow(
                workflow_id,
                objective,
                tuple(episode.steps),
                reward=episode.reward(),
                source=self.name,
                origin=shard.name,
                meta=episode.meta(),
            )
        else:
            tally.quarantine(
                shard.name,
                "workflow_without_steps",
                "no record has an action",
                b"\n".join(episode.held),
            )


@dataclass(frozen=True, slots=True)
class _Record:
    """What is read of one line or pickle."""

    # of the step, from 0
    number: int
    # free text with a call; None at the end of the episode
    action: str | None
    url: str = ""
    html: str = ""
    axtree: str = ""
    objective: str = ""
    # of the action before
    error: str = ""
    # of the action before; NaN if it is not known
    reward: float = 0.0
    # how many half characters were replaced
    halves: int = 0
    # unknown keys, an object as JSON; empty: none
    meta: str = ""
    # the same for the tally
    odd: tuple[Odd, ...] = ()


class _Episode:
    """Turns records, in order, into steps and enters them in the tally."""

    def __init__(self, tally: Tally, uid: str) -> None:
        self.tally = tally
        self.uid = uid
        self.steps: list[Step] = []
        self.rewards: list[float] = []
        self.held: list[bytes] = []  # readable records before the first step
        self.objective = ""
        self.broken = False  # a record was not read, or out of order
        self.ended = False  # the last record was not a step
        self._ends: list[str] = []  # meta of records that are not steps
        self._count = 0  # records in order so far

    def add(self, id: str, raw: bytes, record: _Record | RecordError) -> None:
        if isinstance(record, RecordError):
            self.tally.quarantine(id, record.reason, record.detail, raw)
            self.broken = True
            return
        self.tally.read("record", id, parent=self.uid)
        self.tally.note([("half_character", "")] * record.halves)
        if not self.steps:
            self.held.append(raw)
        if self.broken:
            self.drop(id, "after_broken_record")
        elif record.number != self._count:
            self.broken = True
            self.drop(
                id, "step_out_of_order", f"step {record.number} where {self._count} was expected"
            )
        else:
            self._accept(id, record)

    def reward(self) -> float | None:
        """The episode's reward; None if it is not known."""
        if self.broken or not self.ended or not all(map(math.isfinite, self.rewards)):
            return None
        return math.fsum(self.rewards)

    def meta(self) -> str:
        """The unknown keys of records that are not steps, an object as JSON."""
        odd: list[Odd] = []
        extras = Extras(odd)
        for end in self._ends:
            extras.declared(end)
        self.tally.note(odd)
        return extras.text()

    def drop(self, id: str, reason: Reason, detail: str = "") -> None:
        self.tally.drop("record", id, reason, detail, parent=self.uid)

    def _accept(self, id: str, record: _Record) -> None:
        if self.steps and not self.ended:
            self.steps[-1] = replace(self.steps[-1], error=record.error)
        self._count += 1
        self.rewards.append(record.reward)
        self.objective = self.objective or record.objective
        self.ended = record.action is None
        self.tally.note(record.odd)
        if record.action is None:
            self._ends.append(record.meta)
            self.drop(id, "end_state")
        else:
            action, target, destination = parse_action(record.action)
            self.steps.append(
                Step(
                    str(record.number),
                    record.url,
                    record.html,
                    action,
                    target,
                    destination=destination,
                    meta=record.meta,
                    axtree=record.axtree,
                )
            )
            self.held.clear()


def _file(path: str, name: str) -> Iterator[tuple[str, bytes, _Record | RecordError]]:
    """(id, bytes, record or why it cannot be read) of each line that is not blank."""
    number = 0
    try:
        for number, raw in lines(path):
            if raw.strip():
                yield f"{name}#line={number}", raw, _attempt(_from_json, raw)
    except Truncated as error:
        yield f"{name}#line={number + 1}", error.raw, error


def _folder(inside: list[Node], name: str) -> Iterator[tuple[str, bytes, _Record | RecordError]]:
    """(id, bytes, record or why it cannot be read) of each step file, by number."""
    numbered = [
        (int(match[1]), file.name, file)
        for file in inside
        if (match := _STEP_FILE.fullmatch(file.name))
    ]
    for _, file_name, file in sorted(numbered, key=lambda step: step[:2]):
        yield (
            f"{name}/{file_name}",
            nodes.read_bytes(file.place),
            _attempt(_from_pickle, file.place),
        )


def _other_files(inside: list[Node], name: str, episode: _Episode) -> str:
    """The objective, if only ``goal_object.pkl.gz`` holds it.

    Every file that is neither that nor a step is dropped as ``not_a_step``.
    """
    objective = ""
    for file in inside:
        if _STEP_FILE.fullmatch(file.name):
            continue
        id = f"{name}/{file.name}"
        if file.name == _GOAL_FILE and not episode.objective:
            goal = _attempt(_from_goal, file.place)
            if isinstance(goal, RecordError):
                episode.tally.quarantine(id, goal.reason, goal.detail, nodes.read_bytes(file.place))
                continue
            objective, halves = whole_text(goal)
            episode.tally.note([("half_character", "")] * halves)
        episode.tally.read("record", id, parent=episode.uid)
        if not objective or file.name != _GOAL_FILE:
            episode.drop(id, "not_a_step")
    return objective


def _attempt(read: Callable[[Input], Output], value: Input) -> Output | RecordError:
    """What a reader returns, or the error that it raises."""
    try:
        return read(value)
    except RecordError as error:
        return error


def _from_json(raw: bytes) -> _Record:
    """One line. Raises RecordError as `etl.inputs.mended.parse` or `_record`."""
    fields, made = parse(raw)
    if made.numbers and isinstance(fields, dict) and fields.get("reward", 0) is None:
        fields["reward"] = math.nan  # it was NaN; no other number is read
    record = _record(fields)
    return replace(record, halves=record.halves + made.halves)


def _from_pickle(file: str) -> _Record:
    """One step file. Raises RecordError as `etl.inputs.pickles.load` or `_record`."""
    value = load(file)
    # Its module is browsergym.experiments.loop or agentlab.experiments.loop, and may move again.
    if not isinstance(value, Instance) or value.name.rpartition(".")[2] != "StepInfo":
        raise RecordError("wrong_type", "the pickle is no StepInfo")
    return _record(value.fields)


def _from_goal(file: str) -> str:
    """The goal file's text. Raises RecordError as `etl.inputs.pickles.load` or `_text`."""
    return _goal_text(load(file))


def _record(fields: Any) -> _Record:
    """One record, its half characters replaced by U+FFFD.

    Raises: `RecordError` ``missing_field`` or ``wrong_type``.
    """
    if not isinstance(fields, dict):
        raise RecordError("wrong_type", "the record is no object")
    record = _known(fields)
    odd: list[Odd] = []
    extras = Extras(odd)
    extras.unknown(_beyond(fields, RECORD), frozenset())
    if isinstance(fields["obs"], dict):
        extras.unknown(_beyond(fields["obs"], OBSERVATION), frozenset(), "obs.")
    return replace(record, meta=extras.text(), odd=tuple(odd)) if odd else record


def _beyond(fields: dict[Any, Any], known: frozenset[str]) -> dict[str, Any]:
    """The values of unknown keys, numpy's numbers as numbers."""
    return {str(key): plain(value) for key, value in fields.items() if key not in known}


def _known(fields: dict[str, Any]) -> _Record:
    """The known keys of a record. Raises as `_record`."""
    if missing := _KEYS - fields.keys():
        raise RecordError("missing_field", ", ".join(sorted(missing)))
    number, obs, reward = plain(fields["step"]), fields["obs"], _reward(plain(fields.get("reward")))
    if not isinstance(number, int) or isinstance(number, bool):
        raise RecordError("wrong_type", "step is no whole number")
    action = None if fields["action"] is None else _text(fields["action"], "action")
    if obs is None:
        return _Record(number, action, reward=reward)
    if not isinstance(obs, dict):
        raise RecordError("wrong_type", "obs is no object")
    axtree = _text(obs.get("axtree_txt") or "", "obs.axtree_txt")
    if "pruned_html" not in obs and not axtree:
        raise RecordError("missing_field", "obs.pruned_html")
    html = _text(obs.get("pruned_html", ""), "obs.pruned_html")
    error = _text(obs.get("last_action_error") or "", "obs.last_action_error")
    given = (action or "", _url(obs), html, axtree, _objective(obs), error)
    texts = [whole_text(text) for text in given]
    act, url, html, axtree, objective, error = (text for text, _ in texts)
    return _Record(
        number,
        None if action is None else act,
        url,
        html,
        axtree,
        objective,
        error,
        reward,
        halves=sum(count for _, count in texts),
    )


def _reward(value: Any) -> float:
    """A record's reward: 0 if it is missing, as in BrowserGym; NaN if it is not a finite number."""
    if value is None:
        return 0.0
    try:
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
    except OverflowError:
        return math.nan


def _text(value: Any, field: str) -> str:
    """The value, if it is a text. Raises `RecordError` ``wrong_type``."""
    if not isinstance(value, str):
        raise RecordError("wrong_type", f"{field} is no text")
    return value


def _url(obs: dict[str, Any]) -> str:
    """The active page's URL; empty if the pages or the index are missing or do not match."""
    urls, index = obs.get("open_pages_urls"), plain(obs.get("active_page_index"))
    if isinstance(index, list) and len(index) == 1:  # the pickles hold an array of one number
        index = index[0]
    if (
        not isinstance(urls, list | tuple)
        or not isinstance(index, int)
        or not 0 <= index < len(urls)
    ):
        return ""
    return _text(urls[index], "obs.open_pages_urls")


def _objective(obs: dict[str, Any]) -> str:
    messages = obs.get("chat_messages")
    for message in reversed(messages) if isinstance(messages, list | tuple) else ():
        if (
            isinstance(message, dict)
            and message.get("role") == "user"
            and isinstance(message.get("message"), str)
        ):
            return _text(message["message"], "obs.chat_messages")
    return _goal_text(obs.get("goal_object")) or _text(obs.get("goal") or "", "obs.goal")


def _goal_text(goal: Any) -> str:
    """The texts of a goal object, a list of ``{"type": "text", "text": ...}``, each on a line."""
    parts = goal if isinstance(goal, list | tuple) else ()
    texts = [
        part["text"]
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    return _text("\n".join(texts), "goal_object")
