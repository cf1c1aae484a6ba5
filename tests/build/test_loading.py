"""What a trainer loads: `datasets.load_dataset` on the folder that a build publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from etl.files.arrow import read_json
from schemas.samples import NO_LOSS
from tests.support import builds

CONTEXT = 32_768


@pytest.fixture(autouse=True)
def no_cache_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library converts goes to a folder of the test's own."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def load(out: Path, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """All rows of each split, as the library gives them."""
    return {
        split: list(rows)
        for split, rows in datasets.load_dataset(str(out / "dataset"), **options).items()
    }


def card(out: Path) -> dict[str, Any]:
    """The YAML at the head of the card."""
    header: dict[str, Any] = yaml.safe_load(
        (out / "dataset" / "README.md").read_text().split("---\n")[1]
    )
    return header


def stored(out: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of each split, read from the files without the library."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for sample in builds.emitted(out):
        rows.setdefault(sample.split, []).append(
            {"id": sample.sample_id, "tokens": sample.input_ids.tolist()}
        )
    return rows


def small(folder: Path, *overrides: str) -> Path:
    """A build of 40 little workflows."""
    path = builds.write_workflows(
        folder / "in.jsonl", *(builds.workflow(number, steps=2) for number in range(40))
    )
    builds.build([path], folder / "out", *overrides)
    return folder / "out"


@pytest.mark.parametrize("streaming", [False, True])
def test_the_library_reads_it(own_build: Path, streaming: bool) -> None:
    """Plain and streaming, both splits load with the four columns, and say to the token what is in
    the files.
    """
    loaded = load(own_build, streaming=streaming)
    assert list(loaded) == ["train", "test"]
    for split, expected in stored(own_build).items():
        rows = loaded[split]
        assert {tuple(row) for row in rows} == {
            ("input_ids", "labels", "seq_lengths", "sample_ids")
        }
        assert [name for row in rows for name in row["sample_ids"]] == [
            sample["id"] for sample in expected
        ]
        tokens = [token for row in rows for token in row["input_ids"]]
        assert tokens == [token for sample in expected for token in sample["tokens"]]


def test_rows_are_sound(own_build: Path) -> None:
    """`seq_lengths` sum to the row's length, there is one sample id for each, labels are as many as
    tokens and each is -100 or the token at its place, and no row is above the context.
    """
    rows = [row for split in load(own_build).values() for row in split]
    for row in rows:
        assert sum(row["seq_lengths"]) == len(row["input_ids"]) == len(row["labels"]) <= CONTEXT
        assert len(row["seq_lengths"]) == len(row["sample_ids"])
        assert all(
            label in (NO_LOSS, token)
            for token, label in zip(row["input_ids"], row["labels"], strict=True)
        )
        assert any(label != NO_LOSS for label in row["labels"])
    assert max(len(row["seq_lengths"]) for row in rows) > 1


def test_real_rows_are_within_the_context_and_full(shared_build: Path) -> None:
    """On the build of real recordings: no packed row above 32,768 tokens, and training rows at
    least 99% full.
    """
    lengths: dict[str, list[int]] = {}
    dataset = datasets.load_dataset(str(shared_build / "dataset"))
    for split, rows in dataset.items():
        sums = [sum(row) for row in rows["seq_lengths"]]
        lengths[split] = [len(row) for row in rows["input_ids"]]
        assert sums == lengths[split]
    assert max(max(of_split) for of_split in lengths.values()) <= CONTEXT
    assert sum(lengths["train"]) / (CONTEXT * len(lengths["train"])) > 0.99


def test_the_card_counts_exactly(own_build: Path) -> None:
    """The card's YAML declares exactly the splits, rows and bytes that are there, with the
    library's features; the library, which checks them, agrees.
    """
    header = card(own_build)
    info = header["dataset_info"]
    loaded = datasets.load_dataset(str(own_build / "dataset"))
    sizes = {
        split: sum(
            path.stat().st_size
            for path in (own_build / "dataset" / "data").rglob(f"{split}-*.arrow")
        )
        for split in loaded
    }
    rows = {
        split: {"num_bytes": sizes[split], "num_examples": loaded[split].num_rows}
        for split in loaded
    }
    assert {item.pop("name"): item for item in info["splits"]} == rows
    assert info["download_size"] == info["dataset_size"] == sum(sizes.values())
    declared = datasets.load_dataset_builder(str(own_build / "dataset")).info.features
    assert declared == loaded["train"].features
    assert header["configs"][0]["data_files"] == [
        {"split": split, "path": f"data/*/{split}-*.arrow"} for split in ("train", "test")
    ]
    manifest = read_json(own_build / "dataset" / "manifest.json")
    assert {split: counts["rows"] for split, counts in manifest["splits"].items()} == {
        split: counts["num_examples"] for split, counts in rows.items()
    }


@pytest.mark.parametrize(("share", "split"), [("0", "train"), ("1", "test")])
def test_an_empty_split_is_not_there(tmp_path: Path, share: str, split: str) -> None:
    """With all or nothing for testing the other split has no file and is not declared, so that the
    rest loads.
    """
    out = small(tmp_path, f"split.test={share}")
    names = {path.name.split("-")[0] for path in (out / "dataset" / "data").rglob("*.arrow")}
    assert names == {split}
    assert [item["name"] for item in card(out)["dataset_info"]["splits"]] == [split]
    assert [item["split"] for item in card(out)["configs"][0]["data_files"]] == [split]
    for streaming in (False, True):
        loaded = load(out, streaming=streaming)
        assert list(loaded) == [split]
        assert sum(len(row["sample_ids"]) for row in loaded[split]) == 80


def test_nothing_to_train_on_is_no_dataset_but_a_build(tmp_path: Path) -> None:
    """Recordings of which no step is trained on: the build ends well, with accounts, and without
    any split.
    """
    records = [builds.workflow(0) | {"objective": ""}, builds.workflow(1)]
    records[1]["steps"][0]["error"] = "failed"
    manifest = builds.build(
        [builds.write_workflows(tmp_path / "in.jsonl", *records)],
        tmp_path / "out",
        "gates.min_samples=0",
    )
    assert manifest["splits"] == {}
    assert {unit: counts["read"] for unit, counts in manifest["accounting"].items()} == {
        "record": 2, "workflow": 2, "step": 2, "sample": 0,
    }  # fmt: skip
    assert not list((tmp_path / "out" / "dataset").rglob("*.arrow"))
    assert card(tmp_path / "out")["dataset_info"]["splits"] == []
    assert builds.command("verify", tmp_path / "out").returncode == 0


def test_unpacked_output(tmp_path: Path) -> None:
    """With pack.packing=false every row is one sample, the same tokens as packed."""
    packed = small(tmp_path / "packed")
    unpacked = small(tmp_path / "unpacked", "pack.packing=false")
    rows = load(unpacked)
    for split in rows:
        assert {len(row["sample_ids"]) for row in rows[split]} == {1}
        assert [row["seq_lengths"] for row in rows[split]] == [
            [len(row["input_ids"])] for row in rows[split]
        ]
    assert sum(len(of_split) for of_split in rows.values()) == 80
    of_packed = {sample.sample_id: sample.input_ids.tolist() for sample in builds.emitted(packed)}
    assert {
        row["sample_ids"][0]: row["input_ids"] for split in rows.values() for row in split
    } == of_packed
    assert sum(len(split) for split in load(packed).values()) < 80


def test_several_shards_of_a_split_load_as_one(tmp_path: Path) -> None:
    """A split of several files is numbered without gaps and loads whole,
    with a small context too.
    """
    records = [builds.workflow(number) for number in range(60)]
    for record in records:
        record["steps"][0]["html"] += "<p>words of the page </p>" * 400
    path = builds.write_workflows(tmp_path / "in.jsonl", *records)
    out = tmp_path / "out"
    builds.build([path], out, "pack.shard_mb=1", "fit.context=8192", "split.test=0")
    names = sorted(path.name for path in (out / "dataset" / "data").rglob("*.arrow"))
    assert len(names) > 1
    assert names == [
        f"train-{number:05d}-of-{len(names):05d}.arrow" for number in range(len(names))
    ]
    rows = load(out)["train"]
    assert sorted(name for row in rows for name in row["sample_ids"]) == sorted(
        f"workflows:w{i}/1" for i in range(60)
    )
    assert max(len(row["input_ids"]) for row in rows) <= 8192
