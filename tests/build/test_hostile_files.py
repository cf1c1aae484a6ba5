"""Hostile files: deep JSON, empty ones, links that lead back, pipes, and unreadable ones."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from etl.files import nodes
from etl.inputs import find
from etl.sources import SOURCES
from schemas.errors import ConfigError
from tests.build.conftest import Beside
from tests.support.hostile import (
    GOOD,
    Built,
    build,
    good,
    write,
)


def test_deep_json(beside: Beside, clean: Built) -> None:
    """JSON nested beyond what its parser takes is quarantined with its bytes."""
    bad = (
        b'{"workflow_id": "deep", "objective": "", "steps": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n"
    )
    built = beside(
        bad,
        files={
            "list.json": b'[{"workflow_id": "d", "objective": "", "steps": []}, ' + b"[" * 500_000
        },
    )
    assert built.reasons() == {
        ("record", "rows.jsonl#line=2"): "broken_json",
        ("record", "list.json#item=0"): "workflow_without_steps",
        ("record", "list.json#item=1"): "truncated_json",
    }
    assert {q["id"]: q["raw"] for q in built.quarantined()}["rows.jsonl#line=2"] == bad[:-1]
    assert built.files() == clean.files()


def test_empty_and_unknown_files(beside: Beside, tmp_path: Path, clean: Built) -> None:
    """Empty files and files in no known format are entered as records;
    empty folders hold nothing.
    """
    (tmp_path / "in" / "empty" / "folder").mkdir(parents=True)
    names = ("empty.jsonl", "empty.csv", "sub/notes.txt", "sub/picture.png", "empty.gz")
    built = beside(
        files=dict(
            zip(names, (b"", b"", b"notes", b"\x89PNG\r\n", gzip.compress(b"")), strict=True)
        )
    )
    assert built.reasons() == {("record", name): "unknown_format" for name in names}
    assert built.files() == clean.files()


def test_only_unknown_files(tmp_path: Path) -> None:
    """A folder with nothing in a known format gives an empty
    dataset that accounts for every file.
    """
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("notes")
    built = build(tmp_path / "out", tmp_path / "in", settings=("gates.min_samples=0",))
    assert built.reasons() == {("record", "notes.txt"): "unknown_format"}
    assert built.files() == {}


def test_empty_folder(tmp_path: Path) -> None:
    """An empty folder is a mistake in the arguments."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no files in"):
        build(tmp_path / "out", tmp_path / "in")


def test_links_that_lead_back(beside: Beside, tmp_path: Path, clean: Built) -> None:
    """Links to folders around them are not followed again; links that lead nowhere are entered as
    not_a_file.
    """
    inner = tmp_path / "in" / "a" / "b"
    inner.mkdir(parents=True)
    for name in ("loop", "again"):
        (inner / name).symlink_to(tmp_path / "in", target_is_directory=True)
    (inner / "self").symlink_to(inner / "self")
    (inner / "nowhere").symlink_to(tmp_path / "absent")
    built = beside()
    assert built.reasons() == {
        ("record", f"a/b/{name}"): "not_a_file" for name in ("self", "nowhere")
    }
    assert built.files() == clean.files()


def test_pipe(beside: Beside, tmp_path: Path, clean: Built) -> None:
    """A pipe in a folder is not opened, which would wait for ever; it is entered as not_a_file."""
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe.jsonl")
    built = beside()
    assert built.reasons() == {("record", "pipe.jsonl"): "not_a_file"}
    assert built.files() == clean.files()


def test_pipe_by_name(tmp_path: Path) -> None:
    """A pipe given by name is a mistake in the arguments."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(ConfigError, match="not in any known format"):
        find.find([str(tmp_path / "pipe.jsonl")], SOURCES)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read stops the build before it starts, and is named: leaving it out
    would go unseen.
    """
    folder = write(tmp_path / "in", GOOD).parent
    write(folder, [good("secret")], "secret.jsonl")
    real = nodes.open_binary

    def refuse(place: str, *arguments: Any) -> Any:
        if place.endswith("secret.jsonl"):
            raise PermissionError(13, "Permission denied", place)
        return real(place, *arguments)

    monkeypatch.setattr(nodes, "open_binary", refuse)
    with pytest.raises(PermissionError, match="secret"):
        build(tmp_path / "out", folder)
    assert not (tmp_path / "out" / "dataset").exists()
