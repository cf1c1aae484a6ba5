"""The weights by which a trainer draws rows: two tables beside the dataset (`etl.decisions.mix`).

``stats/mix`` has a line for each split, source and domain. ``stats/weights`` has a line for each
row of the dataset, in the order in which `datasets` loads them. A row may hold samples of several
domains, and its weight is the mean of theirs, by tokens. So domains that share rows are drawn less
apart than asked; ``sampled`` in the first table says how they come out.

Memory: a line for each row of the dataset.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from etl.dataset import candidate
from etl.dataset.index import scan
from etl.dataset.layout import DATA, FITTED, Work, split_of
from etl.decisions.mix import Cell, Mix, Weight
from etl.files.arrow import column, read_parquet
from etl.files.storage import AnyPath
from schemas.sample_table import PACKED_SCHEMA

_CELL: Final = ("source", "domain")
_MIX: Final = {
    "split": pl.String, "source": pl.String, "domain": pl.String, "samples": pl.Int64,
    "tokens": pl.Int64, "share": pl.Float64, "target": pl.Float64, "weight": pl.Float64,
    "sampled": pl.Float64,
}  # fmt: skip
_WEIGHTS: Final = {
    "split": pl.String, "packed": pl.String, "row": pl.Int64, "sample_id": pl.String,
    "tokens": pl.Int64, "weight": pl.Float64,
}  # fmt: skip


def unmatched(mix: Mix, work: Work) -> dict[str, list[str]]:
    """The entries of a mix that match no sample of an index, by setting."""
    if not mix:
        return {}
    source = pl.col("workflow").str.splitn(":", 2).struct.field("field_0")
    rows = scan(work).filter(pl.col("reason") == "").select("split", source, "domain").unique()
    return mix.unmatched(Cell(*row) for row in rows.collect().iter_rows())


def tables(out: AnyPath, mix: Mix) -> dict[str, pl.DataFrame]:
    """The tables ``mix`` and ``weights`` of a dataset; none where nothing is asked for.

    Raises:
        BuildError: nothing of a split could be drawn.
    """
    if not mix:
        return {}
    fitted = dict(candidate.of_shards(out, FITTED, ".parquet"))
    data = sorted(dict(candidate.of_shards(out, DATA, ".arrow")).items())
    samples, tokens = Counter[Cell](), Counter[Cell]()
    for name, path in data:
        cells = _cells(fitted[name], split_of(name))
        samples.update(cells.values())
        for _, _, pieces in _rows(path, cells):
            for cell, length in pieces:
                tokens[cell] += length
    weights = mix.weights(tokens)
    lines: list[tuple[str, str, int, str, int, float]] = []
    drawn = defaultdict[Cell, list[float]](list)
    for name, path in data:
        parts = defaultdict[Cell, list[float]](list)
        for row, first, pieces in _rows(path, _cells(fitted[name], split_of(name))):
            size = sum(length for _, length in pieces)
            weight = math.fsum(weights[cell].weight * length for cell, length in pieces) / size
            lines.append((split_of(name), name, row, first, size, weight))
            for cell, length in pieces:
                parts[cell].append(weight * length)
        for cell, values in parts.items():
            drawn[cell].append(math.fsum(values))
    return {
        "mix": pl.DataFrame([*_lines(weights, samples, tokens, drawn)], _MIX, orient="row"),
        "weights": pl.DataFrame(lines, _WEIGHTS, orient="row"),
    }


def _lines(
    weights: Mapping[Cell, Weight],
    samples: Mapping[Cell, int],
    tokens: Mapping[Cell, int],
    drawn: Mapping[Cell, Sequence[float]],
) -> Iterator[tuple[str | int | float, ...]]:
    """The lines of the table ``mix``.

    drawn: the expected tokens of a cell for one draw of each row by its weight, in parts.
    """
    of_split = defaultdict[str, list[float]](list)
    for cell, parts in drawn.items():
        of_split[cell.split] += parts
    every = {split: math.fsum(parts) for split, parts in of_split.items()}
    for cell, (share, target, weight) in weights.items():
        whole = every[cell.split]
        sampled = math.fsum(drawn[cell]) / whole if whole else 0.0
        yield (*cell, samples[cell], tokens[cell], share, target, weight, sampled)


def _cells(path: AnyPath, split: str) -> dict[str, Cell]:
    """The cell of each sample of an output shard. path: of what phase 3 made of its samples."""
    rows = read_parquet(path).filter(pl.col("reason") == "")
    return {
        id: Cell(split, source, domain)
        for id, source, domain in rows.select("sample_id", *_CELL).iter_rows()
    }


def _rows(
    path: AnyPath, cells: Mapping[str, Cell]
) -> Iterator[tuple[int, str, list[tuple[Cell, int]]]]:
    """Each row of an output shard: its number, its first sample, and its tokens of each piece."""
    columns = (column(path, name, PACKED_SCHEMA) for name in ("sample_ids", "seq_lengths"))
    number = itertools.count()
    for ids, lengths in zip(*columns, strict=True):
        for of_row, sizes in zip(ids.to_pylist(), lengths.to_pylist(), strict=True):
            pieces = [(cells[id], size) for id, size in zip(of_row, sizes, strict=True)]
            yield next(number), of_row[0], pieces
