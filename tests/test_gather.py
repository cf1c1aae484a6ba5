"""Samples out of the files of all inputs, in the order of an output shard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl import gather, shards
from etl.shards import ArrowWriter, atomic
from schemas.samples import SAMPLE_SCHEMA, Sample
from tests.strategies import BLANK

FILES = 7
ROWS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of samples whose ids say where they lie, a few to a batch."""
    for number in range(FILES):
        with atomic(tmp_path / f"file-{number}.arrow") as stream:
            writer = ArrowWriter(stream, SAMPLE_SCHEMA)
            for row in range(ROWS):
                made = _sample(number, row)
                writer.add(tuple(getattr(made, name) for name in SAMPLE_SCHEMA.names), 2**18)
            writer.close()
    return tmp_path


def _sample(number: int, row: int) -> Sample:
    return replace(
        BLANK, sample_id=f"{number}/{row}", observation=f"<p>{row} of {number}</p>" * (row % 5), history=("a", "b")
    )


def _opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files, as they are opened from now on."""
    opened: list[str] = []
    real = shards.open_arrow

    def open_arrow(path: Path) -> Any:
        opened.append(path.stem)
        return real(path)

    monkeypatch.setattr(gather, "open_arrow", open_arrow)
    return opened


def _rows(seed: int, share: float = 0.6) -> pl.DataFrame:
    every = [(f"file-{number}", row, 10 * (row % 5)) for number in range(FILES) for row in range(ROWS)]
    frame = pl.DataFrame(every, {"shard": pl.String, "row": pl.Int64, "chars": pl.Int64}, orient="row")
    return frame.sample(fraction=share, shuffle=True, seed=seed)


@pytest.mark.parametrize("window", [1, 10, 137, 10**9])
def test_samples_come_in_the_order_asked_for_whatever_the_window(
    folder: Path, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, repeated or reordered, also where a window is smaller than a sample or holds all of them, and
    the samples are those that were written.
    """
    monkeypatch.setattr(gather, "_WINDOW_CHARS", window)
    for seed in range(3):
        rows = _rows(seed)
        places = [(int(shard[5:]), row) for shard, row, _ in rows.iter_rows()]
        assert list(gather.gather(rows, folder)) == [_sample(*place) for place in places]
    assert list(gather.gather(_rows(0).clear(), folder)) == []


def test_a_file_is_opened_once_in_a_window(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the rows are mixed: with one window for all, as many files are opened as there are."""
    opened = _opened(monkeypatch)
    assert len(list(gather.gather(_rows(1, 1.0), folder))) == FILES * ROWS
    assert sorted(opened) == [f"file-{number}" for number in range(FILES)]


def test_no_more_samples_are_held_than_a_window_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for one sample, the files of its window are read and no others."""
    monkeypatch.setattr(gather, "_WINDOW_CHARS", 50)
    opened = _opened(monkeypatch)
    rows = _rows(2, 1.0).sort("shard", "row")
    found = gather.gather(rows, folder)
    next(found)
    assert opened == ["file-0"]
