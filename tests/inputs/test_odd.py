"""Recordings that do not conform to their format: what is read of them, and how users see it."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.build.samples import light_row
from etl.dataset import account
from etl.dataset.place import place_of
from etl.inputs.find import find
from etl.look import overview
from etl.look.original import recorded
from etl.look.recordings import check
from etl.look.verify import verify
from etl.sources import SOURCES
from schemas.errors import ConfigError
from schemas.workflow import Step
from tests.support import builds
from tests.support.strategies import BLANK


def scribe_rows(path: Path, *numbers: object, workflow: str = "rows", **more: object) -> Path:
    """A CSV file of one workflow, with one row for each number."""
    rows = [
        {
            "workflow_id": workflow,
            "Objective": "Order two mugs in the shop and pay for them",
            "action_kind": "mouse_click_action",
            "action_description": f"Click {number}",
            "url": "https://shop.example/",
            "cssselector": "#go",
            "dom": f"<button id=go>Page {number} of {workflow}</button>",
            "action_step_number": number,
            **more,
        }
        for number in numbers
    ]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def odd_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of recordings with unknown keys, meta, gaps, copies and half characters."""
    folder = tmp_path_factory.mktemp("odd")
    inputs = folder / "in"
    inputs.mkdir()
    extra = builds.workflow(1) | {"annotator": 7, "meta": {"night": "a"}}
    extra["steps"][0] |= {"seconds": 2.5, "targts": []}
    gap = builds.workflow(2, steps=4)
    for step, number in zip(gap["steps"], (1, 2, 4, 5), strict=True):
        step["number"] = number
    half = orjson.dumps(builds.workflow(3)).replace(b"</", b"\\ud83d</", 1)
    (inputs / "a.jsonl").write_bytes(
        orjson.dumps(extra) + b"\n\xef\xbb\xbf" + orjson.dumps(gap) + b"\n" + half
    )
    scribe_rows(inputs / "rows.csv", "3.0", "1.0", "2.0", "2.0", seconds="9")
    scribe_rows(inputs / "tail.csv", 4, 5, workflow="tail")
    builds.build([inputs], folder / "out")
    return folder / "out"


def test_samples_go_by_the_recorded_numbers(odd_build: Path) -> None:
    """Steps are trained on up to a gap; a copy of a row is dropped under an id of its own."""
    assert sorted(builds.samples(odd_build)) == [
        "scribe:rows/1",
        "scribe:rows/2",
        "scribe:rows/3",
        "workflows:w1/1",
        "workflows:w2/1",
        "workflows:w2/2",
        "workflows:w3/1",
    ]
    found = overview.view(place_of(odd_build))["accounting"]["step"]["reasons"]
    assert {drop["reason"]: drop["count"] for drop in found} == {
        "history_incomplete": 4,
        "duplicate_step": 1,
    }


def test_oddities_are_counted_and_shown(odd_build: Path) -> None:
    """Manifest, overview and check count the oddities of what was read."""
    place = place_of(odd_build)
    rows = {
        (row["kind"], row["where"]): (row["count"], row["like"])
        for row in overview.view(place)["oddities"]
    }
    assert rows == {
        ("half_character", ""): (1, ""),
        ("unknown_key", "annotator"): (1, ""),
        ("unknown_key", "seconds"): (4, ""),
        ("unknown_key", "steps[].seconds"): (1, ""),
        ("unknown_key", "steps[].targts"): (1, "target"),
    }
    assert "steps[].targts: 1 (is target meant?)" in overview.text(overview.view(place), "DIR")
    checked = check.view([str(odd_build.parent / "in")])
    assert checked["formats"]["scribe"]["oddities"] == [
        {"kind": "unknown_key", "where": "seconds", "count": 4, "like": ""}
    ]
    assert "seconds: 4" in check.text(checked)


def test_meta_is_a_column_of_the_samples(odd_build: Path) -> None:
    """It can be asked for by key, as JSON."""
    frames = [
        pl.read_ipc(path) for path in sorted((odd_build / "work" / "samples").glob("*.arrow"))
    ]
    samples = pl.concat(frames)
    seconds = pl.col("step_meta").str.json_path_match("$.seconds").cast(pl.Float64)
    assert samples.filter(seconds < 5)["sample_id"].to_list() == ["workflows:w1/1"]
    night = pl.col("workflow_meta").str.json_path_match("$.night")
    assert samples.filter(night == "a")["sample_id"].to_list() == ["workflows:w1/1"]


def test_meta_is_in_no_hash() -> None:
    """A sample with other meta is the same sample: nothing of the dataset is made again for it."""
    changed = replace(BLANK, workflow_meta='{"a":1}', step_meta='{"b":2}')
    said: list[Any] = [light_row("key", each) for each in (BLANK, changed)]
    assert said[0] == said[1]


def test_a_workflow_that_is_split_over_files(tmp_path: Path) -> None:
    """Without numbers, no step of a workflow in several files is trained on.

    That holds for any order of the files, and for steps that come later. With numbers, the
    beginning is known. Copies, and workflows known to be whole, are read as ever.
    """
    inputs = tmp_path / "in"
    inputs.mkdir()
    for name, numbers in (("part-9", (1, 2)), ("part-10", (3, 4))):
        scribe_rows(inputs / f"{name}.csv", *numbers, workflow="numbered")
        scribe_rows(inputs / f"{name}-blank.csv", *numbers, workflow="split", action_step_number="")
        scribe_rows(inputs / f"{name}-copy.csv", 1, 2, workflow="copied", action_step_number="")
    manifest = builds.build([inputs], tmp_path / "out")
    kept = ["scribe:copied/1", "scribe:copied/2", "scribe:numbered/1", "scribe:numbered/2"]
    assert sorted(builds.samples(tmp_path / "out")) == kept
    steps = {drop["reason"]: drop["count"] for drop in manifest["accounting"]["step"]["reasons"]}
    assert steps == {"history_incomplete": 2, "split_over_files": 4, "duplicate_workflow": 2}
    refused = account.quarantined(tmp_path / "out")
    assert refused["reason"].to_list() == ["split_over_files"] * 2
    assert set(refused["detail"]) == {
        "its steps are in part-10-blank.csv, part-9-blank.csv and have no numbers"
    }
    scribe_rows(inputs / "part-11-blank.csv", 5, workflow="split", action_step_number="")
    scribe_rows(inputs / "whole.csv", 1, 2, 3, workflow="split")
    builds.build([inputs], tmp_path / "out")
    whole = ["scribe:split/1", "scribe:split/2", "scribe:split/3"]
    assert sorted(builds.samples(tmp_path / "out")) == [*kept, *whole]


def test_copies_of_which_one_differs_are_no_pieces(tmp_path: Path) -> None:
    """If more files hold one content than another, the recording stays without the odd copy."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    for name in "abc":
        scribe_rows(inputs / f"{name}.csv", 1, 2, workflow="copied", action_step_number="")
    scribe_rows(inputs / "damaged.csv", 1, workflow="copied", action_step_number="")
    manifest = builds.build([inputs], tmp_path / "out")
    assert "scribe:copied/1" in builds.samples(tmp_path / "out")
    flows = {
        drop["reason"]: drop["count"] for drop in manifest["accounting"]["workflow"]["reasons"]
    }
    assert sum(flows.values()) == 3
    assert flows.keys() == {"conflicting_id", "duplicate_workflow"}


def test_one_bad_file_never_ends_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty files and odd names cost at most themselves.

    Names that are not UTF-8 or look like URLs are given by name or lie in a folder. The build can
    be viewed, and goes on like any other.
    """
    monkeypatch.chdir(tmp_path)
    raw = {
        b"caf\xe9.jsonl": orjson.dumps(builds.workflow(1)),
        b"we::b.jsonl": orjson.dumps(builds.workflow(2)),
        b"empty.jsonl": b"",
        b"plain.jsonl": orjson.dumps(builds.workflow(3)),
        b"r\xe9sum\xe9.parquet": b"",
    }
    for name, data in raw.items():
        Path(os.fsdecode(name)).write_bytes(data)
    table = pa.Table.from_pylist([builds.workflow(4)])
    with Path(os.fsdecode(b"r\xe9sum\xe9.parquet")).open("wb") as stream:
        pq.write_table(table, stream)
    names = [os.fsdecode(name) for name in raw]
    manifest = builds.build(names, tmp_path / "out")
    assert [entry["name"] for entry in manifest["inputs"]] == [
        "caf\\xe9.jsonl",
        "empty.jsonl",
        "plain.jsonl",
        "r\\xe9sum\\xe9.parquet",
        "we::b.jsonl",
    ]
    assert manifest["totals"]["samples"] == 4
    assert manifest["accounting"]["record"]["reasons"] == [
        {"stage": "read", "reason": "unknown_format", "count": 1}
    ]
    steps = dict(recorded(tmp_path / "out", [f"workflows:w{number}/1" for number in (1, 2, 4)]))
    assert all(isinstance(step, Step) for step in steps.values())
    assert verify(tmp_path / "out") == []
    assert builds.build(names, tmp_path / "out") == manifest
    folder = tmp_path / os.fsdecode(b"in\xff")
    folder.mkdir()
    for name in raw:
        (folder / os.fsdecode(name)).write_bytes(Path(os.fsdecode(name)).read_bytes())
    assert builds.build([folder], tmp_path / "out2")["totals"] == manifest["totals"]
    assert [item.format for item in find(["*.jsonl"], SOURCES)].count("workflows") == 3
    with pytest.raises(ConfigError, match="not in any known format"):
        find(["empty*"], SOURCES)
