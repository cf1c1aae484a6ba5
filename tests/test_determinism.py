"""Same recordings and recipe: the same bytes, whoever builds, wherever, however."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from etl.shards import read_json
from tests import builds

ELSEWHERE: Final[dict[str, str]] = {
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "tr_TR.UTF-8",
    "LANG": "tr_TR.UTF-8",
    "PYTHONHASHSEED": "1",
}


DOCUMENTS: Final = ("README.md", "croissant.json", "manifest.json")


def by_command(
    tmp_path: Path, *inputs: Path, workers: int = 1, umask: int = -1, env: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The published files of a build in another process, by hash."""
    out = tmp_path / "out"
    done = builds.command("build", *inputs, "--out", out, "--workers", str(workers), env=env, umask=umask)
    assert done.returncode == 0, done.stderr
    return builds.contents(out / "dataset")


def two_workers(tmp_path: Path) -> dict[str, str]:
    return by_command(tmp_path, builds.RECORDINGS, workers=2)


def a_copy_under_another_name(tmp_path: Path) -> dict[str, str]:
    copy = shutil.copytree(builds.RECORDINGS, tmp_path / "far" / "away" / "recordings of tonight")
    for path in copy.iterdir():
        os.utime(path, (1, 1))
    return by_command(tmp_path, copy)


def files_in_another_order(tmp_path: Path) -> dict[str, str]:
    files = sorted(builds.RECORDINGS.iterdir(), key=lambda path: path.name[::-1])
    assert files != sorted(files)
    return by_command(tmp_path, *files, files[0])


def another_clock_and_language(tmp_path: Path) -> dict[str, str]:
    return by_command(tmp_path, builds.RECORDINGS, umask=0o077, env=ELSEWHERE)


def another_hash_seed(tmp_path: Path) -> dict[str, str]:
    return by_command(tmp_path, builds.RECORDINGS, umask=0, env={"PYTHONHASHSEED": "4242", "LC_ALL": "C", "TZ": "UTC"})


@pytest.mark.parametrize(
    "other",
    [two_workers, a_copy_under_another_name, files_in_another_order, another_clock_and_language, another_hash_seed],
)
def test_the_same_bytes(own_build: Path, tmp_path: Path, other: Callable[[Path], dict[str, str]]) -> None:
    """Two workers, a copy of the inputs in another place, files in another order (one of them twice), another time
    zone, locale, umask and hash seed: every published file is the same to the byte as in a build in this process.
    """
    expected = builds.contents(own_build / "dataset")
    assert {name.split("/")[0] for name in expected} == {"data", "stats", *DOCUMENTS}
    assert other(tmp_path) == expected


def test_another_recording_is_other_bytes(own_build: Path, tmp_path: Path) -> None:
    """The comparison above can fail: without one of the files data and manifest differ."""
    files = sorted(builds.RECORDINGS.iterdir())[1:]
    builds.build(files, tmp_path / "out")
    other = builds.contents(tmp_path / "out" / "dataset")
    expected = builds.contents(own_build / "dataset")
    assert {name for name in expected if other.get(name) != expected[name]} >= {"manifest.json", "README.md"}


def test_a_file_given_twice_counts_once(tmp_path: Path) -> None:
    """A folder and a folder or file within it, in either order: the same inputs under the same names."""
    records = [builds.workflow(number) for number in range(4)]
    builds.write_workflows(tmp_path / "in" / "sub" / "a.jsonl", *records)
    builds.write_workflows(tmp_path / "in" / "b.jsonl", builds.workflow(9))
    given = [tmp_path / "in", tmp_path / "in" / "sub", tmp_path / "in" / "sub" / "a.jsonl"]
    builds.build(given[:1], tmp_path / "one")
    builds.build(given, tmp_path / "two")
    builds.build(given[::-1], tmp_path / "three")
    names = [item["name"] for item in read_json(tmp_path / "one" / "dataset" / "manifest.json")["inputs"]]
    assert names == ["b.jsonl", "sub/a.jsonl"]
    expected = builds.contents(tmp_path / "one" / "dataset")
    assert builds.contents(tmp_path / "two" / "dataset") == expected
    assert builds.contents(tmp_path / "three" / "dataset") == expected


def test_same_names_under_two_roots_are_told_apart(tmp_path: Path) -> None:
    """Files of the same name under two roots are two inputs, whichever root comes first."""
    first = builds.write_workflows(tmp_path / "monday" / "a.jsonl", builds.workflow(1))
    second = builds.write_workflows(tmp_path / "tuesday" / "a.jsonl", builds.workflow(2))
    for out, inputs in (("one", [first.parent, second.parent]), ("two", [second.parent, first.parent])):
        manifest = builds.build(inputs, tmp_path / out)
        assert [item["name"] for item in manifest["inputs"]] == ["a.jsonl", "a.jsonl~2"]
        assert manifest["totals"]["samples"] == 2
    assert builds.contents(tmp_path / "one" / "dataset") == builds.contents(tmp_path / "two" / "dataset")


def test_the_output_folder_is_no_input(tmp_path: Path) -> None:
    """Built into a folder inside the recordings, twice: what was built is not read as a recording."""
    builds.write_workflows(tmp_path / "a.jsonl", *(builds.workflow(number) for number in range(4)))
    first = builds.build([tmp_path], tmp_path / "out")
    builds.write_workflows(tmp_path / "b.jsonl", builds.workflow(5))
    second = builds.build([tmp_path], tmp_path / "out")
    assert [item["name"] for item in first["inputs"]] == ["a.jsonl"]
    assert [item["name"] for item in second["inputs"]] == ["a.jsonl", "b.jsonl"]


def test_nothing_published_names_this_machine(own_build: Path) -> None:
    """No published file holds a path of this machine or the place of the build."""
    for path in (own_build / "dataset").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert str(own_build).encode() not in data
            assert str(builds.ROOT).encode() not in data
