"""What `stepmill inspect` cannot show is said, and how to have it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from etl.files.arrow import read_json, write_json
from schemas.errors import ConfigError, IntegrityError
from tests.look.test_inspect import EVERY, asked, run
from tests.support import builds

ERRORS: Final[dict[str, tuple[list[str], list[str]]]] = {
    "an unknown column": (
        ["OUT", "domains", "--sort", "size"],
        ["--sort size", "tokens_per_sample"],
    ),
    "a column of samples": (["OUT", "samples", "--sort", "size"], ["--sort size", "prompt_tokens"]),
    "a reason for nothing": (
        ["OUT", "samples", "--reason", "lazy"],
        ["no step was dropped so", "failed_action"],
    ),
    "a filter of samples": (
        ["OUT", "samples", "--reason", "failed_action", "--split", "test", "--min-tokens", "0"],
        ["--split, --min-tokens with --reason"],
    ),
    "nothing to draw": (["OUT", "sample", "--action", "swim"], ["no sample matches"]),
    "reasons of a dataset alone": (
        ["OUT/dataset", "samples", "--reason", "x"],
        ["needs the folder work/"],
    ),
    "examples of a dataset alone": (
        ["OUT/dataset", "drops", "--examples", "1"],
        ["needs the folder work/"],
    ),
    "accounts of a dataset alone": (
        ["OUT/dataset", "overview", "--recount"],
        ["needs the folder work/"],
    ),
    "an unknown view": (["OUT", "colours"], ["No such command 'colours'"]),
}


@pytest.mark.parametrize("what", ERRORS)
def test_what_cannot_be_shown_is_said(whole: Path, what: str) -> None:
    """A configuration error (exit code 2) with what, where and what to do,
    and nothing on stdout.
    """
    arguments, says = ERRORS[what]
    done = CliRunner().invoke(
        cli, ["inspect", *(each.replace("OUT", str(whole)) for each in arguments)]
    )
    assert isinstance(done.exception, ConfigError) or done.exit_code == 2
    assert done.stdout == ""
    for text in says:
        assert text in f"{done.exception} {done.stderr}"


def test_what_a_published_folder_lacks_is_said(whole: Path, tmp_path: Path) -> None:
    """Without its listing, or without a table, the views of those say so, and what to do; the
    others go on.
    """
    dataset = Path(shutil.copytree(whole / "dataset", tmp_path / "dataset"))
    shutil.rmtree(dataset / "stats" / "samples")
    (dataset / "stats" / "drops.parquet").unlink()
    for view, lacks in (
        ("samples", "stats/samples/g0001/"),
        ("tokens", "stats/samples/"),
        ("drops", "drops.parquet"),
    ):
        done = CliRunner().invoke(cli, ["inspect", str(dataset), view])
        assert lacks in str(done.exception)
        assert "publish the whole of dataset/" in str(done.exception)
    assert run(dataset) == run(whole)
    manifest = read_json(dataset / "manifest.json")
    write_json(dataset / "manifest.json", manifest | {"files": {}})
    done = CliRunner().invoke(cli, ["inspect", str(dataset), "samples"])
    assert "the list of its samples" in str(done.exception)


def test_a_damaged_file_is_no_traceback(whole: Path, tmp_path: Path) -> None:
    """Tables that are no Parquet, and a data file that is cut: an error that says what to do, exit
    code 1.
    """
    out = Path(shutil.copytree(whole, tmp_path / "out"))
    (path,) = (out / "dataset" / "data").rglob("train-*.arrow")
    path.write_bytes(path.read_bytes()[:2000])
    (out / "dataset" / "stats" / "domains.parquet").write_bytes(b"nothing")
    for view, says in (("domains", "stepmill verify"), ("sample --split train", "build again")):
        done = CliRunner().invoke(cli, ["inspect", str(out), *view.split()])
        assert isinstance(done.exception, IntegrityError)
        assert says in str(done.exception)


def test_an_empty_dataset_has_all_views(tmp_path: Path) -> None:
    """Everything was dropped: every view says so, and none fails."""
    failing = builds.workflow(1)
    failing["steps"][0]["error"] = "no such button"
    builds.build(
        [builds.write_workflows(tmp_path / "a.jsonl", failing)],
        tmp_path / "out",
        "gates.min_samples=0",
    )
    for view in set(EVERY) - {"sample"}:
        assert run(tmp_path / "out", view)
        assert asked(tmp_path / "out", view) is not None
    assert "no sample matches" in run(tmp_path / "out", "tokens")
