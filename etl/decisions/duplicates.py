"""Duplicates: which workflows were read before, or are in pieces that nobody can put together.

What was read twice is decided in the order (generation, hash(seed, workflow id), input): the first
is kept, later ones name it, so that new data never change an old decision.

- ``duplicate_workflow``: the recording's content came before, under this id or another.
- ``conflicting_id``: the id came before with other content; the workflow is quarantined with its
  content.
- ``split_over_files``: inputs of one generation have the same id and objective with other steps,
  each as often, and no numbers tell how they follow each other; all of them are quarantined, since
  nobody knows which one is the beginning.

Memory: of every workflow two 64-bit hashes are held at once, by which those are found that may have
been read before; only of these is more held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes = npt.NDArray[np.uint64]
Light = Callable[[int, Sequence[str]], pl.DataFrame]
"""Columns of `schemas.ledger.LIGHT_SCHEMA` of the input shard at a position."""

DECIDED: Final = {
    "position": pl.Int32,
    "workflow": pl.String,
    "reason": pl.String,
    "detail": pl.String,
}
"""Columns of a decision: the position of the input shard, the workflow's uid, why it goes."""


def repeats(
    names: Sequence[str],
    numbers: Sequence[int],
    light: Light,
    hashed: Callable[[str], int],
) -> pl.DataFrame:
    """The workflows that were read before: a row each, with the columns of `DECIDED`.

    names, numbers: of each input shard, its input's name and the number of its generation. light:
    reads it. hashed: 64 bits of a text, by which the order of workflows is drawn.
    """
    frames = []
    for position, rows in _suspects(len(names), light, hashed):
        place = (
            pl.lit(position, pl.Int32).alias("position"),
            pl.lit(numbers[position], pl.Int32).alias("generation"),
        )
        frames.append(rows.with_columns(*place))
    if not frames:
        return pl.DataFrame(schema=DECIDED)
    every = pl.concat(frames).sort("generation", "decided", "workflow", "position")
    split, every = _split_over_files(every, names)
    same_id = pl.col("workflow").cum_count().over("workflow") > 1
    first_hash = pl.col("workflow_hash").first().over("workflow")
    every = every.with_columns(
        reason=pl.when(same_id & (pl.col("workflow_hash") == first_hash))
        .then(pl.lit("duplicate_workflow"))
        .when(same_id)
        .then(pl.lit("conflicting_id"))
        .otherwise(pl.lit("")),
        earlier=pl.col("position").first().over("workflow"),
    )
    kept = pl.col("reason") == ""
    repeated = kept & (kept.cast(pl.Int32).cum_sum().over("workflow_hash") > 1)
    first_uid = pl.col("workflow").filter(kept).first().over("workflow_hash")
    dropped = every.with_columns(same_as=pl.when(repeated).then(first_uid)).filter(
        (pl.col("reason") != "") | pl.col("same_as").is_not_null()
    )
    earlier = pl.Series("earlier", [names[at] for at in dropped["earlier"]], pl.String)
    dropped = (
        dropped.with_columns(earlier)
        .with_columns(
            reason=pl.when(pl.col("same_as").is_not_null())
            .then(pl.lit("duplicate_workflow"))
            .otherwise("reason"),
            detail=pl.when(pl.col("same_as").is_not_null())
            .then(pl.format("the same recording as {}", "same_as"))
            .when(pl.col("reason") == "duplicate_workflow")
            .then(pl.format("the same recording came before in {}", "earlier"))
            .otherwise(
                pl.format(
                    "a workflow with the same id and other content came before in {}", "earlier"
                )
            ),
        )
        .select(*DECIDED)
    )
    return pl.concat([split, dropped])


def _suspects(
    shards: int, light: Light, hashed: Callable[[str], int]
) -> Iterator[tuple[int, pl.DataFrame]]:
    """The workflows whose id or content may have been read more than once, by position of the
    input shard.

    Found by 64-bit hashes: what they let through by chance is told apart by whoever looks at
    the texts.
    """
    columns = ("workflow", "workflow_hash")
    keys: list[list[Hashes]] = [[], []]
    for position in range(shards):
        rows = light(position, columns).unique(maintain_order=True)
        for found, name in zip(keys, columns, strict=True):
            found.append(np.fromiter(map(hashed, rows[name]), np.uint64, rows.height))
    ids, contents = (np.concatenate(found) if found else np.empty(0, np.uint64) for found in keys)
    repeated = _repeated(ids) | _repeated(contents)
    start = 0
    for position, of_shard in enumerate(keys[0]):
        end = start + len(of_shard)
        if repeated[start:end].any():
            rows = light(position, (*columns, "objective", "whole")).unique(maintain_order=True)
            rows = rows.with_columns(pl.Series("decided", of_shard, pl.UInt64))
            yield position, _detached(rows.filter(pl.Series(repeated[start:end])))
        start = end


def _split_over_files(
    every: pl.DataFrame, names: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The workflows of which several inputs have a piece (columns `DECIDED`), and the others as
    they are. What comes later of a workflow that was found in pieces is one more of them, unless it
    is known to be whole. Where one content is there more often than another, whole recordings were
    copied, and one copy differs: that is no piece.
    """
    pieces = ["generation", "workflow", "objective"]
    several = pl.col("workflow_hash").n_unique().over(pieces) > 1
    piece = ~pl.col("whole")
    every = every.with_columns(copies=pl.len().over([*pieces, "workflow_hash"]))
    alike = pl.col("copies").min().over(pieces) == pl.col("copies").max().over(pieces)
    every = every.with_columns(split=several & alike & piece).drop("copies")
    since = pl.when("split").then("generation").min().over("workflow", "objective")
    split = every.with_columns(
        split=pl.col("split") | (piece & (pl.col("generation") > since)).fill_null(False)
    )
    found = split.filter("split")
    others = found.group_by(pieces).agg(pl.col("position").unique().sort())
    details = [
        f"its steps are in {', '.join(sorted({names[at] for at in places}))} and have no numbers"
        for places in others["position"]
    ]
    others = others.select(*pieces, pl.Series("detail", details, pl.String))
    refused = found.join(others, on=pieces, how="left", maintain_order="left")
    return refused.with_columns(reason=pl.lit("split_over_files")).select(*DECIDED), split.filter(
        ~pl.col("split")
    )


def _detached(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows; texts that Polars left in a mapped file would keep the whole file mapped."""
    copied = pl.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
    assert isinstance(copied, pl.DataFrame)
    return copied


def _repeated(keys: Hashes) -> npt.NDArray[np.bool_]:
    """Which of these are there more than once."""
    ordered = np.sort(keys)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return np.zeros(len(keys), np.bool_)
    return np.asarray(twice[np.minimum(np.searchsorted(twice, keys), len(twice) - 1)] == keys)
