"""The listing that is published beside the data: a line for each sample in the dataset, and no
other.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from etl.build.dry_run import foresee
from etl.dataset.layout import MANIFEST
from etl.files.arrow import open_arrow, read_json, write_json
from schemas.ledger import LISTING_SCHEMA
from tests.support import builds


def listing(out: Path) -> pl.DataFrame:
    """All of it."""
    return pl.read_parquet(out / "dataset" / "stats" / "samples" / "**" / "*.parquet")


def column(path: Path) -> list[list[str]]:
    """The names in each row of a data file."""
    names: list[list[str]] = open_arrow(path).read_all()["sample_ids"].to_pylist()
    return names


def check(out: Path) -> None:
    """The listing says of each sample what the data files hold, where, and what the samples were
    made of.
    """
    rows = {row["sample_id"]: row for row in listing(out).to_dicts()}
    emitted = list(builds.emitted(out))
    data = {
        name: column(out / "dataset" / "data" / f"{name}.arrow")
        for name in {row["packed"] for row in rows.values()}
    }
    assert rows.keys() == {each.sample_id for each in emitted}
    made = builds.samples(out)
    for each in emitted:
        row, sample = rows[each.sample_id], made[each.sample_id]
        loss = int((each.labels >= 0).sum())
        assert (row["split"], row["prompt_tokens"], row["completion_tokens"]) == (
            each.split, len(each.input_ids) - loss, loss,
        )  # fmt: skip
        assert (row["raw_chars"], row["pruned_chars"]) == (
            sample.raw_chars,
            len(sample.observation),
        )
        assert (row["step"], row["history"], row["action_kind"]) == (
            sample.step, len(sample.history), sample.action_kind,
        )  # fmt: skip
        assert each.sample_id in data[row["packed"]][row["row"]]


def test_the_listing_is_of_the_dataset(own_build: Path) -> None:
    """Every sample in a build of the shipped recordings has a line, whose figures are those of its
    tokens, and whose row holds it; nothing else has one, and the manifest knows the files.
    """
    check(own_build)
    manifest = read_json(own_build / MANIFEST)
    (path,) = (own_build / "dataset" / "stats" / "samples").rglob("train-*.parquet")
    assert path.relative_to(own_build).as_posix() in manifest["files"]
    table = pl.read_parquet(path)
    assert table.columns == LISTING_SCHEMA.names


def test_what_is_dropped_is_not_listed(tmp_path: Path) -> None:
    """Samples that do not fit, and duplicates, have no line."""
    long = builds.workflow(2)
    long["steps"][0]["html"] = "<button id=b0>Order</button>" + "word " * 9000
    records = [builds.workflow(1), long, builds.workflow(1) | {"workflow_id": "again"}]
    builds.build(
        [builds.write_workflows(tmp_path / "a.jsonl", *records)],
        tmp_path / "out",
        "fit.context=4096",
    )
    assert listing(tmp_path / "out")["sample_id"].to_list() == ["workflows:w1/1"]
    check(tmp_path / "out")


@pytest.mark.parametrize("earlier", ["report", "manifest"])
def test_a_build_of_an_earlier_version_gets_one(tmp_path: Path, earlier: str) -> None:
    """A finished build whose reports know no listing, or whose manifest is of the format before, is
    completed by the same command: the same bytes as of a build from nothing.
    """
    source, out = tmp_path / "a.jsonl", tmp_path / "out"
    builds.write_workflows(source, *(builds.workflow(number) for number in range(9)))
    builds.build([source], out)
    before = builds.contents(out / "dataset")
    manifest = read_json(out / MANIFEST)
    write_json(out / MANIFEST, manifest | {"format": 2})
    shutil.rmtree(out / "dataset" / "stats" / "samples")
    if earlier == "report":
        for path in (out / "work" / "fitted").rglob("*.json"):
            report = read_json(path)
            files = {
                name: digest for name, digest in report["files"].items() if "stats/" not in name
            }
            write_json(path, report | {"files": files})
        seen = foresee(builds.prepared([source], out))
        assert {reason for _, reason in seen.write} == {"built by another version"}
    builds.build([source], out)
    assert builds.contents(out / "dataset") == before
