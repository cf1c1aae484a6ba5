"""`stepmill lint` on recordings, and `stepmill inspect DIR lint` on a build that looked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.look.recordings import lint
from schemas.errors import ConfigError
from tests.support import builds


def faulty(folder: Path) -> Path:
    """Three workflows: a good one, one with a disabled target, one with two absent targets."""
    good, disabled, absent = (builds.workflow(number, steps=3) for number in (1, 2, 3))
    page = disabled["steps"][1]
    page["html"] = page["html"].replace("<button", "<button disabled")
    for step in absent["steps"][:2]:
        step["target"] = [{"kind": "css", "value": "[id='\x1b[2Jgone']"}]
    return builds.write_workflows(folder / "in" / "shop.jsonl", good, disabled, absent)


def test_findings_are_counted_by_code_and_format(tmp_path: Path) -> None:
    """Each code has its count, its workflows and the first examples, with the record."""
    report = lint.view([str(faulty(tmp_path))], examples=1)
    assert report["read"] == {"workflows": {"workflows": 3, "steps": 9}}
    rows = [
        (row["code"], row["severity"], row["findings"], row["workflows"])
        for row in report["findings"]
    ]
    assert rows == [("absent_target", "error", 2, 1), ("disabled_target", "warning", 1, 1)]
    (example,) = report["findings"][1]["examples"]
    assert example["id"] == "workflows:w2/2"
    assert example["record"] == "shop.jsonl#line=2"
    assert lint.errors(report) == 2


def test_the_command_shows_a_table_or_json(tmp_path: Path) -> None:
    """What a recording says cannot steer the terminal; --strict fails for an error alone."""
    inputs = faulty(tmp_path)
    shown = builds.command("lint", inputs)
    assert shown.returncode == 0
    assert "disabled_target  warning" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert builds.command("lint", inputs, "--strict").returncode == 1
    only = builds.command("lint", inputs, "--strict", "--code", "disabled_target", "--json")
    assert only.returncode == 0
    assert [row["code"] for row in json.loads(only.stdout)["findings"]] == ["disabled_target"]
    wrong = builds.command("lint", inputs, "--code", "disabled")
    assert wrong.returncode == 2
    assert "is disabled_target meant" in wrong.stderr


def test_a_code_that_is_not_known_is_refused() -> None:
    """Before anything is read."""
    with pytest.raises(ConfigError, match="off_by_one"):
        lint.view(["nowhere"], codes=["off-by-one"])


def test_a_clean_recording_is_said_to_be_clean(tmp_path: Path) -> None:
    """No table, but one line."""
    path = builds.write_workflows(tmp_path / "good.jsonl", builds.workflow(1, steps=2))
    assert "no recording contradicts itself" in lint.text(lint.view([str(path)]))


def asked(out: Path) -> Any:
    return json.loads(builds.command("inspect", out, "lint", "--json").stdout)


def test_a_build_keeps_findings_and_publishes_counts(tmp_path: Path) -> None:
    """Counts are in the statistics and the manifest; what quotes recordings is in work/ alone."""
    inputs, out = faulty(tmp_path).parent, tmp_path / "out"
    manifest = builds.build([inputs], out, 'lint.drop_steps=["warning"]')
    assert manifest["lint"]["codes"] == {"absent_target": 2, "disabled_target": 1}
    table = pl.read_parquet(out / "dataset" / "stats" / "lint.parquet")
    assert table.select("code", "outcome", "findings").sort("code").rows() == [
        ("absent_target", "step_dropped", 2),
        ("disabled_target", "step_dropped", 1),
    ]
    result = asked(out)
    assert [row["evidence"] for row in result["examples"]][-1] == "click on <button disabled>"
    published = asked(out / "dataset")
    assert published["tables"] == result["tables"]
    assert "examples" not in published
    for path in (out / "dataset").rglob("*"):
        assert path.is_dir() or b"click on <button disabled>" not in path.read_bytes()
    assert "disabled_target (step_dropped)" in builds.command("inspect", out, "lint").stdout


def test_findings_are_the_same_whatever_the_workers(tmp_path: Path) -> None:
    """One worker or two: the same files."""
    inputs = faulty(tmp_path).parent
    builds.write_workflows(inputs / "more.jsonl", *(builds.workflow(n, 2) for n in range(9, 14)))
    for name, workers in (("one", 1), ("two", 2)):
        builds.build([inputs], tmp_path / name, "lint.mend=[]", workers=workers)
    one, two = (builds.contents(tmp_path / name / "dataset") for name in ("one", "two"))
    assert one == two
    found = [builds.contents(tmp_path / name / "work" / "lint") for name in ("one", "two")]
    assert found[0] == found[1] != {}


def test_another_build_has_no_trace_of_it(tmp_path: Path) -> None:
    """Without the section: no table, no key in the manifest, no folder."""
    manifest = builds.build([faulty(tmp_path).parent], tmp_path / "out")
    assert "lint" not in manifest
    assert "lint" not in manifest["settings"]["samples"]
    assert not (tmp_path / "out" / "work" / "lint").exists()
    assert not (tmp_path / "out" / "dataset" / "stats" / "lint.parquet").exists()
    assert not asked(tmp_path / "out")["recorded"]
