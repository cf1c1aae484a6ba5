"""What an earlier cell has read is not read again.

Phase 1 makes samples of recordings. Two cells whose settings of phase 1 are the same have the same
samples, and a build takes whatever lies in its work folder with a report that fits. So before a
cell is built the files of an earlier one are linked into its folder. If they do not fit after all,
they are made anew, under names of their own: no file is ever changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from etl.dataset.layout import COUNTS, FOLDERS, SAMPLES, SIGNATURES, Layout
from etl.files import storage
from etl.files.arrow import read_json
from etl.files.storage import AnyPath

_REPORTS: Final = ".json"


def lend(cell: Path, earlier: Sequence[Path], settings: Any) -> Path | None:
    """Link the samples of the first earlier cell that has the same ones; returns its folder.

    cell, earlier: folders of builds. settings: of phase 1 of the cell (`Recipe.settings`).
    """
    work = Layout(cell).work
    if storage.exists(work.settings):
        return None  # it has been built before
    for folder in earlier:
        other = Layout(folder).work
        if storage.exists(other.settings) and read_json(other.settings)["samples"] == settings:
            for name in (*FOLDERS, COUNTS, SIGNATURES):
                _link(other.of_inputs(name), work.of_inputs(name), reports=False)
            _link(other.of_inputs(SAMPLES), work.of_inputs(SAMPLES), reports=True)
            if storage.exists(other.remembered):
                storage.link(other.remembered, work.remembered)
            return folder
    return None


def _link(source: AnyPath, target: AnyPath, *, reports: bool) -> None:
    """Link the files of a folder. reports: those that say that the others are complete."""
    for path in sorted(storage.files(source)):
        if (path.suffix == _REPORTS) == reports:
            storage.link(path, target / path.name)
