"""Remembered facts: no file is read again without need, and none is taken for another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from etl.files import nodes
from etl.files.entries import Node, Stamp, stamp_of_info
from etl.inputs import facts, find, remembered
from etl.inputs.records import InputShard
from etl.inputs.remembered import Facts, Remembered
from etl.sources import SOURCES
from tests.support import builds


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are hashed."""
    places: list[str] = []
    real = facts._read

    def read(node: Node, *rest: Any) -> Facts:
        places.append(node.name)
        return real(node, *rest)

    whole = nodes.whole

    def read_whole(node: Node) -> bytes:
        places.append(node.name)
        return whole(node)

    monkeypatch.setattr(facts, "_read", read)
    monkeypatch.setattr(nodes, "whole", read_whole)
    return places


def shards(folder: str | Path, cache: Path, part_bytes: int = 0) -> list[InputShard]:
    remembered = Remembered(cache)
    found = find.find([str(folder)], SOURCES, remembered=remembered)
    made = find.shards(found, sources=SOURCES, part_bytes=part_bytes, remembered=remembered)
    remembered.save()
    return made


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were just written count as old."""
    monkeypatch.setattr(remembered, "FRESH", -3600.0)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file counts as small."""
    monkeypatch.setattr(nodes, "SMALL", 0)


@pytest.mark.usefixtures("aged", "large")
def test_a_file_is_hashed_once(tmp_path: Path, opened: list[str]) -> None:
    """Of a folder that grew only the new file is read; shards and parts are as without memory."""
    folder, cache = tmp_path / "in", tmp_path / "work" / "inputs.json"
    builds.write_workflows(folder / "a.jsonl", *(builds.workflow(number) for number in range(20)))
    first = shards(folder, cache, 2000)
    assert len(first) > 3
    builds.write_workflows(
        folder / "b.jsonl", *(builds.workflow(number) for number in range(20, 30))
    )
    second = shards(folder, cache, 2000)
    assert opened == ["a.jsonl", "b.jsonl"]
    assert [shard for shard in second if shard.name == "a.jsonl"] == first
    assert second == shards(folder, tmp_path / "none.json", 2000)


@pytest.mark.usefixtures("aged")
def test_a_changed_file_is_hashed_again(tmp_path: Path, opened: list[str]) -> None:
    """A file is read again if its size, time, inode or content under the old time changes."""
    path, cache = tmp_path / "in" / "a.jsonl", tmp_path / "inputs.json"
    builds.write_workflows(path, builds.workflow(1))
    shards(path, cache)
    other = path.with_suffix(".new")
    stages: list[list[Callable[[], object]]] = [
        [lambda: path.write_bytes(path.read_bytes() + b"\n")],
        [lambda: os.utime(path, (5, 5))],
        [lambda: other.write_bytes(path.read_bytes()), lambda: other.replace(path)],
        [
            lambda: path.write_bytes(path.read_bytes().replace(b"w1", b"w2")),
            lambda: os.utime(path, (5, 5)),
        ],
    ]
    for number, changes in enumerate(stages, 2):
        for change in changes:
            change()
        (shard,) = shards(path, cache)
        assert len(opened) == number
        assert shard.sha256 == shards(path, tmp_path / "none.json")[0].sha256
        opened.pop()
    shards(path, cache)
    assert len(opened) == len(stages) + 1


def test_what_changed_just_now_is_not_remembered(tmp_path: Path, opened: list[str]) -> None:
    """A file that changed within two seconds before reading is hashed in the next build too."""
    path, cache = tmp_path / "in" / "a.jsonl", tmp_path / "inputs.json"
    builds.write_workflows(path, builds.workflow(1))
    shards(path, cache)
    shards(path, cache)
    assert opened == ["a.jsonl", "a.jsonl"]
    now = time.time()
    known = Remembered(cache)
    for changed, kept in ((now - 1.9, False), (now - 2.1, True), (now + 60, False)):
        known.put(Node("/x", "x", "file", Stamp(1, "m", changed)), Facts(1, "s"), now)
        assert ("/x" in known._new) == kept
        known._new.clear()
    known.put(
        Node("/x", "x", "file", Stamp(1, "")), Facts(1, "s"), now
    )  # nothing by which it is known again
    assert not known._new


@pytest.mark.usefixtures("aged", "large")
def test_other_parts_are_found_anew(tmp_path: Path, opened: list[str]) -> None:
    """Another size of parts takes another look; no parts are wanted: the hash alone is enough."""
    path, cache = tmp_path / "in" / "a.jsonl", tmp_path / "inputs.json"
    builds.write_workflows(path, *(builds.workflow(number) for number in range(20)))
    first = shards(path, cache, 2000)
    assert len(shards(path, cache, 1000)) > len(first)
    assert len(opened) == 2
    assert len(shards(path, cache)) == 1
    assert len(opened) == 2


@pytest.mark.usefixtures("aged")
@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b"17", b'{"format": 99, "files": {}}'])
def test_a_damaged_memory_is_no_harm(tmp_path: Path, kept: bytes, opened: list[str]) -> None:
    """What cannot be understood is forgotten and written anew."""
    path, cache = (
        builds.write_workflows(tmp_path / "a.jsonl", builds.workflow(1)),
        tmp_path / "work" / "inputs.json",
    )
    cache.parent.mkdir()
    cache.write_bytes(kept)
    shards(path, cache)
    shards(path, cache)
    assert opened == ["a.jsonl"]
    assert list(json.loads(cache.read_text())["files"]) == [str(path)]


@pytest.mark.usefixtures("aged")
def test_remote_files_are_known_by_tag_or_time(tmp_path: Path, opened: list[str]) -> None:
    """What storage says of a file is its stamp: a strong tag, else its time, else nothing."""
    system = fsspec.filesystem("memory")
    data = builds.write_workflows(tmp_path / "a.jsonl", builds.workflow(1)).read_bytes()
    system.pipe_file("/q/a.jsonl", data)
    for _ in range(2):
        shards("memory://q", tmp_path / "inputs.json")
    system.pipe_file("/q/a.jsonl", data.replace(b"w1", b"w2"))
    (shard,) = shards("memory://q", tmp_path / "inputs.json")
    assert opened == ["a.jsonl", "a.jsonl"]
    assert shard.sha256 != shards(tmp_path / "a.jsonl", tmp_path / "none.json")[0].sha256
    stamp = stamp_of_info
    assert stamp({"size": 3, "ETag": '"x"', "LastModified": "y"}) == Stamp(3, 'ETag:"x"')
    assert stamp({"size": 3, "ETag": 'W/"x"'}) == Stamp(3)
    assert stamp({"size": 3, "mtime": 17.0}) == Stamp(3, "mtime:17.0", 17.0)
    web = stamp({"size": 3, "Last-Modified": "Thu, 01 Jan 1970 00:01:00 GMT"})
    assert web == Stamp(3, "Last-Modified:Thu, 01 Jan 1970 00:01:00 GMT", 60.0)
    assert stamp({"size": 3, "mtime": "?"}).changed == float("inf")


def test_nothing_of_it_is_published(tmp_path: Path) -> None:
    """A build with the memory of an earlier one publishes what a build without publishes."""
    path = builds.write_workflows(
        tmp_path / "in" / "a.jsonl", *(builds.workflow(number) for number in range(9))
    )
    builds.build([path], tmp_path / "one")
    expected = builds.contents(tmp_path / "one" / "dataset")
    (tmp_path / "one" / "dataset" / "manifest.json").unlink()
    builds.build([path], tmp_path / "one")
    assert builds.contents(tmp_path / "one" / "dataset") == expected
    assert b"inputs.json" not in b"".join(
        p.read_bytes() for p in (tmp_path / "one" / "dataset").rglob("*.json")
    )
