"""What an agent waits for: the import, and the observation of a page of 1 MB.

::

    python -m tests.bench.serving               # pages of the shipped recordings, put together
    python -m tests.bench.serving page.html     # pages of your own

Times are of the processor; that of the import is of the clock, since numpy starts threads for which
nobody waits. Peers, in the same run: the import of json, re and dataclasses in a new process each,
and lexbor's parse and serialise of the same pages. Modules are compiled before they are timed, as
those of an installed package are.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import stepmill
from tests.bench.measure import _lexbor, on_one_core
from tests.bench.workloads import SHIPPED, make, pages_of
from tests.support.builds import ROOT

RECIPES: Final = ("scribeagent-32k", "compact-8k")
FULL: Final = 1_000_000
"""Characters of a page."""
OURS: Final = (
    "stepmill, etl.serve.observe, etl.serve.prompt, etl.serve.answers, etl.serve.browsergym"
)
PEER: Final = "json, re, dataclasses"

_IMPORT: Final = """
import time
began = time.perf_counter()
import {}
print(time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Wait:
    """Milliseconds, ours and the peer's."""

    what: str
    ours: float
    peer: float

    @property
    def times(self) -> float:
        """How many times the peer's."""
        return self.ours / self.peer

    def __str__(self) -> str:
        return f"{self.what:44} {self.ours:7.1f} ms   peer {self.peer:6.1f} ms   x {self.times:.3g}"


def imports(rounds: int) -> Wait:
    """The import of all that serves, beside three modules of Python's own."""
    found: dict[str, list[float]] = {OURS: [], PEER: []}
    with TemporaryDirectory() as compiled:
        for names in found:
            _import(names, compiled)
        for _ in range(rounds):
            for names, times in found.items():
                times.append(_import(names, compiled))
    return Wait("import", median(found[OURS]), median(found[PEER]))


def _import(names: str, compiled: str) -> float:
    """Milliseconds, in a process that reads and writes compiled modules."""
    settings = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT.format(names)],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        check=True,
    )
    return 1000 * float(done.stdout)


def large(pages: Iterable[str]) -> list[str]:
    """Pages of 1 MB, each made of the bodies of several."""
    made, parts, size = [], list[str](), 0
    for page in pages:
        body = re.sub(r"(?is)^.*?<body[^>]*>|</body>.*$", "", page)
        parts.append(f"<section>{body}</section>")
        size += len(body)
        if size >= FULL:
            made.append(f"<html><body>{''.join(parts)}</body></html>")
            parts, size = [], 0
    return made


def observing(pages: list[str], recipe: str) -> Wait:
    """A page that nobody has seen before, after one that has loaded what a process loads once."""
    stepmill.observe("<p>first</p>", "Find it", (), "", recipe)
    _lexbor("<p>first</p>")
    ours, theirs, mb = [], [], 0.0
    for page in pages:
        mb += len(page.encode()) / 1e6
        began = time.process_time()
        stepmill.observe(page, "Find the invoice of March", (), "", recipe)
        ours.append(time.process_time() - began)
        began = time.process_time()
        _lexbor(page)
        theirs.append(time.process_time() - began)
    label = f"{recipe}, {len(pages)} pages, a MB"
    return Wait(label, 1000 * sum(ours) / mb, 1000 * sum(theirs) / mb)


def main() -> None:
    """Print what is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.serving", description=__doc__.split("\n")[0]
    )
    parser.add_argument("pages", nargs="*", type=Path, help="saved pages, else shipped ones")
    options = parser.parse_args()
    pages = [path.read_text("utf-8", "replace") for path in options.pages]
    pages = pages or large(pages_of(make("once", SHIPPED, 100_000_000)))
    print(imports(5))
    for recipe in RECIPES:
        print(on_one_core(observing, pages, recipe))


if __name__ == "__main__":
    main()
