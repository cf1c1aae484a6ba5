"""Same recordings and recipe: the same bytes, whoever builds, wherever, however."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pytest

from etl.files.arrow import read_json
from tests.support import builds

DOCUMENTS: Final = ("README.md", "croissant.json", "manifest.json")

CORES: Final = {"Nehalem": "SSE42", "Sandybridge": "AVX", "Haswell": "AVX2"}
"""Kernels of OpenBLAS, and what a processor must have for each; elsewhere the variable says
nothing.
"""

SIMD: Final = cast("dict[str, list[str]]", np.show_config(mode="dicts")["SIMD Extensions"])
"""What numpy makes use of: ``baseline``, and what it has ``found`` beyond."""


OF_HERE: Final = (
    "work/last_build.json",
    "work/order.json",
    "work/listing.json",
    "work/remembered.json",
    "work/stamps.json",
)
"""What is of this machine by intent: when a build ended, what it was asked for, and the times of
the inputs.
"""


def kept(out: Path) -> dict[str, str]:
    """All other files that a build wrote, by hash."""
    return {name: sha for name, sha in builds.contents(out).items() if name not in OF_HERE}


def turned(folder: Path, tmp_path: Path) -> Sequence[Path]:
    """Its files one by one in another order, one of them twice."""
    files = sorted(folder.iterdir(), key=lambda path: path.name[::-1])
    assert files != sorted(files)
    return *files, files[0]


def copied(folder: Path, tmp_path: Path) -> Sequence[Path]:
    """A copy in another place, of another time."""
    copy = shutil.copytree(folder, tmp_path / "far" / "away" / "recordings of tonight")
    for path in copy.iterdir():
        os.utime(path, (1, 1))
    return (copy,)


def itself(folder: Path, tmp_path: Path) -> Sequence[Path]:
    return (folder,)


ELSEWHERE: Final[dict[str, dict[str, Any]]] = {
    "two workers under Turkish": {
        "inputs": itself, "workers": 2, "umask": 0o077,
        "OPENBLAS_CORETYPE": "Nehalem", "POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "1",
        "TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8",
    },
    "a copy under ASCII": {
        "inputs": copied, "workers": 1, "umask": 0,
        "OPENBLAS_CORETYPE": "Sandybridge", "POLARS_MAX_THREADS": "8", "PYTHONHASHSEED": "4242",
        "TZ": "UTC", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
        "NPY_DISABLE_CPU_FEATURES": " ".join(SIMD["found"]),
    },
    "files in another order": {
        "inputs": turned, "workers": 1, "umask": 0o027,
        "OPENBLAS_CORETYPE": "Haswell", "POLARS_MAX_THREADS": "3", "PYTHONHASHSEED": "0",
        "TZ": "America/St_Johns", "LANG": "de_DE.ISO-8859-1", "OPENBLAS_NUM_THREADS": "1",
    },
}  # fmt: skip
"""What is otherwise on another machine: several things at a time,
because a build takes its time.
"""


@pytest.mark.parametrize("how", ELSEWHERE)
def test_the_same_bytes(own_build: Path, tmp_path: Path, how: str) -> None:
    """Two workers, a copy of the inputs in another place, files in another order (one of them
    twice), another kernel of OpenBLAS, numpy without the processor's vectors, other numbers of
    threads, time zone, locale, umask and hash seed: every file, those in ``work/`` too, is the same
    to the byte as in a build in this process.
    """
    there = dict(ELSEWHERE[how])
    inputs, workers, umask = there.pop("inputs"), there.pop("workers"), there.pop("umask")
    given = inputs(builds.RECORDINGS, tmp_path)
    out = tmp_path / "out"
    done = builds.command(
        "build", *given, "--out", out, "--workers", str(workers), env=there, umask=umask
    )
    assert done.returncode == 0, done.stderr
    expected = kept(own_build)
    assert {name.split("/")[1] for name in expected if name.startswith("dataset/")} == {
        "data",
        "stats",
        *DOCUMENTS,
    }
    assert {name.split("/")[1] for name in expected if name.startswith("work/")} >= {
        "samples",
        "ledger",
        "index",
    }
    assert kept(out) == expected


def test_the_processor_has_these_kernels() -> None:
    """On x86 the three kernels that the builds above ask for are ones that this processor has."""
    has = {*SIMD["baseline"], *SIMD["found"]}
    if "SSE2" not in has:
        pytest.skip("OpenBLAS has other kernels on this processor")
    assert {there["OPENBLAS_CORETYPE"] for there in ELSEWHERE.values()} == {*CORES}
    assert set(CORES.values()) <= has


def test_another_recording_is_other_bytes(own_build: Path, tmp_path: Path) -> None:
    """The comparison above can fail: without one of the files data and manifest differ."""
    files = sorted(builds.RECORDINGS.iterdir())[1:]
    builds.build(files, tmp_path / "out")
    other = builds.contents(tmp_path / "out" / "dataset")
    expected = builds.contents(own_build / "dataset")
    assert {name for name in expected if other.get(name) != expected[name]} >= {
        "manifest.json",
        "README.md",
    }


def test_a_file_given_twice_counts_once(tmp_path: Path) -> None:
    """A folder and a folder or file within it, in either order: the same inputs under the same
    names.
    """
    records = [builds.workflow(number) for number in range(4)]
    builds.write_workflows(tmp_path / "in" / "sub" / "a.jsonl", *records)
    builds.write_workflows(tmp_path / "in" / "b.jsonl", builds.workflow(9))
    given = [tmp_path / "in", tmp_path / "in" / "sub", tmp_path / "in" / "sub" / "a.jsonl"]
    builds.build(given[:1], tmp_path / "one")
    builds.build(given, tmp_path / "two")
    builds.build(given[::-1], tmp_path / "three")
    names = [
        item["name"] for item in read_json(tmp_path / "one" / "dataset" / "manifest.json")["inputs"]
    ]
    assert names == ["b.jsonl", "sub/a.jsonl"]
    expected = builds.contents(tmp_path / "one" / "dataset")
    assert builds.contents(tmp_path / "two" / "dataset") == expected
    assert builds.contents(tmp_path / "three" / "dataset") == expected


def test_same_names_under_two_roots_are_told_apart(tmp_path: Path) -> None:
    """Files of the same name under two roots are two inputs, whichever root comes first."""
    first = builds.write_workflows(tmp_path / "monday" / "a.jsonl", builds.workflow(1))
    second = builds.write_workflows(tmp_path / "tuesday" / "a.jsonl", builds.workflow(2))
    for out, inputs in (
        ("one", [first.parent, second.parent]),
        ("two", [second.parent, first.parent]),
    ):
        manifest = builds.build(inputs, tmp_path / out)
        assert [item["name"] for item in manifest["inputs"]] == ["a.jsonl", "a.jsonl~2"]
        assert manifest["totals"]["samples"] == 2
    assert builds.contents(tmp_path / "one" / "dataset") == builds.contents(
        tmp_path / "two" / "dataset"
    )


def test_the_output_folder_is_no_input(tmp_path: Path) -> None:
    """Built into a folder inside the recordings, twice:
    what was built is not read as a recording.
    """
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
