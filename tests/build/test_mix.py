"""Weights for sampling in whole builds: beside the dataset, a row each, in the order of loading."""

from __future__ import annotations

import random
import re
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import datasets
import polars as pl
import pytest
import yaml

from etl.build.run.whole import run
from etl.dataset.layout import Layout
from etl.dataset.place import place_of
from etl.look.verify import verify
from etl.publish.folder import PublishedFolder
from etl.publish.publication import Order, publish
from schemas.errors import BuildError
from tests.support import builds
from tests.support.builds import Quiet

SMALL: Final = ("fit.context=1024", "split.test=0.2", "pack.shard_mb=1", "inputs.bundle_mb=0")
MIX: Final = ("mix.temperature=2.0", 'mix.domains={"shop3.*" = 4.0}', 'mix.splits={"test" = 0.5}')


def write(folder: Path, night: int) -> Path:
    """The recordings of a night: most of one domain."""
    numbers = [7 * n if n % 3 else n for n in range(100 * night, 100 * night + 80)]
    builds.write_workflows(folder / f"{night}.jsonl", *(builds.workflow(n, 2) for n in {*numbers}))
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of two nights, the second with other weights than the first."""
    folder = tmp_path_factory.mktemp("mix")
    builds.build([write(folder / "in", 1)], folder / "out", *SMALL)
    before = builds.contents(folder / "out" / "dataset" / "data")
    plain = (folder / "out" / "dataset" / "README.md").read_text()
    assert "temperature" not in plain
    builds.build([folder / "in"], folder / "out", *SMALL, *MIX, redo=True)
    assert builds.contents(folder / "out" / "dataset" / "data") == before
    builds.build([write(folder / "in", 2)], folder / "out", *SMALL, *MIX)
    after = builds.contents(folder / "out" / "dataset" / "data")
    assert {name: after[name] for name in before} == before
    return folder / "out"


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "stats" / f"{name}.parquet")


def test_a_row_has_the_mean_weight_of_its_tokens(out: Path) -> None:
    """Worked out again from the rows and the table of domains. Shares and what was asked for add up
    to 1 in each split, and the weights give the shares that the table says.
    """
    weights, mix = table(out / "dataset", "weights"), table(out / "dataset", "mix")
    of_cell = {tuple(row[:3]): row[-2] for row in mix.iter_rows()}
    sampled: dict[tuple[str, str, str], float] = defaultdict(float)
    listed = {
        row["sample_id"]: (row["split"], row["source"], row["domain"])
        for row in place_of(out).listing(["sample_id", "split", "source", "domain"])
        .collect().iter_rows(named=True)
    }  # fmt: skip
    for (split,), rows in weights.group_by("split", maintain_order=True):
        loaded = datasets.load_dataset(str(out / "dataset"), split=str(split), streaming=True)
        for row, line in zip(loaded, rows.iter_rows(named=True), strict=True):
            assert row["sample_ids"][0] == line["sample_id"]
            pieces = list(zip(row["sample_ids"], row["seq_lengths"], strict=True))
            mean = sum(of_cell[listed[id]] * size for id, size in pieces) / len(row["input_ids"])
            assert line["weight"] == pytest.approx(mean)
            assert line["tokens"] == len(row["input_ids"])
            for id, size in pieces:
                sampled[listed[id]] += line["weight"] * size
    for split in ("train", "test"):
        mine = mix.filter(split=split)
        assert sum(mine["share"]) == pytest.approx(1)
        assert sum(mine["target"]) == pytest.approx(1)
        whole = sum(value for cell, value in sampled.items() if cell[0] == split)
        for row in mine.iter_rows(named=True):
            cell = (split, row["source"], row["domain"])
            assert row["sampled"] == pytest.approx(sampled[cell] / whole)
    assert mix["samples"].sum() == place_of(out).manifest.totals.samples
    assert verify(out) == []


def test_a_sampler_draws_by_the_weights(out: Path, tmp_path: Path) -> None:
    """In a build and published, in either format: the rows that a weighted sampler
    draws have domains nearer to what is asked than the dataset has; the weights are those of the
    rows in the order of loading.
    """
    place = PublishedFolder(tmp_path / "published")
    publish(out, place, Order(allow=frozenset(("unlicensed",)), format="parquet"), Quiet)
    for folder in (out / "dataset", tmp_path / "published"):
        rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
        weights = pl.read_parquet(folder / "stats/weights.parquet").filter(split="train")
        assert [ids[0] for ids in rows["sample_ids"]] == weights["sample_id"].to_list()
        numbers = random.Random(1).choices(range(len(rows)), weights["weight"].to_list(), k=4000)
        listed = dict(place_of(out).listing(["sample_id", "domain"]).collect().iter_rows())
        drawn: dict[str, int] = defaultdict(int)
        every = list(zip(rows["sample_ids"], rows["seq_lengths"], strict=True))
        for number in numbers:
            for id, size in zip(*every[number], strict=True):
                drawn[listed[id]] += size
        for row in table(folder, "mix").filter(split="train").iter_rows(named=True):
            share = drawn[row["domain"]] / sum(drawn.values())
            assert share == pytest.approx(row["sampled"], abs=0.02)
            assert abs(row["sampled"] - row["target"]) <= abs(row["share"] - row["target"]) + 1e-9


def test_the_readme_s_lines_read_the_weights(out: Path) -> None:
    """The first of the README's three lines gives a weight for each row of the split."""
    readme = (builds.ROOT / "README.md").read_text("utf-8")
    (code,) = re.findall(r"^```py\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    line, *more = code.splitlines()
    assert len(more) == 2
    names: dict[str, Any] = {"polars": pl}
    exec(line.replace('"dataset/', f'"{out}/dataset/'), names)
    assert len(names["weights"]) == place_of(out).manifest.splits["train"].rows


def test_card_and_croissant_say_the_mix(out: Path) -> None:
    """With a line for each domain, and the tables' columns."""
    card = (out / "dataset" / "README.md").read_text()
    assert "The temperature is 2: " in card
    assert "| train | workflows | shop3.example |" in card
    assert yaml.safe_load(card.split("---\n")[1])["configs"]
    described = (out / "dataset" / "croissant.json").read_text()
    assert '"mix/target"' in described
    assert '"weights/weight"' in described


def test_without_mix_the_tables_go(out: Path, tmp_path: Path) -> None:
    """A build without the section has neither table, also in a folder that had them."""
    shutil.copytree(out, tmp_path / "out")
    inputs = out.parent / "in"
    builds.build([inputs], tmp_path / "out", *SMALL, redo=True)
    names = {path.name for path in Layout(tmp_path / "out").dataset.stats.iterdir()}
    assert not names & {"mix.parquet", "weights.parquet"}
    assert verify(tmp_path / "out") == []


def test_entries_that_match_nothing_are_named(tmp_path: Path) -> None:
    """In a warning with the setting, and a strict build fails."""
    inputs = write(tmp_path / "in", 1)
    wrong: tuple[Any, ...] = (*SMALL, 'mix.domains={"shop33.example" = 2}', "mix.splits.trian=1")
    made = builds.prepared([inputs], tmp_path / "out", *wrong)
    run(made)
    text = "\n".join(made.record.warnings)
    assert "mix.domains: 'shop33.example' matches nothing" in text
    assert "mix.splits: 'trian' matches nothing" in text
    strict = replace(made, out=tmp_path / "two", options=replace(made.options, strict=True))
    with pytest.raises(BuildError, match=r"mix\.domains"):
        run(strict)
