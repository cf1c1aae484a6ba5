"""What observations hold within a budget: the table ``budget`` and the manifest's sums."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import polars as pl
import pytest

from etl.build.recipes.recipe import load
from etl.dataset import account
from etl.dataset.flow.budget import COUNTS, shares
from etl.dataset.layout import Layout, shelf
from etl.dataset.place import place_of
from etl.dataset.samples import every
from etl.dataset.state import keys
from tests.support import builds

SHOP: Final = builds.RECORDINGS / "shop.jsonl.zst"
LIBRARY: Final = builds.RECORDINGS / "library.jsonl"
FEW: Final = "caps.samples_per_domain=40"
FIGURES: Final = (*COUNTS, "p50", "p90")


def build(inputs: list[Path], out: Path, *changes: str) -> dict[str, Any]:
    return builds.build(inputs, out, recipe=load("compact-4k", ["observe.budget=512", *changes]))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of two nights whose budget is too small for some targets, and of a few samples of
    each domain.
    """
    out = tmp_path_factory.mktemp("budget") / "out"
    build([SHOP], out, FEW)
    build([SHOP, LIBRARY], out, FEW)
    return out


def noted(out: Path) -> list[tuple[str, dict[str, Any]]]:
    """The domain of every sample that phase 1 made, with its note."""
    places = shelf(Layout(out).work)
    found = [sample for key in keys(Layout(out).work) for sample in every(places, key)]
    return [(sample.domain, orjson.loads(sample.fitted)) for sample in found]


def counted(notes: list[dict[str, Any]], cut: int) -> dict[str, Any]:
    """The figures of some samples, one by one."""
    kept = sum(note["target_kept"] is True for note in notes)
    tokens = [note["tokens"] for note in notes]
    p50, p90 = (int(np.quantile(tokens, share, method="lower")) for share in (0.5, 0.9))
    return {
        "targets": kept + cut,
        "kept": kept,
        "cut": cut,
        "with_name": sum(note["named"] is not None for note in notes),
        "named": sum(note["named"] is True for note in notes),
        "samples": len(notes),
        "p50": p50,
        "p90": p90,
    }


def test_the_table_is_a_count_of_all_samples_and_of_all_that_was_cut(out: Path) -> None:
    """By domain and in all, of what phase 1 made: also of samples that later phases left out."""
    ledger = account.ledger(out).filter(pl.col("reason") == "target_cut")
    cut = Counter(ledger["domain"].to_list())
    samples = noted(out)
    place = place_of(out)
    assert len(samples) > place.manifest.totals.samples
    rows = {row.pop("domain"): row for row in place.table("budget").to_dicts()}
    assert list(rows) == sorted(rows, key=lambda name: (-rows[name]["targets"], name))
    for domain in {domain for domain, _ in samples}:
        notes = [note for of, note in samples if of == domain]
        assert rows.pop(domain) == counted(notes, cut[domain])
    assert rows == {}
    found = place.manifest.budget
    assert found is not None
    assert {name: found[name] for name in FIGURES} == counted(
        [note for _, note in samples], sum(cut.values())
    )
    removed: Counter[str] = Counter()
    for _, note in samples:
        removed.update(note["removed"])
    assert found["removed"] == removed
    assert found["tokens"] == 512
    assert 0 < found["cut"] < found["kept"]


def test_a_later_build_counts_as_one_alone_would(out: Path, tmp_path: Path) -> None:
    """Figures of a build that had read some of it before equal those of a build of all at once."""
    build([SHOP, LIBRARY], tmp_path, FEW)
    (one, other) = (place_of(folder) for folder in (out, tmp_path))
    assert one.manifest.budget == other.manifest.budget
    assert one.table("budget").equals(other.table("budget"))


def test_targets_do_not_depend_on_the_budget(out: Path, tmp_path: Path) -> None:
    """With room for all of a page none is cut; of as many targets."""
    all_of_it = build([SHOP, LIBRARY], tmp_path, "observe.budget=32768")["budget"]
    before = place_of(out).manifest.budget
    assert before is not None
    assert (all_of_it["targets"], all_of_it["cut"]) == (before["targets"], 0)


def test_a_cut_target_counts_as_lost(out: Path) -> None:
    """The share of targets kept, by which builds are compared and gates judge, knows of it."""
    figures = place_of(out).manifest.figures
    assert figures.survival < 1
    domains = place_of(out).table("domains").filter(pl.col("lost_targets") > 0)
    cut = place_of(out).table("budget").filter(pl.col("cut") > 0)
    assert set(cut["domain"]) <= set(domains["domain"])


def test_only_datasets_with_a_budget_have_it(own_build: Path) -> None:
    """A recipe that prunes pages has neither the table nor the sums."""
    assert place_of(own_build).manifest.budget is None
    assert not (own_build / "dataset" / "stats" / "budget.parquet").exists()


def test_a_dataset_without_samples_has_no_shares(tmp_path: Path) -> None:
    """Nothing is divided by nothing."""
    inputs = builds.write_workflows(tmp_path / "in.jsonl", builds.workflow(0) | {"objective": ""})
    found = build([inputs], tmp_path / "out", "gates.min_samples=0")["budget"]
    assert found["targets"] == found["samples"] == 0
    assert shares(found)["kept"] is shares(found)["named"] is None
    assert place_of(tmp_path / "out").table("budget").height == 0
