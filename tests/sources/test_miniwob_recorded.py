"""MiniWoB++ demos that people recorded: all are read, and every event is accounted for."""

from __future__ import annotations

import functools
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from etl.inputs.records import InputHead, InputShard
from etl.inputs.streams import chunks
from etl.sources.miniwob.demos import MiniWob
from etl.tally import Tally
from schemas.workflow import Step, Workflow


@functools.cache
def recorded(folder: Path) -> list[tuple[dict[str, Any], Workflow | None, Tally]]:
    """Each recorded demo: as JSON, and as read."""
    out = []
    for path in sorted(folder.rglob("*.json*")):
        tally = Tally()
        shard = InputShard(path.relative_to(folder).as_posix(), str(path), "miniwob", 0, "")
        workflow = next(MiniWob().read(shard, tally), None)
        demo = json.loads(b"".join(chunks(path)))
        for state in demo["states"]:
            state["flat"] = flat(state.pop("dom"))
        out.append((demo, workflow, tally))
    return out


def flat(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that matter to these tests, in order, without their children."""
    names = ("tag", "ref", "value", "text", "recordingTarget", "focused")
    below = [one for child in node.get("children", ()) for one in flat(child)]
    return [{name: node[name] for name in names if name in node}, *below]


class Refs(HTMLParser):
    """Start tags by their ref."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(dict(attrs)["ref"] or "", []).append(tag)


def test_recorded_demos_all_read(shared: Path) -> None:
    """All 917 published demos with states give a workflow; the one without is quarantined."""
    demos = recorded(shared / "data/miniwob_demos")
    assert len(demos) == 918
    for demo, workflow, tally in demos:
        assert (workflow is not None) == bool(demo["states"])
        assert (
            [one.reason for one in tally.quarantined] == []
            if demo["states"]
            else ["workflow_without_steps"]
        )
        if workflow is not None:
            assert workflow.reward == demo["rawReward"]
    assert all(
        MiniWob().recognise(InputHead.of(p))
        for p in (shared / "data/miniwob_demos").rglob("*.json*")
    )


def test_recorded_ids(shared: Path) -> None:
    """One id is one content: the 10 ids that come twice are 10 files published twice."""
    contents: dict[str, list[tuple[Step, ...]]] = {}
    for _, workflow, _ in recorded(shared / "data/miniwob_demos"):
        if workflow is not None:
            contents.setdefault(workflow.workflow_id, []).append(workflow.steps)
    twice = [steps for steps in contents.values() if len(steps) > 1]
    assert len(twice) == 10
    assert all(one == steps[0] for steps in twice for one in steps)


def test_recorded_events_are_conserved(shared: Path) -> None:
    """Each of the 30,749 states is entered once and dropped at most once.

    Those that are not dropped are in steps.
    """
    total = dropped = 0
    for demo, workflow, tally in recorded(shared / "data/miniwob_demos"):
        if workflow is None:
            continue
        ids = [f"{workflow.origin}#state={i}" for i in range(len(demo["states"]))]
        assert [entry.id for entry in tally.entries if not entry.reason] == ids
        gone = [entry.id for entry in tally.entries if entry.reason]
        assert len(set(gone)) == len(gone)
        assert set(gone) <= set(ids)
        assert not {f"{workflow.origin}#state={step.step_id}" for step in workflow.steps} & set(
            gone
        )
        for entry in tally.entries:
            action = demo["states"][int(entry.id.rpartition("=")[2])]["action"]
            assert (entry.reason == "no_action") == (action is None and entry.reason != "")
        total += len(ids)
        dropped += len(gone)
    assert (total, dropped) == (30_749, 1_268)


def test_recorded_typing_is_what_the_field_held(shared: Path) -> None:
    """Each type step's value is the field's in the raw DOM before the next step, or at the end."""
    checked = 0
    for demo, workflow, _ in recorded(shared / "data/miniwob_demos"):
        if workflow is None:
            continue
        steps = workflow.steps
        after = [int(step.step_id) for step in steps[1:]] + [len(demo["states"]) - 1]
        for step, end in zip(steps, after, strict=True):
            if step.action.kind == "type":
                start = demo["states"][int(step.step_id)]["flat"]
                (target,) = (node for node in start if node.get("focused"))
                field = (target["ref"], target["tag"])
                held = [
                    n["value"] for n in demo["states"][end]["flat"] if (n["ref"], n["tag"]) == field
                ]
                assert held == [step.action.value]
                assert target["value"] != step.action.value
                checked += 1
    assert checked == 353


def test_recorded_targets_are_found(shared: Path) -> None:
    """Each target's ref is in its page exactly once, on the element that the recorder marked."""
    without = 0
    for demo, workflow, _ in recorded(shared / "data/miniwob_demos"):
        for step in workflow.steps if workflow is not None else ():
            marked = [
                node
                for node in demo["states"][int(step.step_id)]["flat"]
                if node.get("recordingTarget")
            ]
            if not step.target:
                assert not marked
                without += 1
                continue
            (tag,) = Refs(step.html).found[step.target[0].value]
            raw = "SELECT" if step.action.kind == "select" else marked[0]["tag"]
            assert tag == raw.lower().partition("_")[0]
            assert (
                step.target[0].value.partition("-")[0] == str(marked[0]["ref"])
                or step.action.kind == "select"
            )
    assert without == 48
