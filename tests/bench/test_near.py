"""A short form of the benchmark of near-duplicates; no time is claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import near, synthetic


@pytest.mark.parametrize("policy", near.POLICIES)
def test_the_index_of_synthetic_signatures(tmp_path: Path, policy: str) -> None:
    """Every policy decides on thousands of samples; what drops samples drops about a third."""
    shards = synthetic.light(tmp_path, 8_800, 2_200)
    near.signatures(tmp_path, shards)
    kept = near.indexed(tmp_path, shards, policy)["kept"]
    whole = near.indexed(tmp_path, shards, "without")["kept"]
    assert 0 < kept <= whole
    if policy in ("sample", "page"):
        assert 0.6 * whole < kept < 0.85 * whole


def test_the_index_with_every_decision_on(tmp_path: Path) -> None:
    """Thousands of samples: benchmarks and near-duplicates are found, and much is kept."""
    shards = synthetic.samples(tmp_path, 8_800, 2_200)
    near.signatures(tmp_path, shards)
    near.benchmarks(tmp_path)
    found = near.everything(tmp_path, shards)
    assert 0.3 * 8_800 < found["kept"] < 8_800
    assert found["contaminated"] > 0
    assert found["near_duplicate"] > 0


def test_our_signatures_estimate_what_nodes_have_in_common() -> None:
    """On pages of our recordings, changed like snapshots, the mean error is under 0.04."""
    pages = near.observations(2_000_000)
    assert near.libraries(pages)["ours"][1] < 0.04
