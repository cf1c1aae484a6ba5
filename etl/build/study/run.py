"""Build the cells of a study, one after the other; what is built already is left as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etl.build import jobs
from etl.build.study import shared
from etl.build.study.matrix import Cell, Study
from etl.terminal import log
from schemas.errors import StepmillError

if TYPE_CHECKING:
    from etl.dataset.manifest import Manifest


@dataclass(frozen=True)
class Built:
    """A cell that has been built, or why it could not be."""

    cell: Cell
    folder: Path
    # None: it failed
    manifest: Manifest | None
    error: str
    # the cell whose samples it shares; empty if it read the recordings itself, or long ago
    lender: str
    # by the clock, of this run; for people only, never in a file
    seconds: float


def run(study: Study, workers: int | None, *, redo: bool = False) -> Iterator[Built]:
    """Build every cell; one that fails does not stop the others.

    workers: as for `etl.build.jobs.prepared`. redo: build again what was built by other settings.
    """
    from etl.build.run.build import Options

    for number, cell in enumerate(study.cells, 1):
        folder, began = study.folder(cell), time.monotonic()
        log.say(f"cell {number} of {len(study.cells)}: {cell.name}")
        job = jobs.Job(study.inputs, folder, dict(cell.tables), ())
        settings = jobs.loaded(job.recipe, ()).settings()["samples"]
        earlier = [study.folder(each) for each in study.cells if each is not cell]
        lender = shared.lend(folder, earlier, settings)
        if lender is not None:
            log.say(f"{folder}: has the samples of {lender}")
        manifest, error = None, ""
        try:
            manifest = jobs.run(job, workers, options=Options(redo=redo))
        except StepmillError as failure:
            error = str(failure).replace(str(folder), cell.name)
            log.error(f"cell {cell.name}: {error}")
        name = "" if lender is None else lender.name
        yield Built(cell, folder, manifest, error, name, time.monotonic() - began)
