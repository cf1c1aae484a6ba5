"""Which predictions are scored for which cell of a study.

::

    [scores]
    protocol = "exact"
    evaluation = "eval/{cell}"
    predictions = "answers/{cell}.jsonl"     # or a table: cell -> path

``{cell}`` is the name of a cell. A cell whose predictions are not there yet has no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from etl.build.recipes.toml import nearest
from etl.evaluate.protocols.known import PROTOCOLS
from schemas.errors import ConfigError

_KEYS: Final = {"protocol": None, "evaluation": None, "predictions": None}


@dataclass(frozen=True)
class Scores:
    """What to score, and how."""

    protocol: str
    # cell -> the folder of its evaluation set, and its predictions, which may not be there yet
    files: Mapping[str, tuple[Path, Path]]

    def ready(self, cell: str) -> tuple[Path, Path] | None:
        """Evaluation set and predictions of a cell; None if these are not there."""
        given = self.files.get(cell)
        return given if given is not None and given[1].exists() else None


def scores_of(path: Path, table: Mapping[str, Any] | None, cells: Sequence[str]) -> Scores | None:
    """The section ``[scores]`` of a study file; None if there is none.

    Raises:
        ConfigError: it cannot be used.
    """
    if table is None:
        return None
    for key in table:
        if key not in _KEYS:
            raise ConfigError(f"{path}: [scores] has no {key!r}{nearest(key, _KEYS)}")
    if lacking := [key for key in _KEYS if not table.get(key)]:
        raise ConfigError(
            f"{path}: [scores] lacks {lacking[0]}; it has protocol, evaluation and predictions"
        )
    protocol = table["protocol"]
    if protocol not in PROTOCOLS:
        raise ConfigError(
            f"{path}: there is no protocol {protocol!r}{nearest(protocol, PROTOCOLS)}"
        )
    sets, answers = (
        _of_cells(path, key, table[key], cells) for key in ("evaluation", "predictions")
    )
    return Scores(
        protocol, {cell: (sets[cell], answers[cell]) for cell in cells if cell in answers}
    )


def _of_cells(path: Path, key: str, given: Any, cells: Sequence[str]) -> dict[str, Path]:
    """The path for each cell: from a pattern, or from a table."""
    if isinstance(given, str):
        return {cell: path.parent / given.replace("{cell}", cell) for cell in cells}
    if not isinstance(given, Mapping) or not all(isinstance(each, str) for each in given.values()):
        raise ConfigError(
            f"{path}: scores.{key} is a path, in which {{cell}} stands for a cell, or a table of "
            f"paths by cell, not {given!r}"
        )
    for cell in given:
        if cell not in cells:
            near = nearest(cell, dict.fromkeys(cells))
            raise ConfigError(f"{path}: scores.{key}: there is no cell {cell!r}{near}")
    return {cell: path.parent / each for cell, each in given.items()}
