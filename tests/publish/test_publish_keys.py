"""Publishing the keys of a dataset: what a holder of the recordings gets, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import datasets
import polars as pl
import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from etl.files.arrow import read_json, write_json
from etl.publish.folder import PublishedFolder
from etl.publish.keys.send import publish_keys
from etl.publish.publication import Order, publish, rollback
from schemas.errors import ConfigError, IntegrityError
from tests.planted.nopages import run
from tests.support import builds
from tests.support.publishing import World

CARD, LIST = "README.md", "manifest.json"


@pytest.fixture(scope="module")
def exports(nights: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The keys of each night."""
    folder = tmp_path_factory.mktemp("keys")
    for number, out in enumerate(nights):
        run("export", out, "--out", folder / f"keys{number}", "--format", "keys")
    return [folder / f"keys{number}" for number in range(len(nights))]


@pytest.fixture
def copy(exports: list[Path], tmp_path: Path) -> Path:
    """Keys to be damaged."""
    return Path(shutil.copytree(exports[0], tmp_path / "keys"))


def of_export(keys: Path) -> dict[str, str]:
    """The hash of each file of an export, but its own list and the card, which gets a seal."""
    return {
        name: sha
        for name, sha in builds.contents(keys).items()
        if name not in (CARD, "export.json")
    }


def test_the_hub_gets_the_folder_with_its_card(world: World, exports: list[Path]) -> None:
    """A dry run changes nothing and says what is sent; then every file is there as it was exported,
    in one commit, and no page. Done again, nothing is sent; another night replaces them, and a tag
    still names the first.
    """
    repo = world.repo()
    said = world.published(exports[0], repo, "--tag", "v1", "--dry-run")
    assert repo not in world.hub.repos
    done = world.published(exports[0], repo, "--tag", "v1")
    assert {**said, "dry_run": False, "commit": done["commit"]} == done
    made = world.hub.repos[repo]
    there = {name: blob.sha256 for name, blob in made.files().items()}
    assert {name: there[name] for name in of_export(exports[0])} == of_export(exports[0])
    assert set(there) - set(of_export(exports[0])) == {CARD, LIST, ".gitattributes"}
    card = made.files()[CARD].data.decode()
    assert card.startswith((exports[0] / CARD).read_text())
    assert "**No page is here**" in card
    assert not any(name.startswith("data/") for name in there)
    assert len(made.history()) == 2  # the initial one, and this
    again = world.published(exports[0], repo, "--tag", "v1")
    assert (again["changes"], again["bytes"]) == ([], 0)
    world.published(exports[2], repo)
    later = {name: blob.sha256 for name, blob in made.files().items()}
    assert {name: later[name] for name in of_export(exports[2])} == of_export(exports[2])
    assert set(later) == {*of_export(exports[2]), CARD, LIST, ".gitattributes"}
    world.published(repo, "--rollback", "v1")
    back = {name: blob.sha256 for name, blob in made.files().items()}
    assert back == there


def test_more_files_than_a_commit_takes(exports: list[Path], tmp_path: Path) -> None:
    """Card and keys come last, and the same call goes on where one stopped."""
    place = PublishedFolder(tmp_path / "published")
    place.at_once = 3
    report = publish_keys(exports[0], place, Order(allow=frozenset({"unlicensed"})))
    order = [file["path"] for change in report.changes for file in change["add"]]
    assert order[-4:] == ["recipe.toml", "keys.json", LIST, CARD]
    assert all(len(change["add"]) <= 3 for change in report.changes)
    (place.root / CARD).unlink()
    again = publish_keys(exports[0], place, Order())
    assert [file["path"] for change in again.changes for file in change["add"]] == [CARD]


def test_what_was_published_is_rebuilt_from(
    nights: list[Path], exports: list[Path], tmp_path: Path
) -> None:
    """A reader of a published folder makes the same bytes, and loads the list of its samples; other
    views say what the folder is.
    """
    published = tmp_path / "published"
    publish_keys(exports[2], PublishedFolder(published), Order())
    run(
        *("rebuild", published, nights[2].parent / "in", "--out", tmp_path / "again"),
        *("--workers", "0"),
    )
    dataset = builds.contents(tmp_path / "again" / "dataset")
    assert dataset == builds.contents(nights[2] / "dataset")
    rows = pl.read_parquet(published / "samples" / "*" / "*.parquet")
    assert rows["sample_id"].n_unique() == read_json(published / "keys.json")["totals"]["samples"]
    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(str(published), cache_dir=str(tmp_path / "cache"))
    splits = {name: rows["sample_id"].n_unique() for (name,), rows in rows.group_by("split")}
    assert {name: len(set(part["sample_id"])) for name, part in loaded.items()} == splits
    for folder in (published, exports[2]):
        asked = CliRunner().invoke(cli, ["inspect", str(folder)])
        assert "these are the keys of a dataset, without the dataset" in str(asked.exception)


def test_keys_and_datasets_are_not_mixed(
    nights: list[Path], exports: list[Path], tmp_path: Path
) -> None:
    """Neither over the other; nor a dataset's way back over keys."""
    keys, dataset = (PublishedFolder(tmp_path / name) for name in ("keys", "dataset"))
    publish_keys(exports[0], keys, Order(tag="v1"))
    publish(nights[0], dataset, Order(tag="v1"), builds.Quiet)
    with pytest.raises(ConfigError, match="holds the keys of a dataset, and keys and datasets are"):
        publish(nights[0], keys, Order(), builds.Quiet)
    with pytest.raises(ConfigError, match="holds a dataset, and keys and datasets are"):
        publish_keys(exports[0], dataset, Order())
    publish_keys(exports[1], keys, Order(tag="v2"))
    rollback(keys, "v1", Order())
    there = builds.contents(tmp_path / "keys")
    assert {name: there[name] for name in of_export(exports[0])} == of_export(exports[0])


def test_an_edited_card_and_a_missing_licence_are_named(copy: Path, tmp_path: Path) -> None:
    """As of a dataset; each can be allowed."""
    place = PublishedFolder(tmp_path / "published")
    keys = read_json(copy / "keys.json")
    keys["settings"]["card"]["license"] = ""
    write_json(copy / "keys.json", keys)
    noted = read_json(copy / "export.json")
    noted["files"]["keys.json"]["sha256"] = builds.contents(copy)["keys.json"]
    write_json(copy / "export.json", noted)
    with pytest.raises(ConfigError, match="--allow unlicensed"):
        publish_keys(copy, place, Order())
    publish_keys(copy, place, Order(allow=frozenset({"unlicensed"})))
    (place.root / CARD).write_text("mine")
    with pytest.raises(ConfigError, match="--allow edited-card"):
        publish_keys(copy, place, Order(allow=frozenset({"unlicensed"})))
    with pytest.raises(ConfigError, match="keys have one format"):
        publish_keys(copy, place, Order(format="parquet"))


def test_half_made_keys_are_refused(
    copy: Path, exports: list[Path], nights: list[Path], tmp_path: Path
) -> None:
    """Without its list, with one that is not complete, with a file gone or changed, and an export
    of something else: nothing is sent, and it is said what to do. A stranger's file stays behind.
    """
    root = tmp_path / "published"
    place = PublishedFolder(root)

    def refused(error: type[Exception], says: str) -> None:
        with pytest.raises(error, match=says):
            publish_keys(copy, place, Order())
        assert not root.exists() or not builds.contents(root)

    noted = read_json(copy / "export.json")
    (copy / "export.json").unlink()
    refused(ConfigError, r"no whole export \(export.json is missing\); export again: stepmill")
    write_json(copy / "export.json", noted | {"complete": False})
    refused(ConfigError, "the export is not complete; export again: stepmill export DIR --out")
    files = {name: each for name, each in noted["files"].items() if name != "keys.json"}
    write_json(copy / "export.json", noted | {"files": files})
    refused(ConfigError, "does not list keys.json")
    write_json(copy / "export.json", noted)
    recipe = (copy / "recipe.toml").read_text()
    (copy / "recipe.toml").unlink()
    refused(IntegrityError, "recipe.toml: missing")
    (copy / "recipe.toml").write_text(f"{recipe}\n")
    refused(IntegrityError, "recipe.toml: not as it was exported")
    (copy / "recipe.toml").write_text(recipe)
    (copy / "notes.txt").write_text("mine")
    report = publish_keys(copy, place, Order())
    assert report.notes == [f"{copy}: 1 file not of the export, such as notes.txt, not published"]
    assert "notes.txt" not in builds.contents(root)
    run("export", nights[0], "--out", tmp_path / "messages", "--format", "messages")
    other = CliRunner().invoke(
        cli, ["publish", str(tmp_path / "messages"), f"file://{tmp_path / 'other'}"]
    )
    assert "this is an export with --format messages" in str(other.exception)
    assert json.loads((tmp_path / "messages" / "export.json").read_text())["format"] == "messages"
