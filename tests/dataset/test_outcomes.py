"""Outcomes: what a dataset holds of failed workflows and of repeated steps is said wherever one
looks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.dataset import outcomes
from etl.dataset.place import place_of
from etl.files.arrow import read_json
from etl.look import overview
from tests.support import builds


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four workflows of three steps: a success, a failure that clicks the same again, a half
    success, an unknown.
    """
    folder = tmp_path_factory.mktemp("outcomes")
    records: list[dict[str, Any]] = [builds.workflow(number, steps=3) for number in range(4)]
    for record, reward in zip(records, (1.0, 0.0, 0.5, None), strict=True):
        record["reward"] = reward
    records[1]["steps"][2] = records[1]["steps"][1] | {"step_id": "again"}
    builds.write_workflows(folder / "in" / "a.jsonl", *records)
    builds.build([folder / "in"], folder / "out")
    return folder / "out"


def test_outcomes_add_up(built: Path) -> None:
    """The manifest, the published table and the listing agree: samples by reward, and those that
    repeat a step.
    """
    manifest = read_json(built / "dataset" / "manifest.json")
    groups = outcomes.by_reward(manifest["outcomes"])
    counted = {name: (of["samples"], of["repeats"]) for name, of in groups.items()}
    assert counted == {
        "0 or less": (3, 1),
        "1 or more": (3, 0),
        "between 0 and 1": (3, 0),
        "unknown": (3, 0),
    }
    assert sum(of["tokens"] for of in groups.values()) == manifest["totals"]["tokens"]
    table = pl.read_parquet(built / "dataset" / "stats" / "outcomes.parquet")
    assert table.to_dicts() == manifest["outcomes"]
    listing = pl.read_parquet(built / "dataset" / "stats" / "samples" / "**" / "*.parquet")
    rewards = dict(listing.select("sample_id", "reward").iter_rows())
    assert rewards["workflows:w1/1"] == 0.0
    assert rewards["workflows:w3/1"] is None
    assert listing.filter("repeat")["sample_id"].to_list() == ["workflows:w1/3"]


def test_outcomes_are_said_in_overview_and_card(built: Path) -> None:
    """Whoever looks sees how many samples are of failed workflows, which setting leaves them out,
    and repeats.
    """
    failed = "6 of 12 samples (50.0%) are of workflows that did not succeed"
    repeats = "1 of 12 samples (8.3%) repeat the step before."
    shown = overview.text(overview.view(place_of(built)), built)
    card = (built / "dataset" / "README.md").read_text()
    for text in (shown, card):
        assert failed in text
        assert "filter.min_reward = 1" in text
        assert repeats in text
    assert "0 or less" in shown
    assert "workflows of any reward stay" in card


def test_known_success_and_no_knowledge_are_told_apart(built: Path) -> None:
    """Only successes: that is said; no reward known: nothing is."""
    rows = read_json(built / "dataset" / "manifest.json")["outcomes"]
    good = [row for row in rows if row["reward"] in ("1 or more", "unknown")]
    assert outcomes.sentences(good) == [
        "All workflows whose reward is known succeeded (3 of 6 samples)."
    ]
    unknown = [row for row in rows if row["reward"] == "unknown"]
    assert outcomes.sentences(unknown) == []
    assert outcomes.sentences([]) == []


def test_the_card_shows_one_sample(built: Path) -> None:
    """The card holds the first sample of the first file as the model sees it: prompt, and the
    completion whole.
    """
    manifest = read_json(built / "dataset" / "manifest.json")
    shown = manifest["card"]["example"]
    card = (built / "dataset" / "README.md").read_text()
    made = builds.samples(built)[shown["sample_id"]]
    assert f"Description: {made.description}" in shown["completion"]
    assert made.objective in shown["prompt"]
    for text in (shown["prompt"], shown["completion"]):
        assert f"```text\n{text}\n```" in card
