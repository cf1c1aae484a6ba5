"""`stepmill inspect DIR sources`: its counts are the manifest's, format by format."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from etl.files.arrow import read_json
from tests.support import builds


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of two formats, a file in none, and a target that is not in its page."""
    folder = tmp_path_factory.mktemp("sources")
    records = [builds.workflow(number, steps=2) for number in range(4)]
    records[0]["steps"][0]["target"] = [{"kind": "css", "value": "#nowhere"}]
    records[1]["steps"][1]["action"] = {"kind": "scroll"}
    records[1]["steps"][1]["target"] = []
    builds.write_workflows(folder / "in" / "w.jsonl", *records)
    (folder / "in" / "booking.csv.gz").write_bytes(
        (builds.RECORDINGS / "booking.csv.gz").read_bytes()
    )
    (folder / "in" / "notes.txt").write_text("nothing")
    builds.build([folder / "in"], folder / "out")
    return folder / "out"


def test_counts_are_the_manifests(built: Path) -> None:
    """What was read, and what was dropped for each reason, adds up to the accounting."""
    rows = json.loads(CliRunner().invoke(cli, ["inspect", str(built), "sources", "--json"]).stdout)
    assert [row["format"] for row in rows] == ["scribe", "unknown", "workflows"]
    accounting = read_json(built / "dataset" / "manifest.json")["accounting"]
    for unit, counts in accounting.items():
        assert sum(row[unit] for row in rows) == counts["read"]
        drops = Counter[str]()
        for row in rows:
            for drop in row["drops"]:
                drops[drop["reason"]] += drop["count"] * (drop["unit"] == unit)
        drops = +drops
        accounted = {drop["reason"]: drop["count"] for drop in counts["reasons"]}
        accounted.pop("workflow_dropped", None)  # told from their workflows, not noted apart
        assert drops == accounted
    manifest = read_json(built / "dataset" / "manifest.json")
    assert sum(row["kept"] for row in rows) == manifest["totals"]["samples"]


def test_targets_that_were_looked_for(built: Path) -> None:
    """A target that is not found counts as looked for; a page action does not."""
    told = CliRunner().invoke(cli, ["inspect", str(built), "sources", "--json"]).stdout
    row = next(row for row in json.loads(told) if row["format"] == "workflows")
    assert (row["found"], row["sought"]) == (6, 7)
    shown = CliRunner().invoke(cli, ["inspect", str(built), "sources"]).stdout
    assert "85.7%" in shown
    assert "1 step     target_absent (locate)" in shown
