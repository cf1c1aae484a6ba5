"""A short form of the benchmark of compressed output files."""

from __future__ import annotations

from pathlib import Path

from tests.bench.measure import on_one_core
from tests.bench.shards import FORMS, MEASURES, dataset_of, measured, report
from tests.bench.workloads import SHIPPED

TOKENS = 2_000_000


def test_compressed_files_are_smaller(tmp_path: Path) -> None:
    """Every form gives every row to `load_dataset`, streamed and at a random place; lz4 takes at
    most a third of the room of none, and zstd at most that of Parquet, give or take a tenth.
    """
    figures = on_one_core(measured, dataset_of(SHIPPED, tmp_path), TOKENS, 1)
    assert list(figures) == list(FORMS)
    assert all(set(each) == set(MEASURES) for each in figures.values())
    size = {form: each["mb"] for form, each in figures.items()}
    assert size["zstd"] < size["lz4"] < size["none"] / 3
    assert size["zstd"] < 1.1 * size["parquet"]
    assert all(form in report(figures, TOKENS) for form in FORMS)
