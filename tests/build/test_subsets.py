"""Subsets of a build: configurations of one dataset that share its files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import datasets
import polars as pl
import pytest
import yaml

from etl.build.dry_run import foresee
from etl.build.recipes.recipe import load
from etl.dataset.layout import subset_of
from etl.dataset.place import place_of
from etl.files.arrow import open_arrow
from etl.look import overview
from etl.look import subsets as views
from etl.look.verify import verify
from etl.publish.folder import PublishedFolder
from etl.publish.publication import Order, publish
from schemas.errors import ConfigError
from tests.support import builds
from tests.support.builds import Quiet

SMALL: Final = ("fit.context=2048", "split.test=0.2")
ASKED: Final = 'subsets.tokens=["20K", "80K"]'


def write(folder: Path, night: int, count: int = 160) -> Path:
    """The recordings of a night."""
    records = (builds.workflow(number, 2) for number in range(1000 * night, 1000 * night + count))
    builds.write_workflows(folder / f"{night}.jsonl", *records)
    return folder


def members(out: Path, subset: int) -> set[str]:
    """The ids of the samples in a subset, from the names of the files that they lie in."""
    listed = place_of(out).listing(["sample_id", "packed"], "train").collect()
    return {id for id, packed in listed.iter_rows() if 0 < subset_of(packed) <= subset}


def tokens_of(out: Path, subset: int) -> int:
    """The tokens of a subset, counted in the rows of its files."""
    files = (out / "dataset" / "data").rglob("train-s*.arrow")
    mine = [path for path in files if 0 < subset_of(path.name) <= subset]
    tables = [open_arrow(path).read_all() for path in mine]
    return sum(len(row) for table in tables for row in table["input_ids"])


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A build of one night, and the same with a second one."""
    folder = tmp_path_factory.mktemp("nights")
    inputs = write(folder / "in", 1)
    builds.build([inputs], folder / "one", *SMALL, ASKED)
    shutil.copytree(folder / "one", folder / "two")
    write(inputs, 2)
    builds.build([inputs], folder / "two", *SMALL, ASKED)
    return {"inputs": inputs, "one": folder / "one", "two": folder / "two"}


def test_a_night_moves_no_sample_out_of_a_subset(nights: dict[str, Any]) -> None:
    """Subsets nest, before and after a second night, and have the tokens asked for within 1%. A
    full one keeps exactly its samples, and its files their bytes; one that was not full takes new
    ones. Every sample lies in one file.
    """
    one, two = nights["one"], nights["two"]
    assert members(one, 1) < members(one, 2)
    assert members(one, 1) == members(two, 1)
    assert members(one, 2) < members(two, 2)
    first, second = place_of(two).manifest.subsets or ()
    assert (first.asked, second.asked) == (20_000, 80_000)
    for number, subset in enumerate((first, second), 1):
        assert subset.tokens == subset.counted == tokens_of(two, number)
        assert abs(subset.tokens / subset.asked - 1) < 0.01
        assert subset.samples == len(members(two, number))
    old = builds.contents(one / "dataset" / "data")
    new = builds.contents(two / "dataset" / "data")
    assert {name: new[name] for name in old} == old
    ids = [row.sample_id for row in builds.emitted(two)]
    assert len(ids) == len(set(ids)) == place_of(two).manifest.totals.samples
    for out in (one, two):
        assert verify(out) == []


def test_subsets_are_configurations(nights: dict[str, Any], tmp_path: Path) -> None:
    """`load_dataset` loads each subset by its name, in a build and published: its training rows are
    those of its files, held-out rows are all there; without a name it loads everything. Card,
    Croissant and views list them.
    """
    out, place = nights["two"], PublishedFolder(tmp_path / "published")
    publish(out, place, Order(allow=frozenset(("unlicensed",))), Quiet)
    manifest = place_of(out).manifest
    for folder in (out / "dataset", tmp_path / "published"):
        whole = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert len(whole["train"]) == manifest.splits["train"].rows
        for number, subset in enumerate(manifest.subsets or (), 1):
            rows = datasets.load_dataset(
                str(folder), subset.name, cache_dir=str(tmp_path / "cache")
            )
            ids = {id for row in rows["train"]["sample_ids"] for id in row}
            assert ids == members(out, number)
            assert len(rows["test"]) == len(whole["test"])
    head = yaml.safe_load((out / "dataset" / "README.md").read_text().split("---\n")[1])
    names = ["default", "20K", "80K"]
    assert [each["config_name"] for each in head["configs"]] == names
    assert [each["config_name"] for each in head["dataset_info"]] == names
    card = (out / "dataset" / "README.md").read_text()
    assert '"20K")`' in card
    assert "chooses nested subsets of the training split, of 20,000, 80,000 tokens" in card
    assert '"20K-train-files"' in (out / "dataset" / "croissant.json").read_text()
    text = overview.text(overview.view(place_of(out)), out)
    assert f"stepmill inspect {out} subsets" in text
    result = views.view(place_of(out), "shop3*")
    assert {row["domain"] for row in views.rows(result)} == {"shop3.example"}
    shown = views.text(views.view(place_of(out)))
    assert "of what was asked" in shown
    for name in ("20K", "80K"):
        every = views.view(place_of(out))["domains"][name]
        assert sum(row["tokens"] for row in every) == next(
            each.tokens for each in manifest.subsets or () if each.name == name
        )


def test_tokens_are_counted_once(nights: dict[str, Any], tmp_path: Path) -> None:
    """A second run counts nothing again; a dry run says what would be counted."""
    out = tmp_path / "out"
    shutil.copytree(nights["one"], out)
    before = builds.stamps(out / "work" / "counts")
    seen = foresee(builds.prepared([nights["inputs"]], out, *SMALL, ASKED))
    assert [name for name, _, _ in seen.read] == ["2.jsonl"]
    builds.build([nights["inputs"]], out, *SMALL, ASKED, workers=2)
    after = builds.stamps(out / "work" / "counts")
    assert {name: after[name] for name in before} == before
    assert len(after) == 2
    assert builds.contents(out / "dataset") == builds.contents(nights["two"] / "dataset")
    for path in (out / "work" / "counts").iterdir():
        path.unlink()
    assert foresee(builds.prepared([nights["inputs"]], out, *SMALL, ASKED)).finished
    other = 'subsets.tokens=["30K"]'
    seen = foresee(builds.prepared([nights["inputs"]], out, *SMALL, other))
    assert {why for _, _, why in seen.read} == {"its tokens are counted, for subsets"}
    with pytest.raises(ConfigError, match="index and packing are done again"):
        builds.build([nights["inputs"]], out, *SMALL, other)
    builds.build([nights["inputs"]], out, *SMALL, other, redo=True)
    assert [each.name for each in place_of(out).manifest.subsets or ()] == ["30K"]
    assert verify(out) == []


def test_slices_count_and_agree(nights: dict[str, Any], tmp_path: Path) -> None:
    """Slices of a build count their own inputs, and give the same dataset."""
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for name in ("1.jsonl", "2.jsonl"):
        shutil.copy(nights["inputs"] / name, inputs)
    alone = "inputs.bundle_mb=0"
    settings = [part for each in (*SMALL, ASKED, alone) for part in ("--set", each)]
    for number in (1, 2):
        done = builds.command(
            "build", inputs, "--out", out, *settings, "--shard", f"{number}/2", "--workers", "0"
        )
        assert done.returncode == 0, done.stderr
    assert len([*(out / "work" / "counts").iterdir()]) == 2
    for arguments in (("--shard", "1/2"), ("--shard", "2/2"), ()):
        done = builds.command("finish", out, *arguments, "--workers", "0")
        assert done.returncode == 0, done.stderr
    builds.build([inputs], tmp_path / "alone", *SMALL, ASKED, alone)
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "alone" / "dataset")


def test_more_than_there_is_is_said(tmp_path: Path) -> None:
    """A subset larger than the training split has all of it, with a warning and its count."""
    inputs, out = write(tmp_path / "in", 1, 80), tmp_path / "out"
    build = builds.prepared([inputs], out, *SMALL, 'subsets.tokens=["10K", "1B"]')
    from etl.build.run.whole import run

    manifest = run(build)
    (warning,) = build.record.warnings
    train = manifest.splits["train"]
    assert warning == (
        "subsets.tokens: 1B is more than the training split can fill: the subset has "
        f"{train.tokens:,} tokens, until new recordings fill it"
    )
    noted = build.record.as_json("", 0)["subsets"]
    assert noted["1B"] == {"asked": 10**9, "counted": train.tokens}
    assert manifest.subsets is not None
    assert manifest.subsets[1].samples == train.samples
    assert verify(out) == []


def test_vocabularies_share_subsets(tmp_path: Path) -> None:
    """With several vocabularies one is named that counts; each has the same samples in its subsets,
    as a build with it alone has.
    """
    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    both = 'vocabularies=["qwen2.5", { label = "plain", name = "qwen2.5", chat = "plain" }]'
    with pytest.raises(ConfigError, match=r"subsets\.vocabulary"):
        load("scribeagent-32k", [both, ASKED])
    counting = "subsets.vocabulary=qwen2.5"
    builds.build([inputs], out, *SMALL, both, ASKED, counting)
    folder = out / "vocabularies" / "plain"
    assert members(out, 1) == members(folder, 1)
    builds.build([inputs], tmp_path / "alone", *SMALL, "prompt.chat=plain", ASKED, counting)
    assert {row["name"]: row["counted"] for row in views.view(place_of(folder))["subsets"]} == {
        row["name"]: row["counted"] for row in views.view(place_of(out))["subsets"]
    }
    assert verify(out) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('["3B", "1B"]', "1B is not more than the one before"),
        ('["1B", "1000M"]', "1000M is not more"),
        ('["0"]', "0 is not more"),
        ('["a lot"]', "'a lot' is no number of tokens"),
        ('["-1B"]', "'-1B' is no number of tokens"),
        ("[1]", "expected a list of strings"),
    ],
)
def test_nonsense_is_refused(value: str, says: str) -> None:
    """Amounts that are none, or not ascending, stop before work starts."""
    with pytest.raises(ConfigError, match=says):
        load("scribeagent-32k", [f"subsets.tokens={value}"])


def test_without_subsets_nothing_of_them_is_there(own_build: Path) -> None:
    """A recipe without subsets leaves no trace of them: manifest, tables, card, work."""
    manifest = place_of(own_build).manifest.as_json()
    assert "subsets" not in manifest
    assert "subsets" not in manifest["settings"]["index"]
    assert not (own_build / "dataset" / "stats" / "subsets.parquet").exists()
    assert not (own_build / "work" / "counts").exists()
    assert views.text(views.view(place_of(own_build))).startswith("the dataset has no subsets")
    assert pl.read_parquet(own_build / "dataset" / "stats" / "domains.parquet").height
