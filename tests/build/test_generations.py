"""Nightly builds: over a folder that grows, only what is new is read and only what it touches is
written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from etl.build.dry_run import Foreseen, foresee
from etl.dataset import account, state
from etl.dataset.generations import Generations, differing
from etl.files import storage
from etl.files.arrow import read_json
from schemas.errors import ConfigError
from tests.support import builds

SMALL = (
    "pack.shard_mb=1",
    "split.test=0.2",
    "split.seed=1",
    "fit.context=8192",
    "inputs.bundle_mb=0",  # with bundles: tests/inputs/test_bundles.py
)
"""Several output shards from a few recordings."""


@dataclass
class Night:
    """One build: what it was going to do, what it did, and the result."""

    foreseen: Foreseen
    read: set[str]
    written: set[str]
    manifest: dict[str, Any]


def night(inputs: Path, out: Path, **options: Any) -> Night:
    """Build a folder as it is tonight, and find out from the files what was done."""
    foreseen = foresee(builds.prepared([inputs], out, *SMALL, **options))
    data = out / "dataset" / "data"
    before_samples, before_data = builds.stamps(out / "work" / "samples"), builds.stamps(data)
    manifest = builds.build([inputs], out, *SMALL, **options)
    keys = {name.split(".")[0] for name, stamp in builds.stamps(out / "work" / "samples").items()
            if before_samples.get(name) != stamp}  # fmt: skip
    written = {
        name for name, stamp in builds.stamps(data).items() if before_data.get(name) != stamp
    }
    reports = builds.inputs_of(out)
    return Night(
        foreseen, {name for key in keys for name in reports[key]["rows"]}, written, manifest
    )


def rows(out: Path) -> set[tuple[str, str]]:
    """(sample id, hash of its tokens) of all that is in the dataset."""
    return {
        (row.sample_id, hashlib.sha256(row.input_ids.tobytes()).hexdigest())
        for row in builds.emitted(out)
    }


def without_last_line(path: Path) -> None:
    """Change a recording: its last step is gone."""
    lines = (
        zstandard.ZstdDecompressor()
        .stream_reader(path.read_bytes())
        .read()
        .splitlines(keepends=True)
    )
    assert len(lines) > 2
    path.write_bytes(zstandard.ZstdCompressor().compress(b"".join(lines[:-1])))


def test_three_nights_of_real_recordings(shared: Path, tmp_path: Path) -> None:
    """Night 2 adds files, night 3 changes one and removes one: each reads exactly what is new or
    changed; the files that night 3 writes are those that the dry run named and those of the new
    generation, all others keep their bytes and time of change; the result is that of a build from
    nothing with its generations, and, without them, the same samples with the same tokens.
    """
    every = sorted(
        (shared / "data" / "browsergym_workarena" / "episodes_jsonl").glob("*.jsonl.zst")
    )[:14]
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()

    def add(paths: list[Path]) -> set[str]:
        for path in paths:
            shutil.copy(path, inputs)
        return {path.name for path in paths}

    one = add(every[:9])
    first = night(inputs, out)
    assert first.read == one
    assert first.foreseen.opens == "g0001"
    two = add(every[9:])
    second = night(inputs, out)
    assert second.read == two == set(second.foreseen.inputs["new"])
    assert second.foreseen.write == []
    assert {name.split("/")[0] for name in second.written} == {"g0002"}

    changed, gone = every[2].name, every[4].name
    without_last_line(inputs / changed)
    (inputs / gone).unlink()
    before = builds.contents(out / "dataset" / "data")
    third = night(inputs, out)
    assert third.read == {changed} == set(third.foreseen.inputs["changed"])
    assert third.foreseen.inputs["removed"] == [gone]
    named = {name for name, _ in third.foreseen.write}
    assert third.foreseen.perhaps == []
    assert {name for name in third.written if not name.startswith("g0003/")} == named
    after = builds.contents(out / "dataset" / "data")
    assert 0 < len(named) < len(before)
    assert {name for name in before if after.get(name) != before[name]} == named | set(
        third.foreseen.remove
    )
    assert any(name.startswith("g0003/") for name in after)
    assert changed in third.manifest["generations"]["every"][-1]["inputs"]

    fresh = tmp_path / "fresh"
    builds.build(
        [inputs], fresh, *SMALL, given=Generations.from_json(third.manifest["generations"])
    )
    assert builds.contents(fresh / "dataset") == builds.contents(out / "dataset")
    plain = tmp_path / "plain"
    builds.build([inputs], plain, *SMALL)
    assert rows(plain) == rows(out)
    assert builds.contents(plain / "dataset" / "data") != builds.contents(out / "dataset" / "data")


def test_a_duplicate_comes_back_when_the_first_is_removed(tmp_path: Path) -> None:
    """The same recording on nights 1 and 2: the second is dropped. When the first is removed on
    night 3, it comes back, in its own generation; nothing else is written.
    """
    inputs, out = tmp_path / "in", tmp_path / "out"
    builds.write_workflows(
        inputs / "monday.jsonl", *(builds.workflow(number) for number in range(30))
    )
    builds.write_workflows(inputs / "copy.jsonl", builds.workflow(99))
    night(inputs, out)
    again = [
        *(builds.workflow(number) for number in range(40, 60)),
        builds.workflow(99) | {"workflow_id": "again"},
    ]
    builds.write_workflows(inputs / "tuesday.jsonl", *again)
    night(inputs, out)
    dropped = account.ledger(out).filter(pl.col("reason") == "duplicate_workflow")
    assert set(dropped["id"]) == {"workflows:again", "workflows:again/1"}
    assert set(dropped["detail"]) == {"the same recording as workflows:w99"}

    (inputs / "copy.jsonl").unlink()
    third = night(inputs, out)
    assert third.read == set()
    ids = {row.sample_id for row in builds.emitted(out)}
    assert "workflows:again/1" in ids
    assert "workflows:w99/1" not in ids
    assert third.written == {name for name, _ in third.foreseen.write}
    assert {name.split("/")[0] for name in third.written} <= {"g0001", "g0002"}
    assert [g["number"] for g in third.manifest["generations"]["every"]] == [1, 2]


def test_compact_makes_one_generation(tmp_path: Path) -> None:
    """Compacted, a dataset of several generations is one, under a number never used before, with
    the same samples and tokens in fewer files; compacting again changes nothing; the next night
    adds a generation as ever.
    """
    inputs, out = tmp_path / "in", tmp_path / "out"
    for name in range(3):
        records = (builds.workflow(100 * name + number) for number in range(30))
        builds.write_workflows(inputs / f"{name}.jsonl", *records)
        night(inputs, out)
    before, files = rows(out), builds.contents(out / "dataset" / "data")
    assert {name.split("/")[0] for name in files} == {"g0001", "g0002", "g0003"}
    manifest = builds.build([inputs], out, *SMALL, compact=True)
    compacted = builds.contents(out / "dataset" / "data")
    assert {name.split("/")[0] for name in compacted} == {"g0004"}
    assert rows(out) == before
    assert len(compacted) < len(files)
    assert builds.build([inputs], out, *SMALL, compact=True) == manifest
    builds.write_workflows(inputs / "4.jsonl", builds.workflow(900))
    assert {name.split("/")[0] for name in night(inputs, out).written} == {"g0005"}


def test_a_file_that_comes_back_is_new_again(tmp_path: Path) -> None:
    """Removed on one night and there again on another, a file is in the newest generation; what was
    made of it the first time is used again.
    """
    inputs, out = tmp_path / "in", tmp_path / "out"
    builds.write_workflows(inputs / "a.jsonl", *(builds.workflow(number) for number in range(20)))
    path = builds.write_workflows(
        inputs / "b.jsonl", *(builds.workflow(number) for number in range(20, 40))
    )
    night(inputs, out)
    text = path.read_text()
    path.unlink()
    night(inputs, out, allow_removal=True)
    path.write_text(text)
    third = night(inputs, out)
    assert third.read == set()
    assert [sorted(g["inputs"]) for g in third.manifest["generations"]["every"]] == [
        ["a.jsonl"],
        ["b.jsonl"],
    ]
    assert third.manifest["generations"]["last"] == 2


def test_clean_removes_what_is_left_of_removed_inputs(tmp_path: Path) -> None:
    """What an input that is gone has left in the work folder stays until it is cleaned; then the
    folder is that of a build which never saw it.
    """
    inputs = tmp_path / "in"
    builds.write_workflows(inputs / "a.jsonl", *(builds.workflow(number) for number in range(20)))
    builds.build([inputs], tmp_path / "expected", *SMALL)
    builds.write_workflows(
        inputs / "b.jsonl", *(builds.workflow(number) for number in range(20, 40))
    )
    out = tmp_path / "out"
    builds.build([inputs], out, *SMALL)
    (inputs / "b.jsonl").unlink()
    builds.build([inputs], out, *SMALL, allow_removal=True)
    left = {storage.relative(path, out) for path in state.stale(out)}
    assert {name.split("/")[1] for name in left} == {"samples", "light", "ledger"}
    done = builds.command("clean", out)
    assert {line.removeprefix(f"{out}/") for line in done.stdout.splitlines()} == left
    assert not any((out / name).exists() for name in left)
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "expected" / "dataset")
    assert builds.command("verify", out).returncode == 0


@pytest.mark.parametrize(
    ("override", "phase", "reads", "writes"),
    [
        ("prune.min_chars_per_token=9", "samples", True, True),
        ("filter.max_non_ascii=0.9", "samples", True, False),  # which changes no sample
        ("fit.context=4096", "packed", False, True),
        ("prompt.node_repeats=1", "packed", False, True),
        ("card.license=mit", "card", False, False),
    ],
)
def test_changed_settings_redo_the_phases_they_touch(
    tmp_path: Path, override: str, phase: str, reads: bool, writes: bool
) -> None:
    """Other settings stop the build, which names field and phase; with --redo exactly the phases
    that they touch are done again, and the result is that of a build from nothing.
    """
    records = [builds.workflow(number, steps=2) for number in range(40)]
    for record in records:
        record["steps"][0]["html"] += '<p class="xq7zk9 readable words">text</p>'
    inputs = builds.write_workflows(tmp_path / "in.jsonl", *records)
    out = tmp_path / "out"
    builds.build([inputs], out, *SMALL)
    with pytest.raises(ConfigError, match=r"was built with other settings") as stopped:
        builds.build([inputs], out, *SMALL, override)
    assert f"\n  {phase}." in str(stopped.value)
    assert "--redo" in str(stopped.value)
    samples, data = builds.stamps(out / "work" / "samples"), builds.stamps(out / "dataset" / "data")
    builds.build([inputs], out, *SMALL, override, redo=True)
    assert (builds.stamps(out / "work" / "samples") != samples) == reads
    assert (builds.stamps(out / "dataset" / "data") != data) == writes
    builds.build([inputs], tmp_path / "fresh", *SMALL, override)
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "fresh" / "dataset")


def test_the_dry_run_writes_nothing(tmp_path: Path) -> None:
    """Asked what it would do, as text and as JSON, the command changes no file; a finished build
    has nothing to do.
    """
    inputs = tmp_path / "in"
    builds.write_workflows(inputs / "a.jsonl", *(builds.workflow(number) for number in range(20)))
    out = tmp_path / "out"
    arguments = ("build", inputs, "--out", out, "--workers", "0", "--dry-run")
    text = builds.command(*arguments)
    assert (text.returncode, out.exists()) == (0, False)
    assert "a.jsonl" in text.stdout
    assert "not built yet" in text.stdout
    builds.build([inputs], out)
    assert builds.command(*arguments).stdout == "nothing to do: the build is complete\n"
    builds.write_workflows(inputs / "b.jsonl", builds.workflow(50))
    before = builds.stamps(out)
    seen = json.loads(builds.command(*arguments, "--json").stdout)
    assert builds.stamps(out) == before
    assert seen["inputs"] == {"new": ["b.jsonl"], "changed": [], "removed": [], "unchanged": 1}
    assert [(item["name"], item["reason"]) for item in seen["read"]] == [
        ("b.jsonl", "not built yet")
    ]
    assert (seen["write"], seen["new_generation"]) == ([], "g0002")


def test_generations_given_by_a_manifest(tmp_path: Path) -> None:
    """--generations takes the list out of a manifest; a file without one is refused."""
    inputs, out = tmp_path / "in", tmp_path / "out"
    for name in "ab":
        builds.write_workflows(
            inputs / f"{name}.jsonl", *(builds.workflow(ord(name) * 50 + i) for i in range(20))
        )
        assert builds.command("build", inputs, "--out", out, "--workers", "0").returncode == 0
    fresh = tmp_path / "fresh"
    manifest = out / "dataset" / "manifest.json"
    asked = ("build", inputs, "--out", fresh, "--workers", "0", "--generations")
    assert builds.command(*asked, manifest).returncode == 0
    assert builds.contents(fresh / "dataset") == builds.contents(out / "dataset")
    assert len(read_json(fresh / "dataset" / "manifest.json")["generations"]["every"]) == 2
    shutil.rmtree(fresh)
    refused = builds.command(*asked, builds.RECORDINGS.parent / "nothing.json")
    assert refused.returncode == 2
    (tmp_path / "other.json").write_text("{}")
    refused = builds.command(*asked, tmp_path / "other.json")
    assert refused.returncode == 2
    assert "not the list of generations" in refused.stderr


names = st.sampled_from("abcdef")
folders = st.dictionaries(names, st.sampled_from("123"))


@given(st.lists(folders, min_size=1, max_size=6))
def test_every_input_is_in_one_generation(nights: list[dict[str, str]]) -> None:
    """Over any nights: each input is in exactly one generation with its present content; what did
    not change does not move; numbers rise and are never used again; the list survives JSON; nothing
    new makes no generation.
    """
    before = Generations()
    for inputs in nights:
        after = before.advanced(inputs)
        assert {name: digest for g in after.every for name, digest in g.inputs.items()} == inputs
        was, now = before.of_inputs(), after.of_inputs()
        found = differing(before, after)
        for name in inputs:
            moved = name in found["new"] or name in found["changed"]
            assert now[name] == (after.last if moved else was[name])
        assert after.last == before.last + bool(found["new"] or found["changed"])
        assert Generations.from_json(json.loads(json.dumps(after.as_json()))) == after
        assert after.advanced(inputs) == after
        before = after


@pytest.mark.parametrize(
    "broken",
    [
        lambda value: value.pop("last"),
        lambda value: value.update(last=1),
        lambda value: value["every"].reverse(),
        lambda value: value["every"][0]["inputs"].update(b="2"),
        lambda value: value["every"].append("g"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(broken: Callable[[dict[str, Any]], object]) -> None:
    """A list of generations out of order, with an input twice, or of another shape is no list."""
    value = Generations().advanced({"a": "1"}).advanced({"a": "1", "b": "2"}).as_json()
    assert Generations.from_json(value).last == 2
    broken(value)
    with pytest.raises(ConfigError):
        Generations.from_json(value)
