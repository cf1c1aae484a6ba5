"""Workflows as trajectories: what is exported is read again, and is what the formats ask for."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import atif as models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.inputs import find
from etl.publish.trajectories import WRITERS, TrajectoryKind
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.actions import KINDS
from schemas.workflow import LOCATOR_KINDS, Action, Locator, Step, Workflow
from tests.support import builds

PROSE = st.text(max_size=8)
KINDS_OF_FILE = pytest.mark.parametrize("kind", ["adp", "atif"])
LOCATORS = st.lists(
    st.builds(Locator, st.sampled_from(LOCATOR_KINDS), PROSE, PROSE), max_size=2
).map(tuple)
STEPS = st.builds(
    Step,
    step_id=PROSE,
    url=PROSE,
    html=st.just("") | PROSE.map(lambda text: f"<p>{text}"),
    action=st.builds(
        Action,
        st.sampled_from(sorted(KINDS)) | PROSE.filter(bool),
        PROSE,
        PROSE,
        st.sampled_from(["", "right"]),
        st.lists(st.sampled_from(["Shift", "Alt"]), max_size=2).map(tuple),
    ),
    target=LOCATORS,
    error=PROSE,
    destination=LOCATORS,
    number=st.integers(0, 9),
    gap=PROSE,
    meta=st.sampled_from(["", '{"a":1}']),
    axtree=st.just("") | PROSE,
)
WORKFLOWS = st.builds(
    Workflow,
    workflow_id=PROSE.filter(bool),
    objective=PROSE,
    steps=st.lists(STEPS, min_size=1, max_size=4).map(tuple),
    website=PROSE,
    topic=PROSE,
    reward=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    meta=st.sampled_from(["", '{"b":2}']),
    whole=st.booleans(),
)


def read_again(path: Path, kind: str) -> list[Workflow]:
    """The workflows of an export."""
    (shard,) = find.shards(find.find([str(path)], SOURCES))
    assert shard.format == kind
    tally = Tally()
    found = list(SOURCES[kind].read(shard, tally))
    assert not tally.quarantined
    assert not tally.odd
    return found


def lines_of(export: Path) -> list[str]:
    """All trajectories of an export."""
    return [line for path in export.glob("*.jsonl") for line in path.read_text().splitlines()]


def plain(workflow: Workflow) -> Any:
    """All but the format and the place."""
    bare = replace(workflow, source="", origin="")
    metas = [step.meta for step in workflow.steps]
    return bare, workflow.meta, metas, workflow.whole


@KINDS_OF_FILE
@settings(max_examples=150, deadline=None)
@given(workflow=WORKFLOWS)
def test_any_workflow_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, kind: TrajectoryKind, workflow: Workflow
) -> None:
    """Objective, steps, pages, targets and all else are the same after export and reading."""
    path = tmp_path_factory.mktemp("export") / "w.jsonl"
    path.write_text(json.dumps(WRITERS[kind](workflow)) + "\n")
    (found,) = read_again(path, kind)
    assert plain(found) == plain(workflow)


@KINDS_OF_FILE
def test_a_dataset_is_exported(tmp_path: Path, kind: TrajectoryKind) -> None:
    """A build's workflows are those of its export, by split; what was dropped stays out; the
    export is built to the same samples.
    """
    records = [builds.workflow(number, steps=3) for number in range(6)]
    records[2]["objective"] = ""
    source = builds.write_workflows(tmp_path / "in.jsonl", *records)
    out, export = tmp_path / "out", tmp_path / "export"
    builds.build([source], out)
    told = builds.command("export", out, "--out", export, "--format", kind, "--json")
    splits = json.loads(told.stdout)["splits"]
    found = [
        workflow for split in splits for workflow in read_again(export / f"{split}.jsonl", kind)
    ]
    assert sorted(workflow.workflow_id for workflow in found) == ["w0", "w1", "w3", "w4", "w5"]
    (shard,) = find.shards(find.find([str(source)], SOURCES))
    recorded = {each.workflow_id: each for each in SOURCES["workflows"].read(shard, Tally())}
    for workflow in found:
        assert plain(workflow) == plain(recorded[workflow.workflow_id])
    builds.build([export / f"{split}.jsonl" for split in splits], tmp_path / "again")
    before, after = builds.samples(out), builds.samples(tmp_path / "again")
    assert {sample.observation for sample in before.values()} == {
        sample.observation for sample in after.values()
    }


@KINDS_OF_FILE
def test_a_workflow_in_two_splits_is_in_both_files(tmp_path: Path, kind: TrajectoryKind) -> None:
    """A workflow over two domains, one of them held out, comes whole in train and in test; this is
    said and counted.
    """
    both, other = builds.workflow(1, steps=2), builds.workflow(2)
    both["steps"][1]["url"] = "https://www.held.example/pay"
    source = builds.write_workflows(tmp_path / "in.jsonl", both, other)
    held = tmp_path / "held.txt"
    held.write_text("held.example\n")
    out, export = tmp_path / "out", tmp_path / "export"
    builds.build([source], out, "split.key=domain", f"split.held_out={held}")
    done = builds.command("export", out, "--out", export, "--format", kind, "--json")
    assert json.loads(done.stdout)["in_several_splits"] == 1
    done = builds.command("export", out, "--out", export, "--format", kind, "--replace")
    assert "1 workflow with samples in several splits" in done.stderr
    found = {
        split: {
            each.workflow_id: len(each.steps)
            for each in read_again(export / f"{split}.jsonl", kind)
        }
        for split in ("train", "test")
    }
    assert found == {"train": {"w1": 2, "w2": 1}, "test": {"w1": 2}}


def test_atif_is_what_its_models_take(tmp_path: Path) -> None:
    """The models of the package atif accept each trajectory; version 1.8 is named."""
    builds.build([builds.RECORDINGS / "shop.jsonl.zst"], tmp_path / "out")
    builds.command("export", tmp_path / "out", "--out", tmp_path / "export", "--format", "atif")
    lines = lines_of(tmp_path / "export")
    assert lines
    for line in lines:
        assert models.Trajectory.model_validate_json(line).schema_version == "ATIF-v1.8"


def test_adp_links_results_to_calls(tmp_path: Path) -> None:
    """As the protocol asks: an action that an observation follows has an id, the same as that of
    the observation, and each id is there twice.
    """
    builds.build([builds.RECORDINGS / "shop.jsonl.zst"], tmp_path / "out")
    builds.command("export", tmp_path / "out", "--out", tmp_path / "export", "--format", "adp")
    for line in lines_of(tmp_path / "export"):
        content = json.loads(line)["content"]
        ids = [item["tool_call_id"] for item in content if "tool_call_id" in item]
        assert ids == [id for pair in zip(ids[::2], ids[::2], strict=True) for id in pair]
        for item, after in pairwise(content):
            if item["class_"] == "api_action":
                assert item["tool_call_id"] == after["tool_call_id"]


def test_a_recording_that_is_gone_is_said(tmp_path: Path) -> None:
    """An export without a recording fails, names it, and is not complete."""
    source = builds.write_workflows(tmp_path / "in.jsonl", builds.workflow(1))
    builds.build([source], tmp_path / "out")
    source.unlink()
    told = builds.command(
        "export", tmp_path / "out", "--out", tmp_path / "export", "--format", "adp"
    )
    assert told.returncode == 1
    assert "the recording in.jsonl is gone" in told.stderr
    assert not json.loads((tmp_path / "export" / "export.json").read_text())["complete"]
