"""What the tests of whole builds share: build in this process or by the command line, and read the
result back.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import polars as pl
import pyarrow as pa

from etl.build.pools import local
from etl.build.recipes.recipe import Recipe, load
from etl.build.run.build import Build, Options
from etl.build.run.whole import run
from etl.dataset.generations import Generations
from etl.dataset.index import scan
from etl.dataset.layout import Layout
from etl.dataset.samples import gather
from etl.files import retries, scratch
from etl.files.arrow import open_arrow, read_json, write_table
from etl.files.storage import AnyPath
from etl.terminal import log
from etl.terminal.progress import Progress
from schemas.samples import Sample
from schemas.tokens import Tokens

if TYPE_CHECKING:
    from tests.support.zygote import Zygote

ROOT: Final = Path(__file__).parents[2]
RECORDINGS: Final = ROOT / "tests" / "recordings" / "data"
ASKED: Final = ("mind2web", "browsergym_workarena", "browsergym_webarena", "miniwob_demos")
"""The shared folders that one build must take together."""


class Quiet(Progress):
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def advance(self, done: int, samples: int = 0) -> None:
        pass


def prepared(
    inputs: Sequence[str | Path],
    out: AnyPath,
    *overrides: str,
    workers: int = 1,
    pool: local.Pool | None = None,
    recipe: Recipe | None = None,
    redo: bool = False,
    compact: bool = False,
    given: Generations | None = None,
    allow_removal: bool = False,
) -> Build:
    """A build in this process, or by ``workers`` other ones if they are several."""
    pool = pool or (local.Processes(workers) if workers > 1 else local.inline)
    chosen = recipe or load("scribeagent-32k", overrides)
    options = Options(redo, compact, given, allow_removal)
    return Build(chosen, tuple(map(str, inputs)), out, pool, Quiet, options)


def build(
    inputs: Sequence[str | Path], out: AnyPath, *overrides: str, **options: Any
) -> dict[str, Any]:
    """Build as the command line does; returns the manifest as JSON. options: of `prepared`."""
    order = {"inputs": list(map(str, inputs)), "recipe": "scribeagent-32k", "overrides": overrides}
    return run(prepared(inputs, out, *overrides, **options), order).as_json()


def undated(log: str) -> str:
    """Messages without the time before each line."""
    return re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d ", "", log, flags=re.MULTILINE)


LATE: Final = {
    "PYTEST_CURRENT_TEST",
    "COLUMNS",
    "NO_COLOR",
    log.VARIABLE,
    retries.VARIABLE,
    scratch.VARIABLE,
}
"""Variables that a process reads when it needs them: nothing that has started looks at another one.
"""


def command(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    umask: int = -1,
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own; its stderr comes without the times of a log.

    It is forked from one that has done the slow imports, unless it has another environment than
    that: then it starts anew, as a command that shows how it starts must.
    """
    asked = [sys.executable, "-m", "stepmill", *map(str, arguments)]
    wanted = environment(env)
    if (changed := _changed(wanted)).keys() <= LATE:
        client = _parent().start(
            "tests.support.zygote:stepmill",
            *arguments,
            env=changed,
            cwd=cwd or Path.cwd(),
            umask=umask,
        )
        end = client.wait()
        return subprocess.CompletedProcess(asked, end.code, end.out, undated(end.err))
    done = subprocess.run(
        asked,
        cwd=cwd,
        env=wanted,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    done.stderr = undated(done.stderr)
    return done


def drive(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program that changes the command line and runs it, at the head of a process group of
    its own, until all of the group have ended; forked like a command.
    """
    asked = [sys.executable, str(program), *map(str, arguments)]
    wanted = environment()
    if (changed := _changed(wanted)).keys() <= LATE:
        client = _parent().start(
            "tests.support.zygote:driver", program, *arguments, env=changed, cwd=Path.cwd()
        )
        end = client.wait()
        while alive(client.pid):
            time.sleep(0.01)
        return subprocess.CompletedProcess(asked, end.code, end.out, end.err)
    return subprocess.run(
        asked,
        env=wanted,
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def alive(group: int) -> list[str]:
    """The processes of a group that run, by their command."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
            state, _, its_group = rest.split()[:3]
            if state != "Z" and int(its_group) == group:
                stats.append(name)
    return stats


def _changed(wanted: Mapping[str, str]) -> dict[str, str | None]:
    """The variables that differ from those of the process that others are forked from."""
    had = _parent().env
    return {
        name: wanted.get(name) for name in wanted.keys() | had if wanted.get(name) != had.get(name)
    }


@functools.cache
def _parent() -> Zygote:
    """The process that those of commands are forked from; it ends with the tests."""
    from tests.support.zygote import Zygote

    folder = Path(tempfile.mkdtemp())
    modules = [
        "etl.cli.main",
        "etl.cli.build",
        "etl.cli.look",
        "tiktoken",
        "tests.support.zygote:ahead",
    ]
    parent = Zygote({}, modules, folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(parent.close)
    return parent


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that finds this checkout and downloads nothing."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    strict = {
        "PYTHONWARNINGS": "error,ignore::DeprecationWarning"
    }  # what libraries say of each other is not ours
    return {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", **strict, **(changes or {})}


def contents(folder: Path) -> dict[str, str]:
    """sha256 of every file under a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of the last change of every file under a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rewrite(path: Path, keep: pa.Table) -> None:
    """Put another table in the place of an Arrow file."""
    path.unlink()
    write_table(path, keep)


def without_row(path: Path, row: int) -> None:
    """Remove one row of an Arrow file by hand."""
    table = open_arrow(path).read_all()
    rewrite(path, pa.concat_tables([table.slice(0, row), table.slice(row + 1)]))


@dataclass(frozen=True)
class Emitted:
    """One sample as it lies in the dataset."""

    split: str
    sample_id: str
    input_ids: Tokens
    labels: Tokens


def emitted(out: Path) -> Iterator[Emitted]:
    """Every sample of the data files, in their order."""
    for path in sorted((out / "dataset" / "data").rglob("*.arrow")):
        reader = open_arrow(path)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            for row in range(batch.num_rows):
                ids, labels, lengths = (batch.column(i)[row].values.to_numpy() for i in range(3))
                ends = np.cumsum(lengths)
                names = batch.column(3)[row].as_py()
                assert len(names) == len(lengths)
                assert ends[-1] == len(ids) == len(labels)
                for name, start, end in zip(names, ends - lengths, ends, strict=True):
                    yield Emitted(path.name.split("-")[0], name, ids[start:end], labels[start:end])


def samples(out: Path) -> dict[str, Sample]:
    """Every sample that the index kept, by id."""
    index = scan(Layout(out).work).filter(pl.col("reason") == "").collect()
    return {sample.sample_id: sample for sample in gather(index, Layout(out).work)}


def inputs_of(out: Path) -> dict[str, dict[str, Any]]:
    """The report of each bundle of inputs, by its key; ``rows`` has the names of its members."""
    return {
        path.stem: read_json(path) for path in sorted((out / "work" / "samples").glob("*.json"))
    }


def workflow(number: int, steps: int = 1, **fields: Any) -> dict[str, Any]:
    """A workflow in the interchange format; no two with other numbers say the same."""
    pages = [
        {
            "url": f"https://www.shop{number % 7}.example/item/{number}",
            "html": f'<html><body><h1>Item {number}</h1><button id="b{step}">Order '
            f"{step}</button></body></html>",
            "action": {"kind": "click", "description": f"Order {step} of item {number}"},
            "target": [{"kind": "css", "value": f"#b{step}"}],
        }
        for step in range(steps)
    ]
    objective = f"Order item {number} in the shop and pay for it"
    return {"workflow_id": f"w{number}", "objective": objective, "steps": pages, **fields}


def write_tasks(path: Path, id: str, text: str, **fields: Any) -> Path:
    """A benchmark's list of the tasks of some of our workflows, under its own keys."""
    every = [workflow(number) for number in range(3)]
    rows = [{id: str(at), text: each["objective"], **fields} for at, each in enumerate(every)]
    path.write_text(json.dumps(rows))
    return path


def write_workflows(path: Path, *records: Mapping[str, Any]) -> Path:
    """A JSONL file of workflows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path
