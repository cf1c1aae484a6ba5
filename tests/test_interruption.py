"""kill -9 anywhere: the same command completes the build with the same bytes, and does not do finished work again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from etl.shards import read_json
from tests import builds

HEAD: Final = """
import os, signal, sys
from pathlib import Path
import etl.execute, etl.finish, etl.index, etl.packing, etl.plan
from etl.cli import main
from etl.shards import ArrowWriter

calls = {"count": 0}

def kill_at(number, function, after=None, when=lambda *arguments: True):
    def counted(*arguments, **options):
        if not when(*arguments):
            return function(*arguments, **options)
        calls["count"] += 1
        if calls["count"] == number:
            if after:
                after(*arguments)
            os.killpg(0, signal.SIGKILL)
        return function(*arguments, **options)
    return counted
"""

TAIL: Final = """
if __name__ == "__main__":
    main()
"""

POINTS: Final = {
    "in a samples shard": "ArrowWriter.add = kill_at(200, ArrowWriter.add)",
    "between rename and report": "etl.plan.write_json = kill_at(3, etl.plan.write_json)",
    "in the index": """
class Parquet:
    write_table = staticmethod(kill_at(1, None, after=lambda table, file, *rest: file.write(b"PAR1")))
etl.index.pq = Parquet""",
    "in packing": "ArrowWriter.add_batch = kill_at(3, ArrowWriter.add_batch)",
    "before the manifest": """
etl.finish.write_json = kill_at(1, etl.finish.write_json, when=lambda path, value: path.name == "manifest.json")""",
}
"""Where -> what a driver does so that the build kills itself there, with its workers."""


def killed(tmp_path: Path, patch: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line under a driver that kills its process group at one point."""
    driver = tmp_path / "driver.py"
    driver.write_text(HEAD + patch + TAIL)
    return subprocess.run(
        [sys.executable, str(driver), *map(str, arguments)],
        env=builds.environment(), start_new_session=True, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def finished(out: Path) -> set[str]:
    """The files, by path under ``out``, that a report says are complete."""
    reports = [(path, "work/") for path in (out / "work" / "samples").glob("*.json")]
    reports += [(path, "") for path in (out / "work" / "fitted").glob("*.json")]
    named = {head + name for path, head in reports for name in read_json(path)["files"]}
    return named | {path.relative_to(out).as_posix() for path, _ in reports}


def comparable(out: Path) -> dict[str, str]:
    """All files of a build by hash, but for the notes of how it was asked for and what was read: they have paths."""
    files = builds.contents(out)
    files.pop("work/order.json")
    files.pop("work/inputs.json", None)
    return files


@pytest.mark.parametrize("where", POINTS)
def test_a_killed_build_is_completed(own_build: Path, tmp_path: Path, where: str) -> None:
    """Killed at this point while it was running, the plain command completes the build: the same bytes as without
    interruption, in the work folder too; shards that were finished are left alone; nothing partial stays.
    """
    out = tmp_path / "out"
    arguments = ("build", builds.RECORDINGS, "--out", out)
    done = killed(tmp_path, POINTS[where], *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (out / "dataset" / "manifest.json").exists()

    before = builds.stamps(out)
    parts = {name for name in before if name.endswith(".part")}
    complete = finished(out)
    samples = {name for name in before if name.startswith("work/samples/") and name.endswith(".arrow")}
    reached = {
        "in a samples shard": 0 < len(complete & samples) < 6 and len(parts) == 1 and "work/samples/" in min(parts),
        "between rename and report": len(complete & samples) == 2 and len(samples) == 3 and not parts,
        "in the index": len(complete & samples) == 6 and parts == {"work/index.parquet.part"},
        "in packing": {"dataset/data/g0001/test-00000-of-00001.arrow"} < complete
        and parts == {"dataset/data/g0001/train-00000-of-00001.arrow.part"},
        "before the manifest": "dataset/README.md" in before and not parts,
    }
    assert reached[where], sorted(before)

    again = builds.command(*arguments)
    assert again.returncode == 0, again.stderr
    assert comparable(out) == comparable(own_build)
    after = builds.stamps(out)
    assert {name: after[name] for name in complete} == {name: before[name] for name in complete}
    assert len(complete) >= 4


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of three little recordings, so that two workers have something to share."""
    for number in range(3):
        records = [builds.workflow(100 * number + i, steps=2) for i in range(40)]
        builds.write_workflows(tmp_path / "in" / f"{number}.jsonl", *records)
    builds.build([tmp_path / "in"], tmp_path / "expected")
    return tmp_path / "in"


def test_two_workers_killed_together(files: Path, tmp_path: Path) -> None:
    """Killed in a worker process, with all others: completed by two workers to the same bytes."""
    out = tmp_path / "out"
    arguments = ("build", files, "--out", out, "--workers", "2")
    done = killed(tmp_path, "ArrowWriter.add = kill_at(50, ArrowWriter.add)", *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list((out / "work" / "samples").glob("*.part"))
    assert not (out / "dataset").exists()
    assert builds.command(*arguments).returncode == 0
    assert comparable(out) == comparable(tmp_path / "expected")


def test_a_dead_worker_ends_the_build_with_a_word(files: Path, tmp_path: Path) -> None:
    """If the system kills one worker, the build says so and how to go on, with exit code 1; going on completes it."""
    out = tmp_path / "out"
    alone = "os.killpg = lambda group, number: os.kill(os.getpid(), number)\n"
    arguments = ("build", files, "--out", out, "--workers", "2")
    done = killed(tmp_path, alone + "ArrowWriter.add = kill_at(50, ArrowWriter.add)", *arguments)
    assert done.returncode == 1
    assert "a worker process died; run the same command again to go on" in done.stderr
    assert "Traceback" not in done.stderr
    assert builds.command(*arguments).returncode == 0
    assert comparable(out) == comparable(tmp_path / "expected")


def test_a_finished_build_is_left_alone(tmp_path: Path) -> None:
    """Built again, with other workers too, nothing that was built is written again."""
    path = builds.write_workflows(tmp_path / "in.jsonl", *(builds.workflow(number) for number in range(9)))
    out = tmp_path / "out"
    assert builds.command("build", path, "--out", out).returncode == 0
    before = builds.stamps(out)
    del before["work/order.json"]
    before.pop("work/inputs.json", None)  # not before the input is two seconds old
    assert builds.command("build", path, "--out", out, "--workers", "2").returncode == 0
    after = builds.stamps(out)
    after.pop("work/inputs.json", None)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1


def test_a_removed_file_is_made_again(tmp_path: Path) -> None:
    """Whatever file of a finished build is removed, the same command makes it again as it was."""
    path = builds.write_workflows(tmp_path / "in.jsonl", *(builds.workflow(number) for number in range(60)))
    out = tmp_path / "out"
    builds.build([path], out)
    expected = comparable(out)
    for name in sorted(expected):
        if name == "work/settings.json":  # without it, nothing says which settings the rest was built with
            continue
        (out / name).unlink()
        if not name.startswith("dataset/"):  # the manifest says that the dataset is complete, and it is
            (out / "dataset" / "manifest.json").unlink()
        builds.build([path], out)
        assert comparable(out) == expected, name


def test_another_input_withdraws_the_manifest(tmp_path: Path) -> None:
    """While new inputs are built into a finished build there is no manifest: what it said is no longer there. What was
    not touched is not read again, and the result is that of a build from nothing.
    """
    first = builds.write_workflows(tmp_path / "in" / "a.jsonl", *(builds.workflow(number) for number in range(9)))
    out = tmp_path / "out"
    arguments = ("build", first.parent, "--out", out)
    assert builds.command(*arguments).returncode == 0
    before = builds.stamps(out / "work" / "samples")
    builds.write_workflows(tmp_path / "in" / "b.jsonl", *(builds.workflow(number) for number in range(20, 30)))
    done = killed(tmp_path, POINTS["before the manifest"], *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (out / "dataset" / "manifest.json").exists()
    assert builds.command(*arguments).returncode == 0
    after = builds.stamps(out / "work" / "samples")
    assert {name: after[name] for name in before} == before
    builds.build([first.parent], tmp_path / "fresh")
    assert comparable(out) == comparable(tmp_path / "fresh")


def test_an_input_that_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    """Without one of its inputs a build holds what a build from nothing holds."""
    first = builds.write_workflows(tmp_path / "in" / "a.jsonl", *(builds.workflow(number) for number in range(9)))
    second = builds.write_workflows(tmp_path / "in" / "b.jsonl", *(builds.workflow(number) for number in range(20, 30)))
    builds.build([first.parent], tmp_path / "out")
    second.unlink()
    builds.build([first.parent], tmp_path / "out")
    builds.build([first.parent], tmp_path / "fresh")
    assert comparable(tmp_path / "out") == comparable(tmp_path / "fresh")
