"""MiniWoB++ human demonstrations, each a JSON file.

A demo is ``{taskName?, utterance, states, reward, rawReward, fields?}`` and makes one workflow. Its
steps are merged from raw browser events (`etl.sources.miniwob.merge`) on pages rendered from the
recorded trees (`etl.sources.miniwob.dom`).

- ``step_id`` is the index of the state that the step observes.
- ``objective`` is the utterance, ``website`` the task. ``url`` is empty: there was one page, served
  from a file.
- The task is ``taskName``. If that is absent (1 of 3), it is the part of the file's name before the
  worker's id, else the name of the folder.
- ``workflow_id`` is ``<task>/<file name without extensions>``, under any root. Published copies of
  a demo in two folders (10 of 918, equal byte for byte) get the same id: a workflow read twice.
- ``reward`` is ``rawReward``, the outcome from -1 to 1. The recorded ``reward`` multiplies that by
  the share of the time limit that remained; it is taken only without ``rawReward``.

Unknown keys, not in `DEMO`, `STATE` and `ACTION`, are kept in the step's ``meta``; those of states
in no step in the workflow's. Left out are ``fields``, from which the utterance is made, the
pointer's place in the element, and other keys of the page's nodes.

A record is one element of ``states``. A step uses it, or it is dropped: ``no_action`` (the DOM at
the start), ``unknown_event``, or for a reason of `etl.sources.miniwob.merge`. A demo is read whole
or quarantined whole, with its decompressed bytes. The reasons are those of broken files and fields,
``workflow_without_steps``, ``history_incomplete`` if the first state, the page before any action,
is missing, and ``step_out_of_order`` if a state is earlier than the one before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from etl.files import nodes
from etl.inputs.description import Format
from etl.inputs.extras import Extras
from etl.inputs.pages import is_tree, parse_with_trees
from etl.inputs.records import InputHead, InputShard
from etl.inputs.streams import Truncated, chunks
from etl.sources.miniwob.described import DESCRIBED
from etl.sources.miniwob.dom import Page, TreePage, check, need, read_page
from etl.sources.miniwob.events import Event
from etl.sources.miniwob.merge import Merger
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.workflow import Action, Step, Workflow

EVENTS: Final = frozenset("mousedown mouseup click dblclick keydown keypress keyup scroll".split())
DEMO: Final = frozenset(("utterance", "taskName", "reward", "rawReward", "fields", "states"))
STATE: Final = frozenset(("time", "action", "dom"))
ACTION: Final = frozenset(("type", "timing", "x", "y", "cx", "cy", "keyCode", "charCode"))
NUMBER: Final = (int, float)
_OF_ACTION: Final = (("x", NUMBER), ("y", NUMBER), ("keyCode", int), ("charCode", int))
_FILE_NAME: Final = re.compile(r"(.+?)_[0-9A-Z]+(?:_d[0-9]+)?")


@dataclass(frozen=True)
class MiniWob:
    """MiniWoB++ demonstrations."""

    name: ClassVar[str] = "miniwob"
    version: ClassVar[int] = 4
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it is a JSON object with the keys of a demo, in any order."""
        keys = head.keys
        named = len(keys.top & {"utterance", "states", "rawReward"}) >= 2
        # The states may come first and fill the head.
        filled = keys.cut and keys.nested >= {"states.dom", "states.action"}
        return keys.form == "objects" and (named or filled)

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The one workflow of the demo. A demo that cannot be read is quarantined."""
        parts: list[bytes] = []
        try:
            parts.extend(chunks(shard.path))
            value, made = parse_with_trees(b"".join(parts))
            workflow, dropped, count, odd = read_demo(check(value, dict, "the demo"), shard)
        except Truncated as error:
            tally.quarantine(shard.name, error.reason, error.detail, b"".join(parts) + error.raw)
        except RecordError as error:
            tally.quarantine(shard.name, error.reason, error.detail, b"".join(parts))
        else:
            tally.note([*made.odd, *odd])
            for index in range(count):
                tally.read("record", f"{shard.name}#state={index}", parent=workflow.uid)
            for index, reason in sorted(dropped.items()):
                tally.drop("record", f"{shard.name}#state={index}", reason, parent=workflow.uid)
            yield workflow


def read_demo(
    demo: dict[str, Any], shard: InputShard
) -> tuple[Workflow, dict[int, Reason], int, list[Odd]]:
    """A demo's workflow, the reason for each dropped state, the number of states, and unknown keys.

    Raises: `RecordError` if the demo cannot be read.
    """
    states = need(demo, "states", list, "")
    objective = need(demo, "utterance", str, "")
    task, stem = task_of(demo, shard)
    merger = merge(states)
    pages = merger.pages
    if not merger.drafts:
        raise RecordError(
            "workflow_without_steps", f"{len(states)} states, none with an action that makes a step"
        )
    odd: list[Odd] = []
    whole = Extras(odd)
    whole.unknown(demo, DEMO)
    for index in sorted(merger.dropped):
        _keep(whole, states, index)
    metas = []
    for draft in merger.drafts:
        extras = Extras(odd)
        for index in sorted({*draft.states} - merger.dropped.keys()):
            _keep(extras, states, index)
        metas.append(extras.text())
    steps = tuple(
        Step(
            step_id=str(draft.first),
            url="",
            html=pages[draft.first].render(),
            action=Action(draft.kind, draft.value, modifiers=draft.held),
            target=() if draft.target is None else (pages[draft.first].locator(draft.target),),
            destination=()
            if draft.destination is None
            else (pages[draft.first].locator(draft.destination),),
            meta=meta,
        )
        for draft, meta in zip(merger.drafts, metas, strict=True)
    )
    workflow = Workflow(
        f"{task}/{stem}",
        objective,
        steps,
        task,
        "",
        _reward(demo),
        MiniWob.name,
        shard.name,
        meta=whole.text(),
    )
    return workflow, merger.dropped, len(states), odd


def _keep(extras: Extras, states: list[dict[str, Any]], index: int) -> None:
    """Keep the unknown keys of a state."""
    state, within = states[index], f"states[{index}]."
    extras.unknown(state, STATE, within)
    if state["action"] is not None:
        extras.unknown(state["action"], ACTION, f"{within}action.")


def merge(states: list[Any]) -> Merger:
    """The drafts of the steps that these states make, and the reason for each dropped state.

    Raises: `RecordError` for states that cannot be read, or are out of order.
    """
    pages: list[Page | TreePage] = []
    for index, state in enumerate(states):
        dom = state.get("dom") if isinstance(state, dict) else None
        if is_tree(dom):
            pages.append(TreePage(dom))
            continue
        where = f"states[{index}]"
        pages.append(read_page(need(check(state, dict, where), "dom", dict, where), f"{where}.dom"))
    merger = Merger(pages)
    merger.run(list(_events(states, merger)))
    return merger


def task_of(demo: dict[str, Any], shard: InputShard) -> tuple[str, str]:
    """(task, the file's name without extensions).

    Raises: `RecordError` ``wrong_type``.
    """
    stem = PurePosixPath(shard.name).name.partition(".json")[0]
    named = _FILE_NAME.fullmatch(stem)
    task = check(demo["taskName"], str, "taskName") if "taskName" in demo else ""
    return task or (named[1] if named else nodes.folder_name(shard.path)), stem


def _reward(demo: dict[str, Any]) -> float | None:
    for name in ("rawReward", "reward"):
        if demo.get(name) is not None:
            return float(check(demo[name], NUMBER, name))
    return None


def _events(states: list[dict[str, Any]], merger: Merger) -> Iterator[Event]:
    """The events, each with its one or two states. States without a known event are dropped."""
    open_events: dict[str, list[Event]] = {}
    latest = -math.inf
    for index, state in enumerate(states):
        where = f"states[{index}]"
        action: Any = state.get("action", "")
        time: Any = state.get("time")
        if not (action is None or type(action) is dict) or type(time) not in NUMBER:
            need(state, "action", (dict, type(None)), where)
            need(state, "time", NUMBER, where)
        if not index and action is not None:
            raise RecordError(
                "history_incomplete",
                f"{where} is an action: what was done before it is not recorded",
            )
        if time < latest:
            raise RecordError("step_out_of_order", f"{where}.time: {time} after {latest}")
        latest = time
        if action is None:
            merger.dropped[index] = "no_action"
            continue
        kind = need(action, "type", str, f"{where}.action")
        for name, kinds in _OF_ACTION:
            if type(action.get(name, 0)) is not int:
                check(action[name], kinds, f"{where}.action.{name}")
        waiting = open_events.setdefault(kind, [])
        if kind not in EVENTS:
            merger.dropped[index] = "unknown_event"
        elif action.get("timing") == 3 and waiting:
            waiting.pop().states.append(index)
        else:
            event = Event(kind, [index], time, action, merger.pages[index].target)
            if action.get("timing") == 1:
                waiting.append(event)
            yield event
