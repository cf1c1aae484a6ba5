"""InSTA: observations with raw HTML and the actions beside them; the layout of its pipeline."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from etl.inputs import find
from etl.inputs.records import InputHead
from etl.pages.reading import read as read_page
from etl.sources import SOURCES
from etl.sources.insta.trajectories import Insta
from etl.stages import targets
from etl.tally import Tally
from schemas.workflow import Workflow

PAGE = '<html><body><input backend_node_id="3"><a backend_node_id="12">Go</a></body></html>'


def seen(html: str | None = PAGE, text: str = "[id: 3] input") -> dict[str, Any]:
    return {
        "current_url": "https://a.example/", "processed_text": text, "raw_html": html,
        "metadata": {"3": {"is_visible": True}}, "screenshot_path": "screenshots/a/0.jpg",
    }  # fmt: skip


def act(key: str, node: int | None = None, **arguments: Any) -> dict[str, Any]:
    call = {"action_key": key, "action_kwargs": arguments, "target_element_id": node}
    return {
        "function_calls": [{"dotpath": key, "args": ""}], "response": "I think so.",
        "matched_response": json.dumps(call),
    }  # fmt: skip


def trajectory(
    root: Path, observations: Any, actions: Any, name: str = "a.example", **judged: Any
) -> Path:
    """A folder of the pipeline with one more trajectory."""
    path = root / "data"
    for folder, value in {"observations": observations, "actions": actions, **judged}.items():
        (path / folder).mkdir(parents=True, exist_ok=True)
        (path / folder / f"{name}.json").write_text(json.dumps(value, indent=4))
    return path


def read(path: Path) -> tuple[list[Workflow], Tally]:
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    assert shard.format == "insta"
    tally = Tally()
    return list(Insta().read(shard, tally)), tally


def dropped(tally: Tally) -> list[tuple[str, str]]:
    return [(entry.id, entry.reason) for entry in tally.entries if entry.reason]


def test_observations_are_steps_with_the_actions_beside_them(tmp_path: Path) -> None:
    """Each action is our kind; the element is found by its number in the page."""
    actions = [
        act("fill", 3, value="mug"), act("click", 12), act("hover", 12), act("fill", 3, value=""),
        act("scroll", delta_x=0, delta_y=300), act("select_option", 3, label="red"),
        act("set_checked", 3, checked=True), act("set_checked", 3, checked=False), act("go_back"),
        act("go_forward"), act("goto", url="https://b.example/"), act("click", x=5, y=7),
        act("dance", 3), act("stop", answer="Done"),
    ]  # fmt: skip
    path = trajectory(tmp_path, [seen() for _ in actions], actions, judgments={"success": 0.75})
    (path / "tasks.jsonl").write_text(
        '{"domain": "other", "task": "x"}\nbroken\n{"website": "a.example", "instruction": "Buy"}\n'
    )
    ((workflow,), tally) = read(path)
    assert (workflow.workflow_id, workflow.objective, workflow.reward) == ("a.example", "Buy", 0.75)
    assert [(step.action.kind, step.action.value) for step in workflow.steps] == [
        ("type", "mug"), ("click", ""), ("hover", ""), ("clear", ""), ("scroll", "0,300"),
        ("select", "red"), ("check", ""), ("uncheck", ""), ("go_back", ""), ("go_forward", ""),
        ("navigate", "https://b.example/"), ("mouse_click", "5,7"), ("dance", ""),
        ("stop", "Done"),
    ]  # fmt: skip
    page = read_page(workflow.steps[1].html)
    reason, _, element = targets.find(page, workflow.steps[1].target)
    assert (reason, page.tokens[page.position(element)].markup) == ("", '<a backend_node_id="12">')
    assert orjson.loads(workflow.steps[0].meta)["function_calls"] == [
        {"dotpath": "fill", "args": ""}
    ]
    assert dropped(tally) == [("data/tasks.jsonl", "not_a_step")]


def test_failures_answers_without_an_action_and_judges(tmp_path: Path) -> None:
    """A page that is not there is the error of the action before; two judges give no reward."""
    path = trajectory(
        tmp_path,
        [seen(), seen(None, "Unable to locate the target."), seen(), seen()],
        [act("click", 99), act("go_back"), {**act("stop"), "matched_response": None}],
        one={"success": 1.0, "efficiency": 0.5, "response": "x"},
        two={"success": 0.0},
        task_proposals={"proposed_task": "y"},
    )
    ((workflow,), tally) = read(path)
    assert [(step.action.kind, step.error, step.html != "") for step in workflow.steps] == [
        ("click", "Unable to locate the target.", True), ("go_back", "", False),
    ]  # fmt: skip
    assert workflow.reward is None
    assert orjson.loads(workflow.meta)["one"] == {
        "success": 1.0, "efficiency": 0.5, "self_correction": None,
    }  # fmt: skip
    assert dropped(tally) == [
        ("data/observations/a.example.json#item=2", "no_action"),
        ("data/observations/a.example.json#item=3", "no_action"),
        ("data/task_proposals/a.example.json", "not_a_step"),
    ]


@pytest.mark.parametrize("bad", [7, {"raw_html": 1}, {"current_url": []}])
def test_an_observation_that_cannot_be_read_ends_its_trajectory(tmp_path: Path, bad: Any) -> None:
    """The other trajectories of the folder are read."""
    trajectory(tmp_path, [seen(), bad, seen()], [act("click", 3)] * 3, "b")
    path = trajectory(tmp_path, [seen()], [act("click", 3)])
    flows, tally = read(path)
    assert [(flow.workflow_id, len(flow.steps)) for flow in flows] == [("a.example", 1), ("b", 1)]
    assert orjson.loads(tally.quarantined[0].raw) == bad
    assert dropped(tally)[-1] == ("data/observations/b.json#item=2", "after_broken_record")


def test_a_trajectory_without_its_actions_is_not_read(tmp_path: Path) -> None:
    """Missing and broken actions are told; a trajectory without an action is quarantined."""
    path = trajectory(tmp_path, [seen()], [act("click", 3)])
    (path / "actions" / "a.example.json").rename(path / "actions" / "b.json")
    flows, tally = read(path)
    assert flows == []
    assert [bad.reason for bad in tally.quarantined] == ["missing_field"]
    packed = gzip.compress(b'[{"a": 1}]' * 99)[:-9]
    (path / "actions" / "a.example.json.gz").write_bytes(packed)
    assert [bad.reason for bad in read(path)[1].quarantined] == ["truncated_gzip"]
    trajectory(tmp_path, [seen()], [])
    (path / "actions" / "a.example.json.gz").unlink()
    assert [bad.reason for bad in read(path)[1].quarantined] == ["workflow_without_steps"]


def test_only_such_folders_are_recognised(tmp_path: Path) -> None:
    """Folders of other observations are none."""
    path = trajectory(tmp_path, [{"current_url": "x"}], [])
    assert not Insta().recognise(InputHead.of(path))
    trajectory(tmp_path, [seen()], [])
    assert Insta().recognise(InputHead.of(path))
    (path / "actions" / "a.example.json").unlink()
    (path / "actions").rmdir()
    assert not Insta().recognise(InputHead.of(path))


def test_nothing_else_is_claimed(shared: Path) -> None:
    """No folder of the real recordings is taken for InSTA's."""
    found = find.find([str(shared / "data")], SOURCES, lenient=True)
    assert not [item.name for item in found if item.format == "insta"]


def test_mutated_files_are_read_or_quarantined(tmp_path: Path) -> None:
    """No damage raises, and each record is entered once."""
    chance = random.Random(4)
    path = trajectory(tmp_path, [seen(), seen()], [act("click", 3), act("go_back")],
                      judgments={"success": 1})  # fmt: skip
    for folder in ("observations", "actions", "judgments"):
        file = path / folder / "a.example.json"
        whole = file.read_bytes()
        for _ in range(170):
            at, to = sorted(chance.sample(range(len(whole)), 2))
            damaged = {
                0: whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :],
                1: whole[:to],
                2: whole[:to] + whole[at:],
            }[chance.randrange(3)]
            file.write_bytes(damaged)
            for shard in find.shards(find.find([str(path)], SOURCES, lenient=True)):
                tally = Tally()
                list(SOURCES[shard.format].read(shard, tally))
                ids = [entry.id for entry in tally.entries if not entry.reason]
                assert len(ids) == len(set(ids))
        file.write_bytes(whole)
