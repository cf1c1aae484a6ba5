"""Whoever does the work, wherever: the same bytes. Executors, slices, a real Ray, and processes
that are killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.build.pools.failures import Refused, Watch
from etl.build.pools.local import ONCE, Pool, Processes, inline
from etl.build.pools.on_ray import Ray
from etl.build.pools.slices import Slice
from etl.build.recipes.recipe import load
from etl.build.run import reading
from etl.build.run.build import Build
from etl.build.run.whole import run
from etl.build.tasks import SamplesWorker
from etl.dataset import account
from etl.dataset.layout import Shelf
from etl.dataset.reports import BundleReport
from etl.inputs.bundles import Bundle
from schemas.errors import ConfigError
from tests import test_readme
from tests.build.test_interruption import comparable
from tests.support import builds

SETTINGS: Final = (
    "pack.shard_mb=1",
    "split.test=0.3",
    "fit.context=8192",
    "inputs.bundle_mb=0.05",  # two bundles, and two files that are alone
)


ALONE: Final = {
    "RAY_AUTH_MODE": "disabled",  # it is here alone, and writes no token to the home folder
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Beside other work, Ray's own processes start slowly. It would give them half a minute; then it
    # ends, and this process with it.
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_worker_register_timeout_seconds": "600",
}
"""Settings of a Ray on this machine."""


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray of two workers on this machine, started once."""
    os.environ |= ALONE
    ray = pytest.importorskip("ray")
    with tempfile.TemporaryDirectory(
        dir="/tmp"
    ) as scratch:  # paths of sockets are at most 107 bytes long
        ray.init(
            num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False,
            object_store_memory=80 * 2**20, _temp_dir=scratch,
        )  # fmt: skip
        yield ray
        ray.shutdown()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build in this process that all others are compared with."""
    out = tmp_path_factory.mktemp("expected") / "out"
    builds.build([builds.RECORDINGS], out, *SETTINGS)
    assert len(list((out / "dataset" / "data").rglob("*.arrow"))) > 5
    return out


site = test_readme.site


def test_the_ray_example_builds(site: Path) -> None:
    """The README: a Ray head is started, the build runs on it, and all Ray here is stopped. So it
    is the first test.
    """
    (block,) = test_readme.blocks("ray")
    start, build, stop = block.splitlines()
    bin_folder = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(
        dir="/tmp"
    ) as scratch:  # paths of sockets are at most 107 bytes long
        path = f"{site}/opt/stepmill/bin:{bin_folder}:/usr/bin:/bin"
        more = ALONE | {"PATH": path, "RAY_TMPDIR": scratch}
        try:
            test_readme.shell(
                site, f"{start} --include-dashboard=false --object-store-memory=100000000", **more
            )
            test_readme.shell(site, f"cd /srv/web && {build}", **more)
        finally:
            test_readme.shell(site, stop, **more)
    assert test_readme.is_built(site)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_give_the_same_bytes(expected: Path, tmp_path: Path, workers: int) -> None:
    """One process and two: every file is that of the build in this process."""
    build = builds.prepared(
        [builds.RECORDINGS], tmp_path / "out", *SETTINGS, pool=Processes(workers)
    )
    run(build, {})
    assert comparable(tmp_path / "out") == comparable(expected)


def test_ray_gives_the_same_bytes(ray: object, expected: Path, tmp_path: Path) -> None:
    """A real Ray with two workers: every file is that of the build in this process."""
    run(builds.prepared([builds.RECORDINGS], tmp_path / "out", *SETTINGS, pool=Ray("auto")), {})
    assert comparable(tmp_path / "out") == comparable(expected)


def test_slices_give_the_same_bytes(expected: Path, tmp_path: Path) -> None:
    """--shard 1/3 to 3/3, in any order or at once, then finish, with packing sliced too or not:
    every file is that of the build in this process; each input and each output is done by one
    slice; finish reads and packs nothing again.
    """
    out = tmp_path / "out"
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    arguments: tuple[str | Path, ...] = (
        "build",
        builds.RECORDINGS,
        "--out",
        out,
        "--workers",
        "0",
        *settings,
    )
    at_once([(*arguments, "--shard", part) for part in ("2/3", "3/3")])
    early = builds.command("finish", out, "--shard", "1/3", "--workers", "0")
    assert early.returncode == 1
    assert "inputs have not been read yet" in early.stderr
    assert builds.command(*arguments, "--shard", "1/3").returncode == 0
    read = builds.stamps(out / "work" / "samples")
    at_once([("finish", out, "--shard", part, "--workers", "0") for part in ("1/3", "2/3")])
    packed = builds.stamps(out / "dataset" / "data")
    assert packed
    assert not (out / "dataset" / "manifest.json").exists()
    done = builds.command("finish", out, "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert comparable(out) == comparable(expected)
    assert builds.stamps(out / "work" / "samples") == read
    after = builds.stamps(out / "dataset" / "data")
    assert {name: after[name] for name in packed} == packed
    assert len(after) > len(packed)


def at_once(commands: list[tuple[str | Path, ...]]) -> None:
    """Run command lines side by side."""
    with ThreadPoolExecutor(len(commands)) as threads:
        for done in threads.map(lambda arguments: builds.command(*arguments), commands):
            assert done.returncode == 0, done.stderr


def test_indexes_made_side_by_side_are_whole(tmp_path: Path) -> None:
    """Slices of packing all make the index, in one folder at the same time: each is what one would
    make alone.
    """
    for number in range(8):
        records = (builds.workflow(100 * number + each, steps=3) for each in range(60))
        builds.write_workflows(tmp_path / "in" / f"{number}.jsonl", *records)
    build = builds.prepared([tmp_path / "in"], tmp_path / "out")
    run(build, {})
    shards = reading.discovered(build)
    expected = builds.contents(tmp_path / "out" / "work" / "index")

    def made(_: int) -> object:
        return build.recipe.index.build(
            shards, build.generations(shards), build.recipe.samples.sources, build.shelf
        )

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(made, range(24)))
    assert all(each == found[0] for each in found)
    assert builds.contents(tmp_path / "out" / "work" / "index") == expected


@given(st.lists(st.integers(0, 100), max_size=40), st.integers(1, 7))
def test_slices_are_a_balanced_partition(sizes: list[int], of: int) -> None:
    """Slices hold every item once, and none is heavier than
    another by more than the largest item.
    """
    items = list(enumerate(sizes))
    slices = [
        Slice(number, of).of_items(items, lambda item: item[1]) for number in range(1, of + 1)
    ]
    assert sorted(item for part in slices for item in part) == items
    loads = [sum(size for _, size in part) for part in slices]
    assert max(loads) - min(loads) <= max(sizes, default=0)


@pytest.mark.parametrize("part", ["0/3", "4/3", "x/3", "3", "1/0", "-1/3"])
def test_a_slice_that_is_none_is_refused(part: str, tmp_path: Path) -> None:
    """A slice out of range or of another form is an error of usage, before anything is written."""
    done = builds.command("build", builds.RECORDINGS, "--out", tmp_path / "out", f"--shard={part}")
    assert done.returncode == 2
    assert "--shard" in done.stderr
    assert not (tmp_path / "out").exists()


@dataclass(frozen=True)
class Dying:
    """Reads inputs; the first process to come to ``victim`` is killed,
    and every one if ``always``.
    """

    worker: SamplesWorker
    flag: Path
    always: bool = False

    def __call__(self, item: Bundle, refused: tuple[Refused, ...], watch: Watch) -> BundleReport:
        def watched(name: str) -> None:
            watch(name)
            if name.endswith("workflows:w7") and (self.always or not self.flag.exists()):
                self.flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        return self.worker(item, refused, watched)

    @property
    def shelf(self) -> Shelf:
        """Where its files lie."""
        return self.worker.shelf


@dataclass(frozen=True)
class Wounded:
    """A pool, one of whose workers is killed."""

    pool: Pool
    flag: Path
    always: bool = False

    def __call__(self, worker: Any, items: Iterable[Any]) -> Iterator[Any]:
        if isinstance(worker, SamplesWorker):
            worker = Dying(worker, self.flag, self.always)
        yield from self.pool(worker, items)


def wounded(tmp_path: Path, pool: Pool, always: bool) -> Path:
    """Build three little files with workers that are killed; returns the output folder."""
    for number in range(3):
        records = [builds.workflow(5 * number + i, steps=2) for i in range(5)]
        builds.write_workflows(tmp_path / "in" / f"{number}.jsonl", *records)
    out = tmp_path / "out"
    recipe = load("scribeagent-32k", SETTINGS)
    killing = Wounded(pool, out.with_name("killed"), always)
    run(Build(recipe, (str(tmp_path / "in"),), out, killing, progress=builds.Quiet), {})
    return out


@pytest.mark.parametrize("pool", [Processes(2), Ray("auto")], ids=["processes", "ray"])
def test_a_worker_killed_in_mid_build(ray: object, tmp_path: Path, pool: Pool) -> None:
    """Kill -9 of one worker in the middle of an input: the build completes, with the bytes of one
    in this process.
    """
    out = wounded(tmp_path, pool, always=False)
    assert (tmp_path / "killed").exists()
    builds.build([tmp_path / "in"], tmp_path / "expected", *SETTINGS)
    assert comparable(out) == comparable(tmp_path / "expected")


@pytest.mark.parametrize("pool", [Processes(2), Ray("auto")], ids=["processes", "ray"])
def test_a_page_that_kills_every_worker(ray: object, tmp_path: Path, pool: Pool) -> None:
    """A workflow that kills whatever process works on it is quarantined with its content, on Ray as
    here.
    """
    out = wounded(tmp_path, pool, always=True)
    (row,) = account.quarantined(out).to_dicts()
    assert (row["id"], row["reason"]) == ("workflows:w7", "killed_worker")
    assert {sample.workflow for sample in builds.samples(out).values()} == {
        f"workflows:w{n}" for n in range(15)
    } - {"workflows:w7"}


def failing(item: int, refused: tuple[Refused, ...], watch: Watch) -> int:
    """A worker that raises an error of ours at 3."""
    if item == 3:
        raise ConfigError("three")
    return item


@pytest.mark.parametrize(
    "pool", [inline, Processes(2), Ray("auto")], ids=["inline", "processes", "ray"]
)
def test_what_a_worker_raises_is_raised(ray: object, pool: Pool) -> None:
    """An error of ours in a worker comes out of the pool as it is, and the pool stops."""
    with pytest.raises(ConfigError, match="three"):
        list(pool(failing, range(10)))


def test_what_workers_share_starts_no_threads_of_polars() -> None:
    """The process that workers are forked from has their slow imports, and not Polars, whose
    threads a fork loses.
    """
    program = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print("polars" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *ONCE],
        env=builds.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_no_ray_is_said(tmp_path: Path) -> None:
    """An address where no Ray is: exit code 1 and how to start one, before anything is read."""
    done = builds.command(
        "build",
        builds.RECORDINGS,
        "--out",
        tmp_path / "out",
        "--ray",
        "127.0.0.1:1",
        env={"RAY_AUTH_MODE": "disabled"},
    )
    assert done.returncode == 1
    assert "no Ray at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
