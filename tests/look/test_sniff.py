"""`stepmill formats --sniff` says what a file or folder is, and by what that is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.look.recordings import schema, sniff
from etl.sources import FORMATS
from schemas.errors import ConfigError
from tests.support import builds


@pytest.mark.parametrize("name", FORMATS)
def test_each_example_is_told_with_its_sign(tmp_path: Path, name: str) -> None:
    """The example of a format is told as that format, with the sign of its description."""
    format = FORMATS[name]
    schema.write(format, tmp_path)
    place = tmp_path / Path(format.example_name).parts[0]
    (row,) = sniff.view(str(place))
    assert (row["format"], row["kind"], row["says"]) == (name, name, format.about)
    assert format.sign in row["why"]
    assert row["reason"] == ""
    told = sniff.text([row])
    assert told.startswith(f"{name}: {place.name}\n")


def test_a_folder_of_junk_is_told_kind_by_kind(tmp_path: Path) -> None:
    """Files of one kind are told together, with what would be needed to use them."""
    schema.write(FORMATS["turkingbench"], tmp_path)
    for number in range(5):
        (tmp_path / f"result-{number}.json").write_text(
            '{"task_id": 1, "passed": true, "is_done": true}'
        )
    (tmp_path / "page.html").write_text("<html></html>")
    (tmp_path / "notes.txt").write_text("Notes of the meeting")
    rows = sniff.view(str(tmp_path))
    assert len(rows) == 8
    told = sniff.text(rows)
    assert told.startswith("turkingbench: ")
    assert "run_result: " in told
    assert ", and 2 more" in told
    assert "not read, counted as pages_given_as_input" in told
    assert "it begins with 'Notes of the meeting'" in told


def test_the_command_prints_text_and_json(tmp_path: Path) -> None:
    """--json has every input; NAME prints a format's page; both at once are refused."""
    (tmp_path / "a.har").write_text('{"log": {"entries": []}}')
    rows = json.loads(builds.command("formats", "--sniff", tmp_path, "--json").stdout)
    assert [(row["name"].rpartition("/")[2], row["kind"], row["reason"]) for row in rows] == [
        ("a.har", "har", "pages_given_as_input")
    ]
    assert "needed  " in builds.command("formats", "--sniff", tmp_path / "a.har").stdout
    assert builds.command("formats", "scribe").stdout.startswith("# `scribe`")
    assert json.loads(builds.command("formats", "scribe", "--json").stdout)["format"] == "scribe"
    assert builds.command("formats", "scribe", "--sniff", tmp_path).returncode == 2
    with pytest.raises(ConfigError):
        sniff.view(str(tmp_path / "nowhere"))


def test_check_says_what_each_kind_is(tmp_path: Path) -> None:
    """The files left aside are told kind by kind, the most frequent first."""
    builds.write_workflows(tmp_path / "a.jsonl", builds.workflow(1))
    for number in range(3):
        (tmp_path / f"page-{number}.html").write_text("<html></html>")
    (tmp_path / "notes.txt").write_text("Notes")
    told = builds.command("check", tmp_path).stdout
    assert "left aside: 4 files that are not read" in told
    pages = told.index("page-0.html and 2 more: an HTML page")
    assert pages < told.index("notes.txt: text that begins with 'Notes'")
