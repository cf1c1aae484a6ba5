"""kill -9 anywhere: the same command completes the build with the same bytes, and does not do
finished work again.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
import polars as pl
import pytest

from etl.dataset import account, state
from etl.dataset.layout import Layout
from etl.files.arrow import read_json
from tests.support import builds

T = TypeVar("T")

HEAD: Final = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background is deaf to it
from pathlib import Path
import etl.build.run, etl.build.finish, etl.build.index_files, etl.build.pack, etl.build.samples
from etl.cli.main import main
from etl.files.arrow import ArrowWriter

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
    "between rename and report": "etl.build.samples.write_json = kill_at(3, "
    "etl.build.samples.write_json)",
    "in the index": """
class Parquet:
    ParquetWriter = staticmethod(kill_at(1, None, after=lambda file, *rest: file.write(b"PAR1")))
etl.build.index_files.pq = Parquet""",
    "in packing": "ArrowWriter.add_batch = kill_at(3, ArrowWriter.add_batch)",
    "before the manifest": """
from etl.build import verdict
verdict.write = kill_at(1, verdict.write)""",
}
"""Where -> what a driver does so that the build kills itself there, with its workers."""


def killed(tmp_path: Path, patch: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line under a driver that kills its process group at one point."""
    driver = tmp_path / "driver.py"
    driver.write_text(HEAD + patch + TAIL)
    return builds.drive(driver, *arguments)


def finished(out: Path) -> set[str]:
    """The files, by path under ``out``, that a report says are complete."""
    reports = [(path, "work/") for path in (out / "work" / "samples").glob("*.json")]
    reports += [(path, "") for path in (out / "work" / "fitted").rglob("*.json")]
    named = {head + name for path, head in reports for name in read_json(path)["files"]}
    return named | {path.relative_to(out).as_posix() for path, _ in reports}


NOTES: Final = (
    "order.json",
    "listing.json",
    "remembered.json",
    "stamps.json",
    "last_build.json",
    "locks/.guard",
)
"""Of how it was asked for, which has paths, of times of files, and of how the last run ended."""


def unnoted(files: Mapping[str, T]) -> dict[str, T]:
    """Files but for notes."""
    return {name: value for name, value in files.items() if name.removeprefix("work/") not in NOTES}


def comparable(out: Path) -> dict[str, str]:
    """All files of a build by hash, but for notes."""
    return unnoted(builds.contents(out))


def whole(part: str) -> str:
    """The file that a ``.part`` is on its way to."""
    return re.sub(r"(\.[0-9a-f]{8})?\.part$", "", part)


@pytest.mark.parametrize("where", POINTS)
def test_a_killed_build_is_completed(tmp_path: Path, where: str) -> None:
    """Killed at this point while it was running, the plain command completes the build: the same
    bytes as without interruption, in the work folder too; shards that were finished are left alone;
    nothing partial stays.
    """
    out = tmp_path / "out"
    builds.build([builds.RECORDINGS], tmp_path / "expected", "inputs.bundle_mb=0")
    alone = ("--set", "inputs.bundle_mb=0")
    arguments = ("build", builds.RECORDINGS, "--out", out, "--workers", "0", *alone)
    done = killed(tmp_path, POINTS[where], *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (out / "dataset" / "manifest.json").exists()

    before = builds.stamps(out)
    parts = {whole(name) for name in before if name.endswith(".part")}
    complete = finished(out)
    samples = {
        name for name in before if name.startswith("work/samples/") and name.endswith(".arrow")
    }
    reached = {
        "in a samples shard": 0 < len(complete & samples) < 6
        and {name.split("/")[1] for name in parts} == {"samples", "light"},
        "between rename and report": len(complete & samples) == 2
        and len(samples) == 3
        and not parts,
        "in the index": len(complete & samples) == 6
        and "work/index/g0001-train-00000.parquet" in parts,
        "in packing": parts == {"dataset/data/g0001/train-00000-of-00001.arrow"},
        "before the manifest": "dataset/README.md" in before and not parts,
    }
    assert reached[where], sorted(before)

    again = builds.command(*arguments)
    assert again.returncode == 0, again.stderr
    assert comparable(out) == comparable(tmp_path / "expected")
    after = builds.stamps(out)
    assert {name: after[name] for name in complete} == {name: before[name] for name in complete}
    assert len(complete) >= 4


BUNDLES: Final = ("--set", "inputs.bundle_mb=0.075")
TWO: Final = ("--workers", "2", *BUNDLES)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of three little recordings, so that two workers have something to share: two of
    them are a bundle, the third is alone.
    """
    for number in range(3):
        records = [builds.workflow(100 * number + i, steps=2) for i in range(40)]
        builds.write_workflows(tmp_path / "in" / f"{number}.jsonl", *records)
    builds.build([tmp_path / "in"], tmp_path / "expected", "inputs.bundle_mb=0.075")
    assert [len(bundle["members"]) for bundle in bundles_of(tmp_path / "expected")] == [2, 1]
    return tmp_path / "in"


def bundles_of(out: Path) -> list[Any]:
    """The bundles of a build."""
    return list(state.bundles(Layout(out).work))


def test_two_workers_killed_together(files: Path, tmp_path: Path) -> None:
    """Killed in a worker process, with all others: completed by two workers to the same bytes."""
    out = tmp_path / "out"
    arguments = ("build", files, "--out", out, *TWO)
    done = killed(tmp_path, "ArrowWriter.add = kill_at(50, ArrowWriter.add)", *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list((out / "work" / "samples").glob("*.part"))
    assert not (out / "dataset").exists()
    assert builds.command(*arguments).returncode == 0
    assert comparable(out) == comparable(tmp_path / "expected")


ALONE: Final = """
os.killpg = lambda group, number: os.kill(os.getpid(), number)
"""
ONCE: Final = """
once = Path(sys.argv[sys.argv.index("--out") + 1]).with_name("killed")
def first(*arguments):
    try:
        once.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
"""


def test_a_dead_worker_is_replaced(files: Path, tmp_path: Path) -> None:
    """If the system kills one worker, another does its work again, and the build completes with the
    same bytes.
    """
    out = tmp_path / "out"
    patch = ALONE + ONCE + "ArrowWriter.add = kill_at(1, ArrowWriter.add, when=first)"
    done = killed(tmp_path, patch, "build", files, "--out", out, *TWO)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
    assert "Traceback" not in done.stderr
    assert comparable(out) == comparable(tmp_path / "expected")


KILLS: Final = """
import etl.stages.filter, etl.stages.unroll, gigatoken, tokenization.fit
etl.stages.filter.english("Order")  # what is loaded with the first page counts as its time
made, fit = etl.stages.unroll._sample, tokenization.fit.Fit.__call__
def sample(draft, step_draft, *rest):
    if draft.uid == "workflows:w101":
        AT_SAMPLE
    return made(draft, step_draft, *rest)
def fitted(self, sample, encoder):
    if sample.sample_id == "workflows:w203/2":
        AT_FIT
    return fit(self, sample, encoder)
etl.stages.unroll._sample = sample
tokenization.fit.Fit.__call__ = fitted
"""


@pytest.mark.parametrize(
    ("deed", "setting", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "limits.page_seconds=60", "killed_worker"),
        ("import time; time.sleep(600)", "limits.page_seconds=10", "over_time"),
    ],
)
def test_what_kills_or_blocks_its_worker_is_left_out(
    files: Path, tmp_path: Path, deed: str, setting: str, reason: str
) -> None:
    """A workflow that kills its worker every time, or takes too long, is quarantined with its
    content; a sample that does so in packing is dropped; all others come out as in a build without
    these two, and the accounts add up.
    """
    out = tmp_path / "out"
    patch = KILLS.replace("AT_SAMPLE", deed).replace("AT_FIT", deed)
    done = killed(tmp_path, patch, "build", files, "--out", out, *TWO, "--set", setting)
    assert done.returncode == 0, done.stderr
    (row,) = account.quarantined(out).to_dicts()
    assert (row["id"], row["stage"], row["reason"]) == ("workflows:w101", "read", reason)
    assert len(orjson.loads(row["raw"])["steps"]) == 2
    dropped = account.fitted(out).filter(pl.col("reason") != "")
    assert dropped.select("sample_id", "reason").rows() == [("workflows:w203/2", reason)]
    expected = {
        row.sample_id: row.input_ids.tobytes() for row in builds.emitted(tmp_path / "expected")
    }
    for name in ("workflows:w101/1", "workflows:w101/2", "workflows:w203/2"):
        del expected[name]
    assert {row.sample_id: row.input_ids.tobytes() for row in builds.emitted(out)} == expected
    assert builds.command("verify", out).returncode == 0


def test_workers_that_cannot_start_end_the_build(files: Path, tmp_path: Path) -> None:
    """Workers that die before they have begun end the build with a message, not in a loop."""
    patch = "if __name__ != '__main__':\n    os._exit(3)"
    done = killed(tmp_path, patch, "build", files, "--out", tmp_path / "out", *TWO)
    assert done.returncode == 1
    assert "worker processes die as they start (exit code 3)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_over_the_size_limit_is_quarantined(tmp_path: Path) -> None:
    """A workflow with a page over limits.page_mb is quarantined, with its content and the step's
    number.
    """
    large = builds.workflow(1, steps=2)
    large["steps"][1]["html"] = "x" * (2**20 + 1)
    path = builds.write_workflows(tmp_path / "in.jsonl", builds.workflow(0), large)
    out = tmp_path / "out"
    builds.build([path], out, "limits.page_mb=1")
    (row,) = account.quarantined(out).to_dicts()
    assert (row["id"], row["reason"]) == ("workflows:w1", "page_too_large")
    assert row["detail"] == "step 2: a page of 1,048,577 characters, at most 1,048,576"
    assert [row.sample_id for row in builds.emitted(out)] == ["workflows:w0/1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_interrupt_ends_the_build_at_once(
    files: Path, tmp_path: Path, number: signal.Signals, workers: str
) -> None:
    """SIGINT and SIGTERM end a build, workers included, in the middle of an input that would take
    ten minutes more; it has exit code 1 and says how to go on; the same command completes it.
    """
    driver = tmp_path / "driver.py"
    deed = "import time; time.sleep(600)"
    driver.write_text(HEAD + KILLS.replace("AT_SAMPLE", deed).replace("AT_FIT", "pass") + TAIL)
    out = tmp_path / "out"
    arguments = ["build", str(files), "--out", str(out), *BUNDLES, "--workers", workers]
    interrupted([sys.executable, str(driver), *arguments], out, number)
    assert builds.command(*arguments).returncode == 0
    assert comparable(out) == comparable(tmp_path / "expected")


def interrupted(command: list[str], out: Path, number: signal.Signals) -> None:
    """Run a build, interrupt it in the middle of an input, and see what it says, and that all of
    its processes end.
    """
    with subprocess.Popen(
        command, env=builds.environment(), start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 240
        while not list((out / "work" / "samples").glob("*.part")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)  # by now it is asleep in the middle of an input
        process.send_signal(number)
        _, text = process.communicate(timeout=HANGS)
        assert process.returncode == 1
    assert text.endswith("stepmill: stopped; run the same command again to go on\n"), text
    assert "Traceback" not in text
    deadline = time.monotonic() + HANGS
    while left := builds.alive(process.pid):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


HANGS: Final = 120
"""Seconds after which nothing happens any more; much less than the input would take."""


MOMENTS: Final = {"0": 13, "2": 12}
"""25 in all, by workers."""
PHASES: Final = ("inputs", "samples", "index", "packing", "finishing")


def after(seconds: float, phase: str, note: Path) -> str:
    """What a driver does to kill its build some seconds after a phase has begun, and to note in
    which one it was.
    """
    return f"""
import threading
from contextlib import contextmanager
from etl.build.last_build import Record
plain, at = Record.phase, [""]

def die():
    Path({str(note)!r}).write_text(at[0])
    os.killpg(0, signal.SIGKILL)

@contextmanager
def phase(self, name):
    at[0] = name
    if name == {phase!r}:
        timer = threading.Timer({seconds}, die)
        timer.daemon = True  # a build that ends before has ended
        timer.start() if {seconds} else die()
    with plain(self, name):
        yield

Record.phase = phase
"""


@pytest.mark.parametrize("workers", MOMENTS)
def test_killed_at_random_moments(files: Path, tmp_path: Path, workers: str) -> None:
    """Kill -9 of the whole process group at seeded random moments of every phase: the same command
    completes the build with the bytes of an uninterrupted one, and no finished shard is built
    again.
    """
    arguments = ("build", files, *BUNDLES, "--workers", workers, "--out")
    note = tmp_path / "phase"
    assert killed(tmp_path, "", *arguments, tmp_path / "timed").returncode == 0
    assert comparable(tmp_path / "timed") == comparable(tmp_path / "expected")
    lasts = read_json(tmp_path / "timed" / "work" / "last_build.json")["seconds"]
    assert tuple(lasts) == tuple(sorted(PHASES))

    chance = random.Random(int(workers))
    reached, kept, redone = Counter[str](), 0, 0

    def moment(phase: str, share: float) -> None:
        nonlocal kept, redone
        out = tmp_path / f"killed-{reached.total()}"
        while (
            killed(tmp_path, after(share * lasts[phase], phase, note), *arguments, out).returncode
            == 0
        ):
            shutil.rmtree(out)  # faster now than before, the build had ended
            share *= 0.9
        reached[note.read_text()] += 1
        before, complete = builds.stamps(out), finished(out)
        builds.build([files], out, BUNDLES[1])
        assert comparable(out) == comparable(tmp_path / "expected"), (phase, share)
        changed = builds.stamps(out)
        redone += sum(changed[name] != before[name] for name in complete)
        kept += len(complete)

    for number in range(MOMENTS[workers]):
        moment(PHASES[number % len(PHASES)], chance.random())
    for phase in PHASES:
        if not reached[phase]:  # over before it was killed, each time
            moment(phase, 0)
    assert set(reached) == set(PHASES)
    assert (redone, kept > 0) == (0, True)


def limited(size: int) -> str:
    """What a driver does so that no file can grow beyond this many bytes,
    as on a disk that is full.
    """
    return f"""
import resource
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
limit(resource.RLIM_INFINITY)  # a worker inherits it; two libraries need a large file as they start
sys.modules["gigatoken"] = None
import etl.stages.filter
etl.stages.filter.english("Order")
limit({size})
"""


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize(
    ("size", "folder"), [(50_000, "work/samples/"), (4_000_000, "dataset/data/")]
)
def test_a_full_disk(own_build: Path, tmp_path: Path, workers: str, size: int, folder: str) -> None:
    """No room, while reading or while packing: the build stops with exit code 1, the file and the
    bytes that it needs; nothing half-written is taken for whole; with room again, the same command
    completes it to the same bytes.
    """
    out = tmp_path / "out"
    arguments = ("build", builds.RECORDINGS, "--out", out, "--workers", workers)
    done = killed(tmp_path, limited(size), *arguments)
    assert done.returncode == 1, done.stderr
    said = re.search(
        rf"stepmill: {out}/(\S+): File too large: it needs ([0-9,]+) bytes or more", done.stderr
    )
    assert said, done.stderr
    assert said[1].startswith(folder), done.stderr
    assert int(said[2].replace(",", "")) > size
    assert "Make room and run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / said[1]).exists()
    assert all((out / name).exists() for name in finished(out))
    assert not (out / "dataset" / "manifest.json").exists()
    assert builds.command(*arguments).returncode == 0
    expected = comparable(own_build)
    assert comparable(out) == expected


def test_a_finished_build_is_left_alone(tmp_path: Path) -> None:
    """Built again, with other workers too, nothing that was built is written again."""
    path = builds.write_workflows(
        tmp_path / "in.jsonl", *(builds.workflow(number) for number in range(9))
    )
    out = tmp_path / "out"
    assert builds.command("build", path, "--out", out).returncode == 0
    before = unnoted(builds.stamps(out))
    assert builds.command("build", path, "--out", out, "--workers", "2").returncode == 0
    assert {
        name: stamp
        for name, stamp in builds.stamps(out).items()
        if name.removeprefix("work/") not in NOTES
    } == before


def test_a_removed_file_is_made_again(tmp_path: Path) -> None:
    """Whatever file of a finished build is removed, the same command makes it again as it was."""
    path = builds.write_workflows(
        tmp_path / "in.jsonl", *(builds.workflow(number) for number in range(60))
    )
    out = tmp_path / "out"
    builds.build([path], out)
    expected = comparable(out)
    for name in sorted(expected):
        if (
            name == "work/settings.json"
        ):  # without it, nothing says which settings the rest was built with
            continue
        (out / name).unlink()
        if not name.startswith(
            "dataset/"
        ):  # the manifest says that the dataset is complete, and it is
            (out / "dataset" / "manifest.json").unlink()
        builds.build([path], out)
        assert comparable(out) == expected, name
