"""The recorded step of a sample, read again from the input, or why it cannot be."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import fsspec
import pytest
import zstandard

from etl.dataset import state
from etl.dataset.layout import Layout
from etl.files.arrow import read_json
from etl.files.storage import location
from etl.look.original import recorded
from etl.pages.reading import read
from schemas.workflow import Step
from tests.support import builds


def steps(out: Path, ids: Collection[str]) -> dict[str, Step]:
    """What is read again, all of it there."""
    found = dict(recorded(out, ids))
    assert set(found) == set(ids)
    assert all(isinstance(each, Step) for each in found.values()), found
    return {name: step for name, step in found.items() if isinstance(step, Step)}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder ``in`` with two files of three workflows, and a build ``out`` of it."""
    for name, first in (("a.jsonl", 0), ("sub/b.jsonl", 3)):
        builds.write_workflows(
            tmp_path / "in" / name, *(builds.workflow(first + i, steps=2) for i in range(3))
        )
    builds.build([tmp_path / "in"], tmp_path / "out")
    return tmp_path


def test_every_step_of_every_shipped_format_is_read_again(own_build: Path) -> None:
    """The page has the length, the URL and the target that the sample was made of, whatever the
    format.
    """
    samples = builds.samples(own_build)
    found = steps(own_build, samples)
    assert len({sample.source for sample in samples.values()}) > 1
    for name, sample in samples.items():
        step = found[name]
        assert (step.url, len(step.html), step.action.kind) == (
            sample.url,
            sample.raw_chars,
            sample.action_kind,
        )
        page = read(step.html)
        if sample.node >= 0:
            assert page.tokens[page.position(page.node(sample.node))].tag == sample.target_html[
                1:
            ].split()[0].strip(">")


def test_what_is_asked_for_comes_once_in_the_order_of_the_inputs(small: Path) -> None:
    """Ids of several files, given twice and in any order, come once each, as they are read."""
    asked = ["workflows:w4/2", "workflows:w0/1", "workflows:w4/2", "workflows:w4/1"]
    found = list(recorded(small / "out", asked))
    assert [name for name, _ in found] == ["workflows:w0/1", "workflows:w4/1", "workflows:w4/2"]
    assert all(isinstance(step, Step) for _, step in found)
    assert list(recorded(small / "out", [])) == []


def test_parts_of_a_file_are_read_again_by_themselves(tmp_path: Path) -> None:
    """Of a file that was cut, the step comes from its part, and the number of its workflow is
    right.
    """
    records = [builds.workflow(number, steps=2) for number in range(40)]
    for record in records:
        for step in record["steps"]:
            step["html"] += "<!--" + record["workflow_id"] * 20_000 + "-->"
    builds.write_workflows(tmp_path / "in" / "large.jsonl", *records)
    builds.build([tmp_path / "in"], tmp_path / "out", "inputs.part_mb=1")
    assert len(state.keys(Layout(tmp_path / "out").work)) > 2
    found = steps(tmp_path / "out", builds.samples(tmp_path / "out"))
    for name, step in found.items():
        assert f"<!--{name.split(':')[1].split('/')[0]}w" in step.html


def test_a_name_that_two_roots_share_is_told_apart_by_content(tmp_path: Path) -> None:
    """Two folders with a file of one name: each sample has its own page, also if the other file is
    gone since.
    """
    for folder, number in (("x", 1), ("y", 2)):
        builds.write_workflows(tmp_path / folder / "a.jsonl", builds.workflow(number))
    out = tmp_path / "out"
    builds.build([tmp_path / "x", tmp_path / "y"], out)
    assert [row["name"] for row in state.members(Layout(out).work)] == [
        "a.jsonl",
        "a.jsonl~2",
    ]
    ids = ["workflows:w1/1", "workflows:w2/1"]
    for name, step in steps(out, ids).items():
        assert f"Item {name[11]}<" in step.html
    shutil.rmtree(tmp_path / "x")
    found = dict(recorded(out, ids))
    assert isinstance(found[ids[1]], Step)
    assert "content differs" in str(found[ids[0]])


def test_ids_that_occur_twice_in_a_file_are_those_of_the_ledger(tmp_path: Path) -> None:
    """The first workflow of an id is the one that was built,
    whatever another one of that id says.
    """
    first, second = builds.workflow(1), builds.workflow(2, workflow_id="w1")
    out = tmp_path / "out"
    builds.build([builds.write_workflows(tmp_path / "a.jsonl", first, second)], out)
    assert "Item 1<" in steps(out, ["workflows:w1/1"])["workflows:w1/1"].html


def test_an_input_that_is_gone_or_another_is_said_to_be(small: Path) -> None:
    """A file removed, a file changed, a sample that is not in the dataset: a line each, and the
    rest is read.
    """
    ids = ["workflows:w0/1", "workflows:w4/1", "workflows:w9/1"]
    path = small / "in" / "a.jsonl"
    was = path.stat()
    text = path.read_text()
    path.write_text(text.replace("Item 0", "Item 7"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    found = dict(recorded(small / "out", ids))
    assert (
        found[ids[0]]
        == "the recording a.jsonl is not the one that the dataset was built from: its content "
        "differs"
    )
    assert isinstance(found[ids[1]], Step)
    assert found[ids[2]] == "no such sample in the dataset"
    path.unlink()
    gone = "the recording {} is gone from the inputs of the build (work/order.json names them)"
    assert dict(recorded(small / "out", ids))[ids[0]] == gone.format("a.jsonl")
    shutil.rmtree(small / "in")
    assert dict(recorded(small / "out", ids))[ids[1]] == gone.format("sub/b.jsonl")


def test_a_place_that_cannot_be_looked_at_is_not_taken_for_an_empty_one(small: Path) -> None:
    """Where storage cannot be reached, the reason says so; what lies elsewhere is read all the
    same.
    """
    path = small / "out" / "work" / "order.json"
    order = read_json(path)
    path.write_text(json.dumps(order | {"inputs": ["nonesuch://x", *order["inputs"]]}))
    (small / "in" / "a.jsonl").unlink()
    found = dict(recorded(small / "out", ["workflows:w0/1", "workflows:w4/1"]))
    assert "cannot be read: nonesuch://x: nonesuch:// is no storage" in str(found["workflows:w0/1"])
    assert isinstance(found["workflows:w4/1"], Step)


def test_a_dataset_without_its_work_folder_knows_no_recordings(small: Path) -> None:
    """Of a published dataset each sample has the same line."""
    said = "there is no work folder, which knows where the recordings are"
    assert list(recorded(small / "out" / "dataset", ["b", "a"])) == [("a", said), ("b", said)]


def test_a_recording_that_breaks_off_costs_only_what_is_behind(tmp_path: Path) -> None:
    """Of a damaged file, what was built from before the damage is read again."""
    lines = [json.dumps(builds.workflow(number)).encode() + b"\n" for number in range(2000)]
    whole = zstandard.compress(b"".join(lines))
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    builds.build([path], tmp_path / "out")
    ids = list(builds.samples(tmp_path / "out"))
    assert 0 < len(ids) < 2000
    assert set(steps(tmp_path / "out", [ids[0], ids[-1]])) == {ids[0], ids[-1]}


def test_recordings_and_builds_elsewhere(tmp_path: Path) -> None:
    """A build on storage of recordings on storage is read again like a local one."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    builds.write_workflows(tmp_path / "a.jsonl", *(builds.workflow(number) for number in range(3)))
    system.pipe_file("/night/sub/a.jsonl", (tmp_path / "a.jsonl").read_bytes())
    out = location("memory://made/out")
    builds.build(["memory://night"], out)
    found = dict(recorded(out, ["workflows:w2/1"]))
    assert isinstance(found["workflows:w2/1"], Step)
    system.rm_file("/night/sub/a.jsonl")
    assert "sub/a.jsonl is gone from the inputs" in str(dict(recorded(out, ["workflows:w2/1"])))
    system.store.clear()
