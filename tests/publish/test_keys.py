"""Publishing without pages: from keys and recordings comes the same dataset, or words why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from etl.build.recipes.portable import portable
from etl.build.recipes.recipe import load
from etl.build.recipes.tables import shipped
from etl.cli.main import cli
from etl.dataset.index import scan
from etl.dataset.keys.listed import read
from etl.dataset.layout import Layout
from etl.files.arrow import read_json, write_json
from schemas.errors import ConfigError, IntegrityError, StepmillError
from tests.planted.nopages import published
from tests.support import builds

CONTEXT = "fit.context=4096"


def run(*arguments: str | Path) -> str:
    """Run a command; returns what it printed. Raises what it raises."""
    result = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=True)
    if isinstance(result.exception, StepmillError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def rebuild(keys: Path, recordings: Path, out: Path, *options: str) -> str:
    return run("rebuild", keys, recordings, "--out", out, "--workers", "0", *options)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of two nights, in two processes, with long pages cut to chunks."""
    folder = tmp_path_factory.mktemp("keys")
    shutil.copytree(builds.RECORDINGS, folder / "in")
    held = folder / "in" / "shop.jsonl.zst"
    later = held.rename(folder / "later.jsonl.zst")
    settings = (CONTEXT, 'fit.train="all"', "split.test=0.3")
    builds.build([folder / "in"], folder / "out", *settings, workers=2)
    later.rename(held)
    builds.build([folder / "in"], folder / "out", *settings, workers=2)
    return folder / "out"


@pytest.fixture(scope="module")
def keys(out: Path) -> Path:
    """Its keys."""
    run("export", out, "--out", out.parent / "keys", "--format", "keys")
    return out.parent / "keys"


@pytest.fixture
def copy(keys: Path, tmp_path: Path) -> Path:
    """A copy of the keys, to be changed."""
    return Path(shutil.copytree(keys, tmp_path / "keys"))


def changed(keys: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change ``keys.json`` by hand."""
    value = read_json(keys / "keys.json")
    change(value)
    write_json(keys / "keys.json", value)
    return keys


def test_a_holder_of_the_recordings_makes_the_same_bytes(
    out: Path, keys: Path, tmp_path: Path
) -> None:
    """In another folder, from another root, by another number of workers, in one night.

    Every file of the dataset is the same, the manifest and the card too.
    """
    elsewhere = tmp_path / "some" / "where" / "else"
    shutil.copytree(builds.RECORDINGS, elsewhere)
    (elsewhere / "notes.txt").write_text("not recorded")
    said = builds.command("rebuild", keys, elsewhere, "--out", tmp_path / "again", "--workers", "1")
    assert said.returncode == 0, said.stderr
    assert "1 other file left out, such as notes.txt" in said.stderr
    assert f"the same: {len(read(keys).files)} files" in said.stderr
    assert builds.contents(tmp_path / "again" / "dataset") == builds.contents(out / "dataset")
    assert {generation.number for generation in read(keys).generations.every} == {1, 2}


def test_the_keys_name_every_sample_and_its_tokens(out: Path, keys: Path) -> None:
    """Spans are those of the data files, to the token; hashes are those of the index."""
    hashes = dict(
        scan(Layout(out).work)
        .filter(pl.col("reason") == "")
        .select("sample_id", "sample_hash")
        .collect()
        .iter_rows()
    )
    listed = pl.read_parquet(keys / "samples" / "*" / "*.parquet").sort("packed", "row", "start")
    emitted = [
        (each.sample_id, each.split, int((each.labels == -100).sum()), len(each.input_ids))
        for each in builds.emitted(out)
    ]
    columns = ["sample_id", "split", "prompt_tokens", "completion_tokens"]
    mine = [
        (name, split, prompt, prompt + completion)
        for name, split, prompt, completion in listed.select(columns).iter_rows()
    ]
    assert sorted(mine) == sorted(emitted)
    assert len(mine) > len({name for name, *_ in mine})  # some are in several chunks
    assert {row["sample_id"]: row["sample_hash"] for row in listed.to_dicts()} == hashes
    for _, rows in listed.group_by("packed", "row"):
        lengths = rows["prompt_tokens"] + rows["completion_tokens"]
        assert rows["start"].to_list() == [0, *lengths.cum_sum().to_list()[:-1]]
    manifest = read_json(out / "dataset" / "manifest.json")
    shards = read(keys).shards
    for name, split in manifest["splits"].items():
        of_split = [shard for shard in shards if shard.split == name]
        assert sum(shard.rows for shard in of_split) == split["rows"]
        assert sum(shard.tokens for shard in of_split) == split["tokens"]
    for shard in shards:
        assert shard.sha256 == manifest["files"][f"dataset/data/{shard.name}.arrow"]


def test_the_same_export_gives_the_same_bytes(out: Path, keys: Path, tmp_path: Path) -> None:
    """No place, clock or machine is in it; the card can be loaded from."""
    run("export", out, "--out", tmp_path / "keys", "--format", "keys")
    assert builds.contents(tmp_path / "keys") == builds.contents(keys)
    assert str(out.parent).encode() not in published(keys).replace(str(keys).encode(), b"")
    card = (keys / "README.md").read_text()
    assert "**No page is here**" in card
    assert "stepmill rebuild KEYS RECORDINGS... --out OUT" in card


def test_other_recordings_are_refused_before_anything_is_built(keys: Path, tmp_path: Path) -> None:
    """A missing, a changed and a renamed one are named, each with what is wrong."""
    given = Path(shutil.copytree(builds.RECORDINGS, tmp_path / "in"))
    (given / "ledger.jsonl.zst").unlink()
    (given / "library.jsonl").write_bytes((given / "library.jsonl").read_bytes() + b"\n")
    (given / "booking.csv.gz").rename(given / "bookings.csv.gz")
    with pytest.raises(ConfigError) as raised:
        rebuild(keys, given, tmp_path / "again")
    said = str(raised.value)
    assert said.startswith("3 of 6 recorded inputs are not given as they were")
    assert "ledger.jsonl.zst: missing (sha256 " in said
    assert "library.jsonl: changed (sha256 " in said
    assert "booking.csv.gz: it is there as bookings.csv.gz" in said
    with pytest.raises(ConfigError, match=r"it is there as in/"):
        rebuild(keys, tmp_path, tmp_path / "again")
    assert not (tmp_path / "again" / "dataset").exists()
    for path in builds.RECORDINGS.iterdir():
        shutil.copy(path, given / path.name)
    rebuild(keys, given, tmp_path / "again")  # the same folder, mended


def test_another_version_is_refused_with_what_to_install(copy: Path, tmp_path: Path) -> None:
    """A stage's version, a library and a vocabulary differ: each is named, and what to install."""

    def older(value: dict[str, Any]) -> None:
        value["stepmill"] = "0.0.1"
        value["settings"]["samples"]["stage prune"]["version"] = 0
        value["settings"]["samples"]["libraries"]["turbohtml"] = "0.9"
        value["settings"]["packed"]["vocabulary"] = "f" * 64

    with pytest.raises(ConfigError) as raised:
        rebuild(changed(copy, older), builds.RECORDINGS, tmp_path / "again")
    said = str(raised.value)
    assert "samples.stage prune.version: 0 is now" in said
    assert "samples.libraries.turbohtml: '0.9' is now" in said
    assert "packed.vocabulary" in said
    install = said.rpartition("pip install ")[2].split()
    assert sorted(install) == ["stepmill==0.0.1", "turbohtml==0.9"]
    assert not (tmp_path / "again").exists()


def test_keys_and_recipes_of_other_versions_are_refused(copy: Path, tmp_path: Path) -> None:
    """Keys of another format, and a recipe with a section that this version does not know."""
    recipe = copy / "recipe.toml"
    recipe.write_text(f"{recipe.read_text()}\n[foresight]\nyears = 2\n")
    changed(copy, lambda value: value.update(stepmill="9.9.9"))
    with pytest.raises(ConfigError, match=r"no section \[foresight\](.|\n)*stepmill==9\.9\.9"):
        rebuild(copy, builds.RECORDINGS, tmp_path / "again")
    changed(copy, lambda value: value.update(format=99))
    with pytest.raises(ConfigError, match=r"another format, made by stepmill 9\.9\.9"):
        rebuild(copy, builds.RECORDINGS, tmp_path / "again")
    with pytest.raises(ConfigError, match="no keys of a dataset"):
        rebuild(builds.RECORDINGS, builds.RECORDINGS, tmp_path / "again")


def test_files_that_come_out_otherwise_are_named(copy: Path, tmp_path: Path) -> None:
    """Exactly those: one with another hash, one that is not made, one that was not recorded."""

    def edit(value: dict[str, Any]) -> None:
        files = value["files"]
        files["dataset/stats/drops.parquet"] = "0" * 64
        files["dataset/data/g0009/train-00000-of-00001.arrow"] = "1" * 64
        del files["dataset/stats/actions.parquet"]

    with pytest.raises(IntegrityError) as raised:
        rebuild(changed(copy, edit), builds.RECORDINGS, tmp_path / "again")
    lines = str(raised.value).splitlines()
    assert lines[0].startswith(f"{tmp_path / 'again'}: 3 files of ")
    assert [line.strip().partition(":")[0] for line in lines[1:4]] == [
        "dataset/data/g0009/train-00000-of-00001.arrow",
        "dataset/stats/drops.parquet",
        "dataset/stats/actions.parquet",
    ]
    assert lines[1].endswith("missing")
    assert f"recorded {'0' * 64}" in lines[2]
    assert lines[3].endswith("not recorded")


def test_files_and_lists_of_the_publisher_are_needed_and_not_published(tmp_path: Path) -> None:
    """A takedown list and a file of objectives stay private; with them comes the same dataset."""
    records = [builds.workflow(number, steps=2) for number in range(20)]
    records[4]["objective"] = ""
    path = builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    objectives = tmp_path / "private-objectives.json"
    objectives.write_text(json.dumps({"w4": "Order the secret item qzxkwvjy"}))
    out, keys, again = tmp_path / "out", tmp_path / "keys", tmp_path / "again"
    given = f"augment.objectives={json.dumps(str(objectives))}"
    build = ("build", path.parent, "--workers", "0", "--out")
    run(*build, out, "--set", given, "--set", 'takedown.workflows=["w7"]')
    run("export", out, "--out", keys, "--format", "keys")
    assert set(read(keys).needs) == {"augment.objectives", "takedown.file"}
    said = published(keys).replace(str(tmp_path).encode(), b"")
    assert b"qzxkwvjy" not in said
    assert b"private-objectives" not in said
    assert b'"w7"' not in said
    assert b"workflows:w7" not in said
    with pytest.raises(ConfigError, match=r"--set augment.objectives=FILE --set takedown.file"):
        rebuild(keys, path.parent, again)
    listed = tmp_path / "list.txt"
    listed.write_text("workflow w8\n")
    named = ["--set", given, "--set", f"takedown.file={listed}"]
    with pytest.raises(ConfigError, match="the takedown list is not the one"):
        rebuild(keys, path.parent, again, *named)
    listed.write_text("workflow w7\n")
    rebuild(keys, path.parent, again, *named)
    assert builds.contents(again / "dataset") == builds.contents(out / "dataset")
    objectives.write_text(json.dumps({"w4": "Order something else"}))
    with pytest.raises(ConfigError, match=r"other settings or versions:\n  samples.stage augment"):
        rebuild(keys, path.parent, tmp_path / "third", *named)
    with pytest.raises(ConfigError, match="Build again, or bring back the files"):
        run("export", out, "--out", tmp_path / "keys2", "--format", "keys")


def test_what_people_wrote_in_the_card_is_neither_published_nor_compared(tmp_path: Path) -> None:
    """The card with it is named as not compared; all other files are."""
    path = builds.write_workflows(
        tmp_path / "in" / "a.jsonl", *[builds.workflow(number) for number in range(20)]
    )
    out = tmp_path / "out"
    builds.build([path.parent], out)
    card = out / "dataset" / "README.md"
    text = card.read_text()
    card.write_text(text.replace("<!-- notes: about -->\n", "<!-- notes: about -->\nqzxkwvjy\n"))
    builds.build([path.parent], out)
    assert "qzxkwvjy" in card.read_text()
    run("export", out, "--out", tmp_path / "keys", "--format", "keys")
    assert b"qzxkwvjy" not in published(tmp_path / "keys")
    assert read(tmp_path / "keys").by_hand == ("dataset/README.md", "dataset/croissant.json")
    rebuild(tmp_path / "keys", path.parent, tmp_path / "again")
    data = "dataset/data"
    assert builds.contents(tmp_path / "again" / data) == builds.contents(out / data)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_portable_recipe_has_the_same_settings(name: str, tmp_path: Path) -> None:
    """Of every shipped recipe, and of one with lists and tables; files are named and left out."""
    chosen = load(name, ['vocabularies=["qwen2.5", "o200k"]', "caps.workflows_per_domain=5"])
    toml, needs = portable(chosen)
    (tmp_path / "recipe.toml").write_text(toml)
    again = load(str(tmp_path / "recipe.toml"))
    assert again.settings() == chosen.settings()
    assert again.sections == chosen.sections
    assert again.vocabularies == chosen.vocabularies
    assert needs == ()


def test_what_cannot_be_exported_is_refused(out: Path, tmp_path: Path) -> None:
    """A published dataset has no index; a split is no dataset; a damaged file is found."""
    shutil.copytree(out / "dataset", tmp_path / "alone")
    with pytest.raises(ConfigError, match="needs the folder work/ of a build"):
        run("export", tmp_path / "alone", "--out", tmp_path / "keys", "--format", "keys")
    with pytest.raises(ConfigError, match="leave out --split"):
        run("export", out, "--out", tmp_path / "keys", "--format", "keys", "--split", "train")
    with pytest.raises(ConfigError, match="within the dataset or its build"):
        run("export", out, "--out", out / "work" / "keys", "--format", "keys")
    damaged = Path(shutil.copytree(out, tmp_path / "out"))
    data = next((damaged / "dataset" / "data").rglob("*.arrow"))
    data.write_bytes(data.read_bytes() + b"\0")
    with pytest.raises(IntegrityError, match="not as it was built"):
        run("export", damaged, "--out", tmp_path / "keys", "--format", "keys")
    assert not (tmp_path / "keys" / "keys.json").exists()
    with pytest.raises(ConfigError, match="no keys of a dataset"):
        rebuild(tmp_path / "keys", builds.RECORDINGS, tmp_path / "again")
