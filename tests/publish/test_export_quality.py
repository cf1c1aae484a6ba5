"""Quality labels in an export and in the statistics: reward, success, failed steps, loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.dataset.layout import Dataset
from etl.publish.export import QUALITY_FIELDS, Export
from etl.publish.rows import FileType
from schemas.errors import ConfigError
from tests.support import builds

LABELS = [field.name for field in QUALITY_FIELDS]
PAGE = "<h1>Mugs</h1><button id=more>More</button>"


def step(number: int, page: str = PAGE, error: str = "") -> dict[str, Any]:
    return {
        "step_id": str(number), "url": "https://shop.test/", "html": page, "error": error,
        "action": {"kind": "click"}, "target": [{"kind": "css", "value": "#more"}],
    }  # fmt: skip


def workflow(name: str, reward: float | None, *steps: dict[str, Any]) -> dict[str, Any]:
    known = {} if reward is None else {"reward": reward}
    return {
        "workflow_id": name,
        "objective": f"Show more of the {name} mugs",
        "steps": steps,
    } | known


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three workflows: one that succeeded and went in circles, one with a failed step, one of which
    nothing is known.
    """
    folder = tmp_path_factory.mktemp("labels")
    flows = [
        workflow("blue", 1.0, step(0), step(1), step(2, PAGE + "<p>2</p>")),
        workflow("red", 0.5, step(0, error="not visible"), step(1, PAGE + "<p>2</p>")),
        workflow("old", None, step(0, PAGE + "<p>old</p>")),
    ]
    (folder / "flows.jsonl").write_text("".join(f"{json.dumps(flow)}\n" for flow in flows))
    builds.build([folder / "flows.jsonl"], folder / "out", "split.test=0")
    return folder / "out"


def exported(built: Path, out: Path, file_type: FileType) -> list[dict[str, Any]]:
    """The rows of an export of tokens with labels, as JSON or Parquet has them."""
    Export(Dataset(built / "dataset"), out, "tokens", file_type, quality=True).run()
    (path,) = out.rglob(f"*.{file_type}")
    if file_type == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return pl.read_parquet(path).to_dicts()


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_each_sample_has_the_labels_of_its_workflow(
    built: Path, tmp_path: Path, file_type: FileType
) -> None:
    """Reward and success are null where they are not known."""
    rows = exported(built, tmp_path / "out", file_type)
    found = sorted(str(tuple(row[name] for name in LABELS)) for row in rows)
    assert found == sorted(
        ["(1.0, True, 0, 1)"] * 3 + ["(0.5, False, 1, 0)"] + ["(None, None, 0, 0)"]
    )


def test_without_labels_rows_are_as_before(built: Path, tmp_path: Path) -> None:
    """The option adds columns, and makes another request, which the folder's old one refuses."""
    Export(Dataset(built / "dataset"), tmp_path / "out", "tokens", "jsonl").run()
    (path,) = (tmp_path / "out").rglob("*.jsonl")
    assert not set(LABELS) & json.loads(path.read_text().splitlines()[0]).keys()
    with pytest.raises(ConfigError, match="--quality is not known there, not yes"):
        exported(built, tmp_path / "out", "jsonl")


def test_a_published_dataset_has_its_labels(built: Path, tmp_path: Path) -> None:
    """Its data files have other names than those in the list of samples."""
    there = tmp_path / "there"
    done = builds.command("publish", built, f"file://{there}", "--allow", "unlicensed")
    assert done.returncode == 0, done.stderr
    Export(Dataset(there), tmp_path / "out", "tokens", "parquet", quality=True).run()
    (path,) = (tmp_path / "out").rglob("*.parquet")
    here = exported(built, tmp_path / "here", "parquet")
    assert pl.read_parquet(path).to_dicts() == here


def test_labels_are_counted_per_domain(built: Path) -> None:
    """Samples of workflows with a known reward, with success, with failures, with loops; and
    samples that repeat the step before.
    """
    (domain,) = pl.read_parquet(built / "dataset/stats/domains.parquet").to_dicts()
    names = ("samples", "rewarded", "succeeded", "with_failures", "with_loops", "repeats")
    assert [domain[name] for name in names] == [5, 4, 3, 1, 3, 1]


def test_trajectories_need_no_labels(built: Path, tmp_path: Path) -> None:
    """The command says why it refuses."""
    done = builds.command("export", built, "--out", tmp_path / "o", "--format", "adp", "--quality")
    assert done.returncode == 2
    assert "holds reward and errors of whole workflows anyway" in done.stderr
