"""After a night that failed its gates, the last good one is whole, and says what went wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from datasets import load_dataset

from etl.cli.main import cli
from etl.dataset import state
from etl.dataset.layout import MANIFEST, Layout
from etl.files.arrow import read_json
from etl.look.verify import verify
from schemas.errors import ConfigError, GateError
from tests.build.test_gates import folder
from tests.support import builds

SMALL: Final = ("pack.shard_mb=1",)


def told(*arguments: str | Path) -> str:
    """What a command says on stdout."""
    result = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def looked_at(out: Path) -> dict[str, str]:
    """What commands that look at a build or take it on say of it."""
    found = {}
    commands: list[list[str | Path]] = [
        ["inspect", out],
        ["inspect", out, "drops", "--json"],
        ["explain", out, "w3"],
        ["diff", out, out, "--json"],
        ["report", out, "--json", "--samples", "2"],
        ["verify", out],
        ["export", out, "--out", out.with_name("export")],
        ["publish", out, f"file://{out}-published", "--allow", "unlicensed", "--dry-run"],
    ]
    for command in commands:
        said = told(*command)
        if command[0] == "report":  # whose verdict is about the last run
            figures = json.loads(said)
            del figures["verdict"]
            said = json.dumps(figures)
        found[" ".join(map(str, command[:3]))] = said
    return found


def test_after_a_failed_night_the_last_good_one_is_whole(tmp_path: Path) -> None:
    """A night that changes one input, takes one away and brings one, and fails: the dataset is the
    same to the byte, all commands say the same of it, and ``load_dataset`` loads it; the rejected
    one can be looked at by each of them, loads, verifies, and has the bytes that it has once it is
    accepted. Work files of what is gone are not stale before.
    """
    inputs, out = folder(tmp_path), tmp_path / "out"
    for name in ("b", "c"):
        builds.write_workflows(
            inputs / f"{name}.jsonl", *(builds.workflow(100 * ord(name) + n) for n in range(4))
        )
    builds.build([inputs], out, *SMALL)
    content, said = builds.contents(out / "dataset"), looked_at(out)
    (inputs / "b.jsonl").unlink()
    builds.write_workflows(
        inputs / "c.jsonl", *(builds.workflow(7 * number) for number in range(40, 80))
    )
    builds.write_workflows(inputs / "d.jsonl", builds.workflow(5000))
    with pytest.raises(GateError) as failed:
        builds.build([inputs], out, *SMALL, "gates.max_domain_drift=0.1")
    assert "the last complete dataset is as it was" in str(failed.value).lower()
    assert builds.contents(out / "dataset") == content
    assert state.stale(out) == []
    now = looked_at(out)
    (overview,) = [name for name in said if name == f"inspect {out}"]
    assert now.pop(overview).startswith(said.pop(overview))
    assert "a later build was rejected by its gates" in told("inspect", out)
    assert now == said
    rows = {split: len(rows) for split, rows in load_dataset(str(out / "dataset")).items()}
    assert rows == {
        name: split["rows"] for name, split in read_json(out / MANIFEST)["splits"].items()
    }

    beside = Path(str(Layout(out).candidate.root))
    commands: list[list[str | Path]] = [
        ["inspect", out, "--candidate"],
        ["inspect", out, "domains", "--candidate"],
        ["inspect", out, "--candidate", "samples"],
        ["diff", out, "--candidate"],
        ["explain", out, "w5000", "--candidate"],
        ["report", out, "--candidate", "--json", "--samples", "2"],
        ["verify", out, "--candidate"],
        ["export", out, "--candidate", "--out", tmp_path / "beside"],
    ]
    for command in commands:
        told(*command)
    publish: list[str | Path] = [
        "publish",
        out,
        f"file://{out}-published",
        "--allow",
        "unlicensed",
        "--dry-run",
        "--candidate",
    ]
    with pytest.raises(ConfigError, match=r"gates.max_domain_drift"):
        told(*publish)
    told(*publish, "--allow", "gate-failed")
    new = builds.contents(beside / "dataset")
    assert len(load_dataset(str(beside / "dataset"))["train"])
    builds.build([inputs], out, *SMALL)
    assert builds.contents(out / "dataset") == new
    assert verify(out) == []
    with pytest.raises(ConfigError, match="there is no candidate"):
        told("inspect", out, "--candidate")


def test_a_failed_night_with_other_settings_leaves_what_is_known_of_the_last_one(
    tmp_path: Path,
) -> None:
    """Phase 1 done again with other settings, and rejected: what `explain` and `verify` know of the
    complete dataset is what was true of it; the same command without --redo goes on, the old one
    too, and accepting gives the bytes of a build from nothing.
    """
    inputs, out = folder(tmp_path), tmp_path / "out"
    builds.build([inputs], out)
    content, said = builds.contents(out / "dataset"), told("explain", out, "w3")
    other = "filter.failed_actions=false"
    with pytest.raises(GateError):
        builds.build([inputs], out, other, "gates.min_samples=50", redo=True)
    assert builds.contents(out / "dataset") == content
    assert told("explain", out, "w3") == said
    assert told("explain", out, "w3", "--candidate") != said
    assert verify(out) == verify(Layout(out).candidate.root) == []
    builds.build([inputs], out)
    assert not Layout(out).candidate.root.exists()
    with pytest.raises(GateError):
        builds.build([inputs], out, other, "gates.min_samples=50", redo=True)
    builds.build([inputs], out, other)
    builds.build([inputs], tmp_path / "fresh", other)
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "fresh" / "dataset")
    for name in ("samples", "light", "ledger", "quarantine", "index", "fitted"):
        assert builds.contents(out / "work" / name) == builds.contents(
            tmp_path / "fresh" / "work" / name
        )
    assert verify(out) == []


@pytest.mark.parametrize("where", ["in", "else"])
def test_another_set_of_inputs_stops_before_it_starts(tmp_path: Path, where: str) -> None:
    """Inputs that lack most of what the dataset is made of, in the same folder or another one, stop
    the build before anything is read, and say what to do; --allow-removal goes on. What is but
    named otherwise is not gone.
    """
    inputs, out = folder(tmp_path), tmp_path / "out"
    builds.write_workflows(inputs / "b.jsonl", *(builds.workflow(100 + n) for n in range(5)))
    builds.build([inputs], out)
    content = builds.contents(out)
    (inputs / "a.jsonl").rename(inputs / "moved.jsonl")
    builds.build([inputs], out)
    builds.build([inputs], out, compact=True)
    content = builds.contents(out / "dataset")
    other = builds.write_workflows(
        tmp_path / where / "c.jsonl", builds.workflow(900), builds.workflow(901)
    )
    if where == "in":
        (inputs / "moved.jsonl").unlink()
    arguments = ("build", other.parent, "--out", out, "--workers", "0")
    done = builds.command(*arguments)
    assert done.returncode == 1
    lost = (35, 40) if where == "in" else (40, 40)
    assert (
        f"{lost[0] / lost[1]:.2%} of the last complete dataset, {lost[0]} of {lost[1]} samples"
        in done.stderr
    )
    assert "gates.max_removal is 20.00%" in done.stderr
    assert "moved.jsonl" in done.stderr
    assert "--allow-removal" in done.stderr
    assert builds.contents(out / "dataset") == content
    assert "87.50%" in builds.command(*arguments, "--dry-run").stdout or where != "in"
    done = builds.command(*arguments, "--allow-removal")
    assert done.returncode == 0, done.stderr
    assert read_json(out / MANIFEST)["totals"]["samples"] == (7 if where == "in" else 2)


def test_inputs_that_shrank_are_a_removal_too(tmp_path: Path) -> None:
    """The same file with few of its workflows left, or settings that leave few samples, are found
    out at the end; what the takedown list takes is meant to go.
    """
    inputs, out = tmp_path / "in", tmp_path / "out"
    records = [builds.workflow(number, steps=2) for number in range(28)]
    builds.write_workflows(inputs / "a.jsonl", *records)
    builds.build([inputs], out)
    listed = 'takedown.domains=["shop1.example", "shop2.example"]'
    assert builds.build([inputs], out, listed)["totals"]["samples"] == 40
    builds.write_workflows(inputs / "a.jsonl", *records[:10])
    with pytest.raises(GateError, match=r"gates.max_removal is 20.00%"):
        builds.build([inputs], out, listed)
    builds.write_workflows(inputs / "a.jsonl", *records)
    with pytest.raises(GateError, match=r"gates.max_removal is 20.00%"):
        builds.build([inputs], out, listed, "fit.context=120", redo=True)
    assert read_json(out / MANIFEST)["totals"]["samples"] == 40
    builds.write_workflows(inputs / "a.jsonl", *records[:10])
    assert builds.build([inputs], out, listed, allow_removal=True)["totals"]["samples"] < 20
