"""All real recordings: `stepmill inspect OUT sources` says what each format gave, file by file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from etl.dataset.drops import drops
from etl.dataset.layout import Layout
from tests.support import builds

GAVE = {
    "adp": (8, 42, 165, 95),
    "autowebbench": (2, 741, 4040, 200),
    "browser_use": (122, 122, 1150, 713),
    "browsergym": (53, 53, 789, 417),
    "chrome_recorder": (5, 5, 26, 0),
    "mind2web": (2, 1, 11, 11),
    "miniwob": (918, 917, 3373, 3238),
    "playwright": (13, 10, 29, 11),
    "portia": (9, 11, 62, 43),
    "rrweb": (71, 14, 46, 34),
    "selenium_ide": (19, 65, 203, 0),
    "turkingbench": (12, 3429, 17514, 17514),
    "unknown": (660, 0, 0, 0),
    "workflow_use": (20, 12, 142, 0),
}
"""Files, workflows, steps and samples. Chrome's Recorder, Selenium IDE and workflow-use record no
pages, and no archive of the shared ones has a page of theirs.
"""

FOUND = {
    "adp": 0.87, "autowebbench": 1, "browser_use": 0.97, "browsergym": 0.96, "mind2web": 1,
    "miniwob": 0.98, "playwright": 1, "portia": 0.81, "rrweb": 1, "turkingbench": 1,
}  # fmt: skip
"""The least share of element actions whose element is found, of those whose page is there.

Not found: ids of lines that a tree does not have (adp, browser_use), bids that a page does not have
(browsergym), targets that the recorder left out (miniwob), regions that several elements mark
(portia), and clicks of a text shop on words (adp).
"""


@pytest.fixture(scope="module")
def out(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of everything in the folder of real recordings."""
    folder: Path = tmp_path_factory.mktemp("all") / "out"
    taken = (
        "--observation",
        "html",
        "--observation",
        "axtree",
        "--set",
        "filter.no_objective=false",
    )
    made = builds.command("build", shared / "data", "--out", folder, "--workers", "2", *taken)
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def table(out: Path) -> dict[str, Any]:
    """The view, by format."""
    told = builds.command("inspect", out, "sources", "--json").stdout
    return {row["format"]: row for row in json.loads(told)}


def test_what_each_format_gave(table: dict[str, Any]) -> None:
    """Files, workflows, steps and samples of each format."""
    counts = {
        name: tuple(row[key] for key in ("files", "workflow", "step", "sample"))
        for name, row in table.items()
    }
    assert counts == GAVE


def test_every_target_is_found_or_has_its_reason(table: dict[str, Any]) -> None:
    """Of each format with pages at least the share that is told is found."""
    for name, least in FOUND.items():
        assert table[name]["found"] >= least * table[name]["sought"] > 0, name


def test_what_is_not_read_is_refused_with_its_own_reason(out: Path) -> None:
    """Only the notes beside the recordings and an empty list are in no known format."""
    found = drops(Layout(out).work).collect()
    unknown = found.filter(found["reason"] == "unknown_format")["input"].to_list()
    assert sorted(unknown) == [
        "FORMATS.md",
        "MANIFEST.tsv",
        "SOURCES.md",
        "adp/agenttuning_mind2web/sample_sft/sample_sft_agentlab.json",
    ]


def test_traces_give_pages_or_are_refused_for_want_of_snapshots(out: Path) -> None:
    """A trace without snapshots is refused as such; all others have steps with pages."""
    found = drops(Layout(out).work).collect()
    refused = found.filter(found["reason"] == "no_snapshots")["input"].unique().to_list()
    assert {name.split("/")[1] for name in refused} == {"todomvc_2023", "v1.59_report"}
