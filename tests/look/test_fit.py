"""`stepmill inspect DIR fit`: targets within a context, and within a recipe's budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.build.recipes.recipe import load
from etl.dataset.place import place_of
from etl.look import fit
from tests.support import builds


@pytest.mark.parametrize(("name", "kept"), [("scribeagent-32k", None), ("compact-4k", 1.0)])
def test_shares_grow_with_the_context(tmp_path: Path, name: str, kept: float | None) -> None:
    """More context holds more targets, and whole samples are kept; a budget is measured over
    samples and what was cut.
    """
    builds.build([builds.RECORDINGS / "library.jsonl"], tmp_path, recipe=load(name))
    result = fit.view(place_of(tmp_path))
    rows = [row for row in result["contexts"] if row["domain"] == fit.ALL]
    assert [row["context"] for row in rows] == list(fit.CONTEXTS)
    shares = [row["kept"] for row in rows]
    assert shares == sorted(shares)
    assert all(row["whole"] <= row["kept"] <= 1 for row in rows)
    assert shares[-1] == 1
    budget = result["budget"]
    if kept is None:
        assert budget is None
    else:
        assert budget["kept"] == (budget["steps"] - budget["cut"]) / budget["steps"] == kept
        assert budget["p50"] <= budget["p90"] <= budget["tokens"] == 4096
        assert "within 4,096 tokens 100.0% of targets are kept" in fit.text(result)


def test_what_was_cut_is_counted(tmp_path: Path) -> None:
    """With a budget that is too small, targets are cut, and the share says so."""
    recipe = load("compact-4k", ["observe.budget=256"])
    builds.build([builds.RECORDINGS / "shop.jsonl.zst"], tmp_path, recipe=recipe)
    budget = fit.view(place_of(tmp_path))["budget"]
    assert budget["cut"] == sum(budget["cut_by_domain"].values()) > 0
    assert 0 < budget["kept"] < 1
    assert budget["removed"]["cut"] > 0
