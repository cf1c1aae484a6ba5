"""One build of the paper's size, from its recordings to a dataset that loads: six billion tokens.

::

    python -m tests.bench.large --tokens 6e9 --folder DIR
    python -m tests.bench.large --tokens 60e6

It grows a corpus (`tests.bench.corpus`) in slices until there are enough tokens, builds it with
two processes, kills the build at a seeded moment and goes on, verifies the result, loads it with
`datasets`, and adds a night of one percent. What a run with the same folder has finished is left
as it is, so a run that was stopped goes on too. It prints hours, rates, memory of each process,
the disk at its highest, and files. A dated log lies in the folder.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import click

from etl.files.arrow import read_json, write_json
from tests.bench.corpus import bases, folders, grow
from tests.bench.measure import family
from tests.support import builds

SLICE_MB: Final = 300.0
"""Pages of a slice of the corpus, in MB; smaller for a small corpus."""
_TOKENS_PER_MB: Final = 117_000
"""Of the pages of a corpus; a fiftieth more are grown."""
NIGHT: Final = 0.01
"""The share of the corpus that the second night adds."""
WORKERS: Final = 2
KILLED: Final = (0.1, 0.7)
"""The build is killed between these shares of the time that it is expected to take."""
_LOOK_SECONDS: Final = 2.0


@dataclass
class Watched:
    """What a command took."""

    # by the clock
    seconds: float = 0.0
    # of all processes, as far as they were looked at
    processor_seconds: float = 0.0
    # the most resident memory of the first process, and of any other, in MiB
    first_mib: float = 0.0
    worker_mib: float = 0.0
    # the most that the folder's disk held more than before, in bytes
    disk: int = 0
    killed: bool = False

    def add(self, other: Watched) -> None:
        """Take in what another part of the same work took."""
        self.seconds += other.seconds
        self.processor_seconds += other.processor_seconds
        self.first_mib = max(self.first_mib, other.first_mib)
        self.worker_mib = max(self.worker_mib, other.worker_mib)
        self.disk = max(self.disk, other.disk)


def watched(
    command: list[str], folder: Path, log: Path, kill_after: float = 0.0, free: int = 0
) -> Watched:
    """Run the command line, and look at it while it runs; its messages go to the log.

    kill_after: seconds after which it is killed with all its processes; 0 for never. free: bytes
    of the disk that were free before anything was written.
    """
    result, over = Watched(), threading.Event()
    seconds: dict[int, float] = {}
    began = time.monotonic()
    with log.open("ab") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "stepmill", *command],
            stderr=lines,
            stdout=lines,
            env=builds.environment(None),
            start_new_session=True,
        )

        def look() -> None:
            while not over.wait(_LOOK_SECONDS):
                result.disk = max(result.disk, free - shutil.disk_usage(folder).free)
                for number in family(process.pid):
                    mib, seconds[number] = _taken(number, seconds.get(number, 0.0))
                    if number == process.pid:
                        result.first_mib = max(result.first_mib, mib)
                    else:
                        result.worker_mib = max(result.worker_mib, mib)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            process.wait(kill_after or None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            result.killed = True
        over.set()
        thread.join()
    if process.returncode and not result.killed:
        raise click.ClickException(f"{' '.join(command)} failed; see {log}")
    result.seconds = time.monotonic() - began
    result.processor_seconds = sum(seconds.values())
    return result


def _taken(process: int, before: float) -> tuple[float, float]:
    """The resident memory of a process in MiB, and its processor time so far in seconds.

    before: its processor time when it was last looked at, which is the answer if it has ended.
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, before
    user, system, pages = (int(fields[at]) for at in (11, 12, 21))
    ticks = (user + system) / os.sysconf("SC_CLK_TCK")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, ticks


@dataclass
class Run:
    """A run, and what it has finished; kept in the folder."""

    folder: Path
    tokens: int
    seed: int
    done: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "done.json"
        self.done = read_json(path) if path.exists() else {}
        if "free" not in self.done:
            self.done["free"] = shutil.disk_usage(self.folder).free

    def once(self, name: str, work: Callable[[], Any]) -> Any:
        """What some work returns, or returned in an earlier run."""
        if name not in self.done:
            self.say(f"{name} ...")
            self.done[name] = work()
            write_json(self.folder / "done.json", self.done)
            self.say(f"{name}: {json.dumps(self.done[name])}")
        return self.done[name]

    def say(self, line: str) -> None:
        """Write a dated line to the log and to stderr."""
        dated = f"{time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime())} {line}\n"
        with self.log.open("a") as lines:
            lines.write(dated)
        sys.stderr.write(dated)

    @property
    def log(self) -> Path:
        """The log of this run and its commands."""
        return self.folder / "log"

    @property
    def out(self) -> Path:
        """The folder of the build."""
        return self.folder / "out"

    def watch(self, *command: str | Path, kill_after: float = 0.0) -> Watched:
        """Run a command, and look at it."""
        words = list(map(str, command))
        return watched(words, self.folder, self.log, kill_after, self.done["free"])

    @property
    def inputs(self) -> Path:
        """The folder of the recordings."""
        return self.folder / "in"

    def build(self, kill_after: float = 0.0) -> Watched:
        """Build all that is there."""
        options = "--out", self.out, "--workers", str(WORKERS)
        return self.watch("build", self.inputs, *options, kill_after=kill_after)

    def all(self) -> dict[str, Any]:
        """Do everything; returns the figures."""
        wanted = self.tokens / _TOKENS_PER_MB
        each = min(SLICE_MB, wanted / 4)
        slices = self.once("corpus", lambda: self._grown(range(round(1.02 * wanted / each)), each))
        self.once("killed build", self._killed)
        self.once("rest of the build", lambda: asdict(self.build()))
        manifest = read_json(self.out / "dataset" / "manifest.json")
        if manifest["totals"]["tokens"] < self.tokens:
            self.say(f"{manifest['totals']['tokens']:,} tokens are too few: grow more slices")
            raise click.ClickException("too few tokens")
        self.once("totals", lambda: manifest["totals"])
        self.once("files", self._files)
        self.once("verify", lambda: asdict(self.watch("verify", self.out)))
        self.once("load_dataset", self._loaded)
        self.once("nothing to do", self._again)
        number = len(slices["mb"])
        more = max(1, round(NIGHT * number))
        share = min(1.0, NIGHT * number)
        self.once("night", lambda: self._grown(range(number, number + more), each * share))
        self.once("second night", self._again)
        self.once("second verify", lambda: asdict(self.watch("verify", self.out)))
        return self.done

    def _grown(self, numbers: range, each: float) -> dict[str, Any]:
        """Grow slices, by two processes."""
        began = time.monotonic()
        with ProcessPoolExecutor(WORKERS, get_context("spawn")) as executor:
            sizes = list(executor.map(_slice, [self.folder] * len(numbers), numbers,
                                      [each] * len(numbers)))  # fmt: skip
        disk = [path.stat().st_size for path in self.inputs.rglob("*.zst")]
        return {
            "mb": sizes, "bytes": sum(disk), "files": len(disk), "seconds": time.monotonic() - began
        }  # fmt: skip

    def _killed(self) -> dict[str, Any]:
        """Build, and kill it at a seeded moment."""
        low, high = KILLED
        expected = sum(self.done["corpus"]["mb"]) / 45.0
        moment = random.Random(self.seed).uniform(low, high) * expected
        return asdict(self.build(kill_after=moment))

    def _again(self) -> dict[str, Any]:
        """Build once more; what it took, how it ended and the inputs that it read."""
        took = asdict(self.build())
        last = read_json(self.out / "work" / "last_build.json")
        return took | {"status": last["status"], "input_shards": last["input_shards"]}

    def _files(self) -> dict[str, int]:
        """Files and bytes of the dataset and of the work folder."""
        counted: dict[str, int] = {}
        for name in ("dataset", "work"):
            files = [path for path in (self.out / name).rglob("*") if path.is_file()]
            counted[f"{name} files"] = len(files)
            counted[f"{name} bytes"] = sum(path.stat().st_size for path in files)
        return counted

    def _loaded(self) -> dict[str, Any]:
        """Open the dataset, and stream the first row and the last one."""
        import datasets

        began = time.monotonic()
        path = str(self.out / "dataset")
        info = datasets.load_dataset_builder(path).info
        rows = {name: split.num_examples for name, split in (info.splits or {}).items()}
        stream = datasets.load_dataset(path, split="train", streaming=True)
        first = next(iter(stream))
        files = stream.num_shards
        *_, last = _tail(iter(stream.shard(files, files - 1)))
        return {
            "rows": rows,
            "files": files,
            "first": [first["sample_ids"][0], len(first["input_ids"])],
            "last": [last["sample_ids"][-1], len(last["input_ids"])],
            "seconds": time.monotonic() - began,
        }


def _tail(rows: Iterator[Any]) -> list[Any]:
    """The last of some rows."""
    last: list[Any] = []
    for row in rows:
        last = [row]
    return last


def _slice(folder: Path, number: int, mb: float) -> float:
    """Grow a slice, unless it is there; returns its MB of pages."""
    done = folder / "slices" / f"{number:04}.json"
    if not done.exists():
        shutil.rmtree(folder / "in" / f"night-{number:04}", ignore_errors=True)
        write_json(done, grow(_BASES or _bases(), folder / "in", mb, number)[1])
    size: float = read_json(done)
    return size


_BASES: list[Any] = []


def _bases() -> list[Any]:
    """What slices are grown from, read once in a process."""
    _BASES.extend(bases(folders()))
    return _BASES


def report(done: dict[str, Any]) -> Iterator[str]:
    """The figures, as lines for people."""
    first, rest = Watched(**done["killed build"]), Watched(**done["rest of the build"])
    build = Watched()
    build.add(first)
    build.add(rest)
    totals, files, mb = done["totals"], done["files"], sum(done["corpus"]["mb"])
    yield (
        f"{totals['tokens']:,} tokens of {mb / 1000:,.1f} GB of pages, {totals['samples']:,} "
        f"samples, {totals['domains']} domains, {totals['subdomains']:,} subdomains"
    )
    yield (
        f"built in {build.seconds / 3600:.2f} h by {WORKERS} processes, "
        f"{build.processor_seconds / 3600:.2f} h of processor time: {mb / build.seconds:,.0f} MB/s "
        f"of pages, {totals['tokens'] / build.seconds:,.0f} tokens/s"
    )
    if first.killed:
        yield f"killed after {first.seconds:,.0f} s; the rest took {rest.seconds:,.0f} s"
    yield f"memory: first process {build.first_mib:,.0f} MiB, a worker {build.worker_mib:,.0f} MiB"
    yield (
        f"disk at its highest: {build.disk / 1e9:,.1f} GB with inputs of "
        f"{done['corpus']['bytes'] / 1e9:,.2f} GB in {done['corpus']['files']:,} files"
    )
    yield (
        f"dataset: {files['dataset files']:,} files, {files['dataset bytes'] / 1e9:,.1f} GB; work: "
        f"{files['work files']:,} files, {files['work bytes'] / 1e9:,.1f} GB"
    )
    yield f"verify: {done['verify']['seconds']:,.0f} s; load_dataset: {done['load_dataset']}"
    yield f"nothing to do: {done['nothing to do']['seconds']:,.1f} s"
    yield f"a night of 1%: {done['second night']['seconds']:,.0f} s"


@click.command()
@click.option("--tokens", type=float, default=60e6, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Work here, and leave it there.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the moment of the kill.")
def main(tokens: float, folder: Path | None, seed: int) -> None:
    """Grow a corpus of this many tokens, build it, and print what that took."""
    with tempfile.TemporaryDirectory() as scratch:
        done = Run(folder or Path(scratch), int(tokens), seed).all()
    for line in report(done):
        print(line)


if __name__ == "__main__":
    main()
