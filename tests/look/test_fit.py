"""`stepmill inspect DIR fit`: targets within a context, and within a recipe's budget."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from etl.build.recipes.recipe import load
from etl.cli.main import cli
from etl.dataset.place import place_of
from etl.look import fit
from schemas.errors import ConfigError
from tests.support import builds

INPUTS: Final = ("shop.jsonl.zst", "library.jsonl")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build whose budget is too small for some targets of one of two domains."""
    out = tmp_path_factory.mktemp("fit") / "out"
    inputs = [builds.RECORDINGS / name for name in INPUTS]
    builds.build(inputs, out, recipe=load("compact-4k", ["observe.budget=512"]))
    return out


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli, ["inspect", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize(("name", "kept"), [("scribeagent-32k", None), ("compact-4k", 1.0)])
def test_shares_grow_with_the_context(tmp_path: Path, name: str, kept: float | None) -> None:
    """More context holds more targets, and whole samples are kept; a budget is measured over all
    targets, those that were cut among them.
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
        assert budget["kept"] == (budget["targets"] - budget["cut"]) / budget["targets"] == kept
        assert budget["named"] == 1
        assert budget["p50"] <= budget["p90"] <= budget["tokens"] == 4096
        assert "within 4,096 tokens 100.00% of targets are kept" in fit.text(result)


def test_what_was_cut_is_counted_by_domain(small: Path) -> None:
    """Domains add up to the whole, and each has its share, its names and its tokens."""
    budget = fit.view(place_of(small))["budget"]
    domains = {row["domain"]: row for row in budget["domains"]}
    assert set(domains) == {"shop.example", "library.invalid"}
    for name in ("targets", "cut", "with_name", "samples"):
        assert sum(row[name] for row in domains.values()) == budget[name]
    assert domains["shop.example"]["cut"] > 0 == domains["library.invalid"]["cut"]
    assert 0 < domains["shop.example"]["kept"] < budget["kept"] < 1
    assert all(row["p50"] <= row["p90"] <= 512 for row in domains.values())
    assert budget["removed"]["cut"] > 0


def test_every_form_says_it_by_domain(small: Path) -> None:
    """JSON, CSV and text; in CSV a row has a context or a budget, and what it does not know is
    empty.
    """
    found = json.loads(run(small, "fit", "--json"))["budget"]
    rows = list(csv.DictReader(io.StringIO(run(small, "fit", "--csv"))))
    assert list(rows[0]) == list(fit.CSV)
    assert all(bool(row["context"]) != bool(row["budget"]) for row in rows)
    of_budget = {row["domain"]: row for row in rows if row["budget"]}
    assert list(of_budget) == [fit.ALL, *(row["domain"] for row in found["domains"])]
    for row in found["domains"]:
        cells = of_budget[row["domain"]]
        assert (float(cells["kept"]), int(cells["targets"])) == (row["kept"], row["targets"])
        assert (cells["p90"], cells["whole"]) == (str(row["p90"]), "")
    said = run(small, "fit")
    shop = next(line for line in said.splitlines() if line.startswith("shop.example"))
    row = found["domains"][0]
    assert shop.split()[1:4] == [str(row["targets"]), str(row["cut"]), f"{row['kept']:.2%}"]


def test_more_domains_than_the_text_shows_are_counted(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text names the form that lists them all."""
    monkeypatch.setattr(fit, "_SHOWN", 1)
    said = fit.text(fit.view(place_of(small)))
    assert said.count("1 more domains: --csv lists them all") == 2


def test_a_published_dataset_alone_knows_its_budget(small: Path, tmp_path: Path) -> None:
    """Contexts are measured on samples of the work folder, the budget is not; a dataset with
    neither says what is missing.
    """
    shutil.copytree(small / "dataset", tmp_path / "there")
    published: dict[str, Any] = fit.view(place_of(tmp_path / "there"))
    assert published == {"contexts": None, "budget": fit.view(place_of(small))["budget"]}
    assert "of targets are kept" in run(tmp_path / "there", "fit")
    assert all(row["budget"] for row in fit.rows(published))
    builds.build([builds.RECORDINGS / "library.jsonl"], tmp_path / "pruned")
    with pytest.raises(ConfigError, match="whether contexts hold the targets needs the folder"):
        fit.view(place_of(tmp_path / "pruned" / "dataset"))
