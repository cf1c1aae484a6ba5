"""Score files of predictions for an evaluation set on disk, by the name of a protocol."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from etl.evaluate import predictions
from etl.evaluate.files import EvalSet, opened
from etl.evaluate.predictions import Predictions
from etl.evaluate.protocols import known
from etl.evaluate.scores.score import Result, score
from etl.evaluate.scores.steps import Step, steps
from etl.terminal.progress import Progress
from schemas.errors import ConfigError

_BLOCK: Final = 256
"""Steps after which progress is shown."""


@dataclass(frozen=True)
class Found:
    """A scored set, with what was read for it."""

    given: EvalSet
    files: Sequence[Path]
    answers: Predictions
    # of the predictions that it is compared with
    other_files: Sequence[Path]
    others: Predictions | None
    result: Result

    def as_json(self) -> dict[str, Any]:
        """All of it but the single steps, as values for JSON."""
        found = {"evaluation": str(self.given.folder), **self.result.as_json()}
        found["predictions"] = _noted(self.files, self.answers)
        if self.others is not None:
            found["against"]["predictions"] = _noted(self.other_files, self.others)
        return found


def _noted(paths: Sequence[Path], read: Predictions) -> dict[str, Any]:
    """The files that predictions were read from, and what was wrong with them."""
    return {
        "files": [str(path) for path in paths],
        "ids": len(read.outputs),
        "problems": dict(read.counts),
        "named": read.named,
    }


def scored(
    folder: Path,
    files: Sequence[Path],
    protocol: str,
    against: Sequence[Path] = (),
    seed: int = 0,
    splits: Sequence[str] = (),
) -> Found:
    """Score predictions.

    against: files of other predictions, to compare with. splits: of the set; empty for all.

    Raises:
        ConfigError: set, protocol or predictions cannot be used.
        IntegrityError: a file of the set is missing or not whole.
    """
    given = opened(folder)
    chosen = known.protocol(protocol, given.family)
    for split in splits:
        if split not in given.splits:
            raise ConfigError(f"{folder}: no split {split!r}; there are: {', '.join(given.splits)}")
    # in the order of the set, so that the same ids are named in every run
    ids = {row["id"]: None for row in given.rows(("id", "chunks")) if row["chunks"]}
    answers = _read(files, given, ids, splits)
    others = _read(against, given, ids, splits) if against else None
    total = sum(given.manifest["splits"][split]["steps"] for split in splits or given.splits)
    with Progress("scoring", total, "steps", brief=True) as progress:
        result = score(
            _told(steps(given, splits), progress),
            chosen,
            lambda text: known.facts(chosen, given.family, text),
            answers.outputs,
            None if others is None else others.outputs,
            seed,
        )
    return Found(given, files, answers, against, others, result)


def _read(
    paths: Sequence[Path], given: EvalSet, ids: Collection[str], splits: Sequence[str]
) -> Predictions:
    """Read predictions; of some splits, no prompt of another one is missing."""
    found = predictions.read(paths, ids)
    if splits and found.counts.pop("missing", 0):
        found.named.pop("missing", None)
        for row in given.rows(("id", "chunks"), splits):
            if row["chunks"] and row["id"] not in found.outputs:
                found.note("missing", row["id"])
    return found


def _told(every: Iterable[Step], progress: Progress) -> Iterator[Step]:
    """The same steps; how far they are is shown."""
    for number, step in enumerate(every, 1):
        yield step
        if number % _BLOCK == 0:
            progress.advance(_BLOCK)
