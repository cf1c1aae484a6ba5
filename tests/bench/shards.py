"""What compression of the output files costs and saves: Arrow without and with it, and Parquet.

::

    python -m tests.bench.shards                  on rows of the shipped recordings
    python -m tests.bench.shards --input DIR      on those of other recordings, or of saved pages
    python -m tests.bench.shards --dataset DIR    on those of a build's dataset/

Of recordings each page is taken once, since the rows of a large dataset are in the order of hashes:
a batch hardly ever holds two pages of one workflow. Each form gets the same rows, in batches and
row groups as a build and `stepmill publish` write them. Sizes are those of the files. Seconds are
of processor time on one core, medians of rounds: writing from memory; `datasets.load_dataset`,
which converts the file to a cache of its own; reading all rows with ``streaming=True``; and reading
one row at a random place with PyArrow, as views do (rows of the cache are read alike, whatever the
file was).
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, Literal, TypeVar, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from etl.files.arrow import ArrowWriter, Compression, atomic, open_arrow
from etl.publish.parquet import convert
from schemas.sample_table import PACKED_SCHEMA
from tests.bench import workloads
from tests.bench.measure import on_one_core
from tests.bench.workloads import SHIPPED
from tests.support import builds

Form = Literal["none", "lz4", "zstd", "parquet"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
MEASURES: Final = ("mb", "write", "load", "stream", "row")
ROWS_READ: Final = 40
_BATCH_ROWS: Final = 16  # of full rows: as many tokens as a build writes at a time

T = TypeVar("T")
Figures = dict[str, dict[str, float]]
"""Form -> measure -> megabytes or seconds."""


def rows_of(dataset: Path, tokens: int) -> list[pa.RecordBatch]:
    """Batches of a dataset's rows, in many orders, until they have this many tokens."""
    files = sorted((dataset / "data").rglob("*.arrow"))
    whole = pa.concat_tables([open_arrow(path).read_all() for path in files]).combine_chunks()
    rng, batches, found = random.Random(0), list[pa.RecordBatch](), 0
    while found < tokens:
        order = rng.sample(range(whole.num_rows), whole.num_rows)
        for start in range(0, len(order) - _BATCH_ROWS + 1, _BATCH_ROWS):
            table = whole.take(order[start : start + _BATCH_ROWS]).combine_chunks()
            (batch,) = table.to_batches()
            batches.append(batch)
            found += len(batch.column(0).values)
            if found >= tokens:
                break
    return batches


def write(folder: Path, form: Form, batches: list[pa.RecordBatch]) -> Path:
    """Write the rows in a form; returns the file."""
    compression: Compression = "none" if form == "parquet" else form
    path = folder / form / "train-00000-of-00001.arrow"
    with atomic(path) as stream:
        writer = ArrowWriter(stream, PACKED_SCHEMA, compression)
        for batch in batches:
            writer.add_batch(batch)
        writer.close()
    return path


def as_parquet(folder: Path, arrow: Path) -> Path:
    """The rows of an Arrow file as `stepmill publish` writes them."""
    path = folder / "parquet" / "train-00000-of-00001.parquet"
    path.parent.mkdir()
    convert(arrow, path)
    return path


def load(path: Path, cache: Path, *, streaming: bool) -> int:
    """Load a file with datasets, into an empty cache; returns the number of rows."""
    import datasets

    kind = "parquet" if path.suffix == ".parquet" else "arrow"
    rows = datasets.load_dataset(
        kind, data_files=str(path), split="train", cache_dir=str(cache), streaming=streaming
    )
    return sum(1 for _ in rows.with_format("arrow")) if streaming else int(rows.num_rows)


def row_at(path: Path, number: int) -> int:
    """Read one row; returns its number of tokens."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if number < rows:
                    return len(file.read_row_group(group).column("input_ids")[number])
                number -= rows
    batch = open_arrow(path).get_batch(number // _BATCH_ROWS)
    return len(batch.column(0)[number % _BATCH_ROWS])


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Processor time of a call, and its result."""
    gc.collect()
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def measured(dataset: Path, tokens: int, rounds: int) -> Figures:
    """Measure every form, in turns."""
    import datasets

    datasets.disable_progress_bars()
    batches = rows_of(dataset, tokens)
    number = sum(batch.num_rows for batch in batches)
    places = random.Random(1).choices(range(number - batches[-1].num_rows), k=ROWS_READ)
    found: dict[str, dict[str, list[float]]] = {
        form: {measure: [] for measure in MEASURES} for form in FORMS
    }
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            for form, measure, value in _round(Path(name), batches, places):
                found[form][measure].append(value)
    return {
        form: {measure: median(values) for measure, values in each.items()}
        for form, each in found.items()
    }


def _round(
    folder: Path, batches: list[pa.RecordBatch], places: list[int]
) -> Iterator[tuple[Form, str, float]]:
    rows = sum(batch.num_rows for batch in batches)
    for form in FORMS:
        if form == "parquet":
            plain = write(folder / "plain", "none", batches)
            took, path = timed(partial(as_parquet, folder, plain))
        else:
            took, path = timed(partial(write, folder, form, batches))
        yield form, "write", took
        yield form, "mb", path.stat().st_size / 1e6
        for measure, streaming in (("load", False), ("stream", True)):
            cache = folder / f"cache-{form}-{measure}"
            took, count = timed(partial(load, path, cache, streaming=streaming))
            assert count == rows
            yield form, measure, took
        took, lengths = timed(lambda path=path: [row_at(path, place) for place in places])  # type: ignore[misc]
        assert min(lengths) > 0
        yield form, "row", took / len(places)


def report(figures: Figures, tokens: int) -> str:
    """The figures beside those of Arrow without compression."""
    plain = figures["none"]
    lines = [f"{tokens / 1e6:.0f} million tokens; each figure also as a ratio to none"]
    heads = ("MB", "write s", "load s", "stream s", "row ms")
    lines.append(f"{'':8}" + "".join(f"{head:>18}" for head in heads))
    for form, each in figures.items():
        cells = []
        for measure in MEASURES:
            value = each[measure] * (1000 if measure == "row" else 1)
            cells.append(f"{value:>10.2f} x{each[measure] / plain[measure]:<6.2f}")
        lines.append(f"{form:8}" + "".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.shards", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--input", type=Path, default=SHIPPED, help="folder of recordings, or of saved pages"
    )
    parser.add_argument("--dataset", type=Path, help="dataset/ of a build")
    parser.add_argument("--tokens", type=float, default=32, help="millions to measure with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tokens = int(options.tokens * 1e6)
    with tempfile.TemporaryDirectory() as name:
        dataset = options.dataset or dataset_of(options.input, Path(name))
        figures = on_one_core(measured, dataset, tokens, options.rounds)
    print(json.dumps(figures, indent=2) if options.json else report(figures, tokens))


def dataset_of(recordings: Path, folder: Path) -> Path:
    """A dataset of each page of recordings once."""
    source = folder / "once.jsonl.zst"
    workloads.write(workloads.make("once", recordings), source)
    builds.build([source], folder / "out")
    return folder / "out" / "dataset"


if __name__ == "__main__":
    main()
