"""Many small files: what they cost beside the same records in a few large ones.

::

    python -m tests.bench.many --files 100000
    python -m tests.bench.many --files 5000 --s3

Files of one workflow with small pages, in folders of a thousand, and the same records in eight
files. Both are built by two processes, the few before and after the many; then the build of the
many is run again with nothing to do, beside ``find`` over the same folder, and with one file
changed; the result must be that of a build from nothing. ``--s3`` reads all of it from a server on
loopback. There the time that its client alone takes for the same objects, sixteen at a time, counts
with that of the few files, and its listing instead of ``find``.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

from etl.dataset import state
from etl.dataset.layout import Layout
from tests.bench.measure import family
from tests.support import builds
from tests.support.s3 import BUCKET, served

FEW: Final = 8
"""Files that hold the same records."""
COST: Final = 1.3
"""At most this many times the few files' seconds by the clock; on s3 with those of the requests."""
WORK_FILES: Final = 2_000
"""At most this many files in the work folder."""
MEMORY_SHARE: Final = 0.20
"""At most this much more memory than for the few files."""
FIND: Final = 5.0
"""With nothing to do, at most this many times the seconds of ``find``, and one second; on a machine
that needs half of that to load what a build imports, twice the time of that.
"""

_FOLDER: Final = 1000
_STEPS: Final = 3
_WORDS: Final = (
    "order cart invoice shipping address payment review item search basket coupon account profile "
    "settings archive report monthly weekly customer supplier delivery status pending open closed"
).split()


def record(number: int) -> bytes:
    """A workflow of three small pages, none of which is like another."""
    chance = random.Random(number)
    steps: list[dict[str, Any]] = []
    for step in range(_STEPS):
        rows = "".join(
            f'<li class="row-{chance.randrange(900)}"><a href="/{chance.choice(_WORDS)}/'
            f'{chance.randrange(10**6)}">{" ".join(chance.choices(_WORDS, k=4))}</a></li>'
            for _ in range(12)
        )
        html = (
            f"<html><head><title>{chance.choice(_WORDS)} {number}</title></head><body><h1>"
            f'{" ".join(chance.choices(_WORDS, k=3))}</h1><ul>{rows}</ul><button id="b{step}">'
            f"Order {step} of {number}</button></body></html>"
        )
        steps.append(
            {
                "url": f"https://www.shop{number % 250}.example/item/{number}",
                "html": html,
                "action": {"kind": "click", "description": f"Order {step} of item {number}"},
                "target": [{"kind": "css", "value": f"#b{step}"}],
            }
        )
    objective = f"Order item {number} in the shop, with the {chance.choice(_WORDS)}"
    return (
        orjson.dumps({"workflow_id": f"w{number}", "objective": objective, "steps": steps}) + b"\n"
    )


def fill(folder: Path, files: int) -> tuple[Path, Path]:
    """Write the many files and the few; returns their folders."""
    many, few = folder / "many", folder / "few"
    few.mkdir(parents=True)
    for start in range(0, files, _FOLDER):
        (many / f"{start // _FOLDER:04d}").mkdir(parents=True)
    shares = [(few / f"{number}.jsonl").open("wb") for number in range(FEW)]
    for number in range(files):
        data = record(number)
        (many / f"{number // _FOLDER:04d}" / f"{number:07d}.jsonl").write_bytes(data)
        shares[number * FEW // files].write(data)
    for share in shares:
        share.close()
    return many, few


class Peak:
    """The most memory that a process and its children have held together, in MiB.

    What they share counts once for each (proportional set size), looked at ten times a second.
    """

    def __init__(self, process: int) -> None:
        self._process, self._most, self._over = process, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """Stop looking; returns the peak."""
        self._over.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            held = sum(map(_held, family(self._process)))
            self._most = max(self._most, held / 1024)


def _held(process: int) -> int:
    """The memory of a process, in KiB."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has ended
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def built(inputs: str, out: Path, *more: str) -> tuple[float, float]:
    """Seconds by the clock of the build command, and the peak memory of its processes in MiB."""
    began = time.monotonic()
    options = ["--out", str(out), "--workers", "2", "--set", "fit.context=8192"]
    command = [sys.executable, "-m", "stepmill", "build", inputs, *options, *more]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=builds.environment(None))
    peak = Peak(process.pid)
    told = process.communicate()[1]
    if process.returncode:
        raise click.ClickException(told.decode())
    return time.monotonic() - began, peak.end()


def looked_at(folder: Path) -> float:
    """Seconds of ``find`` over a folder."""
    began = time.monotonic()
    command = ["find", str(folder), "-printf", "%s %T@ %p\\n"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


@dataclass(frozen=True)
class Cost:
    """What many small files cost."""

    # seconds of a build, by the clock, and its peak memory in MiB
    many: float
    many_mib: float
    # the same of the few files
    few: float
    few_mib: float
    # files in the work folder of the many
    work_files: int
    # seconds of a run with nothing to do, and of ``find`` or a listing
    nothing: float
    find: float
    # seconds of a process that loads what a build imports, and does nothing
    start: float
    # seconds of the requests alone; 0 for files of this machine
    requests: float
    # bytes that a build read after one file had changed, and of the largest bundle
    read_again: int
    bundle: int

    @property
    def times(self) -> float:
        """How many times as long the many take."""
        return self.many / (self.few + self.requests)

    def failures(self) -> Iterator[str]:
        """The claims that do not hold."""
        if self.times > COST:
            yield f"{self.times:.2f} times the time of {FEW} files, claim {COST}"
        if self.work_files > WORK_FILES:
            yield f"{self.work_files:,} files in work/, claim {WORK_FILES:,}"
        if self.many_mib > (1 + MEMORY_SHARE) * self.few_mib:
            yield f"{self.many_mib:,.0f} MiB, {self.few_mib:,.0f} for {FEW} files"
        if self.nothing > FIND * self.find + max(1.0, 2 * self.start):
            yield f"{self.nothing:.2f} s with nothing to do, find takes {self.find:.2f} s"
        if self.read_again > self.bundle:
            yield f"{self.read_again:,} bytes read again, a bundle has at most {self.bundle:,}"


def measured(folder: Path, files: int, root: str = "") -> Cost:
    """Build the many and the few, and the many again: with nothing to do, and with one changed.

    root: of a bucket that holds copies of both; empty to read those in the folder.
    """
    many, few = fill(folder, files)
    places = {path.name: f"{root}/{path.name}" if root else str(path) for path in (many, few)}
    if root:
        system, inside = _system(root)
        for path in (many, few):
            system.put(f"{path}/", f"{inside}/{path.name}/", recursive=True)
    few_seconds, few_mib = built(places["few"], folder / "out-few")
    many_seconds, many_mib = built(places["many"], folder / "out-many")
    again_seconds, _ = built(places["few"], folder / "out-few-again")
    few_seconds = (few_seconds + again_seconds) / 2  # other work comes and goes
    work_files = sum(path.is_file() for path in (folder / "out-many" / "work").rglob("*"))
    seconds, requests = _remote_limits(root) if root else (looked_at(many), 0.0)
    began = time.monotonic()
    built(places["many"], folder / "out-many")
    nothing = time.monotonic() - began
    number = files // 2
    name = f"{number // _FOLDER:04d}/{number:07d}.jsonl"
    (many / name).write_bytes(record(files))
    if root:
        system.put(str(many / name), f"{inside}/many/{name}")
    before = _sizes(folder / "out-many", many)
    built(places["many"], folder / "out-many")
    after = _sizes(folder / "out-many", many)
    again = sum(size for key, size in after.items() if key not in before)
    _check(folder, places["many"])
    return Cost(
        many_seconds, many_mib, few_seconds, few_mib, work_files, nothing, seconds, _start(),
        requests, again, max(before.values()),
    )  # fmt: skip


def _start() -> float:
    """Seconds of a process that loads what a build imports, and does nothing."""
    began = time.monotonic()
    code = "import etl.build.run.whole, etl.cli.build, etl.sources"
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.monotonic() - began


def _remote_limits(root: str) -> tuple[float, float]:
    """Seconds of a process that lists the many files, and of their contents by the client alone."""
    began = time.monotonic()
    code = f"import fsspec; s, path = fsspec.core.url_to_fs({root!r}); s.find(path, detail=True)"
    subprocess.run([sys.executable, "-c", code], check=True)
    listed = time.monotonic()
    system, inside = _system(root)
    names = system.find(f"{inside}/many")
    asked = time.monotonic()
    with ThreadPoolExecutor(16) as threads:
        for _ in threads.map(system.cat_file, names):
            pass
    return listed - began, time.monotonic() - asked


def _system(root: str) -> tuple[Any, str]:
    import fsspec

    system, inside = fsspec.core.url_to_fs(root)
    return system, str(inside)


def _sizes(out: Path, inputs: Path) -> dict[str, int]:
    """Bytes of the inputs of each bundle of a build, by its key."""
    return {
        bundle["key"]: sum(
            os.path.getsize(inputs / member["name"])  # noqa: PTH202 - a hundred thousand times
            for member in bundle["members"]
        )
        for bundle in state.bundles(Layout(out).work)
    }


def _check(folder: Path, many: str) -> None:
    """Compare the build of two nights with one from nothing by its generations."""
    out = folder / "out-many"
    fresh = folder / "fresh"
    built(many, fresh, "--generations", str(out / "dataset" / "manifest.json"))
    if builds.contents(fresh / "dataset") != builds.contents(out / "dataset"):
        raise click.ClickException("two nights are not what a build from nothing is")


@contextmanager
def bucket(folder: Path) -> Iterator[str]:
    """The URL of an empty bucket on a server of this machine."""
    import s3fs

    with served(folder) as server:
        os.environ |= server.env
        s3fs.S3FileSystem.clear_instance_cache()
        yield f"s3://{BUCKET}/night"


@click.command()
@click.option("--files", type=int, default=100_000, show_default=True)
@click.option("--s3", "remote", is_flag=True, help="Read them from a server on this machine.")
@click.option("--folder", type=click.Path(path_type=Path), help="Work here, and leave it there.")
def main(files: int, remote: bool, folder: Path | None) -> None:
    """Print what many small files cost; fails if a claim does not hold."""
    with tempfile.TemporaryDirectory() as scratch:
        here = folder or Path(scratch)
        if remote:
            with bucket(here / "s3") as root:
                cost = measured(here / "files", files, root)
        else:
            cost = measured(here / "files", files)
    print(f"{files:,} files of one workflow, and the same records in {FEW}")
    print(
        f"built in {cost.many:.1f} s and {cost.few:.1f} s: {cost.times:.2f} times; "
        f"{cost.many_mib:,.0f} MiB and {cost.few_mib:,.0f} MiB"
    )
    print(f"files in work/: {cost.work_files:,}")
    if cost.requests:
        print(f"the requests alone: {cost.requests:.1f} s, which count with the latter")
    print(f"nothing to do: {cost.nothing:.2f} s; find or listing: {cost.find:.2f} s")
    print(f"one file changed: {cost.read_again:,} bytes read, a bundle has up to {cost.bundle:,}")
    failures = list(cost.failures())
    if failures:
        raise click.ClickException("; ".join(failures))


if __name__ == "__main__":
    main()
