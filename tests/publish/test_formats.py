"""The formats that are published: never mixed, and Parquet as the Hub wants it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import mlcroissant
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from etl.files.arrow import open_arrow, read_json
from etl.publish import parquet
from tests.support import publishing
from tests.support.hub_repos import Blob
from tests.support.publishing import World, shards


def test_formats_are_never_mixed(world: World) -> None:
    """A repository with rows in one format takes no other, in both directions;
    what to do is said.
    """
    for first, second in (("arrow", "parquet"), ("parquet", "arrow")):
        repo = world.repo()
        world.published(world.nights[0], repo, "--format", first)
        before = world.hub.repos[repo].branches["main"]
        done = world.publish(world.nights[1], repo, "--format", second)
        assert done.code == 2
        assert f"{repo} holds {first} files" in done.err
        assert f"Publish with --format {first}" in done.err
        assert world.hub.repos[repo].branches["main"] == before


def described_rows(files: Mapping[str, Blob], out: Path, copy: Path) -> None:
    """The published croissant.json names every file with its hash, and mlcroissant loads from it,
    with the repository replaced by a copy, the rows of a build and the listing of its samples.
    """
    for path, blob in files.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes(blob.data)
    dataset = mlcroissant.Dataset(str(copy / "croissant.json"), mapping={"repo": str(copy)})
    assert dataset.metadata.issues.errors == set()
    hashes = {
        each.id: each.sha256 for each in dataset.metadata.distribution if hasattr(each, "sha256")
    }
    told = {path: digest for path, digest in hashes.items() if path != "repo"}
    assert told == {
        path: hashlib.sha256(blob.data).hexdigest()
        for path, blob in files.items()
        if path.startswith(("data/", "stats/"))
    }
    for split, stored in publishing.rows(out).items():
        loaded = [record[f"{split}/input_ids"] for record in dataset.records(split)]
        assert [list(map(int, ids)) for ids in loaded] == [row["input_ids"] for row in stored]
    samples = {record["samples/sample_id"].decode() for record in dataset.records("samples")}
    assert samples == {
        name
        for stored in publishing.rows(out).values()
        for row in stored
        for name in row["sample_ids"]
    }


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated")
def test_parquet(world: World, tmp_path: Path) -> None:
    """In Parquet the same rows load, plain and streaming, the second night sends only what is new,
    and the card's sizes are those of the files; the rehearsal knows them too.
    """
    world.hub.restore(({}, {}))
    repo = world.repo()
    for night in (0, 1):
        said = world.published(world.nights[night], repo, "--format", "parquet", "--dry-run")
        received = world.hub.received
        done = world.published(world.nights[night], repo, "--format", "parquet")
        assert said["changes"] == done["changes"]
        assert done["bytes"] == world.hub.received - received
        world.loads(repo, night)
    files = world.hub.repos[repo].files()
    header = yaml.safe_load(files["README.md"].data.decode().split("---\n")[1])["dataset_info"]
    lying = [blob.data for path, blob in files.items() if path.startswith("data/")]
    assert header["download_size"] == sum(map(len, lying))
    built = read_json(world.nights[1] / "dataset" / "manifest.json")["splits"]
    assert [split["name"] for split in header["splits"]] == ["train", "test"]
    assert header["dataset_size"] == sum(split["num_bytes"] for split in header["splits"])
    for split in header["splits"]:
        assert (split["num_examples"], split["num_bytes"]) == (
            built[split["name"]]["rows"],
            built[split["name"]]["bytes"],
        )
    assert f'load_dataset("{repo}", split="train")' in files["README.md"].data.decode()
    described_rows(files, world.nights[1], tmp_path)
    old = set(shards(world.nights[0]).values()) & set(shards(world.nights[1]).values())
    added = [file["path"] for change in done["changes"] for file in change["add"]]
    assert not [path for path in added if any(sha[:16] in path for sha in old)]


def test_pages_of_parquet_end_where_the_content_says(tmp_path: Path) -> None:
    """The same rows give the same bytes, with a page index and zstd; and of a file with one more
    row at its beginning most bytes are those of the file without it, which they are not where pages
    have a fixed size.
    """
    chance = np.random.default_rng(1)
    lengths = chance.integers(500, 1500, 4000)
    tokens = [chance.integers(0, 151_643, length, dtype=np.int32) for length in lengths]
    tables = []
    for rows in (tokens, [chance.integers(0, 151_643, 5000, dtype=np.int32), *tokens]):
        tables.append(pa.table({"input_ids": pa.array(rows, pa.list_(pa.int32()))}))
        with pa.ipc.new_file(str(tmp_path / f"{len(tables)}.arrow"), tables[-1].schema) as writer:
            writer.write_table(tables[-1], max_chunksize=16)
    whole = [converted(tmp_path / f"{number}.arrow") for number in (1, 2)]
    assert whole[0] == converted(tmp_path / "1.arrow")
    found = pq.ParquetFile(tmp_path / "1.arrow.parquet")
    assert found.read().equals(tables[0])
    column = found.metadata.row_group(0).column(0)
    assert (column.compression, column.has_offset_index, column.has_column_index) == (
        "ZSTD",
        True,
        True,
    )
    fixed = []
    for table in tables:
        pq.write_table(table, tmp_path / "fixed", compression="zstd", use_dictionary=False)
        fixed.append((tmp_path / "fixed").read_bytes())
    assert in_common(*whole) > 0.6
    assert in_common(*fixed) < 0.3


def converted(path: Path) -> bytes:
    made = path.with_name(f"{path.name}.parquet")
    parquet.convert(path, made)
    return made.read_bytes()


def in_common(old: bytes, new: bytes) -> float:
    """The share of pieces of one file that stand somewhere in another."""
    pieces = [old[at : at + 64] for at in range(0, len(old) - 64, 65_536)]
    return sum(piece in new for piece in pieces) / len(pieces)


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large shard is written in several row groups, with all rows in their order."""
    monkeypatch.setattr(parquet, "_ROW_GROUP_BYTES", 5000)
    table = pa.table(
        {"input_ids": pa.array([[number] * 100 for number in range(100)], pa.list_(pa.int32()))}
    )
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=5)
    parquet.convert(tmp_path / "a.arrow", tmp_path / "a")
    assert pq.ParquetFile(tmp_path / "a").metadata.num_row_groups > 5
    assert pq.read_table(tmp_path / "a").equals(open_arrow(tmp_path / "a.arrow").read_all())
