"""Compressed output files: the same rows to every reader, in less room."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pyarrow as pa
import pytest

from etl.build.recipes import recipe
from etl.dataset.manifest import read
from etl.files.arrow import column, open_arrow, put, read_json
from etl.files.storage import location
from etl.look import compaction
from schemas.errors import ConfigError, IntegrityError
from schemas.sample_table import PACKED_SCHEMA
from tests.support import builds

KINDS = ("none", "lz4", "zstd")
SETTINGS = ("split.test=0.2", "fit.context=2048")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same build with each compression."""
    folder = tmp_path_factory.mktemp("compression")
    records = [builds.workflow(number, steps=3) for number in range(30)]
    source = builds.write_workflows(folder / "in.jsonl", *records)
    for kind in KINDS:
        builds.build([source], folder / kind, *SETTINGS, f"pack.compression={kind}")
    return {kind: folder / kind for kind in KINDS}


@pytest.fixture(autouse=True)
def no_cache_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What datasets converts goes to a folder of the test's own."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def files_of(out: Path) -> dict[str, Path]:
    data = out / "dataset" / "data"
    return {str(path.relative_to(data)): path for path in sorted(data.rglob("*.arrow"))}


def test_the_rows_are_the_same_in_less_room(built: dict[str, Path]) -> None:
    """Under the same names lie the same batches; each buffer is compressed."""
    plain = files_of(built["none"])
    sizes = {}
    for kind, out in built.items():
        found = files_of(out)
        assert found.keys() == plain.keys()
        for name, path in found.items():
            assert open_arrow(path).read_all().equals(open_arrow(plain[name]).read_all())
        sizes[kind] = sum(path.stat().st_size for path in found.values())
    assert sizes["zstd"] < sizes["lz4"] < sizes["none"] / 3
    totals = {
        kind: read_json(out / "dataset" / "manifest.json")["totals"] for kind, out in built.items()
    }
    assert totals["lz4"] == totals["zstd"] == totals["none"]


def test_without_compression_nothing_is_noted(built: dict[str, Path]) -> None:
    """The default is in no fingerprint, so that datasets made before stay what they were; each
    other value is.
    """
    plain = recipe.load("scribeagent-32k").packed
    assert "compression" not in plain.settings
    assert recipe.load("scribeagent-32k", ["pack.compression=none"]).packed.settings == (
        plain.settings
    )
    prints = {
        recipe.load("scribeagent-32k", [f"pack.compression={kind}"]).packed.fingerprint
        for kind in KINDS
    }
    assert len(prints) == 3
    with pytest.raises(ConfigError, match="choose one of none, lz4, zstd"):
        recipe.load("scribeagent-32k", ["pack.compression=gzip"])


@pytest.mark.parametrize("kind", ["lz4", "zstd"])
def test_datasets_loads_it(kind: str, built: dict[str, Path]) -> None:
    """`load_dataset` gives the rows of the uncompressed files, whole and streamed."""
    for streaming in (False, True):
        rows = {
            each: {
                split: list(found)
                for split, found in datasets.load_dataset(
                    str(built[each] / "dataset"), streaming=streaming
                ).items()
            }
            for each in ("none", kind)
        }
        assert set(rows[kind]) == {"train", "test"}
        assert rows[kind] == rows["none"]


@pytest.mark.parametrize("kind", ["lz4", "zstd"])
def test_every_command_reads_it(kind: str, built: dict[str, Path], tmp_path: Path) -> None:
    """verify, views, report, exports and publications of compressed files say and give what they do
    of others.
    """

    def given(each: str, *words: str | Path) -> str:
        done = builds.command(words[0], built[each], *words[1:])
        assert done.returncode == 0, done.stderr
        return done.stdout

    given(kind, "verify")
    for words in (
        ("inspect", "sample", "--seed", "1", "--json"),
        ("inspect", "domains", "--json"),
    ):
        assert given(kind, *words) == given("none", *words)
    assert (
        json.loads(given(kind, "report", "--json"))["context"]
        == (json.loads(given("none", "report", "--json"))["context"])
    )
    for form in ("messages", "tokens"):
        made = {}
        for each in ("none", kind):
            out = tmp_path / f"{each}-{form}"
            given(each, "export", "--out", out, "--format", form)
            made[each] = builds.contents(out)
            made[each].pop("export.json")
        assert made[kind] == made["none"]
    for form in ("arrow", "parquet"):
        place = tmp_path / f"published-{form}"
        given(kind, "publish", place.as_uri(), "--format", form, "--allow", "unlicensed")
        rows = datasets.load_dataset(str(place), split="train")
        assert list(rows) == list(
            datasets.load_dataset(str(built["none"] / "dataset"), split="train")
        )


def test_it_is_the_same_however_it_is_made(built: dict[str, Path], tmp_path: Path) -> None:
    """By other processes too, byte for byte."""
    source = built["none"].parent / "in.jsonl"
    builds.build([source], tmp_path / "out", *SETTINGS, "pack.compression=zstd", workers=2)
    assert builds.contents(tmp_path / "out" / "dataset") == builds.contents(
        built["zstd"] / "dataset"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_is_read_here_and_afar(kind: str, built: dict[str, Path]) -> None:
    """One column of a file, on this machine and on remote storage."""
    for path in files_of(built[kind]).values():
        whole = open_arrow(path).read_all().column("sample_ids").to_pylist()
        found = column(path, "sample_ids", PACKED_SCHEMA)
        assert pa.chunked_array(found).to_pylist() == whole
        afar = location(f"memory://compression/{kind}/{path.name}")
        put(afar, path)
        assert pa.chunked_array(column(afar, "sample_ids", PACKED_SCHEMA)).to_pylist() == whole


@pytest.mark.parametrize("kind", ["lz4", "zstd"])
def test_damage_is_found(kind: str, built: dict[str, Path], tmp_path: Path) -> None:
    """A compressed file whose bytes are damaged or cut off is no whole Arrow file to any reader."""
    path = next(iter(files_of(built[kind]).values()))
    raw = bytearray(path.read_bytes())
    cut = tmp_path / "cut.arrow"
    cut.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(IntegrityError, match="not a whole Arrow file"):
        open_arrow(cut)
    middle = len(raw) // 2
    raw[middle : middle + 64] = bytes(64)
    cut.write_bytes(raw)
    with pytest.raises(IntegrityError, match="not a whole Arrow file"):
        column(cut, "input_ids", PACKED_SCHEMA)


def test_compaction_counts_tokens_not_compressed_bytes(built: dict[str, Path]) -> None:
    """Whether fewer files would do is judged by the size that files are planned by."""
    found = {
        kind: list(compaction.reasons(read(out / "dataset" / "manifest.json")))
        for kind, out in built.items()
    }
    assert found["zstd"] == found["none"]
