"""Samples out of the files of all inputs, in the order of an output shard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.build.samples import RUN_CHARS
from etl.dataset.layout import Work
from etl.dataset.samples import gather
from etl.files import arrow
from etl.files.arrow import ArrowWriter, atomic
from etl.files.hashes import order_hash
from schemas.sample_table import SAMPLE_SCHEMA
from schemas.samples import Sample
from tests.support import builds
from tests.support.strategies import BLANK

FILES = 7
ROWS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Work:
    """Files of samples whose ids say where they lie, a few to a batch."""
    for number in range(FILES):
        with atomic(tmp_path / "work" / "samples" / f"file-{number}.arrow") as stream:
            writer = ArrowWriter(stream, SAMPLE_SCHEMA)
            for row in range(ROWS):
                made = _sample(number, row)
                writer.add(tuple(getattr(made, name) for name in SAMPLE_SCHEMA.names), 2**18)
            writer.close()
    return Work(tmp_path / "work")


def _sample(number: int, row: int) -> Sample:
    return replace(
        BLANK,
        sample_id=f"{number}/{row}",
        observation=f"<p>{row} of {number}</p>" * (row % 5),
        history=("a", "b"),
    )


def _opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files, as they are opened from now on."""
    opened: list[str] = []
    real = arrow.open_arrow

    def open_arrow(path: Path) -> Any:
        opened.append(path.stem)
        return real(path)

    monkeypatch.setattr("etl.dataset.samples.open_arrow", open_arrow)
    return opened


def _rows(seed: int, share: float = 0.6) -> pl.DataFrame:
    every = [
        (f"file-{number}", row, 10 * (row % 5)) for number in range(FILES) for row in range(ROWS)
    ]
    frame = pl.DataFrame(
        every, {"bundle": pl.String, "row": pl.Int64, "chars": pl.Int64}, orient="row"
    )
    return frame.sample(fraction=share, shuffle=True, seed=seed)


@pytest.mark.parametrize("window", [1, 10, 137, 10**9])
def test_samples_come_in_the_order_asked_for_whatever_the_window(
    folder: Work, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, repeated or reordered, also where a window is smaller than a sample or holds
    all of them, and the samples are those that were written.
    """
    monkeypatch.setattr("etl.dataset.samples._WINDOW_CHARS", window)
    for seed in range(3):
        rows = _rows(seed)
        places = [(int(name[5:]), row) for name, row, _ in rows.iter_rows()]
        assert list(gather(rows, folder)) == [_sample(*place) for place in places]
    assert list(gather(_rows(0).clear(), folder)) == []


def test_a_file_is_opened_once_in_a_window(folder: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the rows are mixed: with one window for all,
    as many files are opened as there are.
    """
    opened = _opened(monkeypatch)
    assert len(list(gather(_rows(1, 1.0), folder))) == FILES * ROWS
    assert sorted(opened) == [f"file-{number}" for number in range(FILES)]


def test_no_more_samples_are_held_than_a_window_has(
    folder: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for one sample, the files of its window are read and no others."""
    monkeypatch.setattr("etl.dataset.samples._WINDOW_CHARS", 50)
    opened = _opened(monkeypatch)
    rows = _rows(2, 1.0).sort("bundle", "row")
    found = gather(rows, folder)
    next(found)
    assert opened == ["file-0"]


def test_samples_lie_in_the_order_in_which_packing_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples of an input are in the order of their hash under the recipe's seed, with their light
    rows in the same; where they are not, because runs are short, the dataset is the same to the
    byte.
    """
    builds.write_workflows(
        tmp_path / "in.jsonl", *(builds.workflow(number, steps=3) for number in range(40))
    )
    orders = {}
    for name, run in (("long", RUN_CHARS), ("short", 1)):
        monkeypatch.setattr("etl.build.samples.RUN_CHARS", run)
        builds.build([tmp_path / "in.jsonl"], tmp_path / name, "split.seed=7")
        work = tmp_path / name / "work"
        (samples,), (light,) = (work.glob(f"{folder}/*.arrow") for folder in ("samples", "light"))
        ids = arrow.open_arrow(samples).read_all()["sample_id"].to_pylist()
        assert ids == arrow.open_arrow(light).read_all()["sample_id"].to_pylist()
        orders[name] = ids
    assert orders["long"] == sorted(orders["long"], key=lambda id: order_hash(id, 7))
    assert orders["short"] != orders["long"]
    assert set(orders["short"]) == set(orders["long"])
    assert builds.contents(tmp_path / "long" / "dataset") == builds.contents(
        tmp_path / "short" / "dataset"
    )
